// HeapSnapshot: what was live at one moment, who had allocated it, and what is needed to name it
// later, in another process or on another machine.
//
//   ALKAID_ASSIGN_OR_RAISE(const auto before, heap::HeapSnapshot::Take("before"));
//   LoadOneMore();
//   ALKAID_ASSIGN_OR_RAISE(const auto after, heap::HeapSnapshot::Take("after"));
//   const heap::HeapDiff diff = heap::Diff(before, after);     // heap_diff.h
//   ALKAID_RETURN_NOT_OK(heap::WriteHeapFile(after, "after.heap"));  // heap_file.h
//
// Other threads go on allocating while one is taken: each block is as it was at one moment, but not
// all at the same one. A block that was there from beginning to end is listed, and one whose
// reallocation is under way as it was before. Only one that another thread reallocated from its
// beginning to its end in that time may be missing, or be listed at both addresses: `moving` counts
// such reallocations, so 0 says that there was none.
//
// Ownership: a snapshot is a value that refers to nothing alive.
// Threads: Take from any thread, several at once too; a snapshot is never changed.
// Out of memory: Take and Make say kResourceExhausted; copies, and the snapshot of nothing, throw
// std::bad_alloc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::heap {

// Bytes that are kept of a block's beginning.
inline constexpr int kFirstBytes = 16;
// Beside BlockFlags (heap_layout.h): `first` holds the block's first bytes.
inline constexpr uint16_t kHasFirstBytes = 0x8000;

struct HeapBlock {
  uint64_t address = 0;
  int64_t size = 0;       // bytes, as asked of the pool
  int64_t weight = 0;     // bytes that it stands for: `size` unless sampled
  uint64_t serial = 0;    // differs from that of every other block ever at this address
  uint64_t birth_ns = 0;  // CLOCK_MONOTONIC
  uint32_t stack = 0;     // index in `stacks`
  uint32_t label = 0;     // index in `labels`
  uint32_t thread = 0;    // the kernel's id of the thread that allocated it
  uint16_t pool = 0;      // index in `pools`
  uint16_t flags = 0;     // BlockFlags and kHasFirstBytes
  std::array<uint8_t, kFirstBytes> first = {};

  // How many of `first` are there.
  int first_count() const {
    if ((flags & kHasFirstBytes) == 0) return 0;
    return static_cast<int>(size < kFirstBytes ? size : kFirstBytes);
  }
  // How many blocks it stands for: 1 unless sampled.
  double count() const {
    return size <= 0 || weight == size ? 1
                                       : static_cast<double>(weight) / static_cast<double>(size);
  }
};
static_assert(sizeof(HeapBlock) == 72);

// The name under which pools that the program derived from MemoryPool itself are listed together,
// as far as they keep MemoryPoolStats. None of their blocks is: only a pool of the library's own
// (a backend, also a registered one) reports blocks, and malloc where it is watched.
inline constexpr char kPoolsOfTheProgram[] = "pools of the program's own";

// A pool, or malloc, which comes first.
struct HeapPool {
  std::string name;         // its backend's
  uint64_t identity = 0;    // address of the MemoryPool; 0 for malloc
  int64_t allocated = -1;   // bytes live in it by its own account; -1 where that is not known
  int64_t bytes = 0;        // of the blocks that are listed; made by Make
  int64_t block_count = 0;  // of those blocks; made by Make

  // Bytes that are live in it and in no block that is listed: allocated before tracking began, or
  // of a pool that is not tracked. -1 where that is not known. Where samples only were recorded it
  // is an estimate, off by as much as `bytes` is, and no figure for a pool that holds few samples.
  int64_t untracked_bytes() const {
    if (allocated < 0) return -1;
    return allocated > bytes ? allocated - bytes : 0;
  }
};

// Where modules are listed that were unloaded: from here on, where no address of a process is. What
// lies where they were may be another. Return addresses of back-traces that lead through them are
// moved with them, so each address has one module, and stays as far from its start.
inline constexpr uint64_t kUnloadedModules = uint64_t{1} << 63;

// A file that is mapped as code, or was.
struct HeapModule {
  uint64_t start = 0;  // address of its first byte; from kUnloadedModules on where it is gone
  uint64_t end = 0;    // behind its last
  uint64_t bias = 0;   // what was added to the addresses in the file
  std::string path;
  std::string build_id;  // bytes, not hex; empty where the file has none
};

// A line of Python, which back-traces have by an address that no code has (heap_layout.h).
struct HeapPythonPlace {
  uint64_t address = 0;
  std::string file;
  std::string function;
  uint32_t line = 0;  // 0: not known
};

struct HeapStack {
  uint64_t first = 0;  // index in `frames`
  uint32_t depth = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(HeapStack) == 16);

// A block of which the process could tell what it holds (docs/heap.md: What a block is).
struct HeapRecognized {
  uint32_t block = 0;     // index in `blocks`
  uint32_t category = 0;  // index in `categories`
};
static_assert(sizeof(HeapRecognized) == 8);

// A live slice of a root buffer, where views are tracked (heap_layout.h: LiveView).
struct HeapView {
  uint64_t view = 0;       // the Buffer
  uint64_t root = 0;       // the Buffer that it keeps alive
  uint64_t data = 0;       // address of its first byte
  int64_t size = 0;        // bytes
  uint64_t root_data = 0;  // address of the root's first byte
  int64_t root_size = 0;   // bytes that the root holds
  uint64_t birth_ns = 0;   // CLOCK_MONOTONIC
  uint32_t stack = 0;      // index in `stacks`
  uint32_t thread = 0;     // the kernel's id of the thread that made it
};
static_assert(sizeof(HeapView) == 64);

// Where bytes of a live root came from (core/observers/source_note.h).
struct HeapSource {
  uint64_t address = 0;     // of the first
  int64_t size = 0;         // bytes
  int64_t offset = -1;      // of the first in the source; -1: of no one place
  std::string name;         // of the source, mostly a file
  uint64_t first_time = 0;  // index in `times`
  uint64_t time_count = 0;
};

// From this address on, until the next address of its source, bytes are of this time; or, where two
// times have one address, of times from the lesser to the greater.
struct HeapTime {
  uint64_t address = 0;
  uint64_t time_ns = 0;  // since the source's epoch
};
static_assert(sizeof(HeapTime) == 16);

struct HeapContents {
  std::string name;                       // as given to Take
  std::vector<std::string> command_line;  // of the process
  uint32_t pid = 0;
  uint32_t max_frames = 0;       // of a back-trace
  uint64_t sample_bytes = 0;     // 0: every allocation is recorded
  uint64_t started_ns = 0;       // when tracking began, CLOCK_MONOTONIC
  uint64_t started_unix_ns = 0;  // the same moment, CLOCK_REALTIME
  uint64_t taken_ns = 0;         // when the snapshot was taken, CLOCK_MONOTONIC
  uint64_t taken_unix_ns = 0;
  uint64_t moving = 0;              // reallocations that ended while it was taken
  uint64_t lost = 0;                // blocks never recorded, for want of memory
  uint64_t stacks_dropped = 0;      // blocks and views whose back-trace found no place
  std::string why_no_first_bytes;   // why the kernel did not give them; empty where it did
  std::vector<std::string> labels;  // index 0 is ""
  std::vector<HeapPool> pools;      // index 0 is malloc
  std::vector<HeapModule> modules;  // by address
  std::vector<uint64_t> frames;     // return addresses, innermost first
  std::vector<HeapPythonPlace> python_places;  // by address; those that frames have
  std::vector<HeapStack> stacks;               // index 0 is empty
  std::vector<HeapBlock> blocks;               // by address
  // What blocks are, such as "std::string"; a name may be there twice.
  std::vector<std::string> categories;
  std::vector<HeapRecognized> recognized;  // by block, each once
  // Blocks that were not looked at for what they are, since the limits of doing so were reached.
  uint64_t unexamined = 0;
  bool has_views = false;           // views were tracked; where not, what follows is empty
  std::vector<HeapView> views;      // in no order
  std::vector<HeapSource> sources;  // by address
  std::vector<HeapTime> times;      // of each source by address
};

// Counts what living snapshots hold of malloc's memory, so that the next one does not take it for
// the program's. A copy is the program's own.
class ALKAID_EXPORT HeldBytes {
 public:
  HeldBytes() = default;
  explicit HeldBytes(int64_t bytes);
  HeldBytes(const HeldBytes& /*other*/) {}
  HeldBytes(HeldBytes&& other) noexcept : bytes_(std::exchange(other.bytes_, 0)) {}
  HeldBytes& operator=(HeldBytes other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~HeldBytes();
  // Of all of them.
  static int64_t Sum();

 private:
  int64_t bytes_ = 0;
};

class ALKAID_EXPORT HeapSnapshot {
 public:
  // The live memory of this process. `name` is for people, "before". kFailedPrecondition where
  // tracking is off, or was switched off or begun anew meanwhile.
  static Result<HeapSnapshot> Take(std::string name);
  // From parts. kInvalidArgument, naming it, for an index that leads nowhere, a negative size, and
  // what is not in the order of addresses. Sums up the pools.
  static Result<HeapSnapshot> Make(HeapContents contents);
  // Of nothing.
  HeapSnapshot();

  const HeapContents& contents() const { return contents_; }
  const std::vector<HeapBlock>& blocks() const { return contents_.blocks; }
  // The return addresses of a back-trace, innermost first.
  std::span<const uint64_t> frames(uint32_t stack) const;
  // The module that an address lies in, or null.
  const HeapModule* ModuleOf(uint64_t address) const;
  // The line of Python that an address in a back-trace stands for, or null.
  const HeapPythonPlace* PythonPlaceOf(uint64_t address) const;

  // Of all blocks. Where only samples were recorded: estimates.
  int64_t bytes() const { return bytes_; }
  int64_t block_count() const { return block_count_; }
  bool sampled() const { return contents_.sample_bytes != 0; }
  // Nanoseconds from a block's allocation to the snapshot.
  uint64_t AgeOf(const HeapBlock& block) const {
    return contents_.taken_ns > block.birth_ns ? contents_.taken_ns - block.birth_ns : 0;
  }

 private:
  explicit HeapSnapshot(HeapContents contents);

  HeapContents contents_;
  int64_t bytes_ = 0;
  int64_t block_count_ = 0;
  HeldBytes held_;
};

}  // namespace alkaid::heap
