// The tables of live memory as they lie in memory, for whoever reads them from outside: a debugger,
// a core dump, another process.
//
// Everything hangs on one exported object, `alkaid_heap_root`, whose name is in the library's
// dynamic symbol table and so survives stripping. All values are little-endian 64-bit machine
// words and smaller; there is no pointer to anything that is not described here. A reader checks
// `magic` and `version`: a change that an older reader would misread gets a new version, and fields
// that are only added grow `root_size`, `shard_size` and `record_size`, which are the strides to
// use.
//
// Tables are arrays of records behind shards. A record is in use when its first word is neither
// kNeverUsed nor kGivenBack. A writer fills all other words first and that word last, and a table
// that has to grow is made whole aside before `array` is set, so a process that is stopped at any
// instruction shows whole records only. What a stop can catch is a record that is just being put in
// or taken out: then the shard's `sequence` is odd, and one block of that shard may be listed or
// not. A block that a reallocation is moving is in no table for a while; the root counts it as
// `moving` from before it is taken out until after it is back.
//
// Ownership: the library's, for as long as it is loaded. Nothing that a reader of the same process
// may hold a pointer to is unmapped while tracking is on.
// Threads: the words that writers change are atomics.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::heap {

inline constexpr uint32_t kHeapLayoutVersion = 1;

// What the first word of a record holds when there is no record.
inline constexpr uint64_t kNeverUsed = 0;
inline constexpr uint64_t kGivenBack = 1;

enum BlockFlags : uint16_t {
  // It was there before tracking began: label, back-trace, thread and birth are those of the moment
  // at which it was first seen.
  kUntracked = 1,
  // It stands for `weight` bytes of which most were not recorded.
  kSampled = 2,
};

// A live block of a pool, or of malloc. The back-trace is that of its last (re)allocation.
struct LiveBlock {
  std::atomic<uint64_t> address;  // of its first byte
  uint64_t size;                  // bytes, as asked of the pool
  uint64_t weight;                // bytes that it stands for: `size` unless sampled
  uint64_t serial;                // differs from that of every other block ever at this address
  uint64_t birth_ns;              // CLOCK_MONOTONIC
  uint32_t stack;                 // id of its back-trace; 0: none
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
  uint64_t root_data;          // address of the root's first byte; the address of its LiveBlock
  uint64_t root_size;          // bytes that the root holds: its capacity
  uint64_t birth_ns;           // CLOCK_MONOTONIC
  uint32_t stack;              // id of its back-trace; 0: none
  uint32_t thread;             // the kernel's id of the thread that made it
};
static_assert(sizeof(LiveView) == 64);

// `capacity` records of the table's kind follow, `header_size` bytes behind its start.
struct RecordArray {
  uint64_t capacity;  // a power of two
  uint64_t header_size;
  uint64_t reserved[6];
};
static_assert(sizeof(RecordArray) == 64);

// The part of a shard that a reader needs; what follows is the library's own.
struct TableShard {
  std::atomic<uint32_t> sequence;  // odd while a record is being put in or taken out
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

// In the hash of a back-trace: numbers of modules follow its frames.
inline constexpr uint32_t kHasModules = 0x80000000;
// Numbers after a back-trace, without the 0 at their end.
inline constexpr uint32_t kMostModulesOfStack = 31;

// A back-trace, innermost first: the address of the next instruction of each frame, as a return
// address is. Its id names its place: stack_chunks[id >> 16] + (id & 0xffff) * 16.
//
// Where it leads through libraries that can be unloaded, their numbers (uint16_t) follow the last
// frame, ended by 0. They were loaded when it was taken; what lies there now may be another.
struct StackRecord {
  uint32_t depth;
  uint32_t hash;       // with kHasModules where numbers follow
  uint64_t frames[1];  // `depth` of them
};

// A library that can be unloaded, and that a back-trace leads through.
struct TrackedModule {
  uint64_t start;    // address of its first byte
  uint64_t end;      // after its last
  uint64_t bias;     // what was added to the addresses in the file
  const char* path;  // path_size characters; null where there was no memory for it
  uint32_t path_size;
  uint32_t build_id_size;  // 0 where the file has none
  uint8_t build_id[32];
  uint64_t reserved;
};
static_assert(sizeof(TrackedModule) == 80);

// A line of Python that a back-trace leads through. In a back-trace its address is kPythonPlaces +
// kPythonPlaceStride * index + 1: as a return address, one past a place where no code is.
inline constexpr uint64_t kPythonPlaces = uint64_t{1} << 62;
inline constexpr uint64_t kPythonPlaceStride = 16;
inline constexpr uint32_t kMostPythonText = 256;      // bytes of a file's name, and of a function's
inline constexpr uint32_t kHiddenLine = 0xffffffffu;  // the library's own: in no back-trace

struct TrackedPythonPlace {
  std::atomic<uint64_t> key;      // what it is found by; 0: no place
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
  char name[56];  // its backend_name(), cut and with a zero at the end
};
static_assert(sizeof(TrackedPool) == 64);

struct HeapRoot {
  char magic[8];                     // "ALKHEAP" and a zero
  uint32_t version;                  // kHeapLayoutVersion
  uint32_t root_size;                // sizeof(HeapRoot)
  std::atomic<uint32_t> state;       // 0: tracking is off; 1: on
  uint32_t max_frames;               // of a back-trace
  uint64_t sample_bytes;             // 0: every allocation; else one in about so many bytes
  uint64_t started_ns;               // when tracking was last switched on, CLOCK_MONOTONIC
  uint64_t started_unix_ns;          // the same moment, CLOCK_REALTIME
  std::atomic<uint64_t> moving;      // blocks that are being reallocated just now
  std::atomic<uint64_t> lost;        // blocks and views not recorded, for want of memory
  Table blocks;                      // of LiveBlock
  Table views;                       // of LiveView
  std::atomic<const char*>* labels;  // label_count names; index 0 is ""
  std::atomic<uint32_t>* label_count;
  TrackedPool* pools;
  std::atomic<uint32_t> pool_count;
  std::atomic<uint32_t> stack_chunk_count;
  std::atomic<char*>* stack_chunks;
  // Back-traces that found no place: blocks and views recorded without one. Since `root_size` 160.
  std::atomic<uint64_t> stacks_dropped;
  // module_count of them, each module_size bytes; index 0 stands for none. Null before the first
  // one. Since `root_size` 176.
  std::atomic<TrackedModule*> modules;
  std::atomic<uint32_t> module_count;
  uint32_t module_size;
  // python_place_count of them, each python_place_size bytes, in use where their key is not 0. Null
  // where there is no Python. Since `root_size` 192.
  std::atomic<TrackedPythonPlace*> python_places;
  std::atomic<uint32_t> python_place_count;
  uint32_t python_place_size;
};
static_assert(offsetof(HeapRoot, blocks) == 64 && offsetof(HeapRoot, views) == 88 &&
              offsetof(HeapRoot, labels) == 112 && offsetof(HeapRoot, python_places) == 176 &&
              sizeof(HeapRoot) == 192);

}  // namespace alkaid::heap

extern "C" ALKAID_EXPORT alkaid::heap::HeapRoot alkaid_heap_root;
