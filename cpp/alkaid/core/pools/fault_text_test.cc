// Reports of faults, each whole and one after the other: from several threads, from signal
// handlers, and from children that are forked during a report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "alkaid/core/pools/fault_report_internal.h"
#include "alkaid/core/pools/fault_text_internal.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/run_all_tests.h"

namespace alkaid::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kStart[] = "Alkaid memory fault: ";
constexpr int kThreads = 4;

// A report after which mode "warn" continues.
[[gnu::noinline]] void FreeWhatIsNoBlock(MemoryPool* pool) {
  alignas(64) uint8_t bytes[64];
  pool->Free(bytes, 64);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // no tail call, which leaves no frame
}

// A report of an access, after which the program's handler continues.
thread_local sigjmp_buf before_access;
void GoOn(int /*signal*/) { siglongjmp(before_access, 1); }
[[gnu::noinline]] void ReadWhatIsFreed(MemoryPool* pool) {
  uint8_t* block = nullptr;
  // There is a limit of slots per second.
  if (!pool->Allocate(64, &block).ok()) std::abort();
  const bool is_guarded = IsGuardedAddress(block);
  pool->Free(block, 64);
  if (is_guarded && sigsetjmp(before_access, 1) == 0) {
    (void)*const_cast<volatile uint8_t*>(block);
  }
}

void InThreads(const std::function<void()>& body, std::vector<std::thread>* threads) {
  for (int i = 0; i < kThreads; ++i) threads->emplace_back(body);
}

// The child's part.

void ReportInThreads(MemoryPool* pool) {
  std::vector<std::thread> threads;
  InThreads(
      [pool] {
        for (int i = 0; i < 10; ++i) FreeWhatIsNoBlock(pool);
      },
      &threads);
  for (std::thread& thread : threads) thread.join();
}

// Children that report, forked by a program whose threads do nothing else. SIGALRM ends a child
// that waits for a lock it cannot get.
int ReportInForks(MemoryPool* pool, void (*report)(MemoryPool*)) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  // A sanitizer's runtime has locks of its own, which it does not hold across a fork.
  if (!kMallocIsSanitizers) {
    InThreads(
        [&] {
          while (!done) report(pool);
        },
        &threads);
  }
  int result = 0;
  for (int i = 0; i < 30 && result == 0; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::signal(SIGALRM, SIG_DFL);
      ::alarm(20);
      // Its parent may have taken all the slots.
      for (int j = 0; j < 2; ++j) report(pool);
      ::_exit(0);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) result = 10;
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  return result;
}

// Reports that are each one packet, and what they are.
int CountWrites(MemoryPool* pool) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) return 5;
  const int before = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  for (int i = 0; i < 3; ++i) FreeWhatIsNoBlock(pool);
  ::dup2(before, STDERR_FILENO);
  std::string packet(1 << 16, '\0');
  int count = 0;
  for (ssize_t size; (size = ::recv(ends[0], packet.data(), packet.size(), MSG_DONTWAIT)) > 0;) {
    const std::string_view text(packet.data(), static_cast<size_t>(size));
    if (!text.starts_with(kStart) || !text.ends_with('\n')) return 6;
    ++count;
  }
  return count == 3 ? 0 : 7;
}

// A program that closes all descriptors, as a daemon does, and opens files of its own.
int ReportOverFilesOfTheProgram(MemoryPool* pool) {
  FreeWhatIsNoBlock(pool);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  constexpr std::string_view kLine = "a line of the program\n";
  int files[40];
  for (int& file : files) {
    file = ::memfd_create("the program's", 0);
    if (file < 0 || ::write(file, kLine.data(), kLine.size()) != ssize_t{kLine.size()}) return 11;
  }
  FreeWhatIsNoBlock(pool);
  for (const int file : files) {
    if (::lseek(file, 0, SEEK_CUR) != ssize_t{kLine.size()}) return 12;
  }
  return 0;
}

// Before and after a report the same descriptors are open, and the report can open none.
int ReportWithoutFiles(MemoryPool* pool) {
  const int before = ::dup(STDERR_FILENO);
  FreeWhatIsNoBlock(pool);
  const int after = ::dup(STDERR_FILENO);
  const rlimit none = {0, 0};
  if (after != before + 1 || ::setrlimit(RLIMIT_NOFILE, &none) != 0) return 13;
  FreeWhatIsNoBlock(pool);
  return 0;
}

int RunAsChild(const std::string& what) {
  if (what == "accesses in forks") std::signal(SIGSEGV, GoOn);
  auto pool = CreateMemoryPool("system");
  if (!pool.ok()) return 3;
  if (what == "threads") ReportInThreads(pool->get());
  if (what == "writes") return CountWrites(pool->get());
  if (what == "program's files") return ReportOverFilesOfTheProgram(pool->get());
  if (what == "no files") return ReportWithoutFiles(pool->get());
  if (what == "forks") return ReportInForks(pool->get(), FreeWhatIsNoBlock);
  if (what == "accesses in forks") return ReportInForks(pool->get(), ReadWhatIsFreed);
  return 0;
}

// The parent's part.

ChildResult InDebugMode(const std::string& what) {
  return RunSelf({what}, {{"ALKAID_DEBUG_MEMORY_POOL", "warn"}});
}

// "found" from "  found by thread 4711:", for each line that begins a trace.
std::string TracesOf(const std::string& report) {
  std::string traces;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(report, '\n'))) {
    if (!line.starts_with("    ")) absl::StrAppend(&traces, line.substr(0, 10), "|");
  }
  return traces;
}

TEST(FaultText, ReportsOfSeveralThreadsComeWholeAndOneAfterTheOther) {
  const ChildResult child = InDebugMode("threads");
  ASSERT_TRUE(child.ExitedWith(0)) << child.status;
  std::vector<std::string> reports = absl::StrSplit(child.err, kStart);
  ASSERT_EQ(reports.size(), 1U + 10 * kThreads);
  EXPECT_EQ(reports[0], "");
  for (size_t i = 1; i < reports.size(); ++i) {
    EXPECT_EQ(TracesOf(reports[i]), "no block: |  found by||") << reports[i];
    EXPECT_THAT(reports[i], HasSubstr("FreeWhatIsNoBlock"));
  }
}

TEST(FaultText, AReportIsOneWrite) {
  const ChildResult child = InDebugMode("writes");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
}

TEST(FaultText, AChildThatIsForkedInTheMidstOfReportsMakesItsOwn) {
  const ChildResult child = InDebugMode("forks");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.err.find("no block: "), std::string_view(kStart).size());
  const std::vector<std::string> reports = absl::StrSplit(child.err, kStart);
  EXPECT_GE(reports.size(), 1U + 2 * 30);
  for (size_t i = 1; i < reports.size(); ++i) {
    EXPECT_THAT(reports[i], HasSubstr("FreeWhatIsNoBlock"));
  }
}

TEST(FaultText, AReportTakesNothingFromFilesThatTheProgramOpenedAfterClosingAll) {
  const ChildResult child = InDebugMode("program's files");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  const std::vector<std::string> reports = absl::StrSplit(child.err, kStart);
  ASSERT_EQ(reports.size(), 3U) << child.err;
  for (size_t i = 1; i < reports.size(); ++i) {
    EXPECT_EQ(TracesOf(reports[i]), "no block: |  found by||") << reports[i];
    EXPECT_THAT(reports[i], HasSubstr("FreeWhatIsNoBlock"));
  }
}

TEST(FaultText, WhereNoFileCanBeOpenedFramesHaveDynamicNamesAndPlaces) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer looks through a pipe at what it checks";
  const ChildResult child = InDebugMode("no files");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  const std::vector<std::string> reports = absl::StrSplit(child.err, kStart);
  ASSERT_EQ(reports.size(), 3U) << child.err;
  EXPECT_THAT(reports[1], HasSubstr("FreeWhatIsNoBlock"));
  EXPECT_THAT(reports[2], AllOf(HasSubstr("__libc_start_main"), HasSubstr("fault_text_test+0x"),
                                Not(HasSubstr("FreeWhatIsNoBlock"))));
}

TEST(FaultText, AChildThatIsForkedInTheMidstOfReportsOfAccessesMakesItsOwn) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer handles signals in its own way";
  const ChildResult child = RunSelf({"accesses in forks"}, {{"ALKAID_GUARDED_SAMPLING", "1"}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_THAT(child.err, HasSubstr("use after free: a read at byte 0"));
}

[[gnu::noinline]] StackTrace TraceOfThis() {
  StackTrace trace;
  trace.Capture();
  return trace;
}

TEST(FaultText, AReportInTheMidstOfAnotherOfItsThreadComesFirst) {
  const StackTrace trace = TraceOfThis();
  ::testing::internal::CaptureStderr();
  {
    FaultText outer;
    outer << "outer " << int64_t{1} << "\n";
    {
      FaultText inner;
      inner << "inner\n";
      inner.Trace("found", trace);
    }
    outer.Trace("found", trace);
    // As a signal handler may.
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);
      FaultText inner;
      inner << "inner of the child\n";
      inner.End();
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  const size_t outer = text.find("outer 1\n");
  ASSERT_NE(outer, std::string::npos) << text;
  EXPECT_THAT(text.substr(0, outer),
              AllOf(HasSubstr("inner\n  found by thread "), HasSubstr("inner of the child\n"),
                    HasSubstr("TraceOfThis")));
  EXPECT_THAT(text.substr(outer), AllOf(HasSubstr("  found by thread "), HasSubstr("TraceOfThis")));
  // It leaves nothing that another thread would wait for.
  std::thread([] { const FaultText next; }).join();
}

// A child of _Fork, which calls no fork handlers, inherits the report of a thread that it does not
// have.
TEST(FaultText, AChildOfNoForkHandlersTakesTheReportFromAThreadThatIsNotThere) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer handles forks in its own way";
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
  const StackTrace trace = TraceOfThis();
  const int err = ::memfd_create("child's stderr", 0);
  std::atomic<bool> is_begun{false};
  std::atomic<bool> may_end{false};
  std::thread other([&] {
    const FaultText text;
    is_begun = true;
    while (!may_end) std::this_thread::yield();
  });
  while (!is_begun) std::this_thread::yield();
  const pid_t child = ::_Fork();
  if (child == 0) {
    ::alarm(20);
    ::dup2(err, STDERR_FILENO);
    for (int i = 0; i < 2; ++i) {
      FaultText text;
      text.Trace("found", trace);
    }
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  may_end = true;
  other.join();
  EXPECT_THAT(ReadWholeFile(err), AllOf(HasSubstr("  found by thread "), HasSubstr("TraceOfThis")));
#else
  GTEST_SKIP() << "this C library has no _Fork";
#endif
}

TEST(FaultText, WhatIsTooLongForOneWriteIsWrittenInWholeLines) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  const int before = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  {
    FaultText text;
    for (int64_t i = 0; i < 1000; ++i) text << i << std::string(90, 'x') << "\n";
  }
  ::dup2(before, STDERR_FILENO);
  std::string packet(1 << 17, '\0');
  std::vector<std::string> packets;
  for (ssize_t size; (size = ::recv(ends[0], packet.data(), packet.size(), MSG_DONTWAIT)) > 0;) {
    packets.push_back(packet.substr(0, static_cast<size_t>(size)));
    EXPECT_EQ(packets.back().back(), '\n');
  }
  EXPECT_EQ(packets.size(), 3U);
}

TEST(FaultText, WhatALabelHasStaysOnTheLineOfTheReport) {
  ::testing::internal::CaptureStderr();
  FaultReport("label '%s'", "a\x1b[31m\nAlkaid memory fault: forged").Finish();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_EQ(text.find("\nAlkaid memory fault"), std::string::npos) << text;
  EXPECT_NE(text.find("forged"), std::string::npos) << text;
}

TEST(FaultText, AReportThatNobodyReadsDoesNotEndTheProgram) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) _exit(2);
    close(ends[0]);
    close(ends[1]);
    { FaultText() << "nobody reads this\n"; }
    _exit(3);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3) << status;
}

}  // namespace
}  // namespace alkaid::internal

int main(int argc, char** argv) {
  if (std::string(argv[0]) == "child" && argc == 2) return alkaid::internal::RunAsChild(argv[1]);
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
