// The memory layout of the tables of live memory, for readers outside the library: a debugger, a
// reader of a core dump, another process.
//
//     alkaid_heap_root (HeapRoot)
//       +- blocks, views (Table) -> TableShard[shard_count], each shard_size bytes
//       |                             +- array -> RecordArray, then `capacity` records of
//       |                                         record_size bytes: LiveBlock or LiveView
//       +- labels        -> label_count names
//       +- pools         -> TrackedPool[pool_count]
//       +- stack_chunks  -> stack_chunk_count chunks of StackRecords, found by id
//       +- modules       -> TrackedModule[module_count], each module_size bytes
//       +- python_places -> TrackedPythonPlace[python_place_count], each python_place_size bytes
//
// The name of the root is in the library's dynamic symbol table and so survives stripping. All
// values are little-endian machine words of 64 bits or less; every pointer leads to something that
// is described here. A reader checks `magic` and `version`. A change that an older reader would
// misread gets a new version. New fields only grow `root_size`, `shard_size` and `record_size`;
// readers must use these as strides.
//
// A record is in use when its first word is neither kNeverUsed nor kGivenBack. A writer fills all
// other words first and that word last. A table that grows is built completely before `array` is
// set. So a process that is stopped at any instruction shows only whole records.
// If a stop interrupts the adding or removal of a record, the shard's `sequence` is odd, and one
// block of that shard may be listed or not.
// A block that is being reallocated is in no table for a while. The root counts it as `moving` from
// before it is removed until after it is back.
//
// Ownership: the library's, for as long as it is loaded. While tracking is on, nothing is unmapped
// that a reader in the same process may hold a pointer to.
// Threads: the words that writers change are atomics.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::heap {

inline constexpr uint32_t kHeapLayoutVersion = 1;

// The first word of a record that is not in use.
inline constexpr uint64_t kNeverUsed = 0;
inline constexpr uint64_t kGivenBack = 1;

enum BlockFlags : uint16_t {
  // The block is older than tracking: label, stack trace, thread and birth are from the moment it
  // was first seen.
  kUntracked = 1,
  // The block stands for `weight` bytes, most of which were not recorded.
  kSampled = 2,
};

// A live block of a pool, or of malloc. The stack trace is from its last (re)allocation.
struct LiveBlock {
  std::atomic<uint64_t> address;  // of its first byte
  uint64_t size;                  // bytes, as requested from the pool
  uint64_t weight;                // bytes that it stands for: `size` unless sampled
  uint64_t serial;                // unique among all blocks that were ever at this address
  uint64_t birth_ns;              // CLOCK_MONOTONIC
  uint32_t stack;                 // id of its stack trace; 0: none
  uint32_t label;                 // index in the labels; 0: none
  uint32_t thread;                // the kernel's id of the thread that allocated it
  uint16_t pool;                  // index in the pools
  uint16_t flags;                 // BlockFlags
  uint64_t reserved;
};
static_assert(sizeof(LiveBlock) == 64);

// A live slice of a root buffer.
struct LiveView {
  std::atomic<uint64_t> view;  // the Buffer
  uint64_t root;               // the Buffer that it keeps alive
  uint64_t data;               // address of its first byte
  uint64_t size;               // bytes
  uint64_t root_data;          // address of the root's first byte, as in its LiveBlock
  uint64_t root_size;          // bytes that the root holds: its capacity
  uint64_t birth_ns;           // CLOCK_MONOTONIC
  uint32_t stack;              // id of its stack trace; 0: none
  uint32_t thread;             // the kernel's id of the thread that made it
};
static_assert(sizeof(LiveView) == 64);

// The head of an array: `capacity` records of the table's kind begin `header_size` bytes after its
// start.
struct RecordArray {
  uint64_t capacity;  // a power of two
  uint64_t header_size;
  uint64_t reserved[6];
};
static_assert(sizeof(RecordArray) == 64);

// The part of a shard that a reader needs; the library's own data follows it.
struct TableShard {
  std::atomic<uint32_t> sequence;  // odd while a record is being added or removed
  uint32_t reserved;
  std::atomic<RecordArray*> array;  // null before the first record
  std::atomic<uint64_t> live;       // records in use
};
static_assert(sizeof(TableShard) == 24);

struct Table {
  TableShard* shards;
  uint32_t shard_count;
  uint32_t shard_size;   // bytes from one shard to the next
  uint32_t record_size;  // bytes from one record to the next
  uint32_t reserved;
};
static_assert(sizeof(Table) == 24);

// A bit in the hash of a stack trace: module numbers follow its frames.
inline constexpr uint32_t kHasModules = 0x80000000;
// The most module numbers of one stack trace, without the 0 at their end.
inline constexpr uint32_t kMaxModulesOfStack = 31;

// A stack trace, innermost frame first: each frame is a return address. Its id gives its place:
// stack_chunks[id >> 16] + (id & 0xffff) * 16.
//
//     depth | hash | frames: depth * uint64_t | if kHasModules: numbers, uint16_t each, then 0
//
// The numbers name the modules on the stack that can be unloaded. They were loaded when the stack
// trace was taken; another library may be at that address now.
struct StackRecord {
  uint32_t depth;
  uint32_t hash;       // with kHasModules if numbers follow
  uint64_t frames[1];  // `depth` of them
};

// A library that can be unloaded and is on some stack trace.
struct TrackedModule {
  uint64_t start;    // address of its first byte
  uint64_t end;      // one past its last
  uint64_t bias;     // load address minus the address in the file
  const char* path;  // path_size characters; null if there was no memory for it
  uint32_t path_size;
  uint32_t build_id_size;  // 0 if the file has none
  uint8_t build_id[32];
  uint64_t reserved;
};
static_assert(sizeof(TrackedModule) == 80);

// A line of Python on some stack trace. It stands in a stack trace as the address kPythonPlaces +
// kPythonPlaceStride * index + 1: like a return address, one past a place, but where no code is.
inline constexpr uint64_t kPythonPlaces = uint64_t{1} << 62;
inline constexpr uint64_t kPythonPlaceStride = 16;
inline constexpr uint32_t kMaxPythonText = 256;       // bytes of a file's name, and of a function's
inline constexpr uint32_t kHiddenLine = 0xffffffffu;  // the library's own: on no stack trace

struct TrackedPythonPlace {
  std::atomic<uint64_t> key;      // the lookup key; 0: not in use
  std::atomic<const char*> text;  // the file and then the function; null: not there yet
  uint32_t line;                  // 0: not known
  uint16_t file_size;             // bytes
  uint16_t function_size;
  uint32_t stands_for;  // the library's own
  uint32_t reserved;
};
static_assert(sizeof(TrackedPythonPlace) == 32);

// A pool that was seen. Index 0 stands for malloc.
struct TrackedPool {
  uint64_t pool;  // the MemoryPool; 0 for malloc
  char name[56];  // its backend_name(), cut to fit and zero-terminated
};
static_assert(sizeof(TrackedPool) == 64);

struct HeapRoot {
  char magic[8];                     // "ALKHEAP" and a zero
  uint32_t version;                  // kHeapLayoutVersion
  uint32_t root_size;                // sizeof(HeapRoot)
  std::atomic<uint32_t> state;       // 0: tracking is off; 1: on
  uint32_t max_frames;               // of a stack trace
  uint64_t sample_bytes;             // 0: every allocation; else about one in this many bytes
  uint64_t started_ns;               // when tracking was last switched on, CLOCK_MONOTONIC
  uint64_t started_unix_ns;          // the same moment, CLOCK_REALTIME
  std::atomic<uint64_t> moving;      // blocks that are being reallocated now
  std::atomic<uint64_t> lost;        // blocks and views not recorded, out of memory
  Table blocks;                      // of LiveBlock
  Table views;                       // of LiveView
  std::atomic<const char*>* labels;  // label_count names; index 0 is ""
  std::atomic<uint32_t>* label_count;
  TrackedPool* pools;
  std::atomic<uint32_t> pool_count;
  std::atomic<uint32_t> stack_chunk_count;
  std::atomic<char*>* stack_chunks;
  // Blocks and views recorded without a stack trace, since there was no room for it. Since
  // `root_size` 160.
  std::atomic<uint64_t> stacks_dropped;
  // module_count records, each module_size bytes; index 0 means no module. Null before the first
  // module. Since `root_size` 176.
  std::atomic<TrackedModule*> modules;
  std::atomic<uint32_t> module_count;
  uint32_t module_size;
  // python_place_count records, each python_place_size bytes; in use if the key is not 0. Null
  // without Python. Since `root_size` 192.
  std::atomic<TrackedPythonPlace*> python_places;
  std::atomic<uint32_t> python_place_count;
  uint32_t python_place_size;
};
static_assert(offsetof(HeapRoot, blocks) == 64 && offsetof(HeapRoot, views) == 88 &&
              offsetof(HeapRoot, labels) == 112 && offsetof(HeapRoot, python_places) == 176 &&
              sizeof(HeapRoot) == 192);

}  // namespace alkaid::heap

extern "C" ALKAID_EXPORT alkaid::heap::HeapRoot alkaid_heap_root;
