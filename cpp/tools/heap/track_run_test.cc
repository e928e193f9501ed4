// alkaid run --track, with programs that do not know Alkaid.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "tools/heap/heap_symbols.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class TrackRun : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(ALKAID_PRELOAD_LIBRARY)) {
      GTEST_SKIP() << "a build with a sanitizer has no library to preload";
    }
  }
  static CommandResult RunTracked(std::vector<std::string> command,
                                  const std::string& track = "--track") {
    command.insert(command.begin(), {"run", track, "--"});
    return RunCommand(command);
  }
};

TEST_F(TrackRun, AProgramThatNeverHeardOfAlkaidIsTracked) {
  const CommandResult result = RunTracked({ALKAID_PLAIN_PROGRAM, "5"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_EQ(result.out, "tracked, listed with 12345 bytes, then -1\n");
  EXPECT_THAT(result.err, IsEmpty());
}

// What the program of family_program.c keeps, from its heap file; fails where it did not end
// normally.
std::vector<int64_t> SizesKeptBy(const char* program,
                                 const std::map<std::string, std::string>& environment) {
  const TestFolder folder;
  const std::string file = folder.path() + "/f";
  const CommandResult result =
      RunCommand({"run", "--track", "--heap-at-exit", file, "--", program}, environment);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "ok\n");
  EXPECT_EQ(result.err, "");
  std::vector<int64_t> sizes;
  const auto heap = heap::ReadHeapFile(file);
  if (!heap.ok()) return sizes;
  for (const heap::HeapBlock& block : heap->blocks()) {
    if (block.size > 700'000) sizes.push_back(block.size);
  }
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

TEST_F(TrackRun, EachAllocatorIsTrackedExactlyThatTheProgramLinksOrPreloads) {
  std::vector<int64_t> kept;
  for (int64_t size = 700'001; size <= 700'011; ++size) kept.push_back(size);
  EXPECT_EQ(SizesKeptBy(ALKAID_FAMILY_PROGRAM, {}), kept);
  EXPECT_EQ(SizesKeptBy(ALKAID_FAMILY_PROGRAM_OWN, {}), kept);
  EXPECT_EQ(SizesKeptBy(ALKAID_FAMILY_PROGRAM, {{"LD_PRELOAD", ALKAID_OWN_ALLOCATOR}}), kept);
}

// The blocks with sizes of deep_program.c in the heap file at its end, by size.
std::map<int64_t, int> SizesLeftByPlugin(const std::vector<std::string>& words,
                                         const std::map<std::string, std::string>& environment,
                                         std::string* err) {
  const TestFolder folder;
  const std::string file = folder.path() + "/f";
  std::vector<std::string> command = {"run", "--track", "--heap-at-exit",
                                      file,  "--",      ALKAID_DEEP_PROGRAM};
  command.insert(command.end(), words.begin(), words.end());
  const CommandResult result = RunCommand(command, environment);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "ok\n");
  *err = result.err;
  std::map<int64_t, int> sizes;
  const auto heap = heap::ReadHeapFile(file);
  if (!heap.ok()) return sizes;
  for (const heap::HeapBlock& block : heap->blocks()) {
    if (block.size >= 70'000 && block.size < 1'000'000) ++sizes[block.size];
  }
  return sizes;
}

TEST_F(TrackRun, WhatALibraryAllocatesAndFreesIsSeenHoweverItIsLoaded) {
  const std::map<int64_t, int> kept = {{70'000, 100}, {70'001, 10}, {70'002, 10}};
  const std::string plugin = ALKAID_DEEP_PLUGIN;
  const std::string name = std::filesystem::path(plugin).filename();
  std::string err;
  for (const std::vector<std::string>& words : {std::vector<std::string>{plugin, "now"},
                                                {plugin, "now", "deep"},
                                                {plugin, "lazy", "deep"},
                                                {name, "now"}}) {
    EXPECT_EQ(SizesLeftByPlugin(words, {}, &err), kept) << ::testing::PrintToString(words);
    EXPECT_EQ(err, "");
  }
  // A plugin that is found by the program's search path is loaded, and reported as not tracked.
  SizesLeftByPlugin({name, "now", "deep"}, {}, &err);
  EXPECT_EQ(err,
            "alkaid: " + name +
                " was loaded with RTLD_DEEPBIND by a name without a folder: its blocks are not "
                "seen\n");
}

// The stack traces in `heap show` of the blocks with these bytes in all.
std::string StackTraceOf(const std::string& shown, const std::string& bytes) {
  const size_t at = shown.find("  " + bytes + " bytes, ");
  return at == std::string::npos ? "" : shown.substr(at, shown.find("\n\n", at) - at);
}

TEST_F(TrackRun, BlocksOfAnUnloadedPluginKeepItsNamesWhereAnotherTookItsPlace) {
  const TestFolder folder;
  // Loaded by a path relative to the program's folder, and read from another folder.
  std::filesystem::copy_file(ALKAID_PLUGIN_APPLE, folder.path() + "/apple.so");
  std::filesystem::copy_file(ALKAID_PLUGIN_BANANA, folder.path() + "/banana.so");
  const std::string both = folder.path() + "/both.heap";
  const CommandResult result = RunCommand(
      {"run", "--track", "--heap-at-exit", both, "--", "sh", "-c",
       "cd " + folder.path() + " && exec " ALKAID_REPLACING_PROGRAM " ./apple.so ./banana.so"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "the same place\n");
  const CommandResult shown = RunCommand({"heap", "show", "--top", "100", both});
  EXPECT_EQ(shown.err, "");
  EXPECT_THAT(StackTraceOf(shown.out, "1,110,000"),
              AllOf(HasSubstr("apple_makes at "), HasSubstr("replaced_plugin.c:7"),
                    HasSubstr("#1  alkaid_plugin_make"), Not(HasSubstr("banana"))));
  EXPECT_THAT(StackTraceOf(shown.out, "666,000"),
              AllOf(HasSubstr("banana_makes at "), Not(HasSubstr("apple"))));

  // In another process, which loads them in the other order.
  const std::string turned = folder.path() + "/turned.heap";
  ASSERT_EQ(RunCommand({"run", "--track", "--heap-at-exit", turned, "--", ALKAID_REPLACING_PROGRAM,
                        folder.path() + "/banana.so", folder.path() + "/apple.so"})
                .exit_code,
            0);
  const std::string changes = RunCommand({"heap", "diff", "--top", "100", both, turned}).out;
  EXPECT_THAT(StackTraceOf(changes, "-1,110,000"), HasSubstr("apple_makes at "));
  EXPECT_THAT(StackTraceOf(changes, "+1,110,000"), HasSubstr("banana_makes at "));
  EXPECT_THAT(StackTraceOf(changes, "-666,000"), HasSubstr("banana_makes at "));
  EXPECT_THAT(StackTraceOf(changes, "+666,000"), HasSubstr("apple_makes at "));
}

// Neither has a build-id, and both were loaded under the same name.
TEST_F(TrackRun, BlocksOfAnUnloadedPluginKeepItsNamesWhereOneOfTheSameNameTookItsPlace) {
  const TestFolder folder;
  for (const auto& [where, plugin] : std::map<std::string, std::string>{
           {"one", ALKAID_PLUGIN_CHERRY}, {"two", ALKAID_PLUGIN_QUINCE}}) {
    std::filesystem::create_directory(folder.path() + "/" + where);
    std::filesystem::copy_file(plugin, folder.path() + "/" + where + "/fruit.so");
  }
  const std::string file = folder.path() + "/f";
  const CommandResult result =
      RunCommand({"run", "--track", "--heap-at-exit", file, "--", "sh", "-c",
                  "cd " + folder.path() +
                      "/one && exec " ALKAID_REPLACING_PROGRAM " ./fruit.so ./fruit.so ../two"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "the same place\n");
  const std::string shown = RunCommand({"heap", "show", "--top", "100", file}).out;
  EXPECT_THAT(StackTraceOf(shown, "1,110,000"),
              AllOf(HasSubstr("cherry_makes at "), Not(HasSubstr("quince"))));
  EXPECT_THAT(StackTraceOf(shown, "666,000"),
              AllOf(HasSubstr("quince_makes at "), Not(HasSubstr("cherry"))));
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

// The output of `heap show` for what the program keeps.
std::string ShownOf(const std::string& program) {
  const TestFolder folder;
  const std::string file = folder.path() + "/f";
  EXPECT_EQ(RunCommand({"run", "--track", "--heap-at-exit", file, "--", program}).exit_code, 0);
  const std::string shown = RunCommand({"heap", "show", "--top", "100", file}).out;
  EXPECT_THAT(shown, HasSubstr("what destructors had freed by then is not listed"));
  return shown;
}

// A place in a source; the path is as given to the compiler.
std::string At(const std::string& place) { return " at [^ ]*" + place; }

void ExpectEachLevelOfInlining(const std::string& program) {
  const std::string shown = ShownOf(program);
  const std::string source = "inlined_program.cc";
  const std::string inlined = "#0  shop::Shelf::Stock" + At(source + ":12") +
                              " \\(inlined\\)\\s+#1  shop::Order" + At(source + ":15") +
                              " \\(inlined\\)\\s+#2  shop::Buy" + At(source + ":19") +
                              " \\(inlined\\)\\s+#3  ";
  EXPECT_THAT(StackTraceOf(shown, "333,000"), ContainsRegex(inlined + "main" + At(source + ":31")))
      << program;
  EXPECT_THAT(StackTraceOf(shown, "444,000"),
              ContainsRegex(inlined + "shop::Deliver" + At(source + ":23") + "\\s+#4  main" +
                            At(source + ":32")))
      << program;
}

TEST_F(TrackRun, LinesAndEachLevelOfInliningAreNamedWhereNoTableSaysWhichUnitAnAddressIsOf) {
  if (!HeapSymbols::CanName()) GTEST_SKIP() << "this build has no libdw";
  for (const std::string& program : Words(ALKAID_INLINED_PROGRAMS)) {
    ExpectEachLevelOfInlining(program);
  }
}

TEST_F(TrackRun, ProgramsOfClangHaveLinesAndEachLevelOfInlining) {
  if (!HeapSymbols::CanName()) GTEST_SKIP() << "this build has no libdw";
  if (ALKAID_INLINED_BY_CLANG[0] == '\0') GTEST_SKIP() << "clang++ is not installed";
  ExpectEachLevelOfInlining(ALKAID_INLINED_BY_CLANG);
}

TEST_F(TrackRun, ProgramsOfRustHaveLinesAndEachLevelOfInliningAndReadableNames) {
  if (!HeapSymbols::CanName()) GTEST_SKIP() << "this build has no libdw";
  if (ALKAID_INLINED_BY_RUSTC[0] == '\0') GTEST_SKIP() << "rustc is not installed";
  for (const std::string& program : Words(ALKAID_INLINED_BY_RUSTC)) {
    const std::string shown = ShownOf(program);
    const std::string source = "inlined_program.rs";
    EXPECT_THAT(
        StackTraceOf(shown, "333,000"),
        ContainsRegex("[a-z_]+::order" + At(source + ":10") +
                      " \\(inlined\\)\\s+#[0-9]+ +<?[a-z_0-9]+::Shelf<u8>>?::deliver" +
                      At(source + ":16") + "\\s+#[0-9]+ +[a-z_0-9]+::main" + At(source + ":21")))
        << program;
  }
}

TEST_F(TrackRun, AForkHandlerMayWaitForThreadsThatAllocate) {
  const CommandResult result = RunTracked({ALKAID_PARKED_PROGRAM});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "ok\n");
}

TEST_F(TrackRun, AProgramThatHasNoMemoryLeftIsAnsweredAndEndsAsItWould) {
  const TestFolder folder;
  const std::string file = folder.path() + "/f";
  for (const char* spare : {"0", "1000", "100000"}) {
    for (const char* asks : {"end", "signal"}) {
      const CommandResult result = RunCommand(
          {"run", "--track", "--heap-at-exit", file, "--", ALKAID_FULL_PROGRAM, asks, spare},
          {{"ALKAID_HEAP_SIGNAL", "USR2"}, {"ALKAID_HEAP_FILE", file + ".%n"}});
      EXPECT_EQ(result.exit_code, 3) << result.err;
      const bool signal = std::string(asks) == "signal";
      EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), signal ? 1 : 0)
          << result.err;
      for (const std::string& one : {file, file + ".1"}) {
        const auto heap = heap::ReadHeapFile(one);
        if (one != file && !signal) continue;
        ASSERT_TRUE(heap.ok()) << heap.status();
        EXPECT_GT(heap->bytes(), 200'000'000);
        std::filesystem::remove(one);
      }
    }
  }
}

// A seccomp filter ends a program that makes other calls, or makes the call fail.
TEST_F(TrackRun, AProgramThatMayCallOnlyWhatMallocCallsIsTracked) {
  ASSERT_EQ(RunTracked({ALKAID_CONFINED_PROGRAM, "kill", "breach"}).exit_code, 128 + SIGSYS);
  for (const char* others : {"all", "errno", "kill"}) {
    for (const char* track : {"--track", "--track=unwinder=runtime", "--track=sample:4096"}) {
      const CommandResult result = RunTracked({ALKAID_CONFINED_PROGRAM, others}, track);
      EXPECT_EQ(result.exit_code, 3) << others << " " << track << " " << result.err;
      EXPECT_EQ(result.out, "ok\n");
      EXPECT_EQ(result.err, "");
    }
  }
  // Unwinding by frame pointers asks for the bounds of a thread's stack.
  const CommandResult result =
      RunTracked({ALKAID_CONFINED_PROGRAM, "errno"}, "--track=unwinder=fp");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err, "");
}

TEST_F(TrackRun, AProgramThatMayOpenNoFileEndsWithoutOneAndAsItWould) {
  const TestFolder folder;
  const std::string file = folder.path() + "/f";
  const auto run = [&](const char* others) {
    return RunCommand(
        {"run", "--track", "--heap-at-exit", file, "--", ALKAID_CONFINED_PROGRAM, others});
  };
  for (const char* others : {"errno", "kill"}) {
    const CommandResult result = run(others);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.out, "ok\n");
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_THAT(result.err,
                HasSubstr(std::string(others) == "errno" ? "alkaid: no heap file " + file + ": "
                                                         : "write none from now on"));
    EXPECT_FALSE(std::filesystem::exists(file));
  }
  const CommandResult result = run("all");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(std::filesystem::exists(file));
}

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

CommandResult RunUntracked(const std::string& what) {
  return RunCommand({"run", "--track", "--", "sh", "-c",
                     "unset LD_PRELOAD; exec " ALKAID_SANDBOX_PROGRAM " " + what});
}

// The outcome of each mode of sandbox_program.c, which ends with 3 if nothing ends it before.
TEST_F(TrackRun, AProgramThatGivesSomethingUpEndsAsItWouldWithAFileOrALine) {
  struct Case {
    const char* what;
    bool has_file;
    int lines;
    const char* out;
  };
  for (const Case& one : {Case{"arguments", false, 1, ""}, Case{"inherited", false, 1, ""},
                          Case{"other", true, 1, ""}, Case{"fork", true, 1, "5\n"},
                          Case{"fork-files", false, 1, "5\n"}, Case{"strict", true, 1, ""},
                          Case{"heap", false, 1, ""}, Case{"waiting", false, 1, ""},
                          Case{"clock", true, 1, ""}, Case{"refused", true, 0, ""},
                          Case{"memory", false, 1, ""}, Case{"signal", true, 2, "5\n"}}) {
    EXPECT_EQ(RunUntracked(one.what).exit_code, 3) << one.what;
    for (const char* track : {"--track", "--track=sample:1"}) {
      const TestFolder folder;
      const std::string file = folder.path() + "/f";
      const CommandResult result =
          RunCommand({"run", track, "--heap-at-exit", file, "--", ALKAID_SANDBOX_PROGRAM, one.what},
                     {{"ALKAID_HEAP_SIGNAL", "USR2"}, {"ALKAID_HEAP_FILE", file + ".%p.%n"}});
      EXPECT_EQ(result.exit_code, 3) << one.what;
      EXPECT_EQ(result.out, one.out) << one.what;
      EXPECT_EQ(heap::ReadHeapFile(file).ok(), one.has_file) << one.what;
      EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), one.lines)
          << one.what << ": " << result.err;
      const std::vector<std::string> names = NamesIn(folder.path());
      if (std::string(one.what) == "memory") {
        EXPECT_EQ(result.err, "alkaid: no heap file " + file + ": Operation not permitted\n");
      } else if (std::string(one.what) == "signal") {
        // A child that cannot have a thread for the file reports that it writes the file at its
        // end. Both processes also write one at exit.
        EXPECT_THAT(result.err, AllOf(HasSubstr("is written when it exits"),
                                      HasSubstr(" live blocks written to " + file)));
        EXPECT_EQ(names.size(), 3U) << ::testing::PrintToString(names);
      }
    }
  }
}

// A line of this library on stderr must not end a program nor block it for ever. $0 is a path.
TEST_F(TrackRun, AProgramEndsAsItWouldWhateverStderrIs) {
  const std::string nobody_reads = "mkfifo $0; exec 9<>$0 2>$0 9<&-; exec \"$@\"";
  const std::string limited = "exec 2>$0 >/dev/null; ulimit -f 0; exec \"$@\"";
  const std::string full =
      "mkfifo $0; exec 9<>$0; dd if=/dev/zero of=$0 oflag=nonblock bs=4096 2>$0.dd; exec 2>&9; "
      "exec \"$@\"";
  const std::string plugin = std::filesystem::path(ALKAID_DEEP_PLUGIN).filename();
  struct Case {
    std::vector<std::string> command;
    int exit_code;
  };
  std::vector<Case> cases = {{{ALKAID_DEEP_PROGRAM, plugin, "now", "deep"}, 0}};
  for (const char* what : {"arguments", "inherited", "other", "fork", "fork-files", "strict",
                           "clock", "refused", "memory", "signal"}) {
    cases.push_back({{ALKAID_SANDBOX_PROGRAM, what}, 3});
  }
  for (const std::string& script : {nobody_reads, limited, full}) {
    for (const Case& one : cases) {
      const TestFolder folder;
      const std::string file = folder.path() + "/f";
      std::vector<std::string> arguments = {"run", "--track", "--heap-at-exit",
                                            file,  "--",      "sh",
                                            "-c",  script,    folder.path() + "/err"};
      arguments.insert(arguments.end(), one.command.begin(), one.command.end());
      const CommandResult result = RunCommand(
          arguments,
          {{"ALKAID_HEAP_SIGNAL", "USR2"}, {"ALKAID_HEAP_FILE", folder.path() + "/s.%p.%n"}});
      EXPECT_EQ(result.exit_code, one.exit_code) << script << ": " << one.command.back();
    }
  }
}

TEST_F(TrackRun, AHeapFileIsNotWrittenToAPipeThatNobodyReadsAndTheProgramEnds) {
  const TestFolder folder;
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const CommandResult result =
      RunCommand({"run", "--track", "--heap-at-exit", pipe, "--", ALKAID_PLAIN_PROGRAM, "5"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr(pipe + " is a pipe without a reader"));
}

TEST_F(TrackRun, AFilterThatCannotBeReadFailsAsItWould) {
  const CommandResult plain = RunUntracked("nothing");
  const CommandResult tracked = RunTracked({ALKAID_SANDBOX_PROGRAM, "nothing"});
  EXPECT_EQ(plain.exit_code, 3);
  EXPECT_EQ(tracked.exit_code, 3);
  EXPECT_THAT(plain.out, HasSubstr("-1 14 -1 14\n"));  // EFAULT
  EXPECT_EQ(tracked.out, plain.out);
  EXPECT_THAT(tracked.err, IsEmpty());
}

// The most that tracking uses of a thread's stack, and what is left of 8 KiB.
TEST_F(TrackRun, ASignalHandlerOnASmallStackMayAllocate) {
  const CommandResult plain = RunTracked(
      {"sh", "-c", std::string("unset LD_PRELOAD; exec ") + ALKAID_HANDLER_PROGRAM + " 65536 40"});
  ASSERT_EQ(plain.exit_code, 3) << plain.err;
  for (const char* track :
       {"--track", "--track=frames=128", "--track=unwinder=fp", "--track=unwinder=runtime",
        "--track=frames=128,unwinder=runtime", "--track=sample:4096"}) {
    const CommandResult wide = RunTracked({ALKAID_HANDLER_PROGRAM, "65536", "40"}, track);
    EXPECT_EQ(wide.exit_code, 3) << track << wide.err;
    const int64_t more = std::string(track).find("128") != std::string::npos ? 8 * (128 - 32) : 0;
    EXPECT_LE(std::atol(wide.out.c_str()) - std::atol(plain.out.c_str()), 4096 + more) << track;
    // What the kernel, the C library and the unwinder use differs from machine to machine.
    if (std::atol(wide.out.c_str()) > 8192) continue;
    // 77: on processors with more registers the kernel alone uses as much.
    const CommandResult small = RunTracked({ALKAID_HANDLER_PROGRAM, "8192", "40"}, track);
    EXPECT_TRUE(small.exit_code == 3 || small.exit_code == 77) << track << small.exit_code;
  }
}

// The result of a heap file at exit: 'f' for a file, 'l' for one line with the reason.
char OutcomeAtExit(const std::vector<std::string>& command, std::string* err) {
  const TestFolder folder;
  const std::string file = folder.path() + "/f.%n";
  std::vector<std::string> words = {"run", "--track", "--heap-at-exit", file, "--"};
  words.insert(words.end(), command.begin(), command.end());
  const CommandResult result = RunCommand(words);
  *err = result.err;
  EXPECT_EQ(result.exit_code, 3) << ::testing::PrintToString(command) << result.err;
  const bool there = heap::ReadHeapFile(folder.path() + "/f.1").ok();
  const bool said = result.err.starts_with("alkaid: no heap file " + folder.path() + "/f.1: ") &&
                    std::count(result.err.begin(), result.err.end(), '\n') == 1;
  if (there && result.err.empty()) return 'f';
  return !there && said ? 'l' : '?';
}

TEST_F(TrackRun, AProgramThatEndsNearTheEndOfAStackLeavesItsFile) {
  std::string err;
  EXPECT_EQ(OutcomeAtExit({ALKAID_LEAVING_PROGRAM, "small"}, &err), 'f') << err;
  EXPECT_EQ(OutcomeAtExit({ALKAID_LEAVING_PROGRAM, "handler"}, &err), 'f') << err;
}

TEST_F(TrackRun, AThreadThatIsToBeCancelledEndsTheProgramWithItsFile) {
  std::string err;
  EXPECT_EQ(OutcomeAtExit({ALKAID_LEAVING_PROGRAM, "cancelled"}, &err), 'f') << err;
}

TEST_F(TrackRun, AChildOfVforkThatCallsExitLeavesItsParentTheFile) {
  std::string err;
  for (const char* how : {"vfork", "vfork-return"}) {
    EXPECT_EQ(OutcomeAtExit({ALKAID_LEAVING_PROGRAM, how}, &err), 'f') << how << err;
  }
}

TEST_F(TrackRun, AProgramWhoseFileCannotBeWrittenEndsAsItWould) {
  std::string err;
  for (const char* how : {"full", "pending"}) {
    EXPECT_EQ(OutcomeAtExit({ALKAID_LEAVING_PROGRAM, how}, &err), 'l') << err;
    EXPECT_THAT(err, HasSubstr("File too large"));
  }
  for (const char* how : {"nobody", "quiet"}) {
    EXPECT_EQ(OutcomeAtExit({ALKAID_LEAVING_PROGRAM, how}, &err), '?');
    EXPECT_EQ(err, "");
  }
}

// Exits at instructions all over malloc, realloc, free and tracking.
TEST_F(TrackRun, AnExitInAHandlerThatInterruptedMallocIsALineAndTheExitCodeStays) {
  const CommandResult whole = RunTracked({ALKAID_STEPPING_PROGRAM, "1000000"});
  ASSERT_EQ(whole.exit_code, 4) << whole.err;
  const int64_t steps = std::atol(whole.out.c_str());
  ASSERT_GT(steps, 500);
  for (const char* how : {"exit", "deep", "jump", "return", "allocate"}) {
    std::map<char, int> outcomes;
    for (int64_t at = 1; at < steps; at += 1 + steps / 10) {
      std::string err;
      const char outcome = OutcomeAtExit({ALKAID_STEPPING_PROGRAM, std::to_string(at), how}, &err);
      EXPECT_NE(outcome, '?') << how << at << err;
      ++outcomes[outcome];
      const bool says_why = err.find("in the middle of malloc") != std::string::npos;
      EXPECT_EQ(outcome == 'l', says_why) << err;
    }
    EXPECT_GT(outcomes['l'], 5) << how;
  }
}

// The same without a requested file: what the C library frees at exit is its own.
TEST_F(TrackRun, AnExitInTheMiddleOfMallocEndsTheProgramWithoutAFileToo) {
  for (int64_t at = 20; at < 600; at += 40) {
    const CommandResult result = RunTracked({ALKAID_STEPPING_PROGRAM, std::to_string(at)});
    EXPECT_EQ(result.exit_code, 3) << at;
    EXPECT_EQ(result.err, "") << at;
  }
}

TEST_F(TrackRun, AnExitInAHandlerThatInterruptedAnythingElseLeavesAFile) {
  for (const char* at : {"1", "10", "20", "30"}) {
    std::string err;
    EXPECT_EQ(OutcomeAtExit({ALKAID_STEPPING_PROGRAM, at, "pause"}, &err), 'f') << at << err;
  }
}

TEST_F(TrackRun, InterpretersAndShellsRunAsTheyDo) {
  const CommandResult python =
      RunTracked({"/usr/bin/python3", "-c", "import json; print(json.dumps({'a': [1, 2]}))"});
  EXPECT_EQ(python.exit_code, 0) << python.err;
  EXPECT_EQ(python.out, "{\"a\": [1, 2]}\n");
  const CommandResult shell =
      RunTracked({"bash", "-c", "for i in 1 2 3; do (echo $i); done; exit 9"});
  EXPECT_EQ(shell.exit_code, 9);
  EXPECT_EQ(shell.out, "1\n2\n3\n");
  EXPECT_THAT(shell.err, IsEmpty());
}

TEST_F(TrackRun, WhatTheCommandStartsIsTrackedToo) {
  const CommandResult result =
      RunTracked({"sh", "-c", std::string(ALKAID_PLAIN_PROGRAM) + "; true"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "tracked, listed with 12345 bytes, then -1\n");
}

TEST_F(TrackRun, ItsOptionsReachTheCommand) {
  const std::vector<std::string> print = {"sh", "-c", "echo $ALKAID_TRACK_ALLOCATIONS"};
  EXPECT_EQ(RunTracked(print).out, "1\n");
  EXPECT_EQ(RunTracked(print, "--track=sample:4096,frames=8").out, "sample:4096,frames=8\n");
  const CommandResult views =
      RunCommand({"run", "--track", "--views", "--heap-at-exit", "x.heap", "--", "sh", "-c",
                  "echo $ALKAID_TRACK_ALLOCATIONS $ALKAID_HEAP_AT_EXIT; unset ALKAID_HEAP_AT_EXIT; "
                  "exec true"});
  EXPECT_EQ(views.out, "1,views " + std::filesystem::current_path().string() + "/x.heap\n");
  EXPECT_FALSE(std::filesystem::exists("x.heap"));
}

TEST_F(TrackRun, AtItsEndTheCommandLeavesAFileOfWhatItNeverGaveBack) {
  const TestFolder folder;
  const std::string file = folder.path() + "/leaks.heap";
  const CommandResult result = RunCommand(
      {"run", "--track", "--heap-at-exit", file, "--", "/usr/bin/python3", "-c",
       "import ctypes; malloc = ctypes.CDLL(None).malloc; malloc(7654321); malloc(7654321)"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
  const auto heap = heap::ReadHeapFile(file);
  ASSERT_TRUE(heap.ok()) << heap.status();
  EXPECT_EQ(heap->contents().command_line.front(), "/usr/bin/python3");
  EXPECT_EQ(std::count_if(heap->blocks().begin(), heap->blocks().end(),
                          [](const heap::HeapBlock& block) { return block.size == 7'654'321; }),
            2);
  struct stat found = {};
  ASSERT_EQ(::stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  EXPECT_THAT(RunCommand({"heap", "show", file}).out,
              AllOf(HasSubstr("15,308,642 bytes, 2 blocks"), HasSubstr("malloc")));
}

TEST_F(TrackRun, ProcessesThatTheCommandStartsLeaveItsFileAlone) {
  const TestFolder folder;
  const std::string file = folder.path() + "/f";
  const CommandResult result =
      RunCommand({"run", "--track", "--heap-at-exit", file, "--", "bash", "-c",
                  std::string(ALKAID_PLAIN_PROGRAM) + " >&2 & wait; echo $!"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string child = result.out.substr(0, result.out.find('\n'));
  EXPECT_THAT(NamesIn(folder.path()), UnorderedElementsAre("f", "f." + child));
  const auto of_shell = heap::ReadHeapFile(file);
  const auto of_child = heap::ReadHeapFile(file + "." + child);
  ASSERT_TRUE(of_shell.ok()) << of_shell.status();
  ASSERT_TRUE(of_child.ok()) << of_child.status();
  EXPECT_EQ(of_shell->contents().command_line.front(), "bash");
  EXPECT_EQ(of_child->contents().command_line.front(), ALKAID_PLAIN_PROGRAM);
}

TEST_F(TrackRun, WhatTheCommandBecomesWritesItsFile) {
  const TestFolder folder;
  const std::string file = folder.path() + "/f";
  const CommandResult result = RunCommand({"run", "--track", "--heap-at-exit", file, "--", "bash",
                                           "-c", "exec " + std::string(ALKAID_PLAIN_PROGRAM)});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(NamesIn(folder.path()), UnorderedElementsAre("f"));
  const auto heap = heap::ReadHeapFile(file);
  ASSERT_TRUE(heap.ok()) << heap.status();
  EXPECT_EQ(heap->contents().command_line.front(), ALKAID_PLAIN_PROGRAM);
}

TEST_F(TrackRun, ARunWithinARunLeavesTheOuterOnesFileAlone) {
  const TestFolder folder;
  const std::string file = folder.path() + "/f";
  const std::string inner = std::string(ALKAID_COMMAND) + " run --track -- " + ALKAID_PLAIN_PROGRAM;
  const CommandResult result = RunCommand(
      {"run", "--track", "--heap-at-exit", file, "--", "bash", "-c", inner + "; exit 0"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(NamesIn(folder.path()).size(), 2U);
  const auto heap = heap::ReadHeapFile(file);
  ASSERT_TRUE(heap.ok()) << heap.status();
  EXPECT_EQ(heap->contents().command_line.front(), "bash");
}

TEST_F(TrackRun, ANameWithTheProcessInItIsEachProcesssOwn) {
  const TestFolder folder;
  const CommandResult result =
      RunCommand({"run", "--track", "--heap-at-exit", folder.path() + "/%p.heap", "--", "bash",
                  "-c", std::string(ALKAID_PLAIN_PROGRAM) + " >&2 & wait; echo $!; echo $$"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const size_t end = result.out.find('\n');
  const std::string child = result.out.substr(0, end);
  const std::string shell = result.out.substr(end + 1, result.out.size() - end - 2);
  EXPECT_THAT(NamesIn(folder.path()), UnorderedElementsAre(child + ".heap", shell + ".heap"));
}

TEST_F(TrackRun, AHeapFileThatCanNotBeWrittenIsToldBeforeTheCommandRuns) {
  const TestFolder folder;
  for (const std::string& file : {folder.path() + "/no/such/folder", folder.path()}) {
    const CommandResult result =
        RunCommand({"run", "--track", "--heap-at-exit", file, "--", "echo", "ran"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(HasSubstr("--heap-at-exit"), HasSubstr(file)));
  }
  for (const std::vector<std::string>& option :
       {std::vector<std::string>{"--heap-at-exit="}, {"--heap-at-exit", ""}}) {
    std::vector<std::string> arguments = {"run", "--track"};
    arguments.insert(arguments.end(), option.begin(), option.end());
    arguments.insert(arguments.end(), {"--", "echo", "ran"});
    const CommandResult result = RunCommand(arguments);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(option.size() == 1 ? "a value is missing after ="
                                                         : "needs the name of a file"));
  }
  EXPECT_FALSE(std::filesystem::exists("--"));
  EXPECT_THAT(NamesIn(folder.path()), IsEmpty());
}

TEST_F(TrackRun, ABadSignalIsSaidOnceByTheCommandThatItIsFor) {
  const CommandResult result =
      RunCommand({"run", "--track", "--", ALKAID_PLAIN_PROGRAM}, {{"ALKAID_HEAP_SIGNAL", "USR9"}});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("ALKAID_HEAP_SIGNAL"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(TrackRun, WhatWasPreloadedBeforeIsKept) {
  const CommandResult result = RunCommand({"run", "--track", "--", "sh", "-c", "echo $LD_PRELOAD"},
                                          {{"LD_PRELOAD", "libresolv.so.2"}});
  EXPECT_THAT(result.out, EndsWith("/libalkaid_malloc.so:libresolv.so.2\n"));
}

TEST_F(TrackRun, WithoutItNothingIsTracked) {
  // The control: the same shell, started by a command that does not preload.
  const std::string plain = ALKAID_PLAIN_PROGRAM;
  const CommandResult result =
      RunTracked({"sh", "-c", "unset LD_PRELOAD; ALKAID_TRACK_ALLOCATIONS=1 " + plain});
  EXPECT_EQ(result.out, "not tracked\n");
}

TEST_F(TrackRun, ACommandThatIsNotThereExitsAsInAShell) {
  const CommandResult missing = RunTracked({"alkaid-no-such-command"});
  EXPECT_EQ(missing.exit_code, 127);
  EXPECT_EQ(missing.err, "alkaid: run: alkaid-no-such-command: command not found\n");
  EXPECT_EQ(RunTracked({"/no/such/file"}).exit_code, 127);
  EXPECT_EQ(RunTracked({"/etc/passwd"}).exit_code, 126);
}

TEST_F(TrackRun, ASignalThatEndsTheCommandIsSeen) {
  EXPECT_EQ(RunTracked({"sh", "-c", "kill -TERM $$"}).exit_code, 128 + 15);
}

TEST_F(TrackRun, WrongUsageExitsOneAndRunsNothing) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"run"},
        {"run", "--track"},
        {"run", "--track", "--"},
        {"run", "--", "echo", "ran"},
        {"run", "--track=lots", "--", "echo", "ran"},
        {"run", "--track=sample:0", "--", "echo", "ran"}}) {
    const CommandResult result = RunCommand(arguments);
    EXPECT_EQ(result.exit_code, 1) << ::testing::PrintToString(arguments);
    EXPECT_NE(result.err, "");
    EXPECT_EQ(result.out, "");
  }
}

// An ELF file of 64 bits whose headers say that it is statically linked; it has nothing else.
std::string StaticProgram() {
  std::string bytes(64, '\0');
  bytes.replace(0, 7, std::string("\177ELF\2\1\1", 7));
  return bytes;
}

TEST_F(TrackRun, ProgramsIntoWhichNothingCanBePreloadedAreRefused) {
  const TestFolder folder;
  const std::string file = folder.Write("program", StaticProgram());
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  const CommandResult linked = RunTracked({file});
  EXPECT_EQ(linked.exit_code, 1);
  EXPECT_THAT(linked.err, AllOf(HasSubstr(file), HasSubstr("statically linked")));

  std::string narrow = StaticProgram();
  narrow[4] = 1;
  const CommandResult bits = RunTracked({folder.Write("program", narrow)});
  EXPECT_EQ(bits.exit_code, 1);
  EXPECT_THAT(bits.err, HasSubstr("32-bit"));
}

}  // namespace
}  // namespace alkaid::tools
