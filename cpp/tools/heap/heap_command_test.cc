// `alkaid heap show` and `alkaid heap diff` as people use them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/tracking/tracking.h"
#include "fixtures/made_heap.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = heap::fixtures;
using fixtures::Block;
using heap::HeapBlock;
using heap::HeapContents;
using heap::HeapSnapshot;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class HeapCommand : public ::testing::Test {
 protected:
  std::string File(const std::string& name, const HeapSnapshot& snapshot) const {
    return folder_.Write(name, fixtures::FileBytes(snapshot));
  }
  // Files of a real investigation, of four times too much memory: before, and after four blocks of
  // 355,920 bytes were allocated and one small one was freed.
  std::string Before() const {
    return File("before.heap", fixtures::Snapshot("before", {Block(0x5600d3fa3410, 64, 1, 2, 0),
                                                             Block(0x5600d3fa3450, 80, 2, 2, 0)}));
  }
  std::string After() const {
    std::vector<HeapBlock> blocks = {Block(0x5600d3fa3410, 64, 1, 2, 0)};
    for (uint64_t i = 0; i < 4; ++i) {
      blocks.push_back(Block(0x5600d54a36f0 + i * 355'936, 355'920, 10 + i));
    }
    return File("after.heap", fixtures::Snapshot("after", blocks));
  }

  const TestFolder folder_;
};

TEST_F(HeapCommand, ShowTellsWhatIsLiveByLabelPoolAndTraceback) {
  const CommandResult result = RunCommand({"heap", "show", After()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("Heap \"after\": process 4711: ./reader --runs 7\n"));
  EXPECT_THAT(result.out, HasSubstr("2023-11-14 22:14:20 UTC, 1 min 00 s after tracking began"));
  EXPECT_THAT(result.out, HasSubstr("\n1,423,744 allocated, in 5 blocks; the oldest has been there "
                                    "for 30.0 s\n"));
  EXPECT_THAT(result.out, HasSubstr("dgram.batch"));
  EXPECT_THAT(result.out, HasSubstr("(no label)"));
  // The pool itself counts 2,000,000 bytes.
  EXPECT_THAT(result.out, HasSubstr("576,256 bytes"));
  EXPECT_THAT(result.out, HasSubstr("1,423,680 bytes, 4 blocks, oldest 30.0 s  dgram.batch, "
                                    "mimalloc\n    #0  reader + 0x1234\n"
                                    "    #1  libdata.so + 0x500\n    #2  reader + 0x2000\n"));
  EXPECT_THAT(result.out, HasSubstr("no names from /nowhere/reader: it cannot be read here"));
  EXPECT_THAT(result.out, Not(HasSubstr("Blocks:")));
}

TEST_F(HeapCommand, SaysThatBlocksOfThePoolsThatAProgramDerivedAreNotListed) {
  HeapContents contents = fixtures::EmptyContents("own");
  contents.pools.push_back({.name = heap::kPoolsOfTheProgram, .allocated = 4096});
  const std::string file = File("own.heap", HeapSnapshot::Make(std::move(contents)).value());
  const CommandResult result = RunCommand({"heap", "show", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("note: pools that the program derived from MemoryPool itself "
                                    "hold 4,096 bytes by their own figures: none of their blocks "
                                    "is listed as theirs"));
  EXPECT_THAT(result.out, Not(HasSubstr("4,096 bytes  ")));
  EXPECT_THAT(RunCommand({"heap", "show", After()}).out, Not(HasSubstr("derived from")));
}

TEST_F(HeapCommand, StackTracesBeginAtTheProgramsOwnCodeUnlessAllOfThemIsAskedFor) {
  HeapContents contents = fixtures::EmptyContents("frames");
  contents.modules = {{0x1000, 0x2000, 0x1000, "/lib/libalkaid.so.0", ""},
                      {0x10000, 0x20000, 0x10000, "/x/reader", ""},
                      {0x30000, 0x40000, 0x30000, "/lib/libc.so.6", ""}};
  contents.frames = {0x1100, 0x10200, 0x1300, 0x10400, 0x30500};
  contents.stacks = {{0, 0}, {0, 5}};
  contents.blocks = {Block(0x5600d3fa3410, 64, 1, 1, 0)};
  const std::string file = File("frames.heap", HeapSnapshot::Make(std::move(contents)).value());
  const std::string nothing = File("nothing.heap", fixtures::Snapshot("nothing", {}));
  const std::string own =
      "    #1  reader + 0x200\n    #2  libalkaid.so.0 + 0x300\n    #3  reader + 0x400\n";
  const std::string all = "    #0  libalkaid.so.0 + 0x100\n" + own + "    #4  libc.so.6 + 0x500\n";
  for (std::vector<std::string> arguments :
       {std::vector<std::string>{"heap", "show", file},
        std::vector<std::string>{"heap", "diff", nothing, file}}) {
    const std::string shown = RunCommand(arguments).out;
    EXPECT_THAT(shown, HasSubstr(own));
    EXPECT_THAT(shown, Not(HasSubstr("#0")));
    EXPECT_THAT(shown, Not(HasSubstr("#4")));
    arguments.emplace_back("--all-frames");
    EXPECT_THAT(RunCommand(arguments).out, HasSubstr(all));
    arguments.back() = "--json";
    EXPECT_THAT(RunCommand(arguments).out, HasSubstr("libc.so.6"));
  }
}

TEST_F(HeapCommand, WhatIsViewedIsNotOverwrittenByTheCommandsOwnEnd) {
  const std::string file = After();
  const std::map<std::string, std::string> exported = {{"ALKAID_TRACK_ALLOCATIONS", "1"},
                                                       {"ALKAID_HEAP_AT_EXIT", file}};
  const CommandResult first = RunCommand({"heap", "show", file}, exported);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--version"},
        {"--help"},
        {},
        {"info"},
        {"heap"},
        {"heap", "diff", file, file},
        {"run", "--track", "--", "alkaid-no-such-command"}}) {
    EXPECT_THAT(RunCommand(arguments, exported).err, Not(HasSubstr("no heap file")));
  }
  const CommandResult second = RunCommand({"heap", "show", file}, exported);
  EXPECT_EQ(first.exit_code, 0);
  EXPECT_EQ(second.out, first.out);
  EXPECT_THAT(second.out, HasSubstr("process 4711: ./reader --runs 7\n"));
}

// A heap file and the paths in it may come from anyone.
TEST_F(HeapCommand, ModulesThatAreNoRegularFilesAreNotReadNorWaitedFor) {
  const std::string pipe = folder_.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, std::string("/dev/zero")}) {
    HeapContents contents = fixtures::EmptyContents("hostile");
    contents.blocks = {Block(0x1000, 64, 1)};
    for (heap::HeapModule& module : contents.modules) module.path = path;
    const std::string file = File("x.heap", HeapSnapshot::Make(std::move(contents)).value());
    const CommandResult result = RunCommand({"heap", "show", file});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("no names from " + path + ": it is not a regular file"));
  }
}

TEST_F(HeapCommand, APipeIsRefusedAtOnce) {
  const std::string pipe = folder_.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const char* command : {"show", "retention"}) {
    const CommandResult result = RunCommand({"heap", command, pipe});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.err,
              "alkaid: " + pipe + " is a pipe, and a heap file is only read from a regular file\n");
  }
}

TEST_F(HeapCommand, ItsOwnWorkOnDatagramsCanBeTracked) {
  const std::string file = folder_.path() + "/own.heap";
  const std::map<std::string, std::string> exported = {{"ALKAID_HEAP_AT_EXIT", file}};
  EXPECT_NE(RunCommand({"dgram", "read", "/no/such/file"}, exported).exit_code, 0);
  EXPECT_EQ(RunCommand({"heap", "show", file}, exported).exit_code, 0);
}

TEST_F(HeapCommand, AHeapWithoutABlockSaysWhatThatMayMean) {
  const std::string empty = File("empty.heap", fixtures::Snapshot("empty", {}));
  constexpr char kNote[] = "it has an allocator or a pool of its own";
  EXPECT_THAT(RunCommand({"heap", "show", empty}).out, HasSubstr(kNote));
  EXPECT_THAT(RunCommand({"heap", "show", After()}).out, Not(HasSubstr(kNote)));
}

TEST_F(HeapCommand, ShowListsTheLargestBlocksByAddressWhenAsked) {
  const CommandResult result = RunCommand({"heap", "show", "--blocks", "--top", "2", After()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out,
              HasSubstr("  0x00005600d54a36f0 -> 0x00005600d54fa53f        355,920 bytes  "
                        "dgram.batch  66 69 72 73 74 20 62 79 74 65 73 20 00 7f ff 0a "
                        "|first bytes ....|\n"));
  EXPECT_THAT(result.out, HasSubstr("the largest 2 of 5; --top 0 lists all"));
  EXPECT_THAT(result.out, Not(HasSubstr("0x00005600d3fa3410 ->")));
  EXPECT_THAT(RunCommand({"heap", "show", "--blocks", "--top", "0", After()}).out,
              AllOf(HasSubstr("0x00005600d3fa3410 ->"), Not(HasSubstr("--top 0"))));
}

TEST_F(HeapCommand, DiffTellsWhatWasFreedAndWhatIsNew) {
  const CommandResult result = RunCommand({"heap", "diff", Before(), After()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out,
              HasSubstr("Changes from before to after\n"
                        "  before: " +
                        folder_.path() +
                        "/before.heap: process 4711: "
                        "./reader --runs 7\n"
                        "          2023-11-14 22:14:20 UTC, 1 min 00 s after tracking began\n"
                        "  after:  " +
                        folder_.path() +
                        "/after.heap: process 4711: "
                        "./reader --runs 7\n"
                        "          2023-11-14 22:14:20 UTC, 1 min 00 s after tracking began\n"
                        "  +1,423,600 bytes, +3 blocks\n"));
  EXPECT_THAT(result.out, HasSubstr("\n  Free-d blocks:\n    0x00005600d3fa3450 -> "
                                    "0x00005600d3fa349f             80 bytes  mimalloc  "));
  EXPECT_THAT(result.out, HasSubstr("\n  New blocks:\n    0x00005600d54a36f0 -> "));
  EXPECT_THAT(result.out, HasSubstr("+1,423,680 bytes, +4 blocks, oldest 30.0 s  dgram.batch"));
  EXPECT_THAT(result.out, HasSubstr("-80 bytes, -1 block  (no label), mimalloc\n"));
  EXPECT_THAT(result.out, HasSubstr("1,999,856 -> 576,256  mimalloc"));
  EXPECT_THAT(result.out, Not(HasSubstr("different processes")));
}

TEST_F(HeapCommand, OneGroupingCanBeAskedFor) {
  const CommandResult result = RunCommand({"heap", "diff", "--by", "thread", Before(), After()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("By thread"), HasSubstr("  4711\n")));
  EXPECT_THAT(result.out, Not(HasSubstr("By label")));
  EXPECT_THAT(result.out, Not(HasSubstr("New blocks")));
  EXPECT_THAT(RunCommand({"heap", "show", "--by", "pool", After()}).out,
              AllOf(HasSubstr("By pool"), Not(HasSubstr("By traceback"))));
  EXPECT_EQ(RunCommand({"heap", "show", "--by", "colour", After()}).exit_code, 1);
  const CommandResult negative = RunCommand({"heap", "show", "--top", "-1", After()});
  EXPECT_EQ(negative.exit_code, 1);
  EXPECT_THAT(negative.err, HasSubstr("--top: -1 is not a whole number of 0 or more\n"));
}

TEST_F(HeapCommand, OfTwoProcessesNoBlockIsTheSameAndThatIsSaid) {
  HeapContents contents = fixtures::EmptyContents("later");
  contents.started_ns += 1;
  contents.blocks = {Block(0x5600d3fa3410, 64, 1, 2, 0)};
  const std::string later = File("later.heap", HeapSnapshot::Make(contents).value());
  const CommandResult result = RunCommand({"heap", "diff", Before(), later});
  EXPECT_THAT(result.out, AllOf(HasSubstr("different processes"), HasSubstr("-80 bytes, -1 block"),
                                Not(HasSubstr("New blocks"))));
}

TEST_F(HeapCommand, FilesInTheWrongOrderAreNoticed) {
  HeapContents contents = fixtures::EmptyContents("later");
  contents.taken_ns += 1;
  contents.taken_unix_ns += 1;
  const std::string later = File("later.heap", HeapSnapshot::Make(contents).value());
  constexpr char kNote[] = "The first was taken after the second";
  EXPECT_THAT(RunCommand({"heap", "diff", later, Before()}).out, HasSubstr(kNote));
  EXPECT_THAT(RunCommand({"heap", "diff", Before(), later}).out, Not(HasSubstr(kNote)));
  EXPECT_THAT(RunCommand({"heap", "diff", later, later}).out, Not(HasSubstr(kNote)));
}

TEST_F(HeapCommand, EstimatesAreMarked) {
  HeapContents contents = fixtures::EmptyContents("sampled");
  contents.sample_bytes = 524'288;
  contents.blocks = {Block(0x1000, 1000, 1)};
  contents.blocks[0].weight = 524'288;
  const std::string file = File("s.heap", HeapSnapshot::Make(contents).value());
  const CommandResult result = RunCommand({"heap", "show", file});
  EXPECT_THAT(result.out, HasSubstr("~524,288 allocated, in ~524 blocks"));
  EXPECT_THAT(result.out, HasSubstr("one allocation in about 524,288 bytes was recorded"));
  EXPECT_EQ(nlohmann::json::parse(RunCommand({"heap", "show", "--json", file}).out)["estimated"],
            true);
}

TEST_F(HeapCommand, WhatIsMissingIsSaid) {
  HeapContents contents = fixtures::EmptyContents("odd");
  contents.lost = 1234;
  contents.moving = 2;
  contents.stacks_dropped = 5678;
  contents.unexamined = 9012;
  contents.why_no_first_bytes = "process_vm_readv: Operation not permitted";
  const std::string file = File("odd.heap", HeapSnapshot::Make(contents).value());
  EXPECT_THAT(RunCommand({"heap", "show", file}).out,
              AllOf(HasSubstr("1,234 allocations could not be recorded"),
                    HasSubstr("2 reallocations took place"),
                    HasSubstr("5,678 allocations were recorded without a stack trace"),
                    HasSubstr("9,012 blocks were not categorized"),
                    HasSubstr("no first bytes of blocks: process_vm_readv: Operation not")));
  EXPECT_EQ(nlohmann::json::parse(RunCommand({"heap", "show", "--json", file}).out)["unexamined"],
            9012);
}

TEST_F(HeapCommand, ShowAsJsonHasTheSameFigures) {
  const CommandResult result = RunCommand({"heap", "show", "--json", "--blocks", After()});
  ASSERT_EQ(result.exit_code, 0);
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["name"], "after");
  EXPECT_EQ(json["pid"], 4711);
  EXPECT_EQ(json["command_line"], (std::vector<std::string>{"./reader", "--runs", "7"}));
  EXPECT_EQ(json["bytes"], 1'423'744);
  EXPECT_EQ(json["block_count"], 5);
  EXPECT_EQ(json["oldest_ns"], 30'000'000'000);
  EXPECT_EQ(json["pools"][1]["untracked_bytes"], 576'256);
  EXPECT_EQ(json["labels"][0]["label"], "dgram.batch");
  EXPECT_EQ(json["labels"][0]["bytes"], 1'423'680);
  EXPECT_EQ(json["threads"][0]["thread"], "4711");
  EXPECT_EQ(json["tracebacks"][0]["blocks"], 4);
  EXPECT_EQ(json["tracebacks"][0]["frames"][0]["module"], "/nowhere/reader");
  EXPECT_EQ(json["tracebacks"][0]["frames"][0]["offset"], "0x1234");
  ASSERT_EQ(json["blocks"].size(), 5U);
  EXPECT_EQ(json["blocks"][1]["address"], "0x5600d54a36f0");
  EXPECT_EQ(json["blocks"][1]["first_bytes"], "666972737420627974657320007fff0a");
  EXPECT_TRUE(json["error"].is_null());
}

TEST_F(HeapCommand, DiffAsJsonHasTheSameFigures) {
  const auto json = nlohmann::json::parse(
      RunCommand({"heap", "diff", "--json", "--blocks", Before(), After()}).out);
  EXPECT_EQ(json["before"]["name"], "before");
  EXPECT_EQ(json["after"]["bytes"], 1'423'744);
  EXPECT_EQ(json["same_process"], true);
  EXPECT_EQ(json["bytes"], 1'423'600);
  EXPECT_EQ(json["block_count"], 3);
  EXPECT_EQ(json["tracebacks"][0]["new_blocks"], 4);
  ASSERT_EQ(json["blocks"].size(), 5U);
  EXPECT_EQ(json["blocks"][0]["change"], "freed");
  EXPECT_EQ(json["blocks"][4]["change"], "new");
}

TEST_F(HeapCommand, WhatIsNoHeapFileOrDamagedExitsTwoNamingIt) {
  const std::string good = After();
  std::string bytes = fixtures::FileBytes(fixtures::Snapshot("x", {Block(0x1000, 64, 1)}));
  const std::string other = folder_.Write("other", "no heap at all");
  const std::string cut = folder_.Write("cut", bytes.substr(0, bytes.size() / 2));
  bytes[8] = 2;
  const std::string version = folder_.Write("version", bytes);
  const auto expect = [&](const std::string& file, const std::string& why) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"heap", "show", file},
          {"heap", "show", "--json", file},
          {"heap", "diff", good, file},
          {"heap", "diff", file, good}}) {
      const CommandResult result = RunCommand(arguments);
      EXPECT_EQ(result.exit_code, 2);
      EXPECT_EQ(result.out, "");
      EXPECT_THAT(result.err, AllOf(HasSubstr(file), HasSubstr(why)));
    }
  };
  expect(other, "is not a heap file");
  expect(cut, "is cut short");
  expect(version, "of version 2");
  EXPECT_EQ(RunCommand({"heap", "show", folder_.path() + "/none"}).exit_code, 1);
  EXPECT_EQ(RunCommand({"heap"}).exit_code, 1);
  EXPECT_EQ(RunCommand({"heap", "show", "/dev/null"}).err,
            "alkaid: /dev/null is a device, and a heap file is only read from a regular file\n");
}

// A function of this program with a live block.
[[gnu::noinline]] uint8_t* AllocateWhereItShows() {
  uint8_t* block = nullptr;
  EXPECT_TRUE(system_memory_pool()->Allocate(54'321, &block).ok());
  return block;
}

}  // namespace

// Names of C functions that would be types if they were C++ names: float, long, char*,
// std::exception. Each has a live block, and none is the tail call of another.
extern "C" {
uint8_t* f();
uint8_t* x();
uint8_t* Pc();
uint8_t* St9exception();

[[gnu::noinline]] uint8_t* f() {
  uint8_t* block = nullptr;
  EXPECT_TRUE(system_memory_pool()->Allocate(65'432, &block).ok());
  return block;
}
[[gnu::noinline]] uint8_t* x() {
  uint8_t* const block = f();
  return block + (block == nullptr);
}
[[gnu::noinline]] uint8_t* Pc() {
  uint8_t* const block = x();
  return block + (block == nullptr);
}
[[gnu::noinline]] uint8_t* St9exception() {
  uint8_t* const block = Pc();
  return block + (block == nullptr);
}
}

namespace {

// What is live in this process, with one block of the function above.
HeapContents OwnContents() {
  EXPECT_TRUE(heap::StartTracking().ok());
  uint8_t* const block = AllocateWhereItShows();
  uint8_t* const of_c = St9exception();
  HeapContents contents = HeapSnapshot::Take("own").value().contents();
  system_memory_pool()->Free(block, 54'321);
  system_memory_pool()->Free(of_c, 65'432);
  heap::StopTracking();
  return contents;
}

bool CommandNamesCode(const std::string& file) {
  return RunCommand({"heap", "show", file}).out.find("without libdw") == std::string::npos;
}

TEST_F(HeapCommand, NamesTheFunctionsAndLinesThatStackTracesLeadThrough) {
  const std::string file = File("own.heap", HeapSnapshot::Make(OwnContents()).value());
  if (!CommandNamesCode(file)) GTEST_SKIP() << "the command was built without libdw";
  const std::string out = RunCommand({"heap", "show", "--top", "0", "--all-frames", file}).out;
  EXPECT_THAT(out, HasSubstr("54,321 bytes, 1 block"));
  EXPECT_THAT(out, HasSubstr("alkaid::tools::(anonymous namespace)::AllocateWhereItShows"));
  EXPECT_THAT(out, HasSubstr("heap_command_test.cc:"));
  EXPECT_THAT(out, HasSubstr("alkaid::BaseMemoryPoolImpl<alkaid::"));
}

TEST_F(HeapCommand, FunctionsOfCKeepTheirNames) {
  const std::string file = File("own.heap", HeapSnapshot::Make(OwnContents()).value());
  if (!CommandNamesCode(file)) GTEST_SKIP() << "the command was built without libdw";
  const std::string out = RunCommand({"heap", "show", "--top", "0", file}).out;
  for (const char* name : {" f at ", " x at ", " Pc at ", " St9exception at "}) {
    EXPECT_THAT(out, HasSubstr(name));
  }
  for (const char* type : {" float at ", " long at ", " char* at ", " std::exception at "}) {
    EXPECT_THAT(out, Not(HasSubstr(type)));
  }
}

TEST_F(HeapCommand, TakesNoNamesFromAFileThatWasBuiltAnewSince) {
  HeapContents contents = OwnContents();
  for (heap::HeapModule& module : contents.modules) {
    if (module.path.find("alkaid_tools_test") != std::string::npos) module.build_id += "x";
  }
  const std::string file = File("own.heap", HeapSnapshot::Make(std::move(contents)).value());
  if (!CommandNamesCode(file)) GTEST_SKIP() << "the command was built without libdw";
  const std::string out = RunCommand({"heap", "show", "--top", "0", file}).out;
  EXPECT_THAT(out, Not(HasSubstr("AllocateWhereItShows")));
  EXPECT_THAT(out, AllOf(HasSubstr("alkaid_tools_test + 0x"), HasSubstr("its build-id differs")));
}

TEST_F(HeapCommand, OrdersToTheTerminalInNamesAreWrittenOut) {
  HeapContents contents = fixtures::EmptyContents("\x1b[2J");
  contents.labels[1] =
      "a\nb\xc2\x9b"
      "2J\xff";
  contents.modules[0].path = "/no\x07where";
  contents.command_line = {"\r"};
  contents.blocks = {Block(0x1000, 64, 1)};
  const std::string file = File("odd.heap", HeapSnapshot::Make(contents).value());
  const std::string out = RunCommand({"heap", "show", "--blocks", file}).out;
  for (const char c : out) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  EXPECT_THAT(out, HasSubstr("\\x1b[2J"));
  EXPECT_THAT(out, HasSubstr("a\\x0ab\\xc2\\x9b2J\\xff"));
  const CommandResult json = RunCommand({"heap", "show", "--json", "--blocks", file});
  EXPECT_EQ(json.exit_code, 0) << json.err;
  EXPECT_TRUE(nlohmann::json::accept(json.out));
  for (const char c : json.out) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~'));
}

}  // namespace
}  // namespace alkaid::tools
