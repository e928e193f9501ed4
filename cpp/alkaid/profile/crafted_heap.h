// Heaps made by hand, for the tests of this room and of the command: snapshots from parts, and live
// tables as heap_layout.h describes them, of which the library made nothing. Not installed.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/io_interfaces.h"
#include "alkaid/profile/heap_file.h"
#include "alkaid/profile/heap_layout.h"
#include "alkaid/profile/heap_snapshot.h"

namespace alkaid::profile::crafted {

inline constexpr uint64_t kSecond = 1'000'000'000;

// Contents with the labels "", "dgram.batch" and "images", the pools malloc and mimalloc, two
// modules, and three back-traces.
inline HeapContents EmptyContents(const std::string& name) {
  HeapContents contents;
  contents.name = name;
  contents.command_line = {"./reader", "--runs", "7"};
  contents.pid = 4711;
  contents.max_frames = 32;
  contents.started_ns = 100 * kSecond;
  contents.started_unix_ns = 1'700'000'000 * kSecond;
  contents.taken_ns = 160 * kSecond;
  contents.taken_unix_ns = 1'700'000'060 * kSecond;
  contents.labels = {"", "dgram.batch", "images"};
  contents.pools = {{"malloc", 0, 5'000'000}, {"mimalloc", 0x7f0000001000, 2'000'000}};
  contents.modules = {{0x400000, 0x500000, 0x400000, "/nowhere/reader", "0123456789abcdefghij"},
                      {0x7f1000000000, 0x7f1000100000, 0x7f1000000000, "/nowhere/libdata.so", ""}};
  contents.frames = {0x401234, 0x7f1000000500, 0x402000, 0x401300, 0x402000};
  contents.stacks = {{0, 0}, {0, 3}, {3, 2}};
  return contents;
}

inline HeapBlock Block(uint64_t address, int64_t size, uint64_t serial, uint32_t stack = 1,
                       uint32_t label = 1) {
  HeapBlock block;
  block.address = address;
  block.size = block.weight = size;
  block.serial = serial;
  block.birth_ns = 130 * kSecond;
  block.stack = stack;
  block.label = label;
  block.thread = 4711;
  block.pool = 1;
  block.flags = kHasFirstBytes;
  std::memcpy(block.first.data(), "first bytes \0\x7f\xff\n", kFirstBytes);
  return block;
}

inline HeapSnapshot Snapshot(const std::string& name, std::vector<HeapBlock> blocks) {
  HeapContents contents = EmptyContents(name);
  contents.blocks = std::move(blocks);
  return HeapSnapshot::Make(std::move(contents)).value();
}

// The bytes of a snapshot's file.
inline std::string FileBytes(const HeapSnapshot& snapshot) {
  class StringStream final : public io::OutputStream {
   public:
    using Writable::Write;
    Status Write(const void* data, int64_t nbytes) override {
      text.append(static_cast<const char*>(data), static_cast<size_t>(nbytes));
      return absl::OkStatus();
    }
    Status Close() override { return absl::OkStatus(); }
    bool closed() const override { return false; }
    Result<int64_t> Tell() const override { return static_cast<int64_t>(text.size()); }
    std::string text;
  };
  StringStream stream;
  return WriteHeap(snapshot, &stream).ok() ? stream.text : "";
}

// Tables with room for `capacity` records in each of `shards` shards. Strides are greater than the
// structures, as those of a later library may be.
class Tables {
 public:
  explicit Tables(uint32_t shards = 4, uint64_t capacity = 64) {
    shard_bytes_.resize(shards * kShardSize);
    for (uint32_t i = 0; i < shards; ++i) {
      auto& words = arrays_.emplace_back(kHeaderSize / 8 + capacity * kRecordSize / 8);
      auto* const array = reinterpret_cast<RecordArray*>(words.data());
      array->capacity = capacity;
      array->header_size = kHeaderSize;
      new (Shard(i)) TableShard{{0}, 0, {array}, {0}};
    }
    std::memcpy(root_.magic, "ALKHEAP", 8);
    root_.version = kHeapLayoutVersion;
    root_.root_size = sizeof(HeapRoot);
    root_.state = 1;
    root_.max_frames = 32;
    root_.started_ns = 100 * kSecond;
    root_.started_unix_ns = 1'700'000'000 * kSecond;
    root_.blocks = {Shard(0), shards, kShardSize, kRecordSize, 0};
    labels_[0] = "";
    root_.labels = labels_;
    root_.label_count = &label_count_;
    std::strcpy(pools_[0].name, "malloc");
    root_.pools = pools_;
    root_.pool_count = 1;
    stack_chunks_[0] = reinterpret_cast<char*>(stack_bytes_.data());
    root_.stack_chunks = stack_chunks_;
    root_.stack_chunk_count = 1;
  }

  HeapRoot& root() { return root_; }

  // At that place of that shard; the record that is there is overwritten.
  void Put(uint32_t shard, uint64_t place, const HeapBlock& block) {
    auto* const record = Record(shard, place);
    record->size = static_cast<uint64_t>(block.size);
    record->weight = static_cast<uint64_t>(block.weight);
    record->serial = block.serial;
    record->birth_ns = block.birth_ns;
    record->stack = block.stack;
    record->label = block.label;
    record->thread = block.thread;
    record->pool = block.pool;
    record->flags = block.flags & (kUntracked | kSampled);
    record->address = block.address;
    ++Shard(shard)->live;
  }
  void GiveBack(uint32_t shard, uint64_t place) {
    Record(shard, place)->address = kGivenBack;
    --Shard(shard)->live;
  }
  uint32_t AddLabel(const char* name) {
    labels_[label_count_] = name;
    return label_count_++;
  }
  uint16_t AddPool(uint64_t pool, const char* name) {
    TrackedPool& added = pools_[root_.pool_count];
    added.pool = pool;
    std::strncpy(added.name, name, sizeof(added.name) - 1);
    return static_cast<uint16_t>(root_.pool_count++);
  }
  uint32_t AddStack(const std::vector<uint64_t>& frames) {
    auto* const record = reinterpret_cast<StackRecord*>(stack_bytes_.data() + next_stack_);
    const auto id = static_cast<uint32_t>(next_stack_ / 2);
    record->depth = static_cast<uint32_t>(frames.size());
    std::copy(frames.begin(), frames.end(), stack_bytes_.data() + next_stack_ + 1);
    next_stack_ = (next_stack_ + 1 + frames.size() + 1) / 2 * 2;
    return id;
  }

 private:
  static constexpr uint32_t kShardSize = 192;
  static constexpr uint32_t kRecordSize = 80;
  static constexpr uint64_t kHeaderSize = 128;

  TableShard* Shard(uint32_t i) {
    return reinterpret_cast<TableShard*>(shard_bytes_.data() + i * kShardSize);
  }
  LiveBlock* Record(uint32_t shard, uint64_t place) {
    char* const array = reinterpret_cast<char*>(arrays_[shard].data());
    return reinterpret_cast<LiveBlock*>(array + kHeaderSize + place * kRecordSize);
  }

  std::vector<char> shard_bytes_;
  std::deque<std::vector<uint64_t>> arrays_;
  std::atomic<const char*> labels_[16] = {};
  std::atomic<uint32_t> label_count_{1};
  TrackedPool pools_[16] = {};
  std::vector<uint64_t> stack_bytes_ = std::vector<uint64_t>(4096);
  std::atomic<char*> stack_chunks_[1] = {};
  uint64_t next_stack_ = 2;  // id 0 names none
  HeapRoot root_ = {};
};

}  // namespace alkaid::profile::crafted
