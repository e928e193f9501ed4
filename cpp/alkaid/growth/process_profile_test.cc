// The profile of a whole process, seen from outside: every case is a process of its own, configured
// by its environment.

#include "alkaid/growth/process_profile.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/base/exit_task_internal.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/growth/leak_profile.h"
#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/run_all_tests.h"

namespace alkaid::growth {
namespace {

namespace fs = std::filesystem;
using internal::ChildEnvironment;
using internal::ChildResult;
using internal::RunSelf;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The children's part.

int StampAndEnd(int events) {
  for (int i = 0; i < events; ++i) StampEvent();
  return 3;
}

// Exit questions of a signal handler that calls exit and interrupted malloc.
constexpr internal::ExitQuestions kEndsInMalloc = {
    .learn = [] {}, .may_write = [] { return true; }, .ends_in_malloc = [] { return true; }};
// Exit questions under a filter of system calls.
constexpr internal::ExitQuestions kMayNotWrite = {
    .learn = [] {}, .may_write = [] { return false; }, .ends_in_malloc = [] { return false; }};

int StampAndEndAs(const internal::ExitQuestions& thread, int events) {
  internal::AskAtExit(&thread);
  return StampAndEnd(events);
}

// A child of vfork, which has this process's memory, calls exit between two events.
int StampAroundVfork() {
  StampEvent();
  const pid_t child = ::vfork();
  if (child == 0) std::exit(5);  // NOLINT(clang-analyzer-unix.Vfork)
  int status = 0;
  if (::waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 5) return 4;
  StampEvent();
  return 3;
}

int StampAndEndWithoutFiles() {
  const rlimit none = {0, 0};
  return ::setrlimit(RLIMIT_FSIZE, &none) == 0 ? StampAndEnd(2) : 4;
}

// On a thread that is to be cancelled.
int StampAndEndCancelled() {
  pthread_t thread;
  const auto run = [](void* /*nothing*/) -> void* {
    ::pthread_cancel(::pthread_self());
    std::exit(StampAndEnd(12));
  };
  if (::pthread_create(&thread, nullptr, run, nullptr) != 0) return 4;
  ::pthread_join(thread, nullptr);
  return 5;
}

// Keeps much memory until main is over.
int KeepUntilTheEnd() {
  constexpr int64_t kSize = 50'000'000;
  struct Holder {
    Holder() {
      if (!default_memory_pool()->Allocate(kSize, &block).ok()) ::abort();
    }
    ~Holder() { default_memory_pool()->Free(block, kSize); }
    uint8_t* block = nullptr;
  };
  static Holder holder;
  return StampAndEnd(2);
}

// The parent stamps 2 events, its child stamps `events` of its own.
int ForkAndStamp(int events) {
  StampEvent();
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < events; ++i) StampEvent();
    std::exit(0);
  }
  StampEvent();
  int status = 0;
  ::waitpid(child, &status, 0);
  std::printf("%d\n", child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
}

// Forks while other threads stamp: none of their locks may be held in the child.
int ForkInAStorm() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&stop] {
      while (!stop) StampEvent();
    });
  }
  int result = 0;
  for (int i = 0; i < 50 && result == 0; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(30);
      StampEvent();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) result = 9;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  return result;
}

// Ends by _exit, without a last word.
int StampAndVanish(int events) {
  for (int i = 0; i < events; ++i) StampEvent();
  ::_exit(0);
}

// Ends like a service: by a signal that asks for no file, by abort, or by a kill.
int StampAndEndBy(int events, int signal) {
  for (int i = 0; i < events; ++i) StampEvent();
  if (signal == SIGABRT) ::abort();
  ::raise(signal);
  return 4;
}

int StampAndBeTerminated(int events) {
  for (int i = 0; i < events; ++i) StampEvent();
  ::kill(::getpid(), SIGTERM);
  for (int i = 0; i < 600; ++i) ::usleep(100'000);
  return 4;
}

constexpr int64_t kGrown = 34'567;

int Grow(int events) {
  static std::vector<uint8_t*> kept;  // reachable for a leak checker
  for (int i = 0; i < events; ++i) {
    uint8_t* block = nullptr;
    if (!default_memory_pool()->Allocate(kGrown, &block).ok()) return 4;
    kept.push_back(block);
    StampEvent();
  }
  return 3;
}

// What other processes see of the profile while the process runs.
int StampAndLook(const char* file) {
  for (size_t i = 1; i <= 130; ++i) {
    StampEvent();
    const auto stamps = ReadLeakProfile(file);
    if (!stamps.ok() || stamps->size() != i) return 4;
  }
  const auto run = ReadLeakProfileRun(file);
  if (!run.ok() || run->process != static_cast<uint32_t>(::getpid())) return 5;
  return run->end == LeakProfileRun::End::kRunning ? 0 : 6;
}

// Is killed while its child, which stamps nothing, lives on.
int ForkAndBeKilled() {
  StampEvent();
  StampEvent();
  int ready[2];
  if (::pipe(ready) != 0) return 4;
  const pid_t child = ::fork();
  if (child == 0) {
    // A process that waits for the parent's output shall not wait for this child.
    const int nothing = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) ::dup2(nothing, fd);
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::alarm(60);
    while (true) ::pause();
  }
  char byte;
  if (::read(ready[0], &byte, 1) != 1) return 5;
  std::printf("%d\n", child);
  std::fflush(stdout);
  ::raise(SIGKILL);
  return 6;
}

// Stamps by an object and by the profile of the process.
int StampByBoth(int events) {
  LeakProfile own;
  for (int i = 0; i < events; ++i) {
    if (!own.Stamp().ok()) return 4;
    StampEvent();
  }
  return 0;
}

int ChangeTheName(const char* first, const char* second) {
  if (!ProfileLeaksOfProcess(first).ok()) return 4;
  StampEvent();
  if (!fs::exists(first) || !ProfileLeaksOfProcess(second).ok()) return 5;
  StampEvent();
  return fs::exists(first) || !fs::exists(second) ? 6 : 0;
}

int AskFor(const char* file) {
  StampEvent();
  if (ProfileLeaksOfProcess("").code() != StatusCode::kInvalidArgument) return 4;
  if (!ProfileLeaksOfProcess("never used").ok()) return 5;
  if (!ProfileLeaksOfProcess(file).ok()) return 6;
  StampEvent();
  StampEvent();
  return 0;
}

int RunAsChild(const std::string& what, char** arguments) {
  if (what == "stamp") return StampAndEnd(std::atoi(arguments[0]));
  if (what == "cancelled") return StampAndEndCancelled();
  if (what == "malloc") return StampAndEndAs(kEndsInMalloc, std::atoi(arguments[0]));
  if (what == "confined") return StampAndEndAs(kMayNotWrite, std::atoi(arguments[0]));
  if (what == "limit") return StampAndEndWithoutFiles();
  if (what == "vfork") return StampAroundVfork();
  if (what == "keep") return KeepUntilTheEnd();
  if (what == "fork") return ForkAndStamp(std::atoi(arguments[0]));
  if (what == "vanish") return StampAndVanish(std::atoi(arguments[0]));
  if (what == "end-by") return StampAndEndBy(std::atoi(arguments[0]), std::atoi(arguments[1]));
  if (what == "term") return StampAndBeTerminated(std::atoi(arguments[0]));
  if (what == "grow") return Grow(std::atoi(arguments[0]));
  if (what == "look") return StampAndLook(arguments[0]);
  if (what == "fork-killed") return ForkAndBeKilled();
  if (what == "both") return StampByBoth(std::atoi(arguments[0]));
  if (what == "rename") return ChangeTheName(arguments[0], arguments[1]);
  if (what == "storm") return ForkInAStorm();
  if (what == "ask") return AskFor(arguments[0]);
  return 99;
}

// The parent's part.

class ProcessProfile : public ::testing::Test {
 protected:
  ProcessProfile() {
    std::string folder = ::testing::TempDir() + "/alkaid_profile_XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) ::abort();
    folder_ = folder;
  }
  ~ProcessProfile() override { fs::remove_all(folder_); }

  ChildResult Run(const std::vector<std::string>& arguments,
                  const std::map<std::string, std::string>& variables) const {
    ChildEnvironment environment = {
        {"ALKAID_LEAK_PROFILE", std::nullopt},    {"ALKAID_PROFILE_LEAK_MB", std::nullopt},
        {"ALKAID_PROFILE_LEAK_BY", std::nullopt}, {"ALKAID_PROFILE_RELEASE_AT", std::nullopt},
        {"ALKAID_HEAP_OWNER", std::nullopt},      {"ALKAID_TRACK_ALLOCATIONS", std::nullopt},
        {"ALKAID_EXIT_SIGNALS", std::nullopt},    {"ALKAID_HEAP_AT_STAMPS", std::nullopt},
        {"ALKAID_HEAP_FILE", std::nullopt}};
    for (const auto& [name, value] : variables) environment[name] = value;
    return RunSelf(arguments, environment);
  }
  std::string File(const std::string& name) const { return folder_ + "/" + name; }
  int64_t FileCount() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }

  std::string folder_;
};

std::vector<MemoryStamp> Read(const std::string& file) {
  const auto stamps = ReadLeakProfile(file);
  EXPECT_THAT(stamps, IsOk());
  return stamps.value_or(std::vector<MemoryStamp>());
}

using End = LeakProfileRun::End;

End EndOf(const std::string& file) {
  const auto run = ReadLeakProfileRun(file);
  EXPECT_THAT(run, IsOk());
  return run.ok() ? run->end : End::kNotRecorded;
}

TEST_F(ProcessProfile, HasAStampForEachEventAndTheProcessEndsAsItWould) {
  const ChildResult child = Run({"stamp", "12"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  EXPECT_EQ(child.err, "");
  const auto stamps = Read(File("a.npy"));
  ASSERT_EQ(stamps.size(), 12u);
  EXPECT_FALSE(std::isnan(stamps.back().released_rss_mb));
  EXPECT_TRUE(std::isnan(stamps.front().released_rss_mb));
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(ProcessProfile, IsWrittenByAThreadThatIsToBeCancelled) {
  const ChildResult child = Run({"cancelled"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  EXPECT_EQ(child.err, "");
  EXPECT_EQ(Read(File("a.npy")).size(), 12u);
}

TEST_F(ProcessProfile, OfAProgramThatEndsInTheMiddleOfMallocIsALineThatSaysSo) {
  const ChildResult child = Run({"malloc", "2"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  EXPECT_EQ(child.err, "alkaid: no end of leak profile " + File("a.npy") +
                           ": the program ends in the middle of malloc or fork\n");
  EXPECT_EQ(Read(File("a.npy")).size(), 2u);
}

TEST_F(ProcessProfile, OfAProgramThatMayNotWriteIsALineThatSaysSo) {
  const ChildResult child = Run({"confined", "2"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  EXPECT_EQ(child.err,
            "alkaid: no end of a leak profile: a filter of system calls (seccomp) would end the "
            "program if it wrote\n");
  EXPECT_EQ(Run({"confined", "0"}, {{"ALKAID_LEAK_PROFILE", File("b.npy")}}).err, "");
}

// The process ends by SIGXFSZ, which the first event's write would raise too.
TEST_F(ProcessProfile, UnderALimitOfFileSizesTheProcessEndsAsItWould) {
  const ChildResult child = Run({"limit"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  EXPECT_EQ(FileCount(), 0);
}

TEST_F(ProcessProfile, IsLeftToItsProcessByAChildOfVforkThatCallsExit) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer makes a fork of vfork";
#endif
  const ChildResult parent = Run({"vfork"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_TRUE(parent.ExitedWith(3)) << parent.status << parent.err;
  EXPECT_EQ(parent.err, "");
  EXPECT_EQ(Read(File("a.npy")).size(), 2u);
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(ProcessProfile, IsNotWrittenWhereNobodyAsked) {
  EXPECT_TRUE(Run({"stamp", "12"}, {}).ExitedWith(3));
  EXPECT_TRUE(Run({"stamp", "12"}, {{"ALKAID_LEAK_PROFILE", ""}}).ExitedWith(3));
  EXPECT_EQ(FileCount(), 0);
}

TEST_F(ProcessProfile, CanBeAskedForByTheProgram) {
  const ChildResult child = Run({"ask", File("a.npy")}, {});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  EXPECT_EQ(Read(File("a.npy")).size(), 2u);
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(ProcessProfile, PlantsWhatTheEnvironmentAsksFor) {
  const ChildResult child = Run(
      {"stamp", "10"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}, {"ALKAID_PROFILE_LEAK_MB", "2"}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  const auto stamps = Read(File("a.npy"));
  ASSERT_EQ(stamps.size(), 10u);
  EXPECT_NEAR(stamps.back().live_mb - stamps.front().live_mb, 9 * 2, 1);
}

TEST_F(ProcessProfile, PlantsOnceForAllProfilesOfAProcess) {
  const ChildResult child = Run(
      {"both", "10"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}, {"ALKAID_PROFILE_LEAK_MB", "2"}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.err;
  const auto stamps = Read(File("a.npy"));
  ASSERT_EQ(stamps.size(), 10u);
  EXPECT_NEAR(stamps.back().live_mb - stamps.front().live_mb, 9 * 2, 1);
}

TEST_F(ProcessProfile, AForkedChildPlantsAsItsParentDoes) {
  const ChildResult parent = Run(
      {"fork", "10"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}, {"ALKAID_PROFILE_LEAK_MB", "2"}});
  ASSERT_TRUE(parent.ExitedWith(0)) << parent.err;
  const std::string child = parent.out.substr(0, parent.out.find('\n'));
  const auto stamps = Read(File("a.npy." + child));
  ASSERT_EQ(stamps.size(), 10u);
  EXPECT_NEAR(stamps.back().live_mb - stamps.front().live_mb, 9 * 2, 1);
}

// A million MB an event are more than half of any machine's memory.
TEST_F(ProcessProfile, StampsNoFurtherThanItMayPlantAndSaysSo) {
  const ChildResult child = Run({"stamp", "3"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")},
                                                 {"ALKAID_PROFILE_LEAK_MB", "1000000"}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  EXPECT_THAT(child.err,
              HasSubstr("alkaid: the planted leak ends at 0 MB: with 1,000,000.0 MB more"));
  EXPECT_EQ(child.err.find("the planted leak ends"), child.err.rfind("the planted leak ends"));
  EXPECT_EQ(Read(File("a.npy")).size(), 0u);
}

TEST_F(ProcessProfile, OneThatEndsWithoutAWordLeavesAllItsStamps) {
  EXPECT_TRUE(Run({"vanish", "5"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}}).ExitedWith(0));
  EXPECT_EQ(Read(File("a.npy")).size(), 5u);
  EXPECT_EQ(EndOf(File("a.npy")), End::kWithoutWord);
  EXPECT_TRUE(Run({"vanish", "0"}, {{"ALKAID_LEAK_PROFILE", File("b.npy")}}).ExitedWith(0));
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(ProcessProfile, OneThatASignalOrAbortEndsLeavesAllItsStampsToo) {
  for (const int signal : {SIGTERM, SIGKILL, SIGABRT}) {
    const ChildResult child =
        Run({"end-by", "123", std::to_string(signal)}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
    EXPECT_EQ(child.signal(), signal) << child.status << child.err;
    EXPECT_EQ(child.err, "");
    EXPECT_EQ(Read(File("a.npy")).size(), 123u);
    EXPECT_EQ(EndOf(File("a.npy")), End::kWithoutWord);
    EXPECT_EQ(FileCount(), 1);
  }
}

// Ends by a signal at which files are written.
TEST_F(ProcessProfile, HasALastWordWhereTheSignalWasAnnounced) {
  const ChildResult child = Run(
      {"term", "12"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}, {"ALKAID_EXIT_SIGNALS", "TERM"}});
  EXPECT_EQ(child.signal(), SIGTERM) << child.status << child.err;
  EXPECT_EQ(child.err, "");
  const auto stamps = Read(File("a.npy"));
  ASSERT_EQ(stamps.size(), 12u);
  EXPECT_FALSE(std::isnan(stamps.back().released_rss_mb));
  const auto run = ReadLeakProfileRun(File("a.npy"));
  ASSERT_THAT(run, IsOk());
  EXPECT_EQ(run->end, End::kSignal);
  EXPECT_EQ(run->signal, SIGTERM);
}

TEST_F(ProcessProfile, HeapFilesAreWrittenAtTheStampsThatAreNamed) {
  const ChildResult child = Run({"grow", "6"}, {{"ALKAID_HEAP_AT_STAMPS", "2,5"},
                                                {"ALKAID_HEAP_FILE", File("heap.%n")},
                                                {"ALKAID_TRACK_ALLOCATIONS", "1"}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  EXPECT_EQ(FileCount(), 2);
  std::vector<std::string> labels;
  const auto live = [&](const std::string& name) {
    const auto snapshot = heap::ReadHeapFile(File(name));
    EXPECT_THAT(snapshot, IsOk());
    labels.push_back(snapshot->contents().name);
    int64_t count = 0;
    for (const heap::HeapBlock& block : snapshot->blocks()) count += block.size == kGrown ? 1 : 0;
    return count;
  };
  EXPECT_EQ(live("heap.1"), 2);
  EXPECT_EQ(live("heap.2"), 5);
  EXPECT_THAT(labels, ElementsAre("stamp 2", "stamp 5"));
}

TEST_F(ProcessProfile, StampsThatNeverCameAreNamedAtTheEnd) {
  const ChildResult child = Run({"grow", "3"}, {{"ALKAID_HEAP_AT_STAMPS", "2,9,5"},
                                                {"ALKAID_HEAP_FILE", File("heap.%n")},
                                                {"ALKAID_TRACK_ALLOCATIONS", "1"}});
  EXPECT_THAT(child.err, HasSubstr("alkaid: no heap file at stamp 9, 5: the program stamped 3 "
                                   "events (growth::StampEvent)\n"));
  EXPECT_THAT(child.err, Not(HasSubstr("no leak profile")));
  EXPECT_EQ(FileCount(), 1);
  const ChildResult all = Run({"grow", "9"}, {{"ALKAID_HEAP_AT_STAMPS", "2,9,5"},
                                              {"ALKAID_HEAP_FILE", File("all.%n")},
                                              {"ALKAID_TRACK_ALLOCATIONS", "1"}});
  EXPECT_THAT(all.err, Not(HasSubstr("no heap file at stamp")));
}

TEST_F(ProcessProfile, StampsThatAreNoNumbersAreSaid) {
  for (const char* bad : {"0", "2,", "x", "3;4"}) {
    const ChildResult child =
        Run({"grow", "2"}, {{"ALKAID_HEAP_AT_STAMPS", bad}, {"ALKAID_HEAP_FILE", File("h")}});
    EXPECT_THAT(child.err, HasSubstr(std::string("ALKAID_HEAP_AT_STAMPS=") + bad)) << bad;
  }
  EXPECT_EQ(FileCount(), 0);
}

TEST_F(ProcessProfile, CanBeReadWhileTheProcessRuns) {
  const ChildResult child = Run({"look", File("a.npy")}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  EXPECT_EQ(EndOf(File("a.npy")), End::kNormal);
}

TEST_F(ProcessProfile, OfAKilledParentIsNotTakenForOneThatRunsWhileItsChildDoes) {
  const ChildResult parent = Run({"fork-killed"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_EQ(parent.signal(), SIGKILL) << parent.status << parent.err;
  EXPECT_EQ(Read(File("a.npy")).size(), 2u);
  EXPECT_EQ(EndOf(File("a.npy")), End::kWithoutWord);
  EXPECT_EQ(FileCount(), 1);
  const pid_t child = std::atoi(parent.out.c_str());
  ASSERT_GT(child, 0);
  EXPECT_EQ(::kill(child, SIGKILL), 0);
}

TEST_F(ProcessProfile, ReplacesTheProfileOfAnEarlierRunAtTheFirstEvent) {
  EXPECT_TRUE(Run({"stamp", "5"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}}).ExitedWith(3));
  EXPECT_EQ(EndOf(File("a.npy")), End::kNormal);
  EXPECT_TRUE(Run({"vanish", "2"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}}).ExitedWith(0));
  EXPECT_EQ(Read(File("a.npy")).size(), 2u);
}

TEST_F(ProcessProfile, WhereNoFileCanGrowItIsWrittenAtTheEnd) {
  const ChildResult child = Run({"stamp", "5"}, {{"ALKAID_LEAK_PROFILE", "/dev/stdout"}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  const auto stamps = ParseLeakProfile(child.out, "stdout");
  ASSERT_THAT(stamps, IsOk());
  EXPECT_EQ(stamps->size(), 5u);
}

TEST_F(ProcessProfile, ANameThatIsChangedLeavesNothingOfTheOldOne) {
  const ChildResult child = Run({"rename", File("a.npy"), File("b.npy")}, {});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  EXPECT_EQ(Read(File("b.npy")).size(), 2u);
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(ProcessProfile, APlantThatMakesNoSenseIsSaidOnceAndNotPlanted) {
  const ChildResult child = Run(
      {"stamp", "3"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}, {"ALKAID_PROFILE_LEAK_MB", "-5"}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  EXPECT_EQ(child.err,
            "alkaid: ALKAID_PROFILE_LEAK_MB=-5: not a number of MB from 0 to 1e+06; no leak is "
            "planted\n");
  const auto stamps = Read(File("a.npy"));
  ASSERT_EQ(stamps.size(), 3u);
  EXPECT_EQ(stamps[2].live_mb, stamps[0].live_mb);
}

TEST_F(ProcessProfile, TriesNoReleaseWhereTheProgramGaveItsMemoryBackBefore) {
  const ChildResult child = Run({"keep"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  EXPECT_TRUE(std::isnan(Read(File("a.npy")).back().released_rss_mb));
}

TEST_F(ProcessProfile, TriesReleaseAtTheStampThatIsNamed) {
  const ChildResult child = Run(
      {"stamp", "4"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}, {"ALKAID_PROFILE_RELEASE_AT", "3"}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  const auto stamps = Read(File("a.npy"));
  ASSERT_EQ(stamps.size(), 4u);
  EXPECT_TRUE(std::isnan(stamps[1].released_rss_mb));
  EXPECT_FALSE(std::isnan(stamps[2].released_rss_mb));
  EXPECT_TRUE(std::isnan(stamps[3].released_rss_mb));
}

TEST_F(ProcessProfile, AStampThatIsNoNumberIsSaidAndTheEndTakenInstead) {
  for (const char* bad : {"0", "-1", "last", "3x"}) {
    const ChildResult child = Run({"stamp", "2"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")},
                                                   {"ALKAID_PROFILE_RELEASE_AT", bad}});
    EXPECT_THAT(child.err, HasSubstr(std::string("ALKAID_PROFILE_RELEASE_AT=") + bad));
    EXPECT_FALSE(std::isnan(Read(File("a.npy")).back().released_rss_mb)) << bad;
  }
}

TEST_F(ProcessProfile, SaysSoWhenNothingWasStamped) {
  const ChildResult child = Run({"stamp", "0"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  EXPECT_TRUE(child.ExitedWith(3));
  EXPECT_THAT(child.err, AllOf(HasSubstr("no leak profile " + File("a.npy")),
                               HasSubstr("the program stamped no event")));
  EXPECT_EQ(FileCount(), 0);
}

TEST_F(ProcessProfile, AFileThatCanNotBeWrittenIsOneLineAndTheExitCodeStays) {
  const ChildResult child = Run({"stamp", "2"}, {{"ALKAID_LEAK_PROFILE", File("no/such/folder")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  EXPECT_THAT(child.err, HasSubstr("alkaid: no leak profile " + File("no/such/folder")));
  EXPECT_EQ(std::count(child.err.begin(), child.err.end(), '\n'), 1);
}

TEST_F(ProcessProfile, AForkedChildWritesAProfileOfItsOwn) {
  const ChildResult parent = Run({"fork", "5"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  ASSERT_TRUE(parent.ExitedWith(0)) << parent.err;
  const std::string child = parent.out.substr(0, parent.out.find('\n'));
  EXPECT_EQ(Read(File("a.npy")).size(), 2u);
  EXPECT_EQ(Read(File("a.npy." + child)).size(), 5u);
  EXPECT_EQ(FileCount(), 2);
}

TEST_F(ProcessProfile, ANameWithTheProcessInItIsLeftAsItIsInAForkedChild) {
  const ChildResult parent = Run({"fork", "5"}, {{"ALKAID_LEAK_PROFILE", File("a.%p.npy")}});
  ASSERT_TRUE(parent.ExitedWith(0)) << parent.err;
  const std::string child = parent.out.substr(0, parent.out.find('\n'));
  EXPECT_EQ(Read(File("a." + child + ".npy")).size(), 5u);
  EXPECT_EQ(FileCount(), 2);
}

TEST_F(ProcessProfile, AForkedChildThatStampsNothingWritesAndSaysNothing) {
  const ChildResult parent = Run({"fork", "0"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}});
  ASSERT_TRUE(parent.ExitedWith(0)) << parent.err;
  EXPECT_EQ(parent.err, "");
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(ProcessProfile, AForkWhileOthersStampLeavesNoLockHeld) {
  if (!::alkaid::internal::kForkedChildHasMalloc) {
    GTEST_SKIP() << ::alkaid::internal::kNoMallocInForkedChild;
  }
  for (const char* planted_mb : {"0", "0.001"}) {
    const ChildResult parent = Run({"storm"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")},
                                               {"ALKAID_PROFILE_LEAK_MB", planted_mb}});
    EXPECT_TRUE(parent.ExitedWith(0)) << parent.status << parent.err;
  }
}

TEST_F(ProcessProfile, AFileThatIsMeantForAnotherProcessIsLeftAlone) {
  const ChildResult child =
      Run({"stamp", "2"}, {{"ALKAID_LEAK_PROFILE", File("a.npy")}, {"ALKAID_HEAP_OWNER", "1"}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  ASSERT_EQ(FileCount(), 1);
  const std::string file = fs::directory_iterator(folder_)->path();
  EXPECT_TRUE(file.starts_with(File("a.npy."))) << file;
}

}  // namespace
}  // namespace alkaid::growth

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[0]) == "child") {
    return alkaid::growth::RunAsChild(argv[1], argv + 2);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
