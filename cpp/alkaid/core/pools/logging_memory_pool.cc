#include "alkaid/core/pools/logging_memory_pool.h"

#include <exception>
#include <iostream>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "alkaid/base/fork_guard_internal.h"

namespace alkaid {
namespace {

// One lock for all pools: two may write to one stream. Never destroyed, since static destructors
// also use pools.
internal::ForkGuarded<std::mutex>& LogLock() {
  static auto* const lock = new internal::ForkGuarded<std::mutex>;
  return *lock;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { LogLock(); }

std::string Address(const uint8_t* ptr) {
  return absl::StrCat("0x", absl::Hex(reinterpret_cast<uintptr_t>(ptr)));
}

// The result of a call: the pointer it gave, or why it failed. `*out` has a value only on success.
std::string Outcome(const Status& status, uint8_t* const* out) {
  if (!status.ok()) return absl::StrCat("failed: ", status.ToString());
  return absl::StrCat("out = ", Address(*out));
}

// A stream that throws, or a lack of memory for the line, must not change the result of the logged
// call.
template <typename MakeLine>
void WriteLine(std::ostream& log, MakeLine make_line) try {
  const std::string line = make_line();
  const auto write = [&] {
    log.write(line.data(), static_cast<std::streamsize>(line.size()));
    log.flush();
  };
  // While a fork holds the lock, no other thread writes, except for this same reason.
  if (!LogLock().LockUnlessForking()) return write();
  const std::lock_guard guard(LogLock(), std::adopt_lock);
  write();
} catch (const std::exception&) {
}

// Returns what `call` returns; if it throws, calls `write_line` on the way out.
template <typename Call, typename Write>
Status WriteIfItThrows(const Call& call, const Write& write_line) {
  struct Thrown {
    ~Thrown() {
      if (on_the_way_out) write();
    }
    const Write& write;
    bool on_the_way_out = true;
  } thrown{write_line};
  Status status = call();
  thrown.on_the_way_out = false;
  return status;
}

constexpr char kThrew[] = "failed: threw an exception";

}  // namespace

LoggingMemoryPool::LoggingMemoryPool(PoolHandle pool)
    : LoggingMemoryPool(std::move(pool), std::cout) {}

LoggingMemoryPool::LoggingMemoryPool(PoolHandle pool, std::ostream& log)
    : ForwardingMemoryPool(std::move(pool)), log_(&log) {}

Status LoggingMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  const auto write_line = [&](const auto& outcome) {
    WriteLine(*log_, [&] {
      return absl::StrCat("Allocate: size = ", size, ", alignment = ", alignment, ", ", outcome(),
                          "\n");
    });
  };
  Status status = WriteIfItThrows([&] { return wrapped()->Allocate(size, alignment, out); },
                                  [&] { write_line([] { return kThrew; }); });
  write_line([&] { return Outcome(status, out); });
  return status;
}

Status LoggingMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                     uint8_t** ptr) {
  const uint8_t* old_ptr = *ptr;
  const auto write_line = [&](const auto& outcome) {
    WriteLine(*log_, [&] {
      return absl::StrCat("Reallocate: old_size = ", old_size, ", new_size = ", new_size,
                          ", alignment = ", alignment, ", ptr = ", Address(old_ptr), ", ",
                          outcome(), "\n");
    });
  };
  Status status =
      WriteIfItThrows([&] { return wrapped()->Reallocate(old_size, new_size, alignment, ptr); },
                      [&] { write_line([] { return kThrew; }); });
  write_line([&] { return Outcome(status, ptr); });
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
