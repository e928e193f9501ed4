// What is written at exit, seen from outside: every case is a process of its own.

#include <gmock/gmock.h>
#include <gnu/libc-version.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/notice_internal.h"
#include "fixtures/child_process.h"
#include "fixtures/run_all_tests.h"

namespace alkaid::internal {
namespace {

using ::testing::HasSubstr;

// The children's part. Each exit task reports on stderr.

// The answers to the exit questions, which also report on stderr.
constinit std::atomic<bool> may_write{true};
constinit std::atomic<bool> ends_in_malloc{false};
constexpr ExitQuestions kQuestions = {.learn = [] { Notice("learns"); },
                                      .may_write = [] { return may_write.load(); },
                                      .ends_in_malloc = [] { return ends_in_malloc.load(); }};

void (*while_writing)() = nullptr;

constexpr ExitTask last = {.rank = ExitRank::kHeapFiles,
                           .write =
                               [] {
                                 if (while_writing != nullptr) while_writing();
                                 Notice("last");
                               },
                           .leave_out = [](std::string_view why) { Notice("no last: ", why); },
                           .confined = [] { Notice("last confined"); }};
constexpr ExitTask first = {.rank = ExitRank::kReservations,
                            .write = [] { Notice("first"); },
                            .leave_out = [](std::string_view why) { Notice("no first: ", why); },
                            .confined = [] { Notice("first confined"); },
                            .make_room = [] { Notice("room"); }};

bool Ask() { return WriteAtExit(&last).ok() && WriteAtExit(&first).ok(); }

int EndInOrder(bool first_is_asked_first) {
  // Like the environment's tasks, before anything of the program.
  if (first_is_asked_first && !WriteAtExit(&first).ok()) return 9;
  if (!Ask() || !WriteAtExit(&last).ok()) return 9;
  static constexpr ExitTask kAnother = first;
  if (WriteAtExit(&kAnother).code() != StatusCode::kAlreadyExists) return 10;
  std::atexit([] { Notice("the program's"); });
  return 3;
}

int EndAsked(bool may, bool in_malloc) {
  AskAtExit(&kQuestions);
  may_write = may;
  ends_in_malloc = in_malloc;
  return Ask() ? 3 : 9;
}

// A child of vfork has the variables of its parent.
int EndAfterVfork(bool exits) {
  std::printf("half a line");
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::vfork();
    // As programs do that do not know better.
    if (child == 0) std::exit(5);  // NOLINT(clang-analyzer-unix.Vfork)
    if (EndOfChild(child) != 5) return 9;
  }
  if (exits) std::exit(3);
  return 3;
}

int EndAfterFork() {
  Notice("forks");
  return RunInChild([]() -> int { std::exit(EndAfterVfork(false)); });
}

void* Leave(void* /*nothing*/) { std::exit(3); }

int EndOnSmallStack() {
  while_writing = [] {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    volatile char bytes[100'000];
    for (size_t i = 0; i < sizeof(bytes); i += 1000) bytes[i] = 1;
#endif
  };
  pthread_attr_t attributes;
  pthread_t thread;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, static_cast<size_t>(PTHREAD_STACK_MIN));
  if (::pthread_create(&thread, &attributes, Leave, nullptr) != 0) return 9;
  while (true) ::pause();
}

int EndCancelled() {
  while_writing = [] { ::pthread_testcancel(); };
  pthread_t thread;
  const auto run = [](void* nothing) {
    ::pthread_cancel(::pthread_self());
    return Leave(nothing);
  };
  if (::pthread_create(&thread, nullptr, run, nullptr) != 0) return 9;
  ::pthread_join(thread, nullptr);
  return 9;
}

int EndByHandlerToo() {
  std::signal(SIGTERM, [](int) { std::exit(4); });
  while_writing = [] { ::raise(SIGTERM); };
  return 3;
}

int EndBySignal() {
  std::signal(SIGTERM, SIG_DFL);
  while_writing = [] { ::raise(SIGTERM); };
  return 3;
}

int EndBesideFailingWrites() {
  while_writing = [] {
    for (const int signal : {SIGPIPE, SIGXFSZ}) ::raise(signal);
  };
  return 3;
}

int EndWithoutMemory() {
  const rlimit none = {0, 0};
  return ::setrlimit(RLIMIT_AS, &none) == 0 ? 3 : 9;
}

// From 2.41 on the C library lets a second exit go no further than its own lock.
bool LibcHasOneExit() {
  int major = 0;
  int minor = 0;
  return std::sscanf(::gnu_get_libc_version(), "%d.%d", &major, &minor) == 2 &&
         std::pair(major, minor) >= std::pair(2, 41);
}

// While the first thread writes another one calls exit, which is seen to wait, or to go on.
std::atomic<int> other{0};  // its number, then 0 again

void LetOtherLeave(bool in_malloc) {
  ends_in_malloc = in_malloc;
  std::thread([] {
    other = static_cast<int>(::syscall(SYS_gettid));
    std::exit(4);
  }).detach();
  while (other == 0) std::this_thread::yield();
  if (in_malloc && !LibcHasOneExit()) ::pause();  // until that one has ended the process
  std::string text;
  do {
    std::ifstream stat("/proc/self/task/" + std::to_string(other) + "/stat");
    std::getline(stat, text);
  } while (text.find(") S ") == std::string::npos);
}

int EndOnTwoThreads(bool in_malloc) {
  AskAtExit(&kQuestions);
  while_writing = in_malloc ? [] { LetOtherLeave(true); } : [] { LetOtherLeave(false); };
  return 3;
}

int RunAsChild(const std::string& what) {
  if (what == "order") return EndInOrder(false);
  if (what == "other-order") return EndInOrder(true);
  if (what == "confined") return EndAsked(false, false);
  if (what == "malloc") return EndAsked(true, true);
  if (what == "both") return EndAsked(false, true);
  if (!Ask()) return 8;
  if (what == "vfork") return EndAfterVfork(false);
  if (what == "vfork-exit") return EndAfterVfork(true);
  if (what == "fork") return EndAfterFork();
  if (what == "small") return EndOnSmallStack();
  if (what == "cancelled") return EndCancelled();
  if (what == "handler") return EndByHandlerToo();
  if (what == "signal") return EndBySignal();
  if (what == "writes") return EndBesideFailingWrites();
  if (what == "memory") return EndWithoutMemory();
  if (what == "threads") return EndOnTwoThreads(false);
  if (what == "threads-malloc") return EndOnTwoThreads(true);
  return 99;
}

// The parent's part.

ChildResult ResultOf(const std::string& what) {
  ChildEnvironment environment;
  IgnoreLeaks(&environment);
  return RunSelf({what}, environment);
}

constexpr char kBoth[] = "alkaid: room\nalkaid: first\nalkaid: last\n";

void ExpectBoth(const std::string& what) {
  const ChildResult child = ResultOf(what);
  EXPECT_TRUE(child.ExitedWith(3)) << what << child.status;
  EXPECT_EQ(child.err, kBoth) << what;
}

TEST(ExitTask, RanksSayTheOrderAfterWhatTheProgramDoes) {
  for (const char* how : {"order", "other-order"}) {
    const ChildResult child = ResultOf(how);
    EXPECT_TRUE(child.ExitedWith(3)) << how << child.status;
    EXPECT_EQ(child.err, std::string("alkaid: the program's\n") + kBoth) << how;
  }
}

TEST(ExitTask, OfAThreadThatEndsInMallocIsLeftOut) {
  const ChildResult child = ResultOf("malloc");
  EXPECT_TRUE(child.ExitedWith(3)) << child.status;
  EXPECT_EQ(child.err,
            "alkaid: learns\nalkaid: learns\nalkaid: room\n"
            "alkaid: no first: the program ends in the middle of malloc or fork\n"
            "alkaid: no last: the program ends in the middle of malloc or fork\n");
}

TEST(ExitTask, OfAThreadThatMayNotWriteIsToldSo) {
  const ChildResult child = ResultOf("confined");
  EXPECT_TRUE(child.ExitedWith(3)) << child.status;
  EXPECT_EQ(child.err,
            "alkaid: learns\nalkaid: learns\n"
            "alkaid: first confined\nalkaid: last confined\n");
  // Where it cannot even wait nothing is done.
  EXPECT_EQ(ResultOf("both").err, "alkaid: learns\nalkaid: learns\n");
}

// Unwritten stdout is written once, by the first child.
TEST(ExitTask, AChildOfVforkThatCallsExitLeavesItToItsParent) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer makes a fork of vfork";
#endif
  for (const char* how : {"vfork", "vfork-exit"}) {
    ExpectBoth(how);
    EXPECT_EQ(ResultOf(how).out, "half a line") << how;
  }
}

TEST(ExitTask, IsAForkedChildsTooAndItsOwnChildrenOfVforkLeaveIt) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer makes a fork of vfork";
#endif
  const ChildResult child = ResultOf("fork");
  EXPECT_TRUE(child.ExitedWith(3)) << child.status;
  EXPECT_EQ(child.err, std::string("alkaid: forks\n") + kBoth + kBoth);
}

TEST(ExitTask, NeitherASmallStackNorACancellationNorASignalOfAWriteEndsIt) {
  for (const char* how : {"small", "cancelled", "writes"}) ExpectBoth(how);
}

TEST(ExitTask, AHandlerOfTheProgramWaitsUntilItIsDone) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer calls handlers later, and reports an exit in one";
#endif
  const ChildResult child = ResultOf("handler");
  EXPECT_TRUE(child.ExitedWith(4)) << child.status;
  EXPECT_EQ(child.err, kBoth);
}

TEST(ExitTask, ASignalWithoutAHandlerEndsTheProgram) {
  const ChildResult child = ResultOf("signal");
  EXPECT_EQ(child.signal(), SIGTERM) << child.status;
  EXPECT_EQ(child.err, "alkaid: room\nalkaid: first\n");
}

TEST(ExitTask, WithoutMemoryForItsStackIsLeftOut) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer watches stacks, so the thread's own is used";
#endif
  const ChildResult child = ResultOf("memory");
  EXPECT_TRUE(child.ExitedWith(3)) << child.status;
  EXPECT_EQ(child.err,
            "alkaid: room\nalkaid: no first: out of memory\nalkaid: no last: out of memory\n");
}

TEST(ExitTask, AnotherThreadThatCallsExitMeanwhileGoesNoFurther) { ExpectBoth("threads"); }

TEST(ExitTask, AnotherThreadThatCannotWaitSaysWhatIsMissing) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer reports two threads in exit";
#endif
  if (LibcHasOneExit()) return ExpectBoth("threads-malloc");
  const ChildResult child = ResultOf("threads-malloc");
  EXPECT_TRUE(child.ExitedWith(4)) << child.status;
  EXPECT_THAT(child.err, HasSubstr("alkaid: no first: exit was called again"));
  EXPECT_THAT(child.err, HasSubstr("alkaid: no last: exit was called again"));
}

}  // namespace
}  // namespace alkaid::internal

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[0]) == "child") return alkaid::internal::RunAsChild(argv[1]);
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
