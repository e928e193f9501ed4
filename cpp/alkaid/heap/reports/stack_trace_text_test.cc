#include "alkaid/heap/reports/stack_trace_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alkaid::heap {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Shown(std::vector<TraceFrame> frames, bool all = false) {
  std::vector<std::string> lines;
  for (const TraceLine& line : ShownLines(std::move(frames), all)) {
    lines.push_back("#" + std::to_string(line.number) + " " + line.text);
  }
  return lines;
}

const std::vector<TraceFrame> kRead = {
    {{"alkaid::AllocateBuffer at pool_buffer.cc:143"}, "/usr/lib/libalkaid.so.0"},
    {{"std::vector<Buffer>::push_back at vector:3", "Reader::Event at reader.cc:18"}, "/x/reader"},
    {{"std::sort at sort.h:1"}, "/x/reader"},
    {{"main at reader.cc:30"}, "/x/reader"},
    {{"__libc_start_call_main at libc_start_call_main.h:58"}, "/lib/libc.so.6"},
    {{"_start in reader"}, "/x/reader"},
};

TEST(StackTraceText, BeginsAndEndsWithTheProgramsOwnCode) {
  EXPECT_THAT(Shown(kRead), ElementsAre("#2 Reader::Event at reader.cc:18",
                                        "#3 std::sort at sort.h:1", "#4 main at reader.cc:30"));
}

TEST(StackTraceText, HasAllFramesWhereTheyAreAskedFor) {
  const auto all = Shown(kRead, /*all=*/true);
  ASSERT_EQ(all.size(), 7U);
  EXPECT_EQ(all.front(), "#0 alkaid::AllocateBuffer at pool_buffer.cc:143");
  EXPECT_EQ(all.back(), "#6 _start in reader");
}

TEST(StackTraceText, WithoutCodeOfTheProgramEverythingIsShown) {
  EXPECT_THAT(Shown({{{"malloc in libc.so.6"}, "/lib/libc.so.6"}, {{"_start in ls"}, "/bin/ls"}}),
              ElementsAre("#0 malloc in libc.so.6", "#1 _start in ls"));
  EXPECT_THAT(Shown({}), ElementsAre());
}

TEST(StackTraceText, WhatHasNoNameIsToldByItsFile) {
  EXPECT_THAT(Shown({{{"libc.so.6 + 0x12"}, "/lib/libc.so.6"}, {{"reader + 0x500"}, "/x/reader"}}),
              ElementsAre("#1 reader + 0x500"));
  EXPECT_THAT(Shown({{{"alkaid::x + 0x12"}, "/x/alkaid::x"}}), ElementsAre("#0 alkaid::x + 0x12"));
}

TEST(StackTraceText, ALineOfPythonIsTheProgramsWhateverItIsCalled) {
  EXPECT_THAT(
      Shown({{{"_alkaid.abi3.so + 0x1"}, "/x/_alkaid.abi3.so"}, {{"malloc at a.py:1"}, ""}}),
      ElementsAre("#1 malloc at a.py:1"));
}

TEST(StackTraceText, KnowsTheFilesAndFunctionsOfAllocators) {
  for (const char* path :
       {"/lib/libc.so.6", "/lib/libc-2.36.so", "libstdc++.so.6", "libalkaid_malloc.so",
        "/lib64/ld-linux-x86-64.so.2", "libtcmalloc_minimal.so.4", "_alkaid.abi3.so"}) {
    EXPECT_TRUE(IsMachineryModule(path)) << path;
  }
  for (const char* path : {"/x/reader", "/lib/libcfitsio.so.9", "libalkaid_readers.so", "libc",
                           "libmimallocator.so", ""}) {
    EXPECT_FALSE(IsMachineryModule(path)) << path;
  }
  for (const char* name : {"std::vector<int>::push_back", "(anonymous namespace)::alkaid::x",
                           "operator new", "je_malloc", "__libc_malloc", "malloc", "_start"}) {
    EXPECT_TRUE(IsMachineryFunction(name)) << name;
  }
  for (const char* name : {"main", "stdio::read", "my_malloc", "malloc_image", "start", ""}) {
    EXPECT_FALSE(IsMachineryFunction(name)) << name;
  }
}

}  // namespace
}  // namespace alkaid::heap
