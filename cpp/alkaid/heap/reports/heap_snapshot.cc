#include "alkaid/heap/reports/heap_snapshot.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <iterator>
#include <new>
#include <utility>

#include "alkaid/core/pools/listed_pools.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/block_contents_internal.h"
#include "alkaid/heap/reports/first_bytes_internal.h"
#include "alkaid/heap/reports/heap_reader_internal.h"
#include "alkaid/heap/reports/loaded_modules_internal.h"
#include "alkaid/heap/reports/process_text_internal.h"
#include "alkaid/heap/reports/retained_sources_internal.h"
#include "alkaid/heap/tracking/clock_internal.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

std::atomic<int64_t> held_bytes{0};

}  // namespace

HeldBytes::HeldBytes(int64_t bytes) : bytes_(bytes) {
  held_bytes.fetch_add(bytes, std::memory_order_relaxed);
}
HeldBytes::~HeldBytes() { held_bytes.fetch_sub(bytes_, std::memory_order_relaxed); }
int64_t HeldBytes::Sum() { return held_bytes.load(std::memory_order_relaxed); }

namespace {

std::vector<std::string> CommandLine() {
  const std::string text = ProcessText("/proc/self/cmdline");
  std::vector<std::string> arguments;
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\0', begin), text.size());
    arguments.push_back(text.substr(begin, end - begin));
  }
  return arguments;
}

// The bytes that the C library's allocator has given out, to the program and to pools that use it.
// Includes its own overhead for each block, so it is somewhat more than was requested. 0 if malloc
// is another allocator's.
int64_t MallocBytes() {
  if (!MallocIsTheCLibrarys()) return 0;
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd) - HeldBytes::Sum();
}

template <typename T>
int64_t BytesOf(const std::vector<T>& items) {
  return static_cast<int64_t>(items.capacity() * sizeof(T));
}

// The bytes of the large parts.
int64_t BytesOf(const HeapContents& contents) {
  return BytesOf(contents.blocks) + BytesOf(contents.frames) + BytesOf(contents.stacks) +
         BytesOf(contents.recognized) + BytesOf(contents.views) + BytesOf(contents.times);
}

// The pools that are never destroyed. Any other pool may be gone although the tables name it.
std::vector<MemoryPool*> LastingPools() {
  std::vector<MemoryPool*> pools = {system_memory_pool()};
  MemoryPool* pool = nullptr;
  if (jemalloc_memory_pool(&pool).ok()) pools.push_back(pool);
  if (mimalloc_memory_pool(&pool).ok()) pools.push_back(pool);
  return pools;
}

// The bytes in the program's own pools, as far as they keep MemoryPoolStats.
int64_t BytesInStatistics() {
  int64_t bytes = 0;
  internal::VisitListedPools(
      [](const internal::ListedPool& pool, void* sum) {
        if (pool.name == "statistics") *static_cast<int64_t*>(sum) += pool.bytes_allocated;
      },
      &bytes);
  return bytes;
}

// Asks the pools that can be asked for their own figures. A pool without tracked blocks is listed
// too if it holds bytes.
void AskPools(int64_t malloc_bytes, HeapContents* contents) {
  std::vector<HeapPool>& pools = contents->pools;
  for (const MemoryPool* lasting : LastingPools()) {
    const auto identity = reinterpret_cast<uint64_t>(lasting);
    const int64_t allocated = lasting->bytes_allocated();
    auto pool = std::find_if(pools.begin(), pools.end(),
                             [&](const HeapPool& each) { return each.identity == identity; });
    if (pool == pools.end()) {
      if (allocated == 0) continue;
      pool = pools.insert(pools.end(), HeapPool{lasting->backend_name(), identity});
    }
    pool->allocated = allocated;
  }
  const int64_t in_statistics = BytesInStatistics();
  if (in_statistics > 0) {
    pools.push_back(HeapPool{.name = kPoolsOfTheProgram, .allocated = in_statistics});
  }
  // A C library without such figures (a sanitizer's) returns 0.
  if (malloc_bytes <= 0) return;
  // The bytes of pools that use malloc are counted with these pools, not with malloc.
  std::vector<bool> over_malloc;
  for (const HeapPool& pool : pools) {
    const bool is_over = pool.identity != 0 && pool.name == "system";
    over_malloc.push_back(is_over && pool.allocated < 0);
    if (is_over && pool.allocated > 0) malloc_bytes -= pool.allocated;
  }
  for (const HeapBlock& block : contents->blocks) {
    if (block.pool < over_malloc.size() && over_malloc[block.pool]) malloc_bytes -= block.weight;
  }
  pools.front().allocated = std::max<int64_t>(malloc_bytes, 0);
}

Status CheckOrder(const HeapContents& contents) {
  for (size_t i = 1; i < contents.blocks.size(); ++i) {
    if (contents.blocks[i - 1].address >= contents.blocks[i].address) {
      return status::Invalid("block ", i, " does not come after the block before it");
    }
  }
  for (size_t i = 0; i < contents.modules.size(); ++i) {
    const HeapModule& module = contents.modules[i];
    if (module.end < module.start || (i > 0 && module.start < contents.modules[i - 1].start)) {
      return status::Invalid("module ", i, " is not in the order of addresses");
    }
  }
  for (size_t i = 1; i < contents.python_places.size(); ++i) {
    if (contents.python_places[i - 1].address >= contents.python_places[i].address) {
      return status::Invalid("line of Python ", i, " is not in the order of addresses");
    }
  }
  return absl::OkStatus();
}

Status CheckIndices(const HeapContents& contents) {
  if (contents.labels.empty() || contents.pools.empty() || contents.stacks.empty()) {
    return status::Invalid(
        "a snapshot has at least the label \"\", the pool malloc and the empty stack trace");
  }
  // Stack traces may share no frames, so that a loop over all of them takes no longer than one over
  // the frames.
  uint64_t frames = 0;
  for (size_t i = 0; i < contents.stacks.size(); ++i) {
    const HeapStack& stack = contents.stacks[i];
    if (stack.first > contents.frames.size() ||
        stack.depth > contents.frames.size() - stack.first ||
        stack.depth > contents.frames.size() - frames) {
      return status::Invalid("stack trace ", i, " has frames ", stack.first, " to ",
                             stack.first + stack.depth, " of ", contents.frames.size());
    }
    frames += stack.depth;
  }
  for (size_t i = 0; i < contents.blocks.size(); ++i) {
    const HeapBlock& block = contents.blocks[i];
    if (block.size < 0 || block.weight < 0) {
      return status::Invalid("block ", i, " has ", block.size, " bytes and weight ", block.weight);
    }
    if (block.stack >= contents.stacks.size() || block.label >= contents.labels.size() ||
        block.pool >= contents.pools.size()) {
      return status::Invalid("block ", i, " has stack trace ", block.stack, " of ",
                             contents.stacks.size(), ", label ", block.label, " of ",
                             contents.labels.size(), ", pool ", block.pool, " of ",
                             contents.pools.size());
    }
  }
  return absl::OkStatus();
}

Status CheckRecognized(const HeapContents& contents) {
  for (size_t i = 0; i < contents.recognized.size(); ++i) {
    const HeapRecognized& each = contents.recognized[i];
    if (each.block >= contents.blocks.size() || each.category >= contents.categories.size() ||
        (i > 0 && each.block <= contents.recognized[i - 1].block)) {
      return status::Invalid("recognized block ", i, " is block ", each.block, " of ",
                             contents.blocks.size(), " with category ", each.category, " of ",
                             contents.categories.size(), ", or not after the one before it");
    }
  }
  return absl::OkStatus();
}

// Whether `size` is negative, or `size` bytes from `address` on exceed the address space.
bool IsNoRange(uint64_t address, int64_t size) {
  return size < 0 || address > UINT64_MAX - static_cast<uint64_t>(size);
}

// The times of the sources lie in the order of the sources and their bytes. So the times of a range
// are contiguous, and no reader has to visit each source.
Status CheckTimes(const HeapContents& contents, const HeapSource& source) {
  const uint64_t end = source.address + static_cast<uint64_t>(source.size);
  const auto times = std::span(contents.times).subspan(source.first_time, source.time_count);
  for (size_t i = 0; i < times.size(); ++i) {
    const uint64_t address = times[i].address;
    if (address < source.address || address >= end || (i > 0 && address < times[i - 1].address) ||
        (i > 1 && address == times[i - 2].address)) {
      return status::Invalid("time ", source.first_time + i, ", of address ", address,
                             ", is not inside its source, from ", source.address, " to ", end,
                             ", or out of order; at most two may have one address");
    }
  }
  return absl::OkStatus();
}

Status CheckViews(const HeapContents& contents) {
  if (!contents.has_views &&
      (!contents.views.empty() || !contents.sources.empty() || !contents.times.empty())) {
    return status::Invalid("there are views or sources, though views were not tracked");
  }
  for (size_t i = 0; i < contents.views.size(); ++i) {
    const HeapView& view = contents.views[i];
    if (IsNoRange(view.data, view.size) || IsNoRange(view.root_data, view.root_size) ||
        view.stack >= contents.stacks.size()) {
      return status::Invalid("view ", i, " has ", view.size, " bytes of a root of ", view.root_size,
                             ", and stack trace ", view.stack, " of ", contents.stacks.size());
    }
  }
  uint64_t times_behind = 0;
  for (size_t i = 0; i < contents.sources.size(); ++i) {
    const HeapSource& source = contents.sources[i];
    const uint64_t times = contents.times.size();
    if (IsNoRange(source.address, source.size) || source.first_time != times_behind ||
        source.time_count > times - times_behind ||
        (i > 0 && source.address - contents.sources[i - 1].address <
                      static_cast<uint64_t>(contents.sources[i - 1].size)) ||
        (i > 0 && source.address < contents.sources[i - 1].address)) {
      return status::Invalid("source ", i, " of ", source.size, " bytes with ", source.time_count,
                             " times from ", source.first_time, " of ", times,
                             " overlaps or precedes the one before it, or is out of range");
    }
    times_behind += source.time_count;
    ALKAID_RETURN_NOT_OK(CheckTimes(contents, source));
  }
  return absl::OkStatus();
}

int64_t AddUpTo(int64_t limit, int64_t a, int64_t b) { return a > limit - b ? limit : a + b; }

void LockShard(uint32_t shard, const std::function<void()>& visit) {
  Tables().blocks.WithShard(shard, visit);
}
void LockViewShard(uint32_t shard, const std::function<void()>& visit) {
  Tables().views.WithShard(shard, visit);
}

Result<HeapSnapshot> TakeNow(std::string name) {
  HeapContents contents;
  // First, since the steps below allocate.
  const int64_t malloc_bytes = MallocBytes();
  contents.name = std::move(name);
  contents.pid = static_cast<uint32_t>(::getpid());
  contents.taken_ns = MonotonicNanoseconds();
  contents.taken_unix_ns = NanosecondsOf(CLOCK_REALTIME);
  // Before the stack traces: a module that is unloaded from now on is then still listed.
  contents.modules = LoadedModules();
  const bool views = HeapTracker::Get().watches_views();
  ALKAID_RETURN_NOT_OK(ReadHeapTables(Root(), LockShard, &Tables().moves, &contents,
                                      views ? LockViewShard : WithShardLocked()));
  // Only notes from before the views were read: a later note may be of another root, at the place
  // of a root that a view still showed when it was read.
  if (views) CopySourceNotes(contents.taken_ns, &contents);
  contents.why_no_first_bytes = ReadFirstBytes(&contents.blocks);
  AskPools(malloc_bytes, &contents);
  RecognizeBlocks(&contents);
  contents.command_line = CommandLine();
  return HeapSnapshot::Make(std::move(contents));
}

}  // namespace

Result<HeapSnapshot> HeapSnapshot::Take(std::string name) {
  if (!IsTracking()) {
    return status::FailedPrecondition(
        "no snapshot \"", name,
        "\" can be taken: live memory is not tracked; call StartTracking, or set "
        "ALKAID_TRACK_ALLOCATIONS=1 before the process starts");
  }
  const InsideTracking inside;
  try {
    const HeapTracker& tracker = HeapTracker::Get();
    const uint32_t epoch = tracker.epoch();
    Result<HeapSnapshot> snapshot = TakeNow(std::move(name));
    // Parts that were read from two starts do not fit together.
    if (!tracker.IsStillOn(epoch)) {
      return status::FailedPrecondition(
          "no snapshot was taken: tracking was switched off or restarted meanwhile");
    }
    if (snapshot.ok()) snapshot->held_ = HeldBytes(BytesOf(snapshot->contents_));
    return snapshot;
  } catch (const std::bad_alloc&) {
    return status::OutOfMemory("no memory for a snapshot of live memory");
  }
}

HeapSnapshot::HeapSnapshot() {
  contents_.labels = {""};
  contents_.pools.emplace_back().name = "malloc";
  contents_.stacks.emplace_back();
}

HeapSnapshot::HeapSnapshot(HeapContents contents) : contents_(std::move(contents)) {
  constexpr int64_t kMax = INT64_MAX;
  for (HeapPool& pool : contents_.pools) pool.bytes = pool.block_count = 0;
  std::vector<double> counts(contents_.pools.size());
  for (const HeapBlock& block : contents_.blocks) {
    HeapPool& pool = contents_.pools[block.pool];
    pool.bytes = AddUpTo(kMax, pool.bytes, block.weight);
    counts[block.pool] += block.count();
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    HeapPool& pool = contents_.pools[i];
    pool.block_count = static_cast<int64_t>(std::min(std::round(counts[i]), 1e18));
    bytes_ = AddUpTo(kMax, bytes_, pool.bytes);
    block_count_ = AddUpTo(kMax, block_count_, pool.block_count);
  }
}

Result<HeapSnapshot> HeapSnapshot::Make(HeapContents contents) {
  ALKAID_RETURN_NOT_OK(CheckIndices(contents));
  ALKAID_RETURN_NOT_OK(CheckOrder(contents));
  ALKAID_RETURN_NOT_OK(CheckRecognized(contents));
  ALKAID_RETURN_NOT_OK(CheckViews(contents));
  try {
    return HeapSnapshot(std::move(contents));
  } catch (const std::bad_alloc&) {
    return status::OutOfMemory("no memory for a snapshot of live memory");
  }
}

std::span<const uint64_t> HeapSnapshot::frames(uint32_t stack) const {
  const HeapStack& place = contents_.stacks[stack];
  return std::span(contents_.frames).subspan(place.first, place.depth);
}

const HeapModule* HeapSnapshot::ModuleOf(uint64_t address) const {
  const auto after = std::upper_bound(
      contents_.modules.begin(), contents_.modules.end(), address,
      [](uint64_t wanted, const HeapModule& module) { return wanted < module.start; });
  if (after == contents_.modules.begin()) return nullptr;
  const HeapModule& module = *std::prev(after);
  return address < module.end ? &module : nullptr;
}

const HeapPythonPlace* HeapSnapshot::PythonPlaceOf(uint64_t address) const {
  const auto& places = contents_.python_places;
  const auto place =
      std::ranges::lower_bound(places, address, std::ranges::less(), &HeapPythonPlace::address);
  return place != places.end() && place->address == address ? &*place : nullptr;
}

}  // namespace alkaid::heap
