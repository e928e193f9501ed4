// What a queue of threads does beyond the contract of read_queue_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/files/read_queue.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/scripted_file.h"

namespace alkaid::io {
namespace {

using internal::ScriptedFile;
using ::testing::UnorderedElementsAre;

std::unique_ptr<ReadQueue> Queue(int depth) {
  auto queue = ReadQueue::Make(ReadQueueKind::kThreads, depth);
  EXPECT_THAT(queue, IsOk());
  return std::move(*queue);
}

std::shared_ptr<Buffer> Memory(int64_t size) {
  auto buffer = AllocateBuffer(size);
  EXPECT_THAT(buffer, IsOk());
  return std::move(*buffer);
}

// Each read of this file waits for the gate. The file records who came to it.
struct GatedFile {
  GatedFile()
      : file(std::make_shared<ScriptedFile>([this](int64_t position, int64_t nbytes, void*) {
          {
            const std::lock_guard guard(lock);
            begun.push_back(position);
            if (begun.size() == 2) both_begun.set_value();
          }
          opened.wait();
          ++ended;
          return Result<int64_t>(nbytes);
        })) {}
  std::mutex lock;
  std::vector<int64_t> begun;
  std::promise<void> both_begun;
  std::promise<void> gate;
  std::shared_future<void> opened{gate.get_future()};
  std::atomic<int> ended{0};
  std::shared_ptr<ScriptedFile> file;
};

TEST(ThreadReadQueue, ReadsBeginBeforeAnybodyWaits) {
  GatedFile gated;
  const auto queue = Queue(8);
  std::vector<int64_t> tickets;
  for (int64_t i = 0; i < 8; ++i) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue->Submit({gated.file, i, 1, Memory(1)}));
    tickets.push_back(ticket);
  }
  gated.both_begun.get_future().wait();
  gated.gate.set_value();
  for (const int64_t ticket : tickets) EXPECT_EQ(queue->Wait(ticket).nbytes, 1);
}

TEST(ThreadReadQueue, TheFirstToBeSubmittedAreTheFirstToBegin) {
  GatedFile gated;
  {
    const auto queue = Queue(4);
    for (int64_t i = 0; i < 4; ++i) {
      ALKAID_ASSERT_OK(queue->Submit({gated.file, i, 1, Memory(1)}));
    }
    gated.both_begun.get_future().wait();
    const std::lock_guard guard(gated.lock);
    EXPECT_THAT(gated.begun, UnorderedElementsAre(0, 1));
    gated.gate.set_value();
  }
}

// A destructor that did not wait would let the read write into freed memory.
TEST(ThreadReadQueue, DestructionWaitsForReadsThatHaveBegun) {
  GatedFile gated;
  auto queue = Queue(8);
  for (int64_t i = 0; i < 8; ++i) {
    ALKAID_ASSERT_OK(queue->Submit({gated.file, i, 1, Memory(1)}));
  }
  gated.both_begun.get_future().wait();
  std::thread opener([&] { gated.gate.set_value(); });
  queue.reset();
  EXPECT_EQ(gated.ended, static_cast<int>(gated.begun.size()));
  EXPECT_EQ(gated.file.use_count(), 1);
  opener.join();
}

TEST(ThreadReadQueue, WhatNoThreadHasBegunIsReadByWhoWaitsForIt) {
  GatedFile gated;
  const auto queue = Queue(4);
  for (int64_t i = 0; i < 2; ++i) {
    ALKAID_ASSERT_OK(queue->Submit({gated.file, i, 1, Memory(1)}));
  }
  gated.both_begun.get_future().wait();
  std::thread::id reader;
  const auto file = std::make_shared<ScriptedFile>([&](int64_t, int64_t nbytes, void*) {
    reader = std::this_thread::get_id();
    return Result<int64_t>(nbytes);
  });
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue->Submit({file, 0, 1, Memory(1)}));
  EXPECT_EQ(queue->Wait(ticket).nbytes, 1);
  EXPECT_EQ(reader, std::this_thread::get_id());
  gated.gate.set_value();
}

TEST(ThreadReadQueue, ASignalForTheProcessNeverLandsInItsThreads) {
  std::promise<bool> blocked;
  const auto file = std::make_shared<ScriptedFile>([&](int64_t, int64_t nbytes, void*) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked.set_value(sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGUSR1) == 1);
    return Result<int64_t>(nbytes);
  });
  const auto queue = Queue(2);
  ALKAID_ASSERT_OK(queue->Submit({file, 0, 1, Memory(1)}));
  EXPECT_TRUE(blocked.get_future().get());
  sigset_t mine;
  pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  EXPECT_EQ(sigismember(&mine, SIGINT), 0);
}

// Thread stacks of 64 TiB, so that no thread can be started.
class NoThreads {
 public:
  NoThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t huge;
    pthread_getattr_default_np(&huge);
    EXPECT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 46), 0);
    EXPECT_EQ(pthread_setattr_default_np(&huge), 0);
    pthread_attr_destroy(&huge);
  }
  ~NoThreads() {
    EXPECT_EQ(pthread_setattr_default_np(&before_), 0);
    pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_;
};

TEST(ThreadReadQueue, WithoutAThreadToBeHadTheCallerReads) {
  const NoThreads refused;
  EXPECT_THROW(std::thread([] {}).join(), std::system_error);
  const auto queue = Queue(2);
  const auto file = std::make_shared<ScriptedFile>(
      [](int64_t, int64_t nbytes, void*) { return Result<int64_t>(nbytes); });
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t first, queue->Submit({file, 0, 1, Memory(1)}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t second, queue->Submit({file, 0, 2, Memory(2)}));
  EXPECT_EQ(queue->Wait(second).nbytes, 2);
  EXPECT_EQ(queue->Wait(first).nbytes, 1);
}

// The child has no threads and perhaps not the lock that one of them held.
TEST(ThreadReadQueue, AChildBornWhileThreadsReadDestroysTheQueue) {
  GatedFile gated;
  auto queue = Queue(4);
  const auto buffer = Memory(1);
  for (int64_t i = 0; i < 3; ++i) ALKAID_ASSERT_OK(queue->Submit({gated.file, i, 1, buffer}));
  gated.both_begun.get_future().wait();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(20);
    queue.reset();
    ::_exit(buffer.use_count() == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  gated.gate.set_value();
}

}  // namespace
}  // namespace alkaid::io
