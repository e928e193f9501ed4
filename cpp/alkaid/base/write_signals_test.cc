#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "alkaid/base/write_signals_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::internal {
namespace {

// errno of a write to a pipe that nobody reads.
int WriteToNobody() {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  ::close(ends[0]);
  const int error = ::write(ends[1], "x", 1) < 0 ? errno : 0;
  ::close(ends[1]);
  return error;
}

// errno of a write past the limit of files.
int WriteTooMuch() {
  const rlimit limit = {1, 1};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return -1;
  std::FILE* const file = std::tmpfile();
  if (file == nullptr || ::write(::fileno(file), "x", 1) != 1) return -1;
  return ::write(::fileno(file), "x", 1) < 0 ? errno : 0;
}

bool IsPending(int signal) {
  sigset_t pending;
  ::sigpending(&pending);
  return ::sigismember(&pending, signal) == 1;
}

int Blocked() {
  {
    const WriteSignalsBlocked blocked;
    if (WriteToNobody() != EPIPE || WriteTooMuch() != EFBIG) return 1;
    if (!IsPending(SIGPIPE) || !IsPending(SIGXFSZ)) return 2;
  }
  if (IsPending(SIGPIPE) || IsPending(SIGXFSZ)) return 3;
  sigset_t now;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &now);
  return ::sigismember(&now, SIGPIPE) == 0 && ::sigismember(&now, SIGXFSZ) == 0 ? 0 : 4;
}

// Signals that a program has blocked and waits for itself stay pending.
int ThePrograms() {
  sigset_t pipe;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  ::raise(SIGPIPE);
  { const WriteSignalsBlocked blocked; }
  return IsPending(SIGPIPE) ? 0 : 1;
}

int EndOf(int (*body)()) {
  return RunInChild([body] {
    std::signal(SIGPIPE, SIG_DFL);
    std::signal(SIGXFSZ, SIG_DFL);
    return body();
  });
}

TEST(WriteSignals, EndNobodyWhoseWriteFails) { EXPECT_EQ(EndOf(Blocked), 0); }

TEST(WriteSignals, OfTheProgramStayPending) { EXPECT_EQ(EndOf(ThePrograms), 0); }

// The control: without this the first test would show nothing.
TEST(WriteSignals, EndTheProcessWhereTheyAreNotBlocked) {
  EXPECT_EQ(EndOf([] { return WriteToNobody(); }), -SIGPIPE);
  EXPECT_EQ(EndOf([] { return WriteTooMuch(); }), -SIGXFSZ);
}

}  // namespace
}  // namespace alkaid::internal
