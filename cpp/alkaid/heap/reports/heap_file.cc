#include "alkaid/heap/reports/heap_file.h"

#include <array>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

#include "alkaid/core/files/durable_file.h"
#include "alkaid/heap/reports/crc32_internal.h"
#include "alkaid/heap/reports/heap_file_layout_internal.h"

namespace alkaid::heap {
namespace {

using heap_file::StringReference;

class Strings {
 public:
  StringReference Add(std::string_view text) {
    const StringReference reference = {static_cast<uint32_t>(bytes_.size()),
                                       static_cast<uint32_t>(text.size())};
    bytes_ += text;
    return reference;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// The small sections are built here; frames, stacks and blocks are written from where they are.
struct Parts {
  heap_file::About about = {};
  std::vector<StringReference> arguments;
  std::vector<StringReference> labels;
  std::vector<heap_file::Pool> pools;
  std::vector<heap_file::Module> modules;
  std::vector<heap_file::Source> sources;
  std::vector<StringReference> categories;
  std::vector<heap_file::PythonPlace> python_places;
  Strings strings;

  explicit Parts(const HeapContents& contents) {
    about.pid = contents.pid;
    about.max_frames = contents.max_frames;
    about.sample_bytes = contents.sample_bytes;
    about.started_ns = contents.started_ns;
    about.started_unix_ns = contents.started_unix_ns;
    about.taken_ns = contents.taken_ns;
    about.taken_unix_ns = contents.taken_unix_ns;
    about.moving = contents.moving;
    about.lost = contents.lost;
    about.stacks_dropped = contents.stacks_dropped;
    about.unexamined = contents.unexamined;
    about.name = strings.Add(contents.name);
    about.why_no_first_bytes = strings.Add(contents.why_no_first_bytes);
    for (const std::string& text : contents.command_line) arguments.push_back(strings.Add(text));
    for (const std::string& text : contents.labels) labels.push_back(strings.Add(text));
    for (const HeapPool& pool : contents.pools) {
      pools.push_back({pool.identity, pool.allocated, strings.Add(pool.name)});
    }
    for (const HeapModule& module : contents.modules) {
      const StringReference path = strings.Add(module.path);
      modules.push_back(
          {module.start, module.end, module.bias, path, strings.Add(module.build_id)});
    }
    for (const HeapSource& source : contents.sources) {
      sources.push_back({source.address, source.size, source.offset, source.first_time,
                         source.time_count, strings.Add(source.name)});
    }
    for (const std::string& text : contents.categories) categories.push_back(strings.Add(text));
    for (const HeapPythonPlace& place : contents.python_places) {
      const StringReference file = strings.Add(place.file);
      python_places.push_back({place.address, file, strings.Add(place.function), place.line, 0});
    }
  }
};

struct Section {
  uint32_t kind;
  uint32_t record_size;
  const void* data;
  uint64_t size;
};

template <typename T>
Section SectionOf(heap_file::SectionKind kind, const std::vector<T>& records) {
  return {kind, sizeof(T), records.data(), records.size() * sizeof(T)};
}

constexpr uint64_t Padding(uint64_t size) { return (8 - size % 8) % 8; }

Status WriteSections(const std::vector<Section>& sections, io::OutputStream* stream) {
  std::vector<heap_file::SectionEntry> entries;
  heap_file::Header header = {};
  uint64_t offset = sizeof(header) + sections.size() * sizeof(heap_file::SectionEntry);
  for (const Section& section : sections) {
    entries.push_back({section.kind, section.record_size, offset, section.size,
                       Crc32(section.data, section.size), 0});
    offset += section.size + Padding(section.size);
  }
  if (offset > static_cast<uint64_t>(kMaxHeapFileBytes)) {
    return status::OutOfMemory("a heap file has at most ", kMaxHeapFileBytes,
                               " bytes; this one would have ", offset);
  }
  std::memcpy(header.magic, heap_file::kMagic, sizeof(header.magic));
  header.version = kHeapFileVersion;
  header.header_size = sizeof(header);
  header.file_size = offset;
  header.section_count = static_cast<uint32_t>(entries.size());
  header.entry_size = sizeof(heap_file::SectionEntry);
  const uint64_t entries_size = entries.size() * sizeof(heap_file::SectionEntry);
  header.checksum = Crc32(entries.data(), entries_size, Crc32(&header, sizeof(header)));

  ALKAID_RETURN_NOT_OK(stream->Write(&header, sizeof(header)));
  ALKAID_RETURN_NOT_OK(stream->Write(entries.data(), static_cast<int64_t>(entries_size)));
  constexpr std::array<char, 8> kZeros = {};
  for (const Section& section : sections) {
    if (section.size == 0) continue;
    ALKAID_RETURN_NOT_OK(stream->Write(section.data, static_cast<int64_t>(section.size)));
    ALKAID_RETURN_NOT_OK(stream->Write(kZeros.data(), static_cast<int64_t>(Padding(section.size))));
  }
  return absl::OkStatus();
}

Status WriteParts(const HeapContents& contents, io::OutputStream* stream) {
  const Parts parts(contents);
  const std::string& strings = parts.strings.bytes();
  if (strings.size() > UINT32_MAX) {
    return status::OutOfMemory("a heap file holds at most ", UINT32_MAX,
                               " bytes of names; these are ", strings.size());
  }
  std::vector<Section> sections = {
      {heap_file::kAbout, sizeof(parts.about), &parts.about, sizeof(parts.about)},
      {heap_file::kStrings, 1, strings.data(), strings.size()},
      SectionOf(heap_file::kArguments, parts.arguments),
      SectionOf(heap_file::kLabels, parts.labels),
      SectionOf(heap_file::kPools, parts.pools),
      SectionOf(heap_file::kModules, parts.modules),
      SectionOf(heap_file::kFrames, contents.frames),
      SectionOf(heap_file::kStacks, contents.stacks),
      SectionOf(heap_file::kBlocks, contents.blocks)};
  if (contents.has_views) {
    sections.push_back(SectionOf(heap_file::kViews, contents.views));
    sections.push_back(SectionOf(heap_file::kSources, parts.sources));
    sections.push_back(SectionOf(heap_file::kTimes, contents.times));
  }
  sections.push_back(SectionOf(heap_file::kCategories, parts.categories));
  sections.push_back(SectionOf(heap_file::kRecognized, contents.recognized));
  if (!parts.python_places.empty()) {
    sections.push_back(SectionOf(heap_file::kPythonLines, parts.python_places));
  }
  return WriteSections(sections, stream);
}

}  // namespace

Status WriteHeap(const HeapSnapshot& snapshot, io::OutputStream* stream) {
  try {
    return WriteParts(snapshot.contents(), stream);
  } catch (const std::bad_alloc&) {
    return status::OutOfMemory("no memory for the parts of a heap file");
  }
}

Status WriteHeapFile(const HeapSnapshot& snapshot, const std::string& path) try {
  ALKAID_ASSIGN_OR_RAISE(auto file, io::DurableFileOutputStream::Open(
                                        path, io::FileAccess::kOwnerOnly, io::PipeReader::kThere));
  ALKAID_RETURN_NOT_OK(WriteHeap(snapshot, file.get()));
  return file->Close();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::heap
