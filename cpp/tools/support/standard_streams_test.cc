#include "tools/support/standard_streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace alkaid::tools {
namespace {

TEST(StandardStreams, WhereTheyAreClosedNothingElseGetsTheirNumbersAndPrintsFail) {
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    const int out = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(out, STDOUT_FILENO);
    ::close(STDIN_FILENO);
    ::close(STDERR_FILENO);
    HoldStandardStreams();
    if (::open("/dev/null", O_RDWR | O_CLOEXEC) <= STDERR_FILENO) _exit(1);
    char byte = 0;
    if (::write(STDERR_FILENO, &byte, 1) != -1 || ::read(STDIN_FILENO, &byte, 1) != -1) _exit(2);
    // An open stream stays as it is; the others are closed for programs that are run.
    if (::write(STDOUT_FILENO, &byte, 1) != 1) _exit(3);
    if (::fcntl(STDERR_FILENO, F_GETFD) != FD_CLOEXEC) _exit(4);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace alkaid::tools
