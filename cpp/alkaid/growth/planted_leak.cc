#include "alkaid/growth/planted_leak.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>

#include "alkaid/base/environment.h"
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

// Bytes. Just below 448 KiB: 7 of mimalloc's slices of 64 KiB with the 63 bytes that alignment takes
// there, and 73 such blocks fill the 511 slices of a segment; one of jemalloc's size classes; and
// glibc maps it by itself. Each loses 1 % at most. At 512 KiB mimalloc takes the double.
constexpr int64_t kBlockSize = (int64_t{448} << 10) - 64;
// Bytes. Nine blocks, with jemalloc's page of padding for each.
constexpr int64_t kArenaStep = int64_t{4} << 20;
constexpr double kMostMb = 1e6;

// The blocks begin with a pointer to the one before, so that they can be reached: what is planted on
// purpose is none of a leak checker's business. Chains of their own, since it does not look into pools.
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
  static constinit internal::FirstMade<const Label> label;
  const ScopedLabel scope(
      *label.Get([] { return new const Label(Label::Intern("planted leak")); }));
  uint8_t* block = nullptr;
  ALKAID_RETURN_NOT_OK(
      internal::AllocateChecked(pool, kBlockSize, kDefaultBufferAlignment, &block));
  return block;
}

double MbOf(int64_t bytes) { return static_cast<double>(bytes) / kBytesPerMb; }

}  // namespace

Result<PlantedLeakOptions> ParsePlantedLeak(const std::string& mb, const std::string& by) {
  PlantedLeakOptions options;
  if (!mb.empty()) {
    const char* const end = mb.data() + mb.size();
    const auto parsed = std::from_chars(mb.data(), end, options.mb_per_event);
    const bool in_range = options.mb_per_event >= 0 && options.mb_per_event <= kMostMb;
    if (parsed.ec != std::errc() || parsed.ptr != end || !in_range) {
      return status::Invalid(internal::kProfileLeakMbVariable, "=", mb,
                             ": not a number of MB from 0 to ", kMostMb);
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

Result<uint8_t*> PlantedLeak::Allocate() const {
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
}

int64_t MostToPlant() {
  constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();
  int64_t left = kUnlimited;
  std::ifstream system("/proc/meminfo");
  for (std::string name, rest; system >> name; std::getline(system, rest)) {
    if (name != "MemAvailable:") continue;
    if (int64_t kib = 0; system >> kib) left = kib * 1024;
    break;
  }
  // Of a container, as it sees itself; "max" is no number.
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  std::ifstream used("/sys/fs/cgroup/memory.current");
  int64_t limit_bytes = 0;
  int64_t used_bytes = 0;
  if (limit >> limit_bytes && used >> used_bytes) {
    left = std::min(left, std::max<int64_t>(limit_bytes - used_bytes, 0));
  }
  return left == kUnlimited ? left : left / 2;
}

Status PlantedLeak::Plant() {
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
      return status::OutOfMemory("the planted leak: ", std::string(block.status().message()));
    }
    Keep(*block, options_.by == PlantedLeakOptions::By::kPool ? &last_of_pool : &last_of_malloc);
    due_bytes_ -= kBlockSize;
    planted_bytes_ += kBlockSize;
  }
  return absl::OkStatus();
}

}  // namespace alkaid::growth
