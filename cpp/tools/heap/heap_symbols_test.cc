// What HeapSymbols reports for one file. Names of whole programs are tested in track_run_test.cc.

#include "tools/heap/heap_symbols.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <utility>

#include "alkaid/heap/reports/heap_snapshot.h"
#include "fixtures/made_heap.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kStart = 0x10000000;

heap::HeapSnapshot With(const std::string& path, const std::string& build_id) {
  heap::HeapContents contents = heap::fixtures::EmptyContents("one file");
  contents.modules = {{kStart, kStart + 0x10000000, kStart, path, build_id}};
  return heap::HeapSnapshot::Make(std::move(contents)).value();
}

// The complaint about code in a file that cannot be used.
std::string ComplaintOf(const std::string& path, const std::string& build_id) {
  const heap::HeapSnapshot snapshot = With(path, build_id);
  HeapSymbols symbols(snapshot);
  const std::vector<CodePlace> places = symbols.Name(kStart + 0x1234);
  EXPECT_EQ(places.size(), 1u);
  EXPECT_EQ(places[0].function, "");
  EXPECT_EQ(places[0].offset, 0x1234u);
  EXPECT_EQ(symbols.ClassOfVtable(kStart + 0x1238).name, "");
  // A repeated request adds no second complaint.
  EXPECT_EQ(symbols.complaints().size(), 1u);
  return symbols.complaints().empty() ? "" : symbols.complaints()[0];
}

TEST(HeapSymbols, AFileThatCannotBeUsedIsComplainedOfAndItsCodeIsAnOffset) {
  if (!HeapSymbols::CanName()) GTEST_SKIP() << "this build cannot read symbol tables";
  const TestFolder folder;
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(ComplaintOf(folder.path() + "/nothing", ""), HasSubstr("cannot be read here"));
  EXPECT_THAT(ComplaintOf(pipe, ""), HasSubstr("is not a regular file"));
  EXPECT_THAT(ComplaintOf(folder.path(), ""), HasSubstr("is not a regular file"));
  EXPECT_THAT(ComplaintOf(ALKAID_COMMAND, "another"), HasSubstr("its build-id differs"));
  EXPECT_THAT(ComplaintOf(folder.Write("text", "no ELF"), ""), HasSubstr("no names from"));
}

TEST(HeapSymbols, AnAddressInNoFileIsItself) {
  const heap::HeapSnapshot snapshot = With("/nowhere", "");
  HeapSymbols symbols(snapshot);
  const std::vector<CodePlace>& places = symbols.Name(0x4242);
  ASSERT_EQ(places.size(), 1u);
  EXPECT_EQ(CodePlaceText(places[0]), "0x4242");
  EXPECT_EQ(symbols.ClassOfVtable(0x4248).name, "");
  EXPECT_THAT(symbols.complaints(), IsEmpty());
}

TEST(HeapSymbols, APlaceIsAFunctionWithItsLineOrAFileWithAnOffset) {
  CodePlace place;
  place.offset = 0x12;
  EXPECT_EQ(CodePlaceText(place), "0x12");
  place.module = "/usr/lib/libfoo.so";
  EXPECT_EQ(CodePlaceText(place), "libfoo.so + 0x12");
  place.function = "Foo\x1b";
  EXPECT_EQ(CodePlaceText(place), "Foo\\x1b in libfoo.so");
  place.file = "foo.cc";
  EXPECT_EQ(CodePlaceText(place), "Foo\\x1b at foo.cc");
  place.line = 7;
  EXPECT_EQ(CodePlaceText(place), "Foo\\x1b at foo.cc:7");
}

}  // namespace
}  // namespace alkaid::tools
