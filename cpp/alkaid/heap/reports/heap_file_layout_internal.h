// The structures of a heap file (docs/heap-file.md). Little-endian, like the machines that this
// library runs on.
//
//     | Header | SectionEntry * section_count | section | padding to 8 | section | padding | ... |
//                 offset, size of a section --^ from the start of the file
//
// Ownership, threads: plain values. Allocates nothing.
#pragma once

#include <bit>
#include <cstdint>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap::heap_file {

static_assert(std::endian::native == std::endian::little);

inline constexpr char kMagic[8] = {'A', 'L', 'K', 'H', 'E', 'A', 'P', 'F'};
inline constexpr uint32_t kMaxSections = 1024;

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t header_size;    // bytes to the first section entry
  uint64_t file_size;      // bytes
  uint32_t section_count;  // the number of entries, which are contiguous
  uint32_t entry_size;     // bytes from one entry to the next
  uint32_t checksum;       // of header and entries, with this field 0
  uint32_t reserved;
};
static_assert(sizeof(Header) == 40);

enum SectionKind : uint32_t {
  kAbout = 1,
  kStrings = 2,
  kArguments = 3,
  kLabels = 4,
  kPools = 5,
  kModules = 6,
  kFrames = 7,
  kStacks = 8,
  kBlocks = 9,
  kViews = 10,
  kSources = 11,
  kTimes = 12,
  kCategories = 13,
  kRecognized = 14,
  kPythonLines = 15,
};
inline constexpr uint32_t kSectionKinds = 15;
// The kinds up to kLastRequired are always present. The others are present in groups, all of a
// group or none:
// - kViews to kLastOfViews: if views were tracked;
// - kCategories to kLastOfCategories: not in files of older libraries;
// - kPythonLines: if stack traces have lines of Python.
inline constexpr uint32_t kLastRequired = kBlocks;
inline constexpr uint32_t kLastOfViews = kTimes;
inline constexpr uint32_t kLastOfCategories = kRecognized;

struct SectionEntry {
  uint32_t kind;
  uint32_t record_size;  // bytes from one record to the next
  uint64_t offset;       // of the section's first byte in the file
  uint64_t size;         // bytes, a multiple of record_size
  uint32_t checksum;     // of those bytes
  uint32_t reserved;
};
static_assert(sizeof(SectionEntry) == 32);

// A part of the section kStrings.
struct StringReference {
  uint32_t offset;
  uint32_t size;
};

struct About {
  uint32_t pid;
  uint32_t max_frames;
  uint64_t sample_bytes;
  uint64_t started_ns;
  uint64_t started_unix_ns;
  uint64_t taken_ns;
  uint64_t taken_unix_ns;
  uint64_t moving;
  uint64_t lost;
  StringReference name;
  StringReference why_no_first_bytes;
  uint64_t stacks_dropped;  // not in files of older libraries
  uint64_t unexamined;      // not in files of older libraries
};
static_assert(sizeof(About) == 96);
inline constexpr uint32_t kFirstAboutSize = 80;

struct Pool {
  uint64_t identity;
  int64_t allocated;
  StringReference name;
};
static_assert(sizeof(Pool) == 24);

struct Module {
  uint64_t start;
  uint64_t end;
  uint64_t bias;
  StringReference path;
  StringReference build_id;
};
static_assert(sizeof(Module) == 40);

struct Source {
  uint64_t address;
  int64_t size;
  int64_t offset;
  uint64_t first_time;
  uint64_t time_count;
  StringReference name;
};
static_assert(sizeof(Source) == 48);

struct PythonPlace {
  uint64_t address;
  StringReference file;
  StringReference function;
  uint32_t line;
  uint32_t reserved;
};
static_assert(sizeof(PythonPlace) == 32);

// Frames are uint64_t. Stacks, blocks, views, times and recognized blocks are HeapStack, HeapBlock,
// HeapView, HeapTime and HeapRecognized, with the same layout as in memory.

}  // namespace alkaid::heap::heap_file
