// What a process writes before a signal ends it. Each case runs in a separate process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_requests.h"
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

using internal::ChildResult;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The children's part.

// Waits for the signal to end the process; a minute at most.
[[noreturn]] void AwaitTheEnd() {
  for (int i = 0; i < 600; ++i) ::usleep(100'000);
  ::_exit(99);
}

int KeepAndBeSent(int signal) {
  Keep();
  ::kill(::getpid(), signal);
  AwaitTheEnd();
}

int BeSentWhileThreadsAllocate() {
  Keep();
  std::vector<std::thread> threads;
  std::atomic<int> started{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&started] {
      started.fetch_add(1);
      while (true) {
        uint8_t* block = nullptr;
        if (default_memory_pool()->Allocate(100, &block).ok())
          default_memory_pool()->Free(block, 100);
      }
    });
  }
  while (started != 3) ::usleep(1000);
  ::kill(::getpid(), SIGTERM);
  AwaitTheEnd();
}

// A handler that the program installs later replaces the library's; the process then ends itself.
int EndByAHandlerOfItsOwn() {
  Keep();
  static std::atomic<bool> handled{false};
  std::signal(SIGTERM, [](int) { handled = true; });
  ::raise(SIGTERM);
  return handled ? 7 : 8;
}

int ForkAndSend() {
  const pid_t child = internal::StartChild([]() -> int {
    Keep();
    ::kill(::getpid(), SIGTERM);
    AwaitTheEnd();
  });
  std::printf("%d\n", child);
  return internal::EndOfChild(child) == -SIGTERM ? 3 : 9;
}

int RefusedSignals() {
  for (const int signal : {SIGSEGV, SIGKILL, SIGCHLD, SIGPIPE, 0, -1, 1000}) {
    if (WriteBeforeSignalEnds(signal).code() != StatusCode::kInvalidArgument) return 4;
  }
  static std::atomic<int> heard{0};
  std::signal(SIGINT, [](int) { heard = 1; });
  std::signal(SIGHUP, SIG_IGN);
  for (const int signal : {SIGINT, SIGHUP}) {
    if (WriteBeforeSignalEnds(signal).code() != StatusCode::kFailedPrecondition) return 5;
    ::raise(signal);
  }
  if (heard != 1) return 6;
  return WriteBeforeSignalEnds(SIGTERM).ok() && WriteBeforeSignalEnds(SIGTERM).ok() ? 0 : 7;
}

int RunAsChild(const std::string& what, char** arguments) {
  if (what == "sent") return KeepAndBeSent(std::atoi(arguments[0]));
  if (what == "storm") return BeSentWhileThreadsAllocate();
  if (what == "handler") return EndByAHandlerOfItsOwn();
  if (what == "fork") return ForkAndSend();
  if (what == "refused") return RefusedSignals();
  return 98;
}

// The parent's part.

using ExitSignal = HeapFileProcess;

TEST_F(ExitSignal, TheHeapFileIsThereAndTheProcessEndsByTheSignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const std::string file = File("end." + std::to_string(signal));
    const ChildResult child =
        Run({"sent", std::to_string(signal)},
            {{"ALKAID_HEAP_AT_EXIT", file}, {"ALKAID_EXIT_SIGNALS", "TERM,SIGINT"}});
    EXPECT_EQ(child.signal(), signal) << child.status << child.err;
    EXPECT_EQ(child.err, "");
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(file));
    EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  }
}

TEST_F(ExitSignal, WhereNobodyAskedNothingIsWritten) {
  const ChildResult child =
      Run({"sent", std::to_string(SIGTERM)},
          {{"ALKAID_HEAP_AT_EXIT", File("end")}, {"ALKAID_EXIT_SIGNALS", "INT"}});
  EXPECT_EQ(child.signal(), SIGTERM) << child.status;
  EXPECT_EQ(child.err, "");
  EXPECT_EQ(FileCount(), 0);
}

TEST_F(ExitSignal, ThreadsThatGoOnAllocatingDoNotMatter) {
  const ChildResult child =
      Run({"storm"}, {{"ALKAID_HEAP_AT_EXIT", File("end")}, {"ALKAID_EXIT_SIGNALS", "TERM"}});
  EXPECT_EQ(child.signal(), SIGTERM) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("end")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
}

TEST_F(ExitSignal, AHandlerThatTheProgramInstallsLaterIsItsOwn) {
  const ChildResult child =
      Run({"handler"}, {{"ALKAID_HEAP_AT_EXIT", File("end")}, {"ALKAID_EXIT_SIGNALS", "TERM"}});
  EXPECT_TRUE(child.ExitedWith(7)) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("end")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
}

TEST_F(ExitSignal, AForkedChildWritesItsOwnFile) {
  if (!::alkaid::internal::kForkedChildHasMalloc) {
    GTEST_SKIP() << ::alkaid::internal::kNoMallocInForkedChild;
  }
#ifdef ALKAID_TEST_UNDER_TSAN
  GTEST_SKIP() << "ThreadSanitizer starts no threads in a forked child";
#endif
  const ChildResult parent =
      Run({"fork"}, {{"ALKAID_HEAP_AT_EXIT", File("end")}, {"ALKAID_EXIT_SIGNALS", "TERM"}});
  EXPECT_TRUE(parent.ExitedWith(3)) << parent.status << parent.err;
  const std::string child = parent.out.substr(0, parent.out.find('\n'));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto of_child, ReadHeapFile(File("end." + child)));
  EXPECT_EQ(BlocksOf(of_child, kKept), 1);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto of_parent, ReadHeapFile(File("end")));
  EXPECT_EQ(BlocksOf(of_parent, kKept), 0);
}

TEST_F(ExitSignal, OnesThatAreHandledIgnoredOrEndNobodyAreRefused) {
  const ChildResult child = Run({"refused"}, {});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
}

TEST_F(ExitSignal, OneThatIsNoneIsALineAndTheOthersCount) {
  const ChildResult child =
      Run({"sent", std::to_string(SIGTERM)},
          {{"ALKAID_HEAP_AT_EXIT", File("end")}, {"ALKAID_EXIT_SIGNALS", "TRM,TERM"}});
  EXPECT_EQ(child.signal(), SIGTERM) << child.status << child.err;
  EXPECT_THAT(child.err, AllOf(HasSubstr("ALKAID_EXIT_SIGNALS"), HasSubstr("TRM")));
  EXPECT_EQ(FileCount(), 1);
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
