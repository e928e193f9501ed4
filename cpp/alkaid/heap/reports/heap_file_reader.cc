#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/crc32_internal.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_file_layout_internal.h"

namespace alkaid::heap {
namespace {

using heap_file::SectionEntry;
using heap_file::StringReference;

// The name of each kind of section in messages, and the least size of its records in bytes.
struct KindOfSection {
  const char* name;
  uint64_t record_size;
};
constexpr std::array<KindOfSection, heap_file::kSectionKinds + 1> kKinds = {{
    {"unknown", 0},
    {"about", heap_file::kFirstAboutSize},
    {"strings", 1},
    {"arguments", sizeof(StringReference)},
    {"labels", sizeof(StringReference)},
    {"pools", sizeof(heap_file::Pool)},
    {"modules", sizeof(heap_file::Module)},
    {"frames", sizeof(uint64_t)},
    {"stacks", sizeof(HeapStack)},
    {"blocks", sizeof(HeapBlock)},
    {"views", sizeof(HeapView)},
    {"sources", sizeof(heap_file::Source)},
    {"times", sizeof(HeapTime)},
    {"categories", sizeof(StringReference)},
    {"recognized blocks", sizeof(HeapRecognized)},
    {"lines of Python", sizeof(heap_file::PythonPlace)},
}};

class Parser {
 public:
  Parser(const void* data, int64_t nbytes, const std::string& name)
      : data_(static_cast<const uint8_t*>(data)),
        size_(static_cast<uint64_t>(nbytes)),
        name_(name) {}

  Result<HeapSnapshot> Parse() {
    ALKAID_RETURN_NOT_OK(ParseHeader());
    ALKAID_RETURN_NOT_OK(ParseEntries());
    HeapContents contents;
    ALKAID_RETURN_NOT_OK(ParseAbout(&contents));
    ALKAID_RETURN_NOT_OK(ParseNames(&contents));
    Copy(heap_file::kFrames, &contents.frames);
    Copy(heap_file::kStacks, &contents.stacks);
    Copy(heap_file::kBlocks, &contents.blocks);
    ALKAID_RETURN_NOT_OK(ParseViews(&contents));
    ALKAID_RETURN_NOT_OK(ParseCategories(&contents));
    ALKAID_RETURN_NOT_OK(ParsePythonPlaces(&contents));
    Result<HeapSnapshot> snapshot = HeapSnapshot::Make(std::move(contents));
    if (snapshot.ok() || snapshot.status().code() == StatusCode::kResourceExhausted) {
      return snapshot;
    }
    return status::DataLoss(name_, ": ", snapshot.status().message(), "; blocks begin at byte ",
                            sections_[heap_file::kBlocks].offset, ", stack traces at byte ",
                            sections_[heap_file::kStacks].offset);
  }

 private:
  Status ParseHeader() {
    if (size_ < sizeof(heap_file::kMagic) ||
        std::memcmp(data_, heap_file::kMagic, sizeof(heap_file::kMagic)) != 0) {
      return status::DataLoss(name_, " is not a heap file: its ", size_,
                              " bytes do not begin with \"ALKHEAPF\"");
    }
    if (size_ < sizeof(header_)) {
      return status::DataLoss(name_, " is cut short: it has ", size_, " bytes, its header takes ",
                              sizeof(header_));
    }
    std::memcpy(&header_, data_, sizeof(header_));
    if (header_.version != kHeapFileVersion) {
      return status::DataLoss(name_, " is a heap file of version ", header_.version,
                              " (byte 8); this reads version ", kHeapFileVersion);
    }
    if (header_.file_size != size_) {
      return status::DataLoss(name_, " is ", header_.file_size > size_ ? "cut short" : "damaged",
                              ": it has ", size_, " bytes and says ", header_.file_size,
                              " (byte 16)");
    }
    if (header_.header_size < sizeof(header_) || header_.entry_size < sizeof(SectionEntry) ||
        header_.section_count > heap_file::kMaxSections ||
        header_.header_size + uint64_t{header_.section_count} * header_.entry_size > size_) {
      return status::DataLoss(name_, " is damaged: a header of ", header_.header_size,
                              " bytes (byte 12) and ", header_.section_count, " sections of ",
                              header_.entry_size, " bytes each (byte 24) are not valid in ", size_,
                              " bytes");
    }
    const uint64_t head =
        header_.header_size + uint64_t{header_.section_count} * header_.entry_size;
    std::vector<uint8_t> copy(data_, data_ + head);
    std::memset(copy.data() + offsetof(heap_file::Header, checksum), 0, sizeof(uint32_t));
    if (Crc32(copy.data(), copy.size()) != header_.checksum) {
      return status::DataLoss(name_, " is damaged: its first ", head,
                              " bytes do not match their checksum (byte 32)");
    }
    return absl::OkStatus();
  }

  Status ParseEntries() {
    for (uint64_t i = 0; i < header_.section_count; ++i) {
      const uint64_t at = header_.header_size + i * header_.entry_size;
      SectionEntry entry;
      std::memcpy(&entry, data_ + at, sizeof(entry));
      // From a newer library; this one can do without it.
      if (entry.kind == 0 || entry.kind > heap_file::kSectionKinds) continue;
      const KindOfSection& kind = kKinds[entry.kind];
      if (entry.offset > size_ || entry.size > size_ - entry.offset) {
        return status::DataLoss(name_, " is damaged: the section of ", kind.name, " (byte ", at,
                                ") has ", entry.size, " bytes from byte ", entry.offset,
                                " on, the file has ", size_);
      }
      if (entry.record_size < kind.record_size || entry.size % entry.record_size != 0) {
        return status::DataLoss(name_, " is damaged: the section of ", kind.name, " (byte ", at,
                                ") has ", entry.size, " bytes of records of ", entry.record_size,
                                "; a record has at least ", kind.record_size);
      }
      if (sections_[entry.kind].kind != 0) {
        return status::DataLoss(name_, " is damaged: it has two sections of ", kind.name,
                                ", the second at byte ", at);
      }
      if (Crc32(data_ + entry.offset, entry.size) != entry.checksum) {
        return status::DataLoss(name_, " is damaged: the section of ", kind.name, ", ", entry.size,
                                " bytes from byte ", entry.offset,
                                " on, does not match its checksum");
      }
      sections_[entry.kind] = entry;
    }
    ALKAID_RETURN_NOT_OK(RequireSections(1, heap_file::kLastRequired));
    ALKAID_RETURN_NOT_OK(RequireAllOrNone(heap_file::kLastRequired + 1, heap_file::kLastOfViews));
    return RequireAllOrNone(heap_file::kLastOfViews + 1, heap_file::kLastOfCategories);
  }

  Status RequireSections(uint32_t first, uint32_t last) const {
    for (uint32_t kind = first; kind <= last; ++kind) {
      if (sections_[kind].kind == 0) {
        return status::DataLoss(name_, " is damaged: it has no section of ", kKinds[kind].name,
                                " among the ", header_.section_count, " from byte ",
                                header_.header_size, " on");
      }
    }
    return absl::OkStatus();
  }

  Status RequireAllOrNone(uint32_t first, uint32_t last) const {
    bool any = false;
    for (uint32_t kind = first; kind <= last; ++kind) any = any || sections_[kind].kind != 0;
    return any ? RequireSections(first, last) : absl::OkStatus();
  }

  // Copies the records of a section. They may be longer or shorter than T.
  template <typename T>
  void Copy(heap_file::SectionKind kind, std::vector<T>* records) const {
    const SectionEntry& section = sections_[kind];
    records->resize(section.size / section.record_size);
    const uint8_t* from = data_ + section.offset;
    if (section.record_size == sizeof(T)) {
      if (section.size > 0) std::memcpy(records->data(), from, section.size);
      return;
    }
    // Fields that the writing library did not have stay zero.
    const size_t size = std::min<size_t>(section.record_size, sizeof(T));
    for (T& record : *records) {
      std::memcpy(&record, from, size);
      from += section.record_size;
    }
  }

  // Strings never overlap in a valid file. So all of them together have no more bytes than their
  // section, and no file makes its reader hold more than a few times the size of the file.
  Status ParseString(StringReference reference, std::string* text) {
    const SectionEntry& strings = sections_[heap_file::kStrings];
    if (reference.offset > strings.size || reference.size > strings.size - reference.offset ||
        reference.size > strings.size - strings_used_) {
      return status::DataLoss(name_, " is damaged: a name of ", reference.size, " bytes from byte ",
                              strings.offset + reference.offset,
                              " on is not in the section of strings, ", strings.size,
                              " bytes from byte ", strings.offset, " on, or overlaps another name");
    }
    strings_used_ += reference.size;
    text->assign(reinterpret_cast<const char*>(data_ + strings.offset + reference.offset),
                 reference.size);
    return absl::OkStatus();
  }

  Status ParseAbout(HeapContents* contents) {
    std::vector<heap_file::About> abouts;
    Copy(heap_file::kAbout, &abouts);
    if (abouts.size() != 1) {
      return status::DataLoss(name_, " is damaged: its section about, at byte ",
                              sections_[heap_file::kAbout].offset, ", has ", abouts.size(),
                              " records instead of one");
    }
    const heap_file::About& about = abouts.front();
    contents->pid = about.pid;
    contents->max_frames = about.max_frames;
    contents->sample_bytes = about.sample_bytes;
    contents->started_ns = about.started_ns;
    contents->started_unix_ns = about.started_unix_ns;
    contents->taken_ns = about.taken_ns;
    contents->taken_unix_ns = about.taken_unix_ns;
    contents->moving = about.moving;
    contents->lost = about.lost;
    contents->stacks_dropped = about.stacks_dropped;
    contents->unexamined = about.unexamined;
    ALKAID_RETURN_NOT_OK(ParseString(about.name, &contents->name));
    return ParseString(about.why_no_first_bytes, &contents->why_no_first_bytes);
  }

  Status ParseList(heap_file::SectionKind kind, std::vector<std::string>* texts) {
    std::vector<StringReference> references;
    Copy(kind, &references);
    for (const StringReference& reference : references) {
      ALKAID_RETURN_NOT_OK(ParseString(reference, &texts->emplace_back()));
    }
    return absl::OkStatus();
  }

  Status ParseNames(HeapContents* contents) {
    ALKAID_RETURN_NOT_OK(ParseList(heap_file::kArguments, &contents->command_line));
    ALKAID_RETURN_NOT_OK(ParseList(heap_file::kLabels, &contents->labels));
    std::vector<heap_file::Pool> pools;
    Copy(heap_file::kPools, &pools);
    for (const heap_file::Pool& pool : pools) {
      HeapPool& parsed = contents->pools.emplace_back();
      parsed.identity = pool.identity;
      parsed.allocated = std::max<int64_t>(pool.allocated, -1);
      ALKAID_RETURN_NOT_OK(ParseString(pool.name, &parsed.name));
    }
    std::vector<heap_file::Module> modules;
    Copy(heap_file::kModules, &modules);
    for (const heap_file::Module& module : modules) {
      HeapModule& parsed = contents->modules.emplace_back();
      parsed.start = module.start;
      parsed.end = module.end;
      parsed.bias = module.bias;
      ALKAID_RETURN_NOT_OK(ParseString(module.path, &parsed.path));
      ALKAID_RETURN_NOT_OK(ParseString(module.build_id, &parsed.build_id));
    }
    return absl::OkStatus();
  }

  Status ParseViews(HeapContents* contents) {
    contents->has_views = sections_[heap_file::kViews].kind != 0;
    if (!contents->has_views) return absl::OkStatus();
    Copy(heap_file::kViews, &contents->views);
    Copy(heap_file::kTimes, &contents->times);
    std::vector<heap_file::Source> sources;
    Copy(heap_file::kSources, &sources);
    for (const heap_file::Source& source : sources) {
      HeapSource& parsed = contents->sources.emplace_back();
      parsed.address = source.address;
      parsed.size = source.size;
      parsed.offset = source.offset;
      parsed.first_time = source.first_time;
      parsed.time_count = source.time_count;
      ALKAID_RETURN_NOT_OK(ParseString(source.name, &parsed.name));
    }
    return absl::OkStatus();
  }

  Status ParseCategories(HeapContents* contents) {
    if (sections_[heap_file::kCategories].kind == 0) return absl::OkStatus();
    Copy(heap_file::kRecognized, &contents->recognized);
    return ParseList(heap_file::kCategories, &contents->categories);
  }

  Status ParsePythonPlaces(HeapContents* contents) {
    if (sections_[heap_file::kPythonLines].kind == 0) return absl::OkStatus();
    std::vector<heap_file::PythonPlace> places;
    Copy(heap_file::kPythonLines, &places);
    for (const heap_file::PythonPlace& place : places) {
      HeapPythonPlace& parsed = contents->python_places.emplace_back();
      parsed.address = place.address;
      parsed.line = place.line;
      ALKAID_RETURN_NOT_OK(ParseString(place.file, &parsed.file));
      ALKAID_RETURN_NOT_OK(ParseString(place.function, &parsed.function));
    }
    return absl::OkStatus();
  }

  const uint8_t* const data_;
  const uint64_t size_;
  const std::string& name_;
  heap_file::Header header_ = {};
  std::array<SectionEntry, heap_file::kSectionKinds + 1> sections_ = {};
  uint64_t strings_used_ = 0;
};

}  // namespace

Result<HeapSnapshot> ParseHeap(const void* data, int64_t nbytes, const std::string& name) {
  if (nbytes < 0 || (data == nullptr && nbytes > 0)) {
    return status::Invalid(nbytes, " bytes at ", data == nullptr ? "no address" : "an address",
                           " cannot be a heap file");
  }
  try {
    return Parser(data, nbytes, name).Parse();
  } catch (const std::bad_alloc&) {
    return status::OutOfMemory("no memory for the contents of ", name, " (", nbytes, " bytes)");
  }
}

Result<HeapSnapshot> ReadHeapFile(const std::string& path) try {
  ALKAID_ASSIGN_OR_RAISE(const auto bytes,
                         io::ReadWholeFile(path, kMaxHeapFileBytes, "a heap file"));
  return ParseHeap(bytes->data(), bytes->size(), path);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::heap
