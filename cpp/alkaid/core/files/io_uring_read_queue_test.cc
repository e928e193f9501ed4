// What a queue in the kernel does beyond the contract of read_queue_test.cc.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/files/file_io.h"
#include "alkaid/core/files/read_queue.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

using ::testing::HasSubstr;

class IoUringReadQueue : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!CheckIoUring().ok()) GTEST_SKIP() << "no io_uring here: " << CheckIoUring().ToString();
    auto queue = ReadQueue::Make(ReadQueueKind::kIoUring, 4);
    ALKAID_ASSERT_OK(queue);
    queue_ = std::move(*queue);
    const auto file = ReadableFile::OpenFd(::memfd_create("content", MFD_CLOEXEC));
    ALKAID_ASSERT_OK(file);
    file_ = *file;
    ASSERT_EQ(::ftruncate(file_->file_descriptor(), kBytes), 0);
    ASSERT_EQ(::pwrite(file_->file_descriptor(), "alkaid", 6, kBytes - 6), 6);
    buffer_ = *AllocateBuffer(kBytes);
  }

  // The descriptor of the only ring of this process.
  static int RingDescriptor() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(entry.path(), gone).string().find("[io_uring]") !=
          std::string::npos) {
        return std::stoi(entry.path().filename());
      }
    }
    return -1;
  }
  // Replaces the ring's descriptor by another one, as a program does that closes all descriptors it
  // finds.
  static void TakeTheRingAway() {
    const int ring = RingDescriptor();
    ASSERT_GE(ring, 0);
    const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::dup2(other, ring), ring);
    ::close(other);
  }

  static constexpr int64_t kBytes = 1 << 20;
  std::unique_ptr<ReadQueue> queue_;
  std::shared_ptr<ReadableFile> file_;
  std::shared_ptr<Buffer> buffer_;
};

TEST_F(IoUringReadQueue, ItsDescriptorIsNotPassedToProgramsThatAreStarted) {
  EXPECT_NE(::fcntl(RingDescriptor(), F_GETFD) & FD_CLOEXEC, 0);
  queue_.reset();
  EXPECT_EQ(RingDescriptor(), -1);
}

// The kernel writes without the compiler's knowledge, hence volatile.
TEST_F(IoUringReadQueue, TheBytesArriveWithoutAnybodyWaiting) {
  std::memset(buffer_->mutable_data(), 0, kBytes);
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue_->Submit({file_, 0, kBytes, buffer_}));
  const volatile uint8_t* const last = buffer_->data() + kBytes - 1;
  while (*last != 'd') ::sched_yield();  // if nothing arrives, the test's time limit ends this
  EXPECT_EQ(queue_->Wait(ticket).nbytes, kBytes);
}

TEST_F(IoUringReadQueue, WhatTheKernelRefusesIsReadAllTheSame) {
  TakeTheRingAway();
  for (int i = 0; i < 20; ++i) {  // more than the ring has places for completions not taken
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue_->Submit({file_, 0, kBytes, buffer_}));
    const ReadOutcome outcome = queue_->Wait(ticket);
    ALKAID_ASSERT_OK(outcome.status);
    ASSERT_EQ(outcome.nbytes, kBytes);
    EXPECT_EQ(std::memcmp(buffer_->data() + kBytes - 6, "alkaid", 6), 0);
    std::memset(buffer_->mutable_data(), 0, kBytes);
  }
}

// Many reads, so that some are unfinished when the ring goes away. Those must not be reported as
// done, and their memory is kept, since the kernel may still write to it.
TEST_F(IoUringReadQueue, ReadsThatCanNotBeWaitedForAreErrorsAndKeepTheirMemory) {
  auto queue = ReadQueue::Make(ReadQueueKind::kIoUring, 64);
  ALKAID_ASSERT_OK(queue);
  queue_.reset();
  std::vector<std::pair<int64_t, std::shared_ptr<Buffer>>> flying;
  for (int i = 0; i < 64; ++i) {
    const std::shared_ptr<Buffer> buffer = *AllocateBuffer(kBytes);
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, (*queue)->Submit({file_, 0, kBytes, buffer}));
    flying.emplace_back(ticket, buffer);
  }
  TakeTheRingAway();
  for (const auto& [ticket, buffer] : flying) {
    const ReadOutcome outcome = (*queue)->Wait(ticket);
    if (outcome.status.ok()) {
      EXPECT_EQ(outcome.nbytes, kBytes);
      EXPECT_EQ(std::memcmp(buffer->data() + kBytes - 6, "alkaid", 6), 0);
      EXPECT_EQ(buffer.use_count(), 1);
    } else {
      EXPECT_THAT(outcome.status.ToString(), HasSubstr("cannot be waited for"));
      EXPECT_EQ(outcome.nbytes, 0);
      EXPECT_GT(buffer.use_count(), 1);
    }
  }
}

// In a child without standard streams. The ring still reads.
TEST_F(IoUringReadQueue, IsNoStandardStream) {
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    for (int fd = 0; fd <= 2; ++fd) ::close(fd);
    auto queue = ReadQueue::Make(ReadQueueKind::kIoUring, 4);
    for (int fd = 0; fd <= 2; ++fd) {
      if (::fcntl(fd, F_GETFD) != -1) _exit(2);
    }
    if (!queue.ok()) _exit(3);
    queue->reset();
    for (int fd = 0; fd <= 2; ++fd) {
      if (::fcntl(fd, F_GETFD) != -1) _exit(4);
    }
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace alkaid::io
