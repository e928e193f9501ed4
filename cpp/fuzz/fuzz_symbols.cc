// Any bytes, as a file that a heap file lists as mapped: HeapSymbols must name its code, or say why
// not, whatever its headers, symbols and debugging information contain.
//
// The first byte determines the length of the build-id that follows, which the heap file claims,
// and the addresses to ask for: asking for all takes several times as long. The rest is the file.
// Arbitrary bytes rarely reach a table, so most mutations change what leads to one: headers of the
// file, of sections and of segments, symbols, notes, and words of the sections of DWARF.

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"
#include "tools/heap/heap_symbols.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

// libdw is not instrumented. The kinds of its answers stand for the edges that it took: libFuzzer
// reads these counters like those of the code.
__attribute__((section("__libfuzzer_extra_counters"))) uint8_t answers[1 << 10];

namespace {

using alkaid::heap::HeapContents;
using alkaid::heap::HeapModule;
using alkaid::heap::HeapSnapshot;
using alkaid::tools::CodePlace;
using alkaid::tools::HeapSymbols;
using alkaid::tools::VtableClass;

constexpr uint64_t kBias = 0x40000000;
constexpr uint64_t kMapped = 0x2000;  // bytes
constexpr uint64_t kCode = 0x400;
constexpr uint64_t kCodeEnd = 0x580;
constexpr uint64_t kTables = 0x1400;
constexpr uint64_t kTablesEnd = 0x1a00;
constexpr size_t kMaxBuildId = 32;  // bytes
// Each run asks for one address in so many; for all of them if the first byte is a multiple of 33.
constexpr uint64_t kPhases = 7;

void Require(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// One file for all runs: only its content changes.
int File(const uint8_t* data, size_t size) {
  static const int file = ::memfd_create("module", MFD_CLOEXEC);
  Require(file >= 0 && ::ftruncate(file, 0) == 0 &&
              ::pwrite(file, data, size, 0) == static_cast<ssize_t>(size),
          "the file cannot be written");
  return file;
}

void Answered(size_t kind) { answers[kind % sizeof(answers)] = 1; }

void CheckPlaces(const std::vector<CodePlace>& places, const std::string& path) {
  Require(!places.empty(), "an address has no place");
  Require(!places.back().inlined, "the outermost function is inlined into nothing");
  size_t kind = std::min<size_t>(places.size(), 7);
  for (const CodePlace& place : places) {
    Require(place.module == path, "a place is of another module");
    Require(!alkaid::tools::CodePlaceText(place).empty(), "a place without a text");
    kind = kind * 2 + (place.function.empty() ? 1 : 0);
    kind = kind * 2 + (place.file.empty() ? 1 : 0);
    kind = kind * 2 + (place.line == 0 ? 1 : 0);
  }
  Answered(kind);
}

// ---- The places of a file's tables; only offsets inside the file.

struct Span {
  size_t offset = 0;
  size_t size = 0;
};

class Elf {
 public:
  Elf(uint8_t* data, size_t size) : data_(data), size_(size) {
    if (size < sizeof(Elf64_Ehdr) || std::memcmp(data, ELFMAG, SELFMAG) != 0) return;
    const auto header = Read<Elf64_Ehdr>(0);
    AddHeaders(header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr), &sections);
    AddHeaders(header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr), &segments);
    for (const size_t at : sections) {
      const auto section = Read<Elf64_Shdr>(at);
      if (section.sh_type == SHT_NOBITS || section.sh_size == 0 || section.sh_offset >= size)
        continue;
      const Span span{section.sh_offset,
                      std::min<size_t>(section.sh_size, size - section.sh_offset)};
      if (section.sh_type == SHT_SYMTAB || section.sh_type == SHT_DYNSYM) {
        AddHeaders(span.offset, span.size / sizeof(Elf64_Sym), sizeof(Elf64_Sym), &symbols);
      } else if ((section.sh_flags & SHF_EXECINSTR) == 0) {
        contents.push_back(span);
      }
    }
  }

  template <typename T>
  T Read(size_t at) const {
    T value;
    std::memcpy(&value, data_ + at, sizeof(value));
    return value;
  }

  std::vector<size_t> sections;  // offsets of headers
  std::vector<size_t> segments;
  std::vector<size_t> symbols;
  std::vector<Span> contents;  // of sections that are neither code nor symbols

 private:
  void AddHeaders(size_t at, size_t count, size_t each, std::vector<size_t>* all) const {
    for (; count > 0 && at <= size_ && size_ - at >= each; --count, at += each) all->push_back(at);
  }

  uint8_t* const data_;
  const size_t size_;
};

// A field: its offset in a header and its size.
struct Field {
  size_t offset;
  size_t size;
};
#define FIELD(type, name) \
  Field { offsetof(type, name), sizeof(type::name) }
constexpr Field kFileFields[] = {FIELD(Elf64_Ehdr, e_type),
                                 FIELD(Elf64_Ehdr, e_machine),
                                 FIELD(Elf64_Ehdr, e_phoff),
                                 FIELD(Elf64_Ehdr, e_shoff),
                                 FIELD(Elf64_Ehdr, e_phentsize),
                                 FIELD(Elf64_Ehdr, e_phnum),
                                 FIELD(Elf64_Ehdr, e_shentsize),
                                 FIELD(Elf64_Ehdr, e_shnum),
                                 FIELD(Elf64_Ehdr, e_shstrndx),
                                 {EI_CLASS, 1},
                                 {EI_DATA, 1},
                                 {EI_VERSION, 1}};
constexpr Field kSectionFields[] = {FIELD(Elf64_Shdr, sh_name),      FIELD(Elf64_Shdr, sh_type),
                                    FIELD(Elf64_Shdr, sh_flags),     FIELD(Elf64_Shdr, sh_addr),
                                    FIELD(Elf64_Shdr, sh_offset),    FIELD(Elf64_Shdr, sh_size),
                                    FIELD(Elf64_Shdr, sh_link),      FIELD(Elf64_Shdr, sh_info),
                                    FIELD(Elf64_Shdr, sh_addralign), FIELD(Elf64_Shdr, sh_entsize)};
constexpr Field kSegmentFields[] = {FIELD(Elf64_Phdr, p_type),   FIELD(Elf64_Phdr, p_flags),
                                    FIELD(Elf64_Phdr, p_offset), FIELD(Elf64_Phdr, p_vaddr),
                                    FIELD(Elf64_Phdr, p_filesz), FIELD(Elf64_Phdr, p_memsz),
                                    FIELD(Elf64_Phdr, p_align)};
constexpr Field kSymbolFields[] = {FIELD(Elf64_Sym, st_name), FIELD(Elf64_Sym, st_info),
                                   FIELD(Elf64_Sym, st_shndx), FIELD(Elf64_Sym, st_value),
                                   FIELD(Elf64_Sym, st_size)};
#undef FIELD

class Mutator {
 public:
  Mutator(uint8_t* data, size_t size, unsigned seed)
      : data_(data), size_(size), elf_(data, size), random_(seed) {}

  // False where there is no such table.
  bool Mutate() {
    switch (Below(8)) {
      case 0:
        if (size_ < sizeof(Elf64_Ehdr)) return false;
        Set(0, kFileFields[Below(std::size(kFileFields))]);
        return true;
      case 1:
      case 2:
        return SetOneOf(elf_.sections, kSectionFields, std::size(kSectionFields));
      case 3:
        return SetOneOf(elf_.segments, kSegmentFields, std::size(kSegmentFields));
      case 4:
        return SetOneOf(elf_.symbols, kSymbolFields, std::size(kSymbolFields));
      case 5:
        return MoveSection();
      default:
        return MutateContents();
    }
  }

 private:
  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }

  // Values at the ends of arithmetic, tables and files, and values near the old one.
  uint64_t Value(uint64_t old) {
    switch (Below(12)) {
      case 0:
        return 0;
      case 1:
        return ~uint64_t{0} - Below(16);
      case 2:
        return uint64_t{1} << Below(64);
      case 3:
        return (uint64_t{1} << Below(64)) - 1;
      case 4:
        return size_;
      case 5:
        return size_ - Below(64);
      case 6:
        return elf_.contents.empty() ? 1 : elf_.contents[Below(elf_.contents.size())].offset;
      case 7:
        return Below(64);
      case 8:
        return ~old;
      default:
        return old + Below(33) - 16;
    }
  }

  void Set(size_t at, Field field) {
    uint64_t value = 0;
    std::memcpy(&value, data_ + at + field.offset, field.size);
    value = Value(value);
    std::memcpy(data_ + at + field.offset, &value, field.size);
  }

  bool SetOneOf(const std::vector<size_t>& all, const Field* fields, size_t count) {
    if (all.empty()) return false;
    Set(all[Below(all.size())], fields[Below(count)]);
    return true;
  }

  // Gives a section the place or the start of another.
  bool MoveSection() {
    if (elf_.sections.empty()) return false;
    const size_t from = elf_.sections[Below(elf_.sections.size())];
    const size_t to = elf_.sections[Below(elf_.sections.size())];
    if (Below(2) == 0) {
      std::memmove(data_ + to, data_ + from, sizeof(Elf64_Shdr));
    } else {
      const size_t offset = offsetof(Elf64_Shdr, sh_offset);
      std::memmove(data_ + to + offset, data_ + from + offset, 2 * sizeof(uint64_t));
    }
    return true;
  }

  // Changes a word, a byte or a number of DWARF, or a few bytes by libFuzzer's own mutations.
  bool MutateContents() {
    if (elf_.contents.empty()) return false;
    const Span span = elf_.contents[Below(elf_.contents.size())];
    const size_t at =
        span.offset + Below(std::min<size_t>(span.size, Below(4) == 0 ? 24 : span.size));
    const size_t room = span.offset + span.size - at;
    const size_t width = size_t{1} << Below(4);
    switch (Below(4)) {
      case 0:
        LLVMFuzzerMutate(data_ + at, std::min<size_t>(room, 16), std::min<size_t>(room, 16));
        return true;
      case 1:
        // A long LEB128.
        std::memset(data_ + at, 0x80 | static_cast<int>(Below(128)), std::min<size_t>(room, width));
        return true;
      case 2: {
        // Bytes from elsewhere in the section.
        const size_t from = span.offset + Below(span.size);
        const size_t count =
            std::min({room, span.offset + span.size - from, size_t{1} + Below(32)});
        std::memmove(data_ + at, data_ + from, count);
        return true;
      }
      default:
        if (room < width) return false;
        Set(at, {0, width});
        return true;
    }
  }

  uint8_t* const data_;
  const size_t size_;
  const Elf elf_;
  std::mt19937 random_;
};

void AskForNames(HeapSymbols& symbols, uint64_t phase, const std::string& path) {
  // Dense addresses in the code of the seeds; a few elsewhere.
  for (uint64_t offset = kCode + 5 * phase; offset < kCodeEnd; offset += 5 * kPhases) {
    CheckPlaces(symbols.Name(kBias + offset), path);
  }
  for (uint64_t offset = 1 + 0x101 * phase; offset < kMapped; offset += 0x101 * kPhases) {
    CheckPlaces(symbols.Name(kBias + offset), path);
  }
  // The addresses of their virtual tables, one of which is among the code.
  const auto ask_for_class = [&symbols](uint64_t offset) {
    const VtableClass found = symbols.ClassOfVtable(kBias + offset);
    Require(!found.name.empty() || found.sizes.empty(), "no class has a size");
    if (!found.name.empty()) Answered(found.sizes.size() * 7 + found.name.size());
  };
  for (uint64_t offset = kCode + 8 * phase; offset < kCodeEnd; offset += 8 * kPhases) {
    ask_for_class(offset);
  }
  for (uint64_t offset = kTables + 8 * phase; offset < kTablesEnd; offset += 8 * kPhases) {
    ask_for_class(offset);
  }
}

// The bytes before the file, or all bytes.
size_t HeadOf(const uint8_t* data, size_t size) {
  return size == 0 ? 0 : std::min<size_t>(size, size_t{1} + data[0] % (kMaxBuildId + 1));
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  ::unsetenv("DEBUGINFOD_URLS");  // no network
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  const size_t head = HeadOf(data, size);
  if (seed % 8 == 0 || head == size) return LLVMFuzzerMutate(data, size, max_size);
  if (seed / 32 % 4 == 0) {
    data[0] = static_cast<uint8_t>(head - 1 + (kMaxBuildId + 1) * (seed / 128 % kPhases));
  }
  Mutator mutator(data + head, size - head, seed);
  int done = 0;
  for (unsigned tries = 1 + seed / 8 % 4; tries > 0; --tries) done += mutator.Mutate() ? 1 : 0;
  return done > 0 ? size : LLVMFuzzerMutate(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const size_t head = HeadOf(data, size);
  if (head == 0) return 0;
  HeapModule module;
  module.start = kBias;
  module.end = kBias + kMapped;
  module.bias = kBias;
  module.path = "/proc/self/fd/" + std::to_string(File(data + head, size - head));
  module.build_id.assign(data + 1, data + head);
  const std::string path = module.path;
  HeapContents contents;
  contents.labels.emplace_back();
  contents.pools.emplace_back();
  contents.stacks.emplace_back();
  contents.modules.push_back(std::move(module));
  const auto snapshot = HeapSnapshot::Make(std::move(contents));
  Require(snapshot.ok(), "the snapshot is none");
  HeapSymbols symbols(*snapshot);
  AskForNames(symbols, data[0] / (kMaxBuildId + 1) % kPhases, path);
  for (const std::string& complaint : symbols.complaints()) {
    Answered(std::hash<std::string>()(complaint));
  }
  return 0;
}
