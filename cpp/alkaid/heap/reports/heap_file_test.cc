#include "alkaid/heap/reports/heap_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "alkaid/heap/reports/crc32_internal.h"
#include "alkaid/heap/reports/heap_file_layout_internal.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_heap.h"

namespace alkaid::heap {
namespace {

using fixtures::Block;
using ::testing::AllOf;
using ::testing::HasSubstr;

HeapSnapshot Example() {
  HeapContents contents = fixtures::EmptyContents("at the \xff end\n");
  contents.moving = 3;
  contents.lost = 4;
  contents.stacks_dropped = 5;
  contents.unexamined = 6;
  contents.sample_bytes = 512;
  contents.why_no_first_bytes = "not asked";
  contents.pools[1].allocated = -1;
  contents.blocks = {Block(0x1000, 64, 1), Block(0x2000, 355'920, 2, 2, 2), Block(0x3000, 0, 3)};
  contents.blocks[1].flags = kSampled;
  contents.blocks[1].weight = 1'000'000;
  contents.categories = {"std::string", "Python \xff\n"};
  contents.recognized = {{0, 1}, {2, 0}};
  contents.python_places = {{kPythonPlaces + 1, "/home/a/run.py", "Reader.read", 12},
                            {kPythonPlaces + 65, "größe\xff\n", "<module>", 0}};
  return HeapSnapshot::Make(std::move(contents)).value();
}

// Parses a heap copy of exactly this size, so that a sanitizer sees a read past its end.
Result<HeapSnapshot> Parse(const std::string& bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  return ParseHeap(copy.data(), static_cast<int64_t>(copy.size()), "x.heap");
}

template <typename T>
std::string With(std::string bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
  return bytes;
}

// Updates the checksums to the current bytes.
std::string Mended(std::string bytes) {
  heap_file::Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  size_t at = sizeof(header);
  for (uint32_t i = 0; i < header.section_count; ++i, at += sizeof(heap_file::SectionEntry)) {
    heap_file::SectionEntry entry;
    std::memcpy(&entry, bytes.data() + at, sizeof(entry));
    if (entry.offset <= bytes.size() && entry.size <= bytes.size() - entry.offset) {
      entry.checksum = Crc32(bytes.data() + entry.offset, entry.size);
      std::memcpy(bytes.data() + at, &entry, sizeof(entry));
    }
  }
  bytes = With(bytes, offsetof(heap_file::Header, checksum), uint32_t{0});
  return With(bytes, offsetof(heap_file::Header, checksum), Crc32(bytes.data(), at));
}

heap_file::SectionEntry EntryOf(const std::string& bytes, heap_file::SectionKind kind,
                                size_t* place) {
  heap_file::SectionEntry entry = {};
  for (size_t at = sizeof(heap_file::Header); entry.kind != kind; at += sizeof(entry)) {
    std::memcpy(&entry, bytes.data() + at, sizeof(entry));
    *place = at;
  }
  return entry;
}

void ExpectSame(const HeapSnapshot& a, const HeapSnapshot& b) {
  const HeapContents& x = a.contents();
  const HeapContents& y = b.contents();
  EXPECT_EQ(x.name, y.name);
  EXPECT_EQ(x.command_line, y.command_line);
  ASSERT_EQ(x.python_places.size(), y.python_places.size());
  for (size_t i = 0; i < x.python_places.size(); ++i) {
    EXPECT_EQ(x.python_places[i].address, y.python_places[i].address);
    EXPECT_EQ(x.python_places[i].file, y.python_places[i].file);
    EXPECT_EQ(x.python_places[i].function, y.python_places[i].function);
    EXPECT_EQ(x.python_places[i].line, y.python_places[i].line);
  }
  EXPECT_EQ(x.pid, y.pid);
  EXPECT_EQ(x.max_frames, y.max_frames);
  EXPECT_EQ(x.sample_bytes, y.sample_bytes);
  EXPECT_EQ(x.started_ns, y.started_ns);
  EXPECT_EQ(x.started_unix_ns, y.started_unix_ns);
  EXPECT_EQ(x.taken_ns, y.taken_ns);
  EXPECT_EQ(x.taken_unix_ns, y.taken_unix_ns);
  EXPECT_EQ(x.moving, y.moving);
  EXPECT_EQ(x.lost, y.lost);
  EXPECT_EQ(x.stacks_dropped, y.stacks_dropped);
  EXPECT_EQ(x.unexamined, y.unexamined);
  EXPECT_EQ(x.why_no_first_bytes, y.why_no_first_bytes);
  EXPECT_EQ(x.labels, y.labels);
  EXPECT_EQ(x.frames, y.frames);
  ASSERT_EQ(x.pools.size(), y.pools.size());
  for (size_t i = 0; i < x.pools.size(); ++i) {
    EXPECT_EQ(x.pools[i].name, y.pools[i].name);
    EXPECT_EQ(x.pools[i].identity, y.pools[i].identity);
    EXPECT_EQ(x.pools[i].allocated, y.pools[i].allocated);
    EXPECT_EQ(x.pools[i].bytes, y.pools[i].bytes);
  }
  ASSERT_EQ(x.modules.size(), y.modules.size());
  for (size_t i = 0; i < x.modules.size(); ++i) {
    EXPECT_EQ(x.modules[i].start, y.modules[i].start);
    EXPECT_EQ(x.modules[i].end, y.modules[i].end);
    EXPECT_EQ(x.modules[i].bias, y.modules[i].bias);
    EXPECT_EQ(x.modules[i].path, y.modules[i].path);
    EXPECT_EQ(x.modules[i].build_id, y.modules[i].build_id);
  }
  ASSERT_EQ(x.stacks.size(), y.stacks.size());
  if (!x.stacks.empty()) {
    EXPECT_EQ(std::memcmp(x.stacks.data(), y.stacks.data(), x.stacks.size() * sizeof(HeapStack)),
              0);
  }
  EXPECT_EQ(x.categories, y.categories);
  ASSERT_EQ(x.recognized.size(), y.recognized.size());
  for (size_t i = 0; i < x.recognized.size(); ++i) {
    EXPECT_EQ(x.recognized[i].block, y.recognized[i].block);
    EXPECT_EQ(x.recognized[i].category, y.recognized[i].category);
  }
  ASSERT_EQ(x.blocks.size(), y.blocks.size());
  if (!x.blocks.empty()) {
    EXPECT_EQ(std::memcmp(x.blocks.data(), y.blocks.data(), x.blocks.size() * sizeof(HeapBlock)),
              0);
  }
}

// A snapshot with a view, its source and the source's times.
HeapSnapshot WithViews() {
  HeapContents contents = fixtures::EmptyContents("views");
  contents.has_views = true;
  contents.views = {{0x100, 0x200, 0x5010, 16, 0x5000, 4096, 150 * fixtures::kSecond, 1, 4711}};
  contents.sources = {{0x5000, 4096, 70, "run.xtc2", 0, 1}, {0x9000, 10, -1, "", 1, 1}};
  contents.times = {{0x5000, 1000}, {0x9000, 2000}};
  return HeapSnapshot::Make(std::move(contents)).value();
}

class HeapFile : public ::testing::Test {
 protected:
  HeapFile() : path_(::testing::TempDir() + "/alkaid-heap-file-" + std::to_string(::getpid())) {}
  ~HeapFile() override { std::filesystem::remove(path_); }
  const std::string path_;
};

TEST_F(HeapFile, HoldsWhatTheSnapshotHolds) {
  const HeapSnapshot snapshot = Example();
  ALKAID_ASSERT_OK(WriteHeapFile(snapshot, path_));
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot read, ReadHeapFile(path_));
  ExpectSame(snapshot, read);
}

TEST_F(HeapFile, HoldsViewsAndSourcesWhereTheyWereTracked) {
  const HeapSnapshot snapshot = WithViews();
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot read, Parse(fixtures::FileBytes(snapshot)));
  ExpectSame(snapshot, read);
  const HeapContents& contents = read.contents();
  EXPECT_TRUE(contents.has_views);
  ASSERT_EQ(contents.views.size(), 1U);
  EXPECT_EQ(std::memcmp(&contents.views[0], &snapshot.contents().views[0], sizeof(HeapView)), 0);
  ASSERT_EQ(contents.sources.size(), 2U);
  EXPECT_EQ(contents.sources[0].name, "run.xtc2");
  EXPECT_EQ(contents.sources[0].offset, 70);
  EXPECT_EQ(contents.sources[1].offset, -1);
  EXPECT_EQ(contents.sources[1].first_time, 1U);
  ASSERT_EQ(contents.times.size(), 2U);
  EXPECT_EQ(contents.times[1].time_ns, 2000U);
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot without, Parse(fixtures::FileBytes(Example())));
  EXPECT_FALSE(without.contents().has_views);
}

TEST_F(HeapFile, WithOnlySomeOfViewsSourcesAndTimesIsDamaged) {
  const std::string bytes = fixtures::FileBytes(WithViews());
  for (const auto& [kind, name] :
       {std::pair(heap_file::kViews, "views"), std::pair(heap_file::kSources, "sources"),
        std::pair(heap_file::kTimes, "times")}) {
    size_t place = 0;
    EntryOf(bytes, kind, &place);
    EXPECT_THAT(Parse(Mended(With(bytes, place, uint32_t{999}))),
                StatusIs(StatusCode::kDataLoss, HasSubstr(std::string("no section of ") + name)));
  }
}

TEST_F(HeapFile, OfNothingCanBeWrittenAndRead) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot read, Parse(fixtures::FileBytes(HeapSnapshot())));
  ExpectSame(HeapSnapshot(), read);
}

TEST_F(HeapFile, ThatCanNotBeReadIsNamed) {
  EXPECT_THAT(ReadHeapFile(path_), StatusIs(StatusCode::kNotFound, HasSubstr(path_)));
  std::ofstream(path_) << "what else";
  EXPECT_THAT(
      ReadHeapFile(path_),
      StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr(path_), HasSubstr("is not a heap file"))));
  std::ofstream(path_, std::ios::trunc).flush();
  EXPECT_THAT(ReadHeapFile(path_),
              StatusIs(StatusCode::kDataLoss, HasSubstr("is not a heap file")));
}

TEST_F(HeapFile, ThatCanNotBeWrittenLeavesNothing) {
  EXPECT_THAT(WriteHeapFile(Example(), path_ + "/there/is/none"),
              StatusIs(StatusCode::kNotFound, HasSubstr(path_)));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(HeapFile, CutAnywhereIsDataLossThatSaysSo) {
  const std::string bytes = fixtures::FileBytes(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto read = Parse(bytes.substr(0, size));
    EXPECT_THAT(read, StatusIs(StatusCode::kDataLoss,
                               HasSubstr(size < 8 ? "is not a heap file" : "is cut short")))
        << size;
  }
  EXPECT_THAT(Parse(bytes + "x"), StatusIs(StatusCode::kDataLoss, HasSubstr("byte 16")));
}

TEST_F(HeapFile, WithAnyBitFlippedIsDataLossUnlessTheBitMeansNothing) {
  const std::string bytes = fixtures::FileBytes(Example());
  const HeapSnapshot whole = Example();
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int bit : {0, 7}) {
      const auto read = Parse(With(bytes, at, static_cast<char>(bytes[at] ^ (1 << bit))));
      if (!read.ok()) {
        EXPECT_EQ(read.status().code(), StatusCode::kDataLoss) << at;
      } else {
        // Only the padding between sections is not covered.
        EXPECT_EQ(bytes[at], 0) << at;
        ExpectSame(whole, *read);
      }
    }
  }
}

// The same damage, in files whose checksums match the damaged bytes: the contents are checked too.
TEST_F(HeapFile, WithAnyBytesChangedIsReadOrRefusedAndNeverMore) {
  const std::string bytes = fixtures::FileBytes(Example());
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = bytes;
    for (uint32_t i = 0, n = 1 + random() % 3; i < n; ++i) {
      const size_t at = 28 + random() % (damaged.size() - 28);
      damaged[at] = static_cast<char>(random() % 4 == 0 ? 0xff : random());
    }
    const auto read = Parse(Mended(damaged));
    if (read.ok()) {
      for (const HeapBlock& block : read->blocks()) read->frames(block.stack);
    } else {
      EXPECT_EQ(read.status().code(), StatusCode::kDataLoss) << read.status();
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(HeapFile, OfAnotherVersionSaysWhichItIs) {
  EXPECT_THAT(Parse(Mended(With(fixtures::FileBytes(Example()), 8, uint32_t{2}))),
              StatusIs(StatusCode::kDataLoss,
                       AllOf(HasSubstr("x.heap"), HasSubstr("version 2"), HasSubstr("version 1"))));
}

TEST_F(HeapFile, WithASectionOutsideSaysWhichAndWhere) {
  const std::string bytes = fixtures::FileBytes(Example());
  size_t at = 0;
  EntryOf(bytes, heap_file::kBlocks, &at);
  EXPECT_THAT(Parse(Mended(With(bytes, at + 8, uint64_t{1} << 63))),
              StatusIs(StatusCode::kDataLoss,
                       AllOf(HasSubstr("section of blocks"), HasSubstr("9223372036854775808"))));
  EXPECT_THAT(Parse(Mended(With(bytes, at + 16, UINT64_MAX))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("section of blocks")));
  EXPECT_THAT(Parse(Mended(With(bytes, at + 4, uint32_t{8}))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("records of 8")));
  EXPECT_THAT(Parse(Mended(With(bytes, at, uint32_t{8}))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("two sections of stacks")));
  EXPECT_THAT(Parse(Mended(With(bytes, at, uint32_t{77}))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("no section of blocks")));
}

TEST_F(HeapFile, WithABlockThatRefersToNothingSaysWhich) {
  const std::string bytes = fixtures::FileBytes(Example());
  size_t at = 0;
  const uint64_t blocks = EntryOf(bytes, heap_file::kBlocks, &at).offset;
  const size_t second = blocks + sizeof(HeapBlock);
  EXPECT_THAT(Parse(Mended(With(bytes, second + offsetof(HeapBlock, stack), uint32_t{3}))),
              StatusIs(StatusCode::kDataLoss,
                       AllOf(HasSubstr("block 1"), HasSubstr(std::to_string(blocks)))));
  EXPECT_THAT(Parse(Mended(With(bytes, second + offsetof(HeapBlock, size), int64_t{-1}))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("-1 bytes")));
  EXPECT_THAT(Parse(Mended(With(bytes, second, uint64_t{0x1000}))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("does not come after")));
  const uint64_t stacks = EntryOf(bytes, heap_file::kStacks, &at).offset;
  EXPECT_THAT(Parse(Mended(With(bytes, stacks + sizeof(HeapStack) + 8, UINT32_MAX))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("stack trace 1")));
}

TEST_F(HeapFile, WithARecognizedBlockThatRefersToNothingSaysWhich) {
  const std::string bytes = fixtures::FileBytes(Example());
  size_t at = 0;
  const size_t recognized = EntryOf(bytes, heap_file::kRecognized, &at).offset;
  const size_t second = recognized + sizeof(HeapRecognized);
  const std::pair<size_t, uint32_t> damages[] = {
      {second, 3}, {second + 4, 2}, {second, 0}, {recognized + 4, UINT32_MAX}};
  for (const auto& [place, value] : damages) {
    const std::string which = place < second ? "recognized block 0" : "recognized block 1";
    EXPECT_THAT(Parse(Mended(With(bytes, place, value))),
                StatusIs(StatusCode::kDataLoss, HasSubstr(which)));
  }
  // Only one of the two sections.
  EXPECT_THAT(Parse(Mended(With(bytes, at, uint32_t{77}))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("no section of recognized blocks")));
  EntryOf(bytes, heap_file::kCategories, &at);
  EXPECT_THAT(Parse(Mended(With(bytes, at, uint32_t{77}))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("no section of categories")));
}

TEST_F(HeapFile, WithLinesOfPythonOutOfOrderSaysWhich) {
  const std::string bytes = fixtures::FileBytes(Example());
  size_t place = 0;
  const auto entry = EntryOf(bytes, heap_file::kPythonLines, &place);
  ASSERT_EQ(entry.size, 2 * sizeof(heap_file::PythonPlace));
  EXPECT_THAT(Parse(Mended(With(bytes, entry.offset, kPythonPlaces + 65))).status(),
              StatusIs(StatusCode::kDataLoss,
                       HasSubstr("line of Python 1 is not in the order of addresses")));
}

// A small file must not make its reader hold much memory, as names that all refer to the same bytes
// would.
TEST_F(HeapFile, WithNamesThatOverlapIsRefused) {
  const std::string bytes = fixtures::FileBytes(Example());
  size_t at = 0;
  const uint64_t labels = EntryOf(bytes, heap_file::kLabels, &at).offset;
  const auto all = static_cast<uint32_t>(EntryOf(bytes, heap_file::kStrings, &at).size);
  EXPECT_THAT(Parse(Mended(With(With(bytes, labels, uint32_t{0}), labels + 4, all))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("section of strings")));
}

// A small file must not take long to read, as stack traces that share their frames would.
TEST_F(HeapFile, WithStackTracesThatOverlapIsRefused) {
  const std::string bytes = fixtures::FileBytes(Example());
  size_t at = 0;
  const size_t second = EntryOf(bytes, heap_file::kStacks, &at).offset + 2 * sizeof(HeapStack);
  EXPECT_THAT(Parse(Mended(With(With(bytes, second, uint64_t{0}), second + 8, uint32_t{5}))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("stack trace 2")));
}

// A newer library may add sections, and fields to records.
TEST_F(HeapFile, OfALaterLibraryIsReadForWhatIsKnown) {
  const std::string bytes = fixtures::FileBytes(Example());
  heap_file::Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const size_t entries = sizeof(header) + header.section_count * sizeof(heap_file::SectionEntry);
  size_t at = 0;
  heap_file::SectionEntry blocks = EntryOf(bytes, heap_file::kBlocks, &at);
  std::string wider;
  for (uint64_t i = 0; i < 3; ++i) {
    wider += bytes.substr(blocks.offset + i * sizeof(HeapBlock), sizeof(HeapBlock)) + "12345678";
  }
  // One more section, so everything after the entries moves.
  std::string later = bytes.substr(0, entries);
  later.resize(entries + sizeof(heap_file::SectionEntry));
  for (size_t i = 0; i < header.section_count; ++i) {
    const size_t offset = sizeof(header) + i * sizeof(heap_file::SectionEntry) + 8;
    uint64_t place = 0;
    std::memcpy(&place, later.data() + offset, sizeof(place));
    later = With(later, offset, place + sizeof(heap_file::SectionEntry));
  }
  later += bytes.substr(entries);
  later = With(later, entries, heap_file::SectionEntry{99, 1, later.size(), 3, 0, 0});
  later += "new";
  later = With(later, at + 4, uint32_t{80});
  later = With(later, at + 8, uint64_t{later.size()});
  later = With(later, at + 16, uint64_t{wider.size()});
  later += wider;
  later = With(later, 16, uint64_t{later.size()});
  later = With(later, 24, header.section_count + 1);
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot read, Parse(Mended(later)));
  ExpectSame(Example(), read);
}

TEST_F(HeapFile, WhatIsNoRegularFileOrIsTooLargeIsRefusedBeforeItIsRead) {
  EXPECT_THAT(ReadHeapFile("/dev/zero"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("/dev/zero is a device")));
  std::string folder = ::testing::TempDir() + "alkaid_heap_file_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  ASSERT_EQ(::mkfifo((folder + "/pipe").c_str(), 0600), 0);
  EXPECT_THAT(ReadHeapFile(folder + "/pipe"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("is a pipe")));
  std::ofstream(folder + "/sparse") << "ALKHEAPF";
  ASSERT_EQ(::truncate((folder + "/sparse").c_str(), int64_t{1} << 40), 0);
  EXPECT_THAT(ReadHeapFile(folder + "/sparse"),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("1099511627776 bytes"), HasSubstr("at most 8589934592"))));
  std::filesystem::remove_all(folder);
}

// An older library did not count dropped stack traces and blocks that were not examined.
TEST_F(HeapFile, OfAnEarlierLibraryIsRead) {
  std::string bytes = fixtures::FileBytes(Example());
  size_t at = 0;
  EntryOf(bytes, heap_file::kAbout, &at);
  bytes = With(bytes, at + 4, heap_file::kFirstAboutSize);
  bytes = With(bytes, at + 16, uint64_t{heap_file::kFirstAboutSize});
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot read, Parse(Mended(bytes)));
  EXPECT_EQ(read.contents().lost, 4u);
  EXPECT_EQ(read.contents().stacks_dropped, 0u);
  EXPECT_EQ(read.contents().unexamined, 0u);
}

// An older library did not say what blocks are.
TEST_F(HeapFile, WithoutCategoriesIsRead) {
  std::string bytes = fixtures::FileBytes(Example());
  size_t at = 0;
  for (const auto kind : {heap_file::kRecognized, heap_file::kCategories}) {
    EntryOf(bytes, kind, &at);
    bytes = With(bytes, at, uint32_t{77});
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot read, Parse(Mended(bytes)));
  EXPECT_EQ(read.blocks().size(), 3u);
  EXPECT_TRUE(read.contents().recognized.empty());
  EXPECT_TRUE(read.contents().categories.empty());
}

}  // namespace
}  // namespace alkaid::heap
