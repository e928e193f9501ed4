// Heap files by signal, seen from outside: each case runs in a separate process, controlled by its
// environment.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_requests.h"
#include "alkaid/heap/reports/heap_signal_internal.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/retention_report.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"
#include "fixtures/heap_file_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/run_all_tests.h"

#if defined(__SANITIZE_THREAD__)
#define ALKAID_TEST_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ALKAID_TEST_UNDER_TSAN 1
#endif
#endif

namespace alkaid::heap {
namespace {

namespace fs = std::filesystem;
using internal::ChildResult;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The children's part.

// Sends itself signals until the file exists.
int SignalSelf(const char* file) {
  Keep();
  errno = 77;
  ::raise(SIGUSR2);
  if (errno != 77) return 4;
  if (!WaitFor([&] { return fs::exists(file); })) return 5;
  return 0;
}

// Keeps a small slice of a root, which a retention report must find.
int SignalWithViews(const char* file) {
  const auto slice = SliceBuffer(AllocateBuffer(kKept).value(), 1000, 10);
  return SignalSelf(file);
}

int SignalTwice(const char* first, const char* second) {
  Keep();
  ::raise(SIGUSR2);
  if (!WaitFor([&] { return fs::exists(first); })) return 5;
  Keep();
  ::raise(SIGUSR2);
  return WaitFor([&] { return fs::exists(second); }) ? 0 : 6;
}

// Ends before the thread can have answered.
int SignalAndEnd() {
  Keep();
  ::raise(SIGUSR2);
  return 3;
}

// Threads allocate and free without pause while all of them get signals.
int Storm(const char* file) {
  Keep();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      MemoryPool* const pool = default_memory_pool();
      std::vector<uint8_t*> blocks(64);
      for (size_t i = 0; !stop; i = (i + 1) % blocks.size()) {
        if (blocks[i] != nullptr) pool->Free(blocks[i], 100);
        if (!pool->Allocate(100, &blocks[i]).ok()) ::abort();
      }
      for (uint8_t* block : blocks) {
        if (block != nullptr) pool->Free(block, 100);
      }
    });
  }
  for (int i = 0; i < 5000; ++i) {
    for (std::thread& thread : threads) ::pthread_kill(thread.native_handle(), SIGUSR2);
  }
  const bool there = WaitFor([&] { return fs::exists(file); });
  stop = true;
  for (std::thread& thread : threads) thread.join();
  return there ? 0 : 5;
}

// A forked child answers its own signals; its parent does not.
int ForkAndSignal(const char* folder) {
  Keep();
  const pid_t child = internal::StartChild([folder] {
    ::raise(SIGUSR2);
    const std::string file = std::string(folder) + "/h." + std::to_string(::getpid());
    return WaitFor([&] { return fs::exists(file); }) ? 0 : 5;
  });
  std::printf("%d\n", child);
  return internal::EndOfChild(child);
}

// A child of vfork has its parent's memory. raise would name its parent's thread.
int SignalInChildOfVfork() {
  Keep();
  const pid_t child = ::vfork();
  if (child == 0) {
    ::syscall(SYS_kill, ::syscall(SYS_getpid), SIGUSR2);
    ::_exit(0);
  }
  return internal::EndOfChild(child) >= 0 ? 3 : 9;
}

int RefusedSignals() {
  std::signal(SIGUSR1, [](int) {});
  const Status taken = WriteHeapFileOnSignal(SIGUSR1);
  if (taken.code() != StatusCode::kFailedPrecondition) return 4;
  for (const int signal : {SIGSEGV, SIGABRT, SIGKILL, SIGSTOP, 0, -1, 1000, 32}) {
    if (WriteHeapFileOnSignal(signal).code() != StatusCode::kInvalidArgument) return 5;
  }
  if (!WriteHeapFileOnSignal(SIGUSR2, "a").ok()) return 6;
  if (!WriteHeapFileOnSignal(SIGUSR2, "b").ok()) return 7;
  if (WriteHeapFileOnSignal(SIGWINCH).code() != StatusCode::kAlreadyExists) return 8;
  if (WriteHeapFileOnSignal(SIGUSR2, "").code() != StatusCode::kInvalidArgument) return 9;
  return WriteHeapFileAtExit("").code() == StatusCode::kInvalidArgument ? 0 : 10;
}

int RunAsChild(const std::string& what, char** arguments) {
  if (what == "end") return 3;
  if (what == "signal") return SignalSelf(arguments[0]);
  if (what == "views") return SignalWithViews(arguments[0]);
  if (what == "twice") return SignalTwice(arguments[0], arguments[1]);
  if (what == "signal-end") return SignalAndEnd();
  if (what == "storm") return Storm(arguments[0]);
  if (what == "fork-signal") return ForkAndSignal(arguments[0]);
  if (what == "vfork-signal") return SignalInChildOfVfork();
  if (what == "refused") return RefusedSignals();
  return 99;
}

// The parent's part.

using HeapSignal = HeapFileProcess;

TEST_F(HeapSignal, AFileOfAProgramWhoseViewsAreTrackedTellsWhatTheyKeep) {
  const ChildResult child = Run({"views", File("now.1")}, {{"ALKAID_TRACK_ALLOCATIONS", "views"},
                                                           {"ALKAID_HEAP_SIGNAL", "USR2"},
                                                           {"ALKAID_HEAP_FILE", File("now.%n")}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(auto snapshot, ReadHeapFile(File("now.1")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto report, RetentionReport::Of(std::move(snapshot)));
  ASSERT_EQ(report.roots().size(), 1U);
  EXPECT_GE(report.roots()[0].held_bytes, kKept);
  EXPECT_EQ(report.roots()[0].visible_bytes, 10);
}

TEST_F(HeapSignal, ASignalThatIsPendingWhenMainReturnsIsAnswered) {
  const ChildResult child = Run({"signal-end"}, {{"ALKAID_HEAP_SIGNAL", "USR2"},
                                                 {"ALKAID_HEAP_FILE", File("now.%n")},
                                                 {"ALKAID_HEAP_AT_EXIT", File("end")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("now.1")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  EXPECT_THAT(child.err, HasSubstr("live blocks written to " + File("now.1") + "\n"));
  EXPECT_TRUE(fs::exists(File("end")));
  EXPECT_EQ(FileCount(), 2);
}

TEST_F(HeapSignal, OfAChildOfVforkIsNoneOfItsParent) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer makes a fork of vfork";
#endif
  const ChildResult child =
      Run({"vfork-signal"}, {{"ALKAID_HEAP_SIGNAL", "USR2"}, {"ALKAID_HEAP_FILE", File("now.%n")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  EXPECT_EQ(FileCount(), 0);
}

TEST_F(HeapSignal, ASignalIsAnsweredByAFileAndErrnoStays) {
  const ChildResult child = Run({"signal", File("now.1")}, {{"ALKAID_HEAP_SIGNAL", "USR2"},
                                                            {"ALKAID_HEAP_FILE", File("now.%n")}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("now.1")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  EXPECT_THAT(child.err, Not(HasSubstr("was not tracked")));
}

TEST_F(HeapSignal, TheFirstSignalSwitchesTrackingOnAndSaysSo) {
  const ChildResult child =
      Run({"twice", File("now.1"), File("now.2")}, {{"ALKAID_TRACK_ALLOCATIONS", ""},
                                                    {"ALKAID_HEAP_SIGNAL", "SIGUSR2"},
                                                    {"ALKAID_HEAP_FILE", File("now.%n")}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  EXPECT_THAT(child.err, HasSubstr("was not tracked before signal 1, and is from now on"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto first, ReadHeapFile(File("now.1")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto second, ReadHeapFile(File("now.2")));
  EXPECT_EQ(BlocksOf(first, kKept), 0);
  EXPECT_EQ(BlocksOf(second, kKept), 1);
  // The block from before tracking is only in its pool's total.
  int64_t untracked = 0;
  for (const HeapPool& pool : first.contents().pools) {
    if (pool.identity != 0) untracked += pool.untracked_bytes();
  }
  EXPECT_EQ(untracked, kKept);
}

TEST_F(HeapSignal, AStormOfSignalsWhileThreadsAllocateIsSurvivedAndAnswered) {
  const ChildResult child = Run(
      {"storm", File("now")}, {{"ALKAID_HEAP_SIGNAL", "USR2"}, {"ALKAID_HEAP_FILE", File("now")}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("now")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
}

TEST_F(HeapSignal, AForkedChildAnswersItsOwnSignals) {
  if (!::alkaid::internal::kForkedChildHasMalloc) {
    GTEST_SKIP() << ::alkaid::internal::kNoMallocInForkedChild;
  }
#ifdef ALKAID_TEST_UNDER_TSAN
  GTEST_SKIP() << "ThreadSanitizer starts no threads in a forked child";
#endif
  const ChildResult parent = Run({"fork-signal", folder_}, {{"ALKAID_HEAP_SIGNAL", "USR2"},
                                                            {"ALKAID_HEAP_FILE", File("h.%p")}});
  EXPECT_TRUE(parent.ExitedWith(0)) << parent.status << parent.err;
  const std::string child = parent.out.substr(0, parent.out.find('\n'));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("h." + child)));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(HeapSignal, ASignalThatIsNoneIsSaidOnce) {
  const ChildResult child = Run({"end"}, {{"ALKAID_HEAP_SIGNAL", "USR9"}});
  EXPECT_TRUE(child.ExitedWith(3));
  EXPECT_THAT(child.err, AllOf(HasSubstr("ALKAID_HEAP_SIGNAL"), HasSubstr("USR9")));
}

TEST_F(HeapSignal, SignalsThatBelongToOthersAreRefused) {
  const ChildResult child = Run({"refused"}, {});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
}

}  // namespace
}  // namespace alkaid::heap

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[0]) == "child") {
    return alkaid::heap::RunAsChild(argv[1], argv + 2);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
