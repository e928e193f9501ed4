// HeapSnapshot: the live memory at one moment, who allocated it, and all that is needed to name it
// later, in another process or on another machine.
//
//   ALKAID_ASSIGN_OR_RAISE(const auto before, heap::HeapSnapshot::Take("before"));
//   LoadOneMore();
//   ALKAID_ASSIGN_OR_RAISE(const auto after, heap::HeapSnapshot::Take("after"));
//   const heap::HeapDiff diff = heap::Diff(before, after);     // heap_diff.h
//   ALKAID_RETURN_NOT_OK(heap::WriteHeapFile(after, "after.heap"));  // heap_file.h
//
// Other threads go on allocating while a snapshot is taken: each block is listed as it was at one
// moment, but not all at the same moment. A block that is live the whole time is listed. A block
// that is being reallocated is listed as it was before. Only a block whose reallocation begins and
// ends while the snapshot is taken may be missing, or listed at both addresses. `moving` counts
// these reallocations; 0 means that there was none.
//
// Ownership: a snapshot is a value that refers to no live object.
// Threads: Take from any thread, several at once too; a snapshot never changes.
// Out of memory: Take and Make return kResourceExhausted; copies and the empty snapshot throw
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

// The number of bytes that are kept from the start of each block.
inline constexpr int kFirstBytes = 16;
// A flag besides BlockFlags (heap_layout.h): `first` holds the block's first bytes.
inline constexpr uint16_t kHasFirstBytes = 0x8000;

struct HeapBlock {
  uint64_t address = 0;
  int64_t size = 0;       // bytes, as requested from the pool
  int64_t weight = 0;     // bytes that it stands for: `size` unless sampled
  uint64_t serial = 0;    // unique among all blocks that were ever at this address
  uint64_t birth_ns = 0;  // CLOCK_MONOTONIC
  uint32_t stack = 0;     // index in `stacks`
  uint32_t label = 0;     // index in `labels`
  uint32_t thread = 0;    // the kernel's id of the thread that allocated it
  uint16_t pool = 0;      // index in `pools`
  uint16_t flags = 0;     // BlockFlags and kHasFirstBytes
  std::array<uint8_t, kFirstBytes> first = {};

  // How many bytes of `first` are valid.
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

// One name for all pools that the program itself derived from MemoryPool, as far as they keep
// MemoryPoolStats. Their blocks are not listed: only the library's own pools (backends, also
// registered ones) report blocks, and malloc where it is watched.
inline constexpr char kPoolsOfTheProgram[] = "pools of the program's own";

// A pool, or malloc, which is the first.
struct HeapPool {
  std::string name;         // its backend's
  uint64_t identity = 0;    // address of the MemoryPool; 0 for malloc
  int64_t allocated = -1;   // live bytes by the pool's own count; -1: not known
  int64_t bytes = 0;        // of the listed blocks; set by Make
  int64_t block_count = 0;  // of the listed blocks; set by Make

  // Live bytes in no listed block: allocated before tracking started, or in a pool that is not
  // tracked. -1: not known. Sampled: an estimate with the same error as `bytes`, useless for a pool
  // that has few samples.
  int64_t untracked_bytes() const {
    if (allocated < 0) return -1;
    return allocated > bytes ? allocated - bytes : 0;
  }
};

// Unloaded modules are listed from this address on, where no process has memory, since another
// module may be loaded at their old place. Return addresses in them are moved by the same distance.
// So each address lies in one module, at its old offset.
inline constexpr uint64_t kUnloadedModules = uint64_t{1} << 63;

// A file that is, or was, mapped as code.
struct HeapModule {
  uint64_t start = 0;  // address of its first byte; >= kUnloadedModules if it was unloaded
  uint64_t end = 0;    // one past its last
  uint64_t bias = 0;   // load address minus the address in the file
  std::string path;
  std::string build_id;  // bytes, not hex; empty if the file has none
};

// A line of Python. Stack traces name it by an address that no code has (heap_layout.h).
struct HeapPythonPlace {
  uint64_t address = 0;
  std::string file;
  std::string function;
  uint32_t line = 0;  // 0: not known
};

// A stack trace: frames[first] to frames[first + depth - 1].
struct HeapStack {
  uint64_t first = 0;  // index in `frames`
  uint32_t depth = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(HeapStack) == 16);

// A block whose contents the process recognized (docs/heap.md: What a block is).
struct HeapRecognized {
  uint32_t block = 0;     // index in `blocks`
  uint32_t category = 0;  // index in `categories`
};
static_assert(sizeof(HeapRecognized) == 8);

// A live slice of a root buffer, if views are tracked (heap_layout.h: LiveView).
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
  uint64_t address = 0;     // of the first byte
  int64_t size = 0;         // bytes
  int64_t offset = -1;      // of the first byte in the source; -1: not one place
  std::string name;         // of the source, mostly a file
  uint64_t first_time = 0;  // index in `times`
  uint64_t time_count = 0;
};

// The time of the bytes from this address to the next address of the same source. Two entries with
// the same address: the bytes have times from the lesser to the greater.
struct HeapTime {
  uint64_t address = 0;
  uint64_t time_ns = 0;  // since the source's epoch
};
static_assert(sizeof(HeapTime) == 16);

struct HeapContents {
  std::string name;                       // as given to Take
  std::vector<std::string> command_line;  // of the process
  uint32_t pid = 0;
  uint32_t max_frames = 0;       // of a stack trace
  uint64_t sample_bytes = 0;     // 0: every allocation is recorded
  uint64_t started_ns = 0;       // when tracking began, CLOCK_MONOTONIC
  uint64_t started_unix_ns = 0;  // the same moment, CLOCK_REALTIME
  uint64_t taken_ns = 0;         // when the snapshot was taken, CLOCK_MONOTONIC
  uint64_t taken_unix_ns = 0;
  uint64_t moving = 0;              // reallocations that ended while it was taken
  uint64_t lost = 0;                // blocks and views never recorded, out of memory
  uint64_t stacks_dropped = 0;      // blocks and views without a stack trace, since it had no room
  std::string why_no_first_bytes;   // why the kernel gave none; empty if it did
  std::vector<std::string> labels;  // index 0 is ""
  std::vector<HeapPool> pools;      // index 0 is malloc
  std::vector<HeapModule> modules;  // by address
  std::vector<uint64_t> frames;     // return addresses, innermost first
  std::vector<HeapPythonPlace> python_places;  // by address; those that `frames` name
  std::vector<HeapStack> stacks;               // index 0 is empty
  std::vector<HeapBlock> blocks;               // by address
  // What blocks are, such as "std::string"; a name may occur twice.
  std::vector<std::string> categories;
  std::vector<HeapRecognized> recognized;  // by block, each once
  // Blocks whose contents were not examined, since the limits of recognition were reached.
  uint64_t unexamined = 0;
  bool has_views = false;           // views were tracked; if not, the lists below are empty
  std::vector<HeapView> views;      // in no order
  std::vector<HeapSource> sources;  // by address
  std::vector<HeapTime> times;      // of each source by address
};

// Counts the malloc memory that live snapshots hold, so that the next snapshot does not count it as
// the program's. The memory of a copy counts as the program's.
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
  // The bytes of all live snapshots.
  static int64_t Sum();

 private:
  int64_t bytes_ = 0;
};

class ALKAID_EXPORT HeapSnapshot {
 public:
  // The live memory of this process. `name` is for people, such as "before". kFailedPrecondition if
  // tracking is off, or was switched off or started anew meanwhile.
  static Result<HeapSnapshot> Take(std::string name);
  // From parts; sums up the pools. kInvalidArgument, with a message that names the part, for an
  // index out of range, a negative size or a list that is not in the order of addresses.
  static Result<HeapSnapshot> Make(HeapContents contents);
  // An empty snapshot.
  HeapSnapshot();

  const HeapContents& contents() const { return contents_; }
  const std::vector<HeapBlock>& blocks() const { return contents_.blocks; }
  // The return addresses of a stack trace, innermost first.
  std::span<const uint64_t> frames(uint32_t stack) const;
  // The module that an address lies in, or null.
  const HeapModule* ModuleOf(uint64_t address) const;
  // The line of Python that an address in a stack trace stands for, or null.
  const HeapPythonPlace* PythonPlaceOf(uint64_t address) const;

  // Of all blocks. Sampled: estimates.
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
