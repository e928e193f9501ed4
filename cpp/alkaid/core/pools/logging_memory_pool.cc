#include "alkaid/core/pools/logging_memory_pool.h"

#include <exception>
#include <iostream>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "alkaid/base/fork_guard_internal.h"

namespace alkaid {
namespace {

// One lock for all: two pools may write to one stream. Never destroyed, since pools log from static
// destructors too.
internal::ForkGuarded<std::mutex>& LogLock() {
  static auto* const lock = new internal::ForkGuarded<std::mutex>;
  return *lock;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { LogLock(); }

std::string Address(const uint8_t* ptr) {
  return absl::StrCat("0x", absl::Hex(reinterpret_cast<uintptr_t>(ptr)));
}

// What a call ended in: the pointer it gave, or why it failed. `*out` has a value only after
// success.
std::string Outcome(const Status& status, uint8_t* const* out) {
  if (!status.ok()) return absl::StrCat("failed: ", status.ToString());
  return absl::StrCat("out = ", Address(*out));
}

// Neither a stream that throws nor want of memory for the line may change what the logged call
// gives to its caller.
template <typename MakeLine>
void WriteLine(std::ostream& log, MakeLine make_line) try {
  const std::string line = make_line();
  const std::lock_guard guard(LogLock());
  log.write(line.data(), static_cast<std::streamsize>(line.size()));
  log.flush();
} catch (const std::exception&) {
}

}  // namespace

LoggingMemoryPool::LoggingMemoryPool(MemoryPool* pool) : LoggingMemoryPool(pool, std::cout) {}

LoggingMemoryPool::LoggingMemoryPool(std::shared_ptr<MemoryPool> pool)
    : LoggingMemoryPool(std::move(pool), std::cout) {}

LoggingMemoryPool::LoggingMemoryPool(MemoryPool* pool, std::ostream& log)
    : ForwardingMemoryPool(pool), log_(&log) {}

LoggingMemoryPool::LoggingMemoryPool(std::shared_ptr<MemoryPool> pool, std::ostream& log)
    : ForwardingMemoryPool(std::move(pool)), log_(&log) {}

Status LoggingMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  Status status = wrapped()->Allocate(size, alignment, out);
  WriteLine(*log_, [&] {
    return absl::StrCat("Allocate: size = ", size, ", alignment = ", alignment, ", ",
                        Outcome(status, out), "\n");
  });
  return status;
}

Status LoggingMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                     uint8_t** ptr) {
  const uint8_t* old_ptr = *ptr;
  Status status = wrapped()->Reallocate(old_size, new_size, alignment, ptr);
  WriteLine(*log_, [&] {
    return absl::StrCat("Reallocate: old_size = ", old_size, ", new_size = ", new_size,
                        ", alignment = ", alignment, ", ptr = ", Address(old_ptr), ", ",
                        Outcome(status, ptr), "\n");
  });
  return status;
}

void LoggingMemoryPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  WriteLine(*log_, [&] {
    return absl::StrCat("Free: size = ", size, ", alignment = ", alignment,
                        ", ptr = ", Address(buffer), "\n");
  });
  wrapped()->Free(buffer, size, alignment);
}

}  // namespace alkaid
