#include "alkaid/core/files/open_input.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

class OpenInputOf : public ::testing::Test {
 protected:
  OpenInputOf() {
    std::string name = ::testing::TempDir() + "alkaid_open_input_XXXXXX";
    const int fd = ::mkstemp(name.data());
    EXPECT_EQ(::write(fd, "leased", 6), 6);
    ::close(fd);
    path = name;
  }
  ~OpenInputOf() override { ::unlink(path.c_str()); }

  std::string path;
};

// A process that holds a lease on a file and gives it back when the system asks; -1 if the file
// system has no leases.
class LeaseHolder {
 public:
  explicit LeaseHolder(const char* path) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    pid_ = ::fork();
    if (pid_ == 0) Hold(path, ready[1]);
    ::close(ready[1]);
    char answer = 'n';
    holds_ = ::read(ready[0], &answer, 1) == 1 && answer == 'y';
    ::close(ready[0]);
  }
  ~LeaseHolder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  LeaseHolder(const LeaseHolder&) = delete;
  LeaseHolder& operator=(const LeaseHolder&) = delete;

  bool holds() const { return holds_; }

 private:
  [[noreturn]] static void Hold(const char* path, int ready) {
    sigset_t asked;
    ::sigemptyset(&asked);
    ::sigaddset(&asked, SIGIO);
    ::sigprocmask(SIG_BLOCK, &asked, nullptr);
    const int fd = ::open(path, O_RDWR);
    const bool held = fd >= 0 && ::fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
    const char answer = held ? 'y' : 'n';
    if (::write(ready, &answer, 1) != 1 || !held) ::_exit(1);
    int signal = 0;
    while (::sigwait(&asked, &signal) == 0) ::fcntl(fd, F_SETLEASE, F_UNLCK);
    ::_exit(0);
  }

  pid_t pid_ = -1;
  bool holds_ = false;
};

TEST_F(OpenInputOf, AFileOnWhichAnotherProcessHoldsALeaseGivesItsBytes) {
  const LeaseHolder holder(path.c_str());
  if (!holder.holds()) GTEST_SKIP() << "the file system of " << path << " has no leases";
  // The lease is real: an open that does not wait is refused.
  EXPECT_LT(::open(path.c_str(), O_RDONLY | O_NONBLOCK), 0);
  EXPECT_EQ(errno, EWOULDBLOCK);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open(path));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto bytes, file->Read(10));
  EXPECT_EQ(bytes->ToString(), "leased");
}

TEST_F(OpenInputOf, ARegularFileIsReadWithWaitingAsCatReadsIt) {
  const int fd = OpenInput(path.c_str());
  ASSERT_GT(fd, STDERR_FILENO);
  EXPECT_EQ(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  ::close(fd);
}

TEST_F(OpenInputOf, AFifoWithoutAWriterIsNotWaitedFor) {
  const std::string fifo = path + ".fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int fd = OpenInput(fifo.c_str());
  EXPECT_GE(fd, 0);
  ::close(fd);
  ::unlink(fifo.c_str());
}

TEST_F(OpenInputOf, WhatIsNotThereIsRefusedWithTheSystemsReason) {
  EXPECT_EQ(OpenInput((path + ".none").c_str()), -1);
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace alkaid::io
