#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <string>

#include "alkaid/base/notice_internal.h"
#include "alkaid/base/stderr_text_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::internal {
namespace {

constexpr int kDone = 3;

// How a child that runs `body` ends: kDone where it runs to its end.
template <typename Body>
int EndOf(Body body) {
  return RunInChild([&body] {
    std::signal(SIGPIPE, SIG_DFL);
    std::signal(SIGXFSZ, SIG_DFL);
    body();
    return kDone;
  });
}

#define EXPECT_DONE(end) EXPECT_EQ(end, kDone)

// Makes stderr a pipe, and returns the end to read from.
int BePipe() {
  int ends[2];
  if (::pipe(ends) != 0 || ::dup2(ends[1], STDERR_FILENO) < 0) ::_exit(10);
  ::close(ends[1]);
  return ends[0];
}

int BeSocket(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type, 0, ends) != 0 || ::dup2(ends[1], STDERR_FILENO) < 0) ::_exit(10);
  ::close(ends[1]);
  return ends[0];
}

int BeFile() {
  const int file = ::memfd_create("stderr", 0);
  if (file < 0 || ::dup2(file, STDERR_FILENO) < 0) ::_exit(10);
  return file;
}

void LimitFiles(rlim_t bytes) {
  const rlimit limit = {bytes, bytes};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(11);
}

// Writes until nothing more fits.
void FillUp() {
  const int before = ::fcntl(STDERR_FILENO, F_GETFL);
  ::fcntl(STDERR_FILENO, F_SETFL, before | O_NONBLOCK);
  for (const size_t size : {size_t{1} << 20, size_t{1}}) {
    const std::string much(size, 'x');
    while (::write(STDERR_FILENO, much.data(), much.size()) > 0) {
    }
  }
  ::fcntl(STDERR_FILENO, F_SETFL, before);
}

ssize_t BytesOf(int end) {
  static char bytes[1 << 16];
  const int flags = ::fcntl(end, F_GETFL);
  ::fcntl(end, F_SETFL, flags | O_NONBLOCK);
  return ::read(end, bytes, sizeof(bytes));
}

TEST(StderrText, ThatNobodyReadsEndsNobody) {
  EXPECT_DONE(EndOf([] {
    ::close(BePipe());
    WriteToStderr("nobody reads this\n");
    Notice("nor this");
  }));
  EXPECT_DONE(EndOf([] {
    ::close(BeSocket(SOCK_STREAM));
    Notice("nobody reads this");
  }));
  EXPECT_DONE(EndOf([] {
    ::close(STDERR_FILENO);
    Notice("nobody reads this");
  }));
}

TEST(StderrText, PastTheLimitOfFilesEndsNobody) {
  EXPECT_DONE(EndOf([] {
    const int file = BeFile();
    LimitFiles(5);
    WriteToStderr("what fits and more\n");
    Notice("nothing");
    if (::lseek(file, 0, SEEK_END) != 5) ::_exit(12);
  }));
}

TEST(StderrText, IsLeftOutWhereNobodyReadsWhatFillsAPipeOrASocket) {
  EXPECT_DONE(EndOf([] {
    BePipe();
    FillUp();
    Notice("there is no room for this");
  }));
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    EXPECT_DONE(EndOf([type] {
      BeSocket(type);
      FillUp();
      Notice("there is no room for this");
    }));
  }
}

TEST(StderrText, IsLeftOutWhereAPipeCanNotBeAskedForRoom) {
  const auto allow_no_descriptors = [] {
    const rlimit none = {0, 0};
    if (::setrlimit(RLIMIT_NOFILE, &none) != 0) ::_exit(11);
  };
  EXPECT_DONE(EndOf([&] {
    BePipe();
    FillUp();
    allow_no_descriptors();
    Notice("there is no room for this");
  }));
  EXPECT_DONE(EndOf([&] {
    const int file = BeFile();
    allow_no_descriptors();
    Notice("of 19 bytes");
    if (::lseek(file, 0, SEEK_END) != 20) ::_exit(12);
  }));
}

TEST(StderrText, OfAThreadThatIsToBeCancelledComesWhole) {
  EXPECT_DONE(EndOf([] {
    const int end = BePipe();
    pthread_t thread;
    const auto write = [](void* /*nothing*/) -> void* {
      ::pthread_cancel(::pthread_self());
      LookAtStderr();
      WriteToStderr("text\n");
      ::pthread_testcancel();
      ::_exit(12);
    };
    if (::pthread_create(&thread, nullptr, write, nullptr) != 0) ::_exit(10);
    ::pthread_join(thread, nullptr);
    if (BytesOf(end) != 5) ::_exit(13);
  }));
}

TEST(StderrText, ComesWholeWhereItIsReadInTheEnd) {
  for (const int type : {0, int{SOCK_STREAM}}) {
    EXPECT_DONE(EndOf([type] {
      const int end = type == 0 ? BePipe() : BeSocket(type);
      const std::string much(size_t{1} << 20, 'x');
      StartChild([&much] {
        WriteToStderr(much);
        return 0;
      });
      ::close(STDERR_FILENO);
      size_t got = 0;
      char some[1000];
      for (ssize_t n; (n = ::read(end, some, sizeof(some))) > 0;) got += static_cast<size_t>(n);
      if (got != much.size()) ::_exit(12);
    }));
  }
}

TEST(StderrText, LeavesErrnoAsItWas) {
  EXPECT_DONE(EndOf([] {
    ::close(STDERR_FILENO);
    errno = EDOM;
    WriteToStderr("nothing\n");
    LookAtStderr();
    if (errno != EDOM) ::_exit(12);
  }));
}

StderrCalls OnlyWrite() noexcept { return StderrCalls::kOnlyWrite; }
StderrCalls None() noexcept { return StderrCalls::kNone; }

// Writes a text twice under the strict mode of seccomp, which kills a thread that does more than
// write.
[[noreturn]] void WriteTwiceStrictly() {
  AskForStderrCalls(OnlyWrite);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) ::_exit(13);
  WriteToStderr("text\n");
  Notice("of 19 bytes");
  ::syscall(SYS_exit, kDone);
  __builtin_unreachable();
}

TEST(StderrText, OfAThreadThatMayOnlyWriteIsWrittenWhereThatEndsNobody) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a sanitizer's runtime makes calls of its own";
#endif
  const int file = ::memfd_create("text", 0);
  EXPECT_DONE(EndOf([file] {
    ::dup2(file, STDERR_FILENO);
    LookAtStderr();
    WriteTwiceStrictly();
  }));
  EXPECT_EQ(::lseek(file, 0, SEEK_END), 25);
  // A file with a sufficient limit, and a pipe: one text, at once.
  EXPECT_DONE(EndOf([file] {
    ::dup2(file, STDERR_FILENO);
    LimitFiles(25 + PIPE_BUF);
    LookAtStderr();
    WriteTwiceStrictly();
  }));
  EXPECT_EQ(::lseek(file, 0, SEEK_END), 30);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_DONE(EndOf([&ends] {
    ::dup2(ends[1], STDERR_FILENO);
    LookAtStderr();
    WriteTwiceStrictly();
  }));
  EXPECT_EQ(BytesOf(ends[0]), 5);
  ::close(ends[0]);
  ::close(ends[1]);
  ::close(file);
}

TEST(StderrText, OfAThreadThatMayOnlyWriteIsLeftOutWhereItMightEndTheProgram) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a sanitizer's runtime makes calls of its own";
#endif
  EXPECT_DONE(EndOf([] {
    ::close(BePipe());
    LookAtStderr();
    WriteTwiceStrictly();
  }));
  EXPECT_DONE(EndOf([] {
    BePipe();
    FillUp();
    LookAtStderr();
    WriteTwiceStrictly();
  }));
  EXPECT_DONE(EndOf([] {
    BeFile();
    LimitFiles(PIPE_BUF - 1);
    LookAtStderr();
    WriteTwiceStrictly();
  }));
  // Without an earlier look.
  EXPECT_DONE(EndOf([] {
    const int file = BeFile();
    AskForStderrCalls(OnlyWrite);
    Notice("nothing");
    if (::lseek(file, 0, SEEK_END) != 0) ::_exit(12);
  }));
}

TEST(StderrText, OfAThreadThatMayNotWriteIsLeftOut) {
  EXPECT_DONE(EndOf([] {
    const int file = BeFile();
    LookAtStderr();
    AskForStderrCalls(None);
    Notice("nothing");
    if (::lseek(file, 0, SEEK_END) != 0) ::_exit(12);
  }));
}

}  // namespace
}  // namespace alkaid::internal
