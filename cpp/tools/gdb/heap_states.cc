// Tables of live memory, filled by hand: a program that imitates a process with libalkaid.so in
// each state that a debugger may meet, damage included. It stops in Reached().
//
//   heap_states            goes through all states
//   heap_states N          N live blocks, and one stop

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "alkaid/heap/tracking/heap_layout.h"

namespace heap = alkaid::heap;
using heap::HeapRoot;
using heap::LiveBlock;
using heap::LiveView;
using heap::RecordArray;
using heap::Table;
using heap::TableShard;

constinit HeapRoot alkaid_heap_root = {};

// A debugger stops here and prints the argument.
extern "C" [[gnu::noinline, gnu::visibility("default")]] void Reached(const char* state) {
  asm volatile("" ::"r"(state) : "memory");
}

// Functions in the stack traces. Exported, so that a stripped program keeps their names; all
// different, or a compiler would merge them.
extern "C" [[gnu::noinline, gnu::visibility("default")]] void LoadsImages() {
  asm volatile("nop;nop;nop;nop");
}
extern "C" [[gnu::noinline, gnu::visibility("default")]] void RunsTheProgram() {
  asm volatile("nop;nop;nop;nop;nop");
}

namespace {

constexpr uint32_t kShards = 4;

struct Shard {
  TableShard head;
  char own[40];
};

char* Memory(size_t size) {
  char* const memory = static_cast<char*>(std::calloc(size, 1));
  if (memory == nullptr) std::abort();
  return memory;
}

// Records of `record_size` bytes after a header of `header_size`, as a later version may have them.
class TableBuilder {
 public:
  TableBuilder(Table* table, uint64_t capacity, uint32_t record_size, uint64_t header_size)
      : table_(table), record_size_(record_size), header_size_(header_size) {
    auto* const shards = reinterpret_cast<Shard*>(Memory(kShards * sizeof(Shard)));
    // The last shard has no array: nothing was ever put into it.
    for (uint32_t i = 0; i + 1 < kShards; ++i) {
      auto* const array =
          reinterpret_cast<RecordArray*>(Memory(header_size + capacity * record_size));
      array->capacity = capacity;
      array->header_size = header_size;
      shards[i].head.array = array;
    }
    table->shards = &shards->head;
    table->shard_count = kShards;
    table->shard_size = sizeof(Shard);
    table->record_size = record_size;
  }

  template <typename Record>
  Record* At(uint32_t shard, uint64_t place) const {
    return reinterpret_cast<Record*>(reinterpret_cast<char*>(head(shard)->array.load()) +
                                     header_size_ + place * record_size_);
  }
  template <typename Record>
  Record* Add(uint32_t shard, uint64_t place) const {
    head(shard)->live.fetch_add(1);
    return At<Record>(shard, place);
  }
  TableShard* head(uint32_t shard) const {
    return &reinterpret_cast<Shard*>(table_->shards)[shard].head;
  }

 private:
  Table* table_;
  uint32_t record_size_;
  uint64_t header_size_;
};

std::atomic<const char*> labels[] = {"", "image.detectors", "dgram.batch"};
std::atomic<uint32_t> label_count = 3;
heap::TrackedPool pools[] = {{0, "malloc"}, {0x1000, "jemalloc"}, {0x2000, "jemalloc"}};
std::atomic<char*> stack_chunks[2];

// Stores stack trace `id`: LoadsImages, called by RunsTheProgram.
void PutStack(uint32_t id) {
  if (stack_chunks[id >> 16] == nullptr) stack_chunks[id >> 16] = Memory(size_t{16} << 16);
  char* const stack = stack_chunks[id >> 16] + size_t{id & 0xffff} * 16;
  const uint64_t words[] = {2, reinterpret_cast<uint64_t>(&LoadsImages) + 2,
                            reinterpret_cast<uint64_t>(&RunsTheProgram) + 2};
  std::memcpy(stack, words, sizeof(words));
}

void FillRoot() {
  HeapRoot& root = alkaid_heap_root;
  std::memcpy(root.magic, "ALKHEAP", 8);
  root.version = heap::kHeapLayoutVersion;
  root.root_size = sizeof(HeapRoot);
  root.state = 1;
  root.max_frames = 16;
  root.started_ns = 1'000'000'000;
  root.labels = labels;
  root.label_count = &label_count;
  root.pools = pools;
  root.pool_count = 3;
  PutStack(1);
  PutStack((1 << 16) + 3);
  root.stack_chunks = stack_chunks;
  root.stack_chunk_count = 2;
}

void Put(LiveBlock* block, const void* address, uint64_t size, uint64_t serial, uint32_t stack,
         uint32_t label, uint16_t pool, uint16_t flags = 0) {
  block->size = size;
  block->weight = size;
  block->serial = serial;
  block->birth_ns = 1'000'000'000 + serial * 1'000'000'000;
  block->stack = stack;
  block->label = label;
  block->thread = 77;
  block->pool = pool;
  block->flags = flags;
  block->address = reinterpret_cast<uint64_t>(address);
}

void Put(LiveView* view, uint64_t root, uint64_t offset, uint64_t size, const char* root_data,
         uint64_t root_size) {
  view->root = root;
  view->data = reinterpret_cast<uint64_t>(root_data) + offset;
  view->size = size;
  view->root_data = reinterpret_cast<uint64_t>(root_data);
  view->root_size = root_size;
  view->birth_ns = 5'000'000'000;
  view->stack = 1;
  view->view = reinterpret_cast<uint64_t>(view);
}

void Large(uint64_t count) {
  FillRoot();
  uint64_t capacity = 1;
  while (capacity * (kShards - 1) < count * 2) capacity *= 2;
  const TableBuilder blocks(&alkaid_heap_root.blocks, capacity, sizeof(LiveBlock), 64);
  for (uint64_t i = 0; i < count; ++i) {
    Put(blocks.Add<LiveBlock>(i % (kShards - 1), i), reinterpret_cast<void*>(0x10000 + i * 4096),
        i % 5000, i, 1, i % 3, 1);
  }
  Reached("large");
}

// A debugger shows the first 64 bytes.
char first[4096] = "The quick brown fox";
char second[355920];
char third[100];

void AllStates() {
  HeapRoot& root = alkaid_heap_root;
  Reached("nothing");
  FillRoot();
  root.state = 0;
  Reached("off");
  root.state = 1;
  Reached("no_tables");
  const TableBuilder blocks(&root.blocks, 8, sizeof(LiveBlock), 64);
  const TableBuilder views(&root.views, 8, sizeof(LiveView), 64);
  Reached("empty");

  Put(blocks.Add<LiveBlock>(0, 5), first, sizeof(first), 1, 1, 2, 1);
  Put(blocks.Add<LiveBlock>(2, 0), third, sizeof(third), 2, 0, 0, 2, heap::kUntracked);
  blocks.At<LiveBlock>(0, 1)->address = heap::kGivenBack;
  Put(views.Add<LiveView>(0, 0), 0x500, 0, 1024, first, sizeof(first));
  Put(views.Add<LiveView>(1, 3), 0x500, 512, 1024, first, sizeof(first));
  Put(views.Add<LiveView>(1, 4), 0x600, 0, 100, third, sizeof(third));
  Reached("first");

  Put(blocks.Add<LiveBlock>(1, 7), second, sizeof(second), 3, (1 << 16) + 3, 1, 0);
  blocks.At<LiveBlock>(2, 0)->address = heap::kGivenBack;
  blocks.head(2)->live.fetch_sub(1);
  Reached("second");

  // The same address in another place of the table is another block.
  blocks.At<LiveBlock>(0, 5)->address = heap::kGivenBack;
  Put(blocks.At<LiveBlock>(0, 6), first, 64, 4, 1, 2, 1);
  Reached("address_used_again");

  blocks.head(1)->sequence = 7;
  Reached("odd_sequence");
  // The record is written, but not counted yet.
  Put(blocks.At<LiveBlock>(1, 6), third, 10, 5, 1, 0, 0);
  Reached("odd_sequence_and_not_counted");
  blocks.At<LiveBlock>(1, 6)->address = heap::kNeverUsed;
  blocks.head(1)->sequence = 8;
  root.moving = 2;
  root.lost = 3;
  Reached("moving");
  root.moving = 0;
  root.lost = 0;

  root.sample_bytes = 524288;
  LiveBlock* const sampled = blocks.At<LiveBlock>(1, 7);
  sampled->weight = 10 * sampled->size;
  sampled->flags = heap::kSampled;
  Reached("sampled");
  root.sample_bytes = 0;
  sampled->weight = sampled->size;
  sampled->flags = 0;

  sampled->label = 99;
  sampled->pool = 98;
  sampled->stack = 97 << 16;
  Reached("damaged_record");
  Put(sampled, second, sizeof(second), 3, 1, 1, 0);
  const uint64_t depth = uint64_t{1} << 31;
  std::memcpy(stack_chunks[0] + 16, &depth, sizeof(depth));
  Reached("damaged_stack");
  PutStack(1);
  blocks.head(1)->live = 3;
  Reached("wrong_count");
  blocks.head(1)->live = 1;

  RecordArray* const array = blocks.head(1)->array;
  blocks.head(1)->array = reinterpret_cast<RecordArray*>(0x40);
  Reached("array_unmapped");
  blocks.head(1)->array = array;
  array->capacity = 7;
  Reached("capacity_no_power_of_two");
  array->capacity = uint64_t{1} << 40;
  Reached("capacity_too_large");
  array->capacity = 8;
  root.blocks.shard_count = 0x7fffffff;
  Reached("too_many_shards");
  root.blocks.shard_count = kShards;
  root.blocks.record_size = 8;
  Reached("records_too_small");
  root.blocks.record_size = sizeof(LiveBlock);
  labels[1] = reinterpret_cast<const char*>(0x40);
  Reached("label_unmapped");
  labels[1] = "image.detectors";

  root.magic[0] = 'X';
  Reached("wrong_magic");
  root.magic[0] = 'A';
  root.version = 2;
  Reached("unknown_version");
  root.version = heap::kHeapLayoutVersion;
  root.root_size = 8;
  Reached("root_too_small");
  root.root_size = sizeof(HeapRoot) + 64;

  // A later library of the same version: longer records and headers, with unknown members at their
  // ends.
  const TableBuilder later(&root.blocks, 8, 96, 128);
  Put(later.Add<LiveBlock>(0, 3), first, sizeof(first), 9, 1, 2, 1);
  Put(later.Add<LiveBlock>(0, 4), second, sizeof(second), 10, 1, 1, 0);
  Reached("longer_records");
  root.started_ns += 5;
  Reached("begun_anew");
}

// The changes that watchpoints report, after AllStates.
void Frees() {
  // The table is replaced and the old one emptied, as when it grows: nothing is freed yet.
  constexpr size_t kRecord = 128 + size_t{3} * 96;
  constexpr size_t kBytes = 128 + size_t{8} * 96;
  TableShard* const head = &reinterpret_cast<Shard*>(alkaid_heap_root.blocks.shards)[0].head;
  char* const old = reinterpret_cast<char*>(head->array.load());
  char* const fresh = Memory(kBytes);
  std::memcpy(fresh, old, kBytes);
  head->array = reinterpret_cast<RecordArray*>(fresh);
  reinterpret_cast<LiveBlock*>(old + kRecord)->address = heap::kNeverUsed;
  Reached("moved");
  reinterpret_cast<LiveBlock*>(fresh + kRecord)->address = heap::kGivenBack;
  head->live.fetch_sub(1);
  Reached("freed");
  second[sizeof(second) - 1] = 1;
  Reached("touched");
}

}  // namespace

int main(int argc, char** argv) {
  LoadsImages();
  RunsTheProgram();
  if (argc > 1) {
    Large(std::strtoull(argv[1], nullptr, 10));
  } else {
    AllStates();
  }
  if (argc == 1) Frees();
  return 0;
}
