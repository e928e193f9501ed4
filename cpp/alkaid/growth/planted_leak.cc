#include "alkaid/growth/planted_leak.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "alkaid/base/environment.h"
#include "alkaid/base/file_descriptor_internal.h"
#include "alkaid/base/first_made.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/jemalloc_arena.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/growth/memory_stamp.h"
#include "alkaid/growth/memory_text.h"

namespace alkaid::growth {
namespace {

// Bytes. Just below 448 KiB, a size that suits every allocator and loses 1 % at most:
//   - mimalloc: 7 slices of 64 KiB with the 63 bytes that alignment takes there; 73 such blocks
//     fill the 511 slices of a segment. At 512 KiB it takes twice as much.
//   - jemalloc: one of its size classes.
//   - glibc: maps each block by itself.
constexpr int64_t kBlockSize = (int64_t{448} << 10) - 64;
// Bytes. Nine blocks, each with jemalloc's page of padding.
constexpr int64_t kArenaStep = int64_t{4} << 20;
constexpr double kMaxMb = 1e6;

// Each block begins with a pointer to the one before, so all stay reachable: a leak checker shall
// not report what is planted on purpose. Pool and malloc have separate chains, since a leak checker
// does not look into pools.
std::atomic<uint8_t*> last_of_pool{nullptr};
std::atomic<uint8_t*> last_of_malloc{nullptr};

void Keep(uint8_t* block, std::atomic<uint8_t*>* chain) {
  std::memset(block, 0x5a, static_cast<size_t>(kBlockSize));  // every page is touched
  uint8_t* before = chain->load(std::memory_order_relaxed);
  do {
    std::memcpy(block, &before, sizeof(before));
  } while (!chain->compare_exchange_weak(before, block));
}

Result<uint8_t*> AllocateByPool(MemoryPool* pool) {
  const ScopedLabel scope("planted leak");
  uint8_t* block = nullptr;
  ALKAID_RETURN_NOT_OK(
      internal::AllocateChecked(pool, kBlockSize, kDefaultBufferAlignment, &block));
  return block;
}

// Reads a file of the kernel into `room`. Allocates nothing: a failed allocation would look like a
// system without a limit.
std::optional<std::string_view> TextOf(const char* file, std::span<char> room) {
  const internal::FileDescriptor fd(
      internal::AboveStandardStreams(::open(file, O_RDONLY | O_CLOEXEC)));
  if (!fd.valid()) return std::nullopt;
  const ssize_t length = ::read(fd.get(), room.data(), room.size());
  if (length < 0) return std::nullopt;
  return std::string_view(room.data(), static_cast<size_t>(length));
}

// The number at the start of the text, after spaces; -1 where there is none.
int64_t NumberAt(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  int64_t number = -1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() ? number : -1;
}

double MbOf(int64_t bytes) { return static_cast<double>(bytes) / kBytesPerMb; }

}  // namespace

Result<PlantedLeakOptions> ParsePlantedLeak(const std::string& mb, const std::string& by) {
  PlantedLeakOptions options;
  if (!mb.empty()) {
    const char* const end = mb.data() + mb.size();
    const auto parsed = std::from_chars(mb.data(), end, options.mb_per_event);
    const bool in_range = options.mb_per_event >= 0 && options.mb_per_event <= kMaxMb;
    if (parsed.ec != std::errc() || parsed.ptr != end || !in_range) {
      return status::Invalid(internal::kProfileLeakMbVariable, "=", mb,
                             ": not a number of MB from 0 to ", kMaxMb);
    }
  }
  if (by == "malloc") {
    options.by = PlantedLeakOptions::By::kMalloc;
  } else if (!by.empty() && by != "pool") {
    return status::Invalid(internal::kProfileLeakByVariable, "=", by, ": neither pool nor malloc");
  }
  return options;
}

PlantedLeakOptions PlantedLeakFromEnvironment() {
  static constinit internal::FirstMade<const Result<PlantedLeakOptions>> parsed;
  const Result<PlantedLeakOptions>& options = *parsed.Get([] {
    return new const Result<PlantedLeakOptions>(
        ParsePlantedLeak(internal::GetEnvironment(internal::kProfileLeakMbVariable),
                         internal::GetEnvironment(internal::kProfileLeakByVariable)));
  });
  if (options.ok()) return *options;
  static constinit std::atomic<bool> said{false};
  if (!said.exchange(true)) {
    internal::Notice(internal::MessageOf(options.status()) + "; no leak is planted");
  }
  return PlantedLeakOptions();
}

Result<uint8_t*> PlantedLeak::Allocate() const try {
  if (options_.by == PlantedLeakOptions::By::kMalloc) {
    auto* const block = static_cast<uint8_t*>(std::malloc(kBlockSize));
    if (block == nullptr) return status::OutOfMemory("malloc of ", kBlockSize, " bytes");
    return block;
  }
  MemoryPool* const pool = default_memory_pool();
  if (pool->backend_name() != "jemalloc") return AllocateByPool(pool);
  static constinit internal::FirstMade<const Result<unsigned>> made;
  const Result<unsigned>& arena =
      *made.Get([] { return new const Result<unsigned>(internal::MakeJemallocArena(kArenaStep)); });
  if (!arena.ok()) return AllocateByPool(pool);
  const internal::JemallocArenaScope scope(*arena);
  return AllocateByPool(pool);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

int64_t MostToPlant() {
  constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();
  int64_t left = kUnlimited;
  std::array<char, 8192> text;
  if (const auto memory = TextOf("/proc/meminfo", text)) {
    constexpr std::string_view kName = "MemAvailable:";
    const size_t line = memory->find(kName);
    const int64_t kib =
        line == std::string_view::npos ? -1 : NumberAt(memory->substr(line + kName.size()));
    if (kib >= 0) left = kib * 1024;
  }
  // The container's limit, as seen from inside; "max" is not a number.
  const auto limit = TextOf("/sys/fs/cgroup/memory.max", text);
  const int64_t limit_bytes = limit ? NumberAt(*limit) : -1;
  const auto used = TextOf("/sys/fs/cgroup/memory.current", text);
  const int64_t used_bytes = used ? NumberAt(*used) : -1;
  if (limit_bytes >= 0 && used_bytes >= 0) {
    left = std::min(left, std::max<int64_t>(limit_bytes - used_bytes, 0));
  }
  return left == kUnlimited ? left : left / 2;
}

Status PlantedLeak::Plant() try {
  if (options_.mb_per_event == 0) return absl::OkStatus();
  if (options_.most_bytes == 0) options_.most_bytes = MostToPlant();
  const double due = due_bytes_ + options_.mb_per_event * kBytesPerMb;
  if (static_cast<double>(planted_bytes_) + due > static_cast<double>(options_.most_bytes)) {
    return status::OutOfMemory("the planted leak ends at ", MbText(MbOf(planted_bytes_)), ": with ",
                               MbText(options_.mb_per_event), " more it would pass its limit of ",
                               MbText(MbOf(options_.most_bytes)), "; no further event is stamped");
  }
  due_bytes_ = due;
  while (due_bytes_ >= kBlockSize) {
    const Result<uint8_t*> block = Allocate();
    if (!block.ok()) {
      // What was planted of this share stays planted, and the next call goes on with the rest.
      due_bytes_ -= options_.mb_per_event * kBytesPerMb;
      return status::OutOfMemory("the planted leak: ", block.status().message());
    }
    Keep(*block, options_.by == PlantedLeakOptions::By::kPool ? &last_of_pool : &last_of_malloc);
    due_bytes_ -= kBlockSize;
    planted_bytes_ += kBlockSize;
  }
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::growth
