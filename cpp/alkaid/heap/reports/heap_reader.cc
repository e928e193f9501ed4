#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "alkaid/heap/reports/heap_reader_internal.h"

namespace alkaid::heap {
namespace {

HeapBlock ToBlock(const LiveBlock& live, uint64_t address) {
  HeapBlock block;
  block.address = address;
  block.size = static_cast<int64_t>(live.size);
  block.weight = static_cast<int64_t>(live.weight);
  block.serial = live.serial;
  block.birth_ns = live.birth_ns;
  block.stack = live.stack;
  block.label = live.label;
  block.thread = live.thread;
  block.pool = live.pool;
  block.flags = live.flags & ~kHasFirstBytes;
  return block;
}

HeapView ToView(const LiveView& live, uint64_t view) {
  HeapView copy;
  copy.view = view;
  copy.root = live.root;
  copy.data = live.data;
  copy.size = static_cast<int64_t>(live.size);
  copy.root_data = live.root_data;
  copy.root_size = static_cast<int64_t>(live.root_size);
  copy.birth_ns = live.birth_ns;
  copy.stack = live.stack;
  copy.thread = live.thread;
  return copy;
}

// The kinds of tables: the record, what it is copied to, and how.
struct Blocks {
  using Live = LiveBlock;
  using Copy = HeapBlock;
  static constexpr auto kKey = &LiveBlock::address;
  static Copy From(const Live& live, uint64_t key) { return ToBlock(live, key); }
};
struct Views {
  using Live = LiveView;
  using Copy = HeapView;
  static constexpr auto kKey = &LiveView::view;
  static Copy From(const Live& live, uint64_t key) { return ToView(live, key); }
};

// Copies the records of a shard, under its lock. If `copies` has no room for them, copies nothing
// and returns false: it must not grow under the lock, since the allocation may use the table.
template <typename Kind>
bool CopyShard(const TableShard& shard, uint64_t stride, std::vector<typename Kind::Copy>* copies) {
  const RecordArray* array = shard.array.load(std::memory_order_acquire);
  if (array == nullptr) return true;
  const size_t room = copies->capacity() - copies->size();
  if (shard.live.load(std::memory_order_relaxed) > room) return false;
  const size_t start = copies->size();
  const char* records = reinterpret_cast<const char*>(array) + array->header_size;
  for (uint64_t i = 0; i < array->capacity; ++i) {
    const auto& live = *reinterpret_cast<const typename Kind::Live*>(records + i * stride);
    const uint64_t key = (live.*Kind::kKey).load(std::memory_order_acquire);
    if (key <= kGivenBack) continue;
    if (copies->size() == copies->capacity()) {
      copies->resize(start);
      return false;
    }
    copies->push_back(Kind::From(live, key));
  }
  return true;
}

template <typename Kind>
void ReadTable(const Table& table, const WithShardLocked& with_shard,
               std::vector<typename Kind::Copy>* copies) {
  const auto shard = [&table](uint32_t i) -> const TableShard& {
    const char* shards = reinterpret_cast<const char*>(table.shards);
    return *reinterpret_cast<const TableShard*>(shards + uint64_t{i} * table.shard_size);
  };
  uint64_t live = 0;
  for (uint32_t i = 0; i < table.shard_count; ++i) {
    live += shard(i).live.load(std::memory_order_relaxed);
  }
  copies->reserve(live + live / 16 + 64);
  for (uint32_t i = 0; i < table.shard_count; ++i) {
    bool copied = false;
    while (!copied) {
      with_shard(i, [&] { copied = CopyShard<Kind>(shard(i), table.record_size, copies); });
      if (!copied) copies->reserve(2 * copies->capacity());
    }
  }
}

// Adds blocks that were in no table when its shard was read. Must come after the tables, since a
// block is added to `moves` before it leaves its table.
void ReadMoves(PendingMoves* moves, std::vector<HeapBlock>* blocks) {
  blocks->reserve(blocks->size() + PendingMoves::kMoves);  // it must not grow under the lock
  moves->ForEach([&](const LiveBlock& live) {
    blocks->push_back(ToBlock(live, live.address.load(std::memory_order_relaxed)));
  });
}

// Sorts by address. Keeps the later of two blocks at one address: the other was freed while the
// table was read. Sorting keys instead of blocks halves the time.
void SortBlocks(std::vector<HeapBlock>* blocks) {
  std::vector<std::pair<uint64_t, uint32_t>> order;
  order.reserve(blocks->size());
  for (const HeapBlock& block : *blocks) {
    order.emplace_back(block.address, static_cast<uint32_t>(order.size()));
  }
  std::sort(order.begin(), order.end());
  std::vector<HeapBlock> sorted;
  sorted.reserve(blocks->size());
  for (const auto& [address, index] : order) {
    const HeapBlock& block = (*blocks)[index];
    if (sorted.empty() || sorted.back().address != address) {
      sorted.push_back(block);
    } else if (sorted.back().serial < block.serial) {
      sorted.back() = block;
    }
  }
  blocks->swap(sorted);
}

// Lists the unloaded modules of the tables from kUnloadedModules on, and moves frames there.
class UnloadedModules {
 public:
  UnloadedModules(const HeapRoot& root, HeapContents* contents) : contents_(*contents) {
    if (root.root_size < offsetof(HeapRoot, module_size) + sizeof(root.module_size)) return;
    const uint32_t count = root.module_count.load(std::memory_order_acquire);
    const char* const records =
        reinterpret_cast<const char*>(root.modules.load(std::memory_order_acquire));
    for (uint32_t i = 0; records != nullptr && i < count; ++i) {
      modules_.push_back(
          reinterpret_cast<const TrackedModule*>(records + uint64_t{i} * root.module_size));
    }
    moved_by_.assign(modules_.size(), kUnknown);
  }

  // Moves the frames of a stack trace that lie in unloaded modules. `numbers` are its modules.
  void Move(const uint16_t* numbers, std::span<uint64_t> frames) {
    for (; *numbers != 0; ++numbers) {
      if (*numbers >= modules_.size()) continue;
      const TrackedModule& module = *modules_[*numbers];
      const uint64_t by = MovedBy(*numbers);
      for (uint64_t& frame : frames) {
        if (module.start < frame && frame <= module.end) frame += by;
      }
    }
  }

 private:
  static constexpr uint64_t kUnknown = 1;  // no real distance, since modules are page-aligned

  uint64_t MovedBy(uint16_t number) {
    uint64_t& by = moved_by_[number];
    if (by == kUnknown) by = IsListed(*modules_[number]) ? 0 : List(*modules_[number]);
    return by;
  }

  static std::string BuildIdOf(const TrackedModule& module) {
    return {module.build_id, module.build_id + module.build_id_size};
  }
  static std::string PathOf(const TrackedModule& module) {
    return module.path == nullptr ? std::string() : std::string(module.path, module.path_size);
  }

  // Compares ranges by overlap: TrackedModule has whole pages, HeapModule exact bytes.
  bool IsListed(const TrackedModule& module) const {
    return std::ranges::any_of(contents_.modules, [&module](const HeapModule& each) {
      if (each.bias != module.bias || each.start >= module.end || module.start >= each.end) {
        return false;
      }
      return each.build_id == BuildIdOf(module) &&
             (!each.build_id.empty() || each.path == PathOf(module));
    });
  }

  uint64_t List(const TrackedModule& module) {
    constexpr uint64_t kGap = uint64_t{1} << 20;
    const uint64_t by = next_ - module.start;
    contents_.modules.push_back(
        {next_, module.end + by, module.bias + by, PathOf(module), BuildIdOf(module)});
    next_ = (module.end + by + kGap) & ~(kGap - 1);
    return by;
  }

  HeapContents& contents_;
  std::vector<const TrackedModule*> modules_;
  std::vector<uint64_t> moved_by_;
  uint64_t next_ = kUnloadedModules;
};

// The lines of Python that occur in stack traces.
class PythonPlacesMet {
 public:
  explicit PythonPlacesMet(const HeapRoot& root) : record_size_(root.python_place_size) {
    if (root.root_size < offsetof(HeapRoot, python_place_size) + sizeof(root.python_place_size)) {
      return;
    }
    records_ = reinterpret_cast<const char*>(root.python_places.load(std::memory_order_acquire));
    if (records_ != nullptr) met_.resize(root.python_place_count.load(std::memory_order_acquire));
  }

  void Meet(std::span<const uint64_t> frames) {
    if (met_.empty()) return;
    for (const uint64_t frame : frames) {
      const uint64_t number = (frame - kPythonPlaces) / kPythonPlaceStride;
      if (frame > kPythonPlaces && number < met_.size()) met_[number] = true;
    }
  }

  // Lists them, in the order of addresses.
  void List(std::vector<HeapPythonPlace>* places) const {
    for (uint64_t number = 0; number < met_.size(); ++number) {
      if (!met_[number]) continue;
      const auto& record =
          *reinterpret_cast<const TrackedPythonPlace*>(records_ + number * record_size_);
      HeapPythonPlace& place = places->emplace_back();
      place.address = kPythonPlaces + number * kPythonPlaceStride + 1;
      const char* const text = record.text.load(std::memory_order_acquire);
      if (text == nullptr) continue;
      place.file.assign(text, record.file_size);
      place.function.assign(text + record.file_size, record.function_size);
      place.line = record.line;
    }
  }

 private:
  const char* records_ = nullptr;
  const uint32_t record_size_;
  std::vector<bool> met_;
};

// Copies the stack traces that blocks and views refer to, each once.
class StackCopier {
 public:
  StackCopier(const HeapRoot& root, HeapContents* contents)
      : root_(root),
        contents_(*contents),
        chunks_(root.stack_chunk_count.load()),
        unloaded_(root, contents),
        python_(root) {}

  // The index of the stack trace with this id.
  uint32_t IndexOf(uint32_t id) {
    const uint32_t chunk = id >> 16;
    if (id == 0 || chunk >= chunks_.size()) return 0;
    if (chunks_[chunk].empty()) chunks_[chunk].resize(size_t{1} << 16);
    uint32_t& index = chunks_[chunk][id & 0xffff];
    if (index == 0) index = Copy(id);
    return index;
  }

  void ListPythonPlaces() { python_.List(&contents_.python_places); }

 private:
  uint32_t Copy(uint32_t id) {
    const char* chunk = root_.stack_chunks[id >> 16].load(std::memory_order_acquire);
    if (chunk == nullptr) return 0;
    const auto* record = reinterpret_cast<const StackRecord*>(chunk + uint64_t{id & 0xffff} * 16);
    contents_.stacks.push_back({contents_.frames.size(), record->depth, 0});
    const uint64_t* const end = record->frames + record->depth;
    const size_t first = contents_.frames.size();
    contents_.frames.insert(contents_.frames.end(), record->frames, end);
    python_.Meet(std::span(contents_.frames).subspan(first));
    if ((record->hash & kHasModules) != 0) {
      unloaded_.Move(reinterpret_cast<const uint16_t*>(end),
                     std::span(contents_.frames).subspan(first));
    }
    return static_cast<uint32_t>(contents_.stacks.size() - 1);
  }

  const HeapRoot& root_;
  HeapContents& contents_;
  // For each chunk, the index of the stack trace at each place, or 0.
  std::vector<std::vector<uint32_t>> chunks_;
  UnloadedModules unloaded_;
  PythonPlacesMet python_;
};

}  // namespace

void ReadViews(const Table& table, const WithShardLocked& with_shard,
               std::vector<HeapView>* views) {
  ReadTable<Views>(table, with_shard, views);
}

Status ReadHeapTables(const HeapRoot& root, const WithShardLocked& with_shard, PendingMoves* moves,
                      HeapContents* contents, const WithShardLocked& with_view_shard) {
  if (root.version != kHeapLayoutVersion) {
    return status::FailedPrecondition("the tables of live memory are of version ", root.version,
                                      "; this reads version ", kHeapLayoutVersion);
  }
  contents->max_frames = root.max_frames;
  contents->sample_bytes = root.sample_bytes;
  contents->started_ns = root.started_ns;
  contents->started_unix_ns = root.started_unix_ns;
  const uint64_t ended = moves != nullptr ? moves->ended() : 0;
  ReadTable<Blocks>(root.blocks, with_shard, &contents->blocks);
  if (moves != nullptr) {
    ReadMoves(moves, &contents->blocks);
    contents->moving = moves->ended() - ended;
  } else {
    contents->moving = root.moving.load(std::memory_order_relaxed);
  }
  contents->has_views = with_view_shard != nullptr;
  if (contents->has_views) ReadViews(root.views, with_view_shard, &contents->views);
  contents->lost = root.lost.load(std::memory_order_relaxed);
  if (root.root_size >= offsetof(HeapRoot, stacks_dropped) + sizeof(root.stacks_dropped)) {
    contents->stacks_dropped = root.stacks_dropped.load(std::memory_order_relaxed);
  }
  SortBlocks(&contents->blocks);

  // Labels, pools and stack traces are only added, never removed: those of the blocks and views
  // that were read are there by now.
  contents->labels = {""};
  const uint32_t labels = root.label_count == nullptr ? 0 : root.label_count->load();
  for (uint32_t i = 1; i < labels; ++i) {
    const char* label = root.labels[i].load(std::memory_order_acquire);
    contents->labels.emplace_back(label == nullptr ? "" : label);
  }
  contents->pools.clear();
  const uint32_t pools = root.pool_count.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < pools; ++i) {
    const TrackedPool& pool = root.pools[i];
    HeapPool& copy = contents->pools.emplace_back();
    copy.name.assign(pool.name, ::strnlen(pool.name, sizeof(pool.name)));
    copy.identity = pool.pool;
  }
  if (contents->pools.empty()) contents->pools.emplace_back().name = "malloc";

  contents->stacks = {HeapStack{}};
  StackCopier stacks(root, contents);
  for (HeapBlock& block : contents->blocks) {
    block.stack = stacks.IndexOf(block.stack);
    if (block.label >= contents->labels.size()) block.label = 0;
  }
  for (HeapView& view : contents->views) view.stack = stacks.IndexOf(view.stack);
  stacks.ListPythonPlaces();
  return absl::OkStatus();
}

}  // namespace alkaid::heap
