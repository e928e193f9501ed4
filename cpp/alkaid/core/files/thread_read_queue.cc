// ReadQueueKind::kThreads: plain ReadAt on one or two threads.
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/files/read_queue_internal.h"

namespace alkaid::io::internal {
namespace {

// One reads while the other copies: a third gains nothing for sequential files.
constexpr size_t kMaxThreads = 2;

// Signals are for the program's own threads: a new thread inherits the blocked set.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

class ThreadReadQueue final : public SlottedReadQueue {
 public:
  explicit ThreadReadQueue(int depth)
      : SlottedReadQueue(ReadQueueKind::kThreads, depth), shared_(new Shared(depth)) {}

  ~ThreadReadQueue() override {
    if (in_forked_child()) {
      // The threads do not exist here to be joined, and one of them may have held the lock: all of
      // it is left as it is. Files and buffers are in the slots, to which no thread holds a
      // reference.
      static_cast<void>(shared_.release());
      return;
    }
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->stop = true;
      shared_->waiting.clear();
    }
    shared_->wake_workers.notify_all();
    for (std::thread& thread : shared_->threads) thread.join();
  }

 private:
  struct Read {
    bool done = false;
    ReadOutcome outcome;
  };
  struct Shared {
    explicit Shared(int depth) : reads(static_cast<size_t>(depth)) {
      waiting.reserve(reads.size());
      threads.reserve(kMaxThreads);
    }
    std::mutex mutex;  // guards all members but `threads`, which is the caller's
    std::condition_variable wake_workers;
    std::condition_variable read_done;
    std::vector<int> waiting;  // slots, in order of submission; never grows past the depth
    std::vector<Read> reads;   // by slot
    size_t idle = 0;
    bool stop = false;
    std::vector<std::thread> threads;
  };

  Read& ReadOf(int slot) { return shared_->reads[static_cast<size_t>(slot)]; }

  void Start(int slot) override {
    bool all_busy;
    {
      const std::lock_guard lock(shared_->mutex);
      ReadOf(slot) = Read();
      shared_->waiting.push_back(slot);
      all_busy = shared_->waiting.size() > shared_->idle;
    }
    shared_->wake_workers.notify_one();
    if (all_busy && shared_->threads.size() < kMaxThreads) AddThread();
  }

  // A read that no thread has begun is done here: the caller waits anyway. If no thread can be
  // started, all reads are done here.
  ReadOutcome Finish(int slot) override {
    std::unique_lock lock(shared_->mutex);
    auto& waiting = shared_->waiting;
    const auto place = std::find(waiting.begin(), waiting.end(), slot);
    if (place != waiting.end()) {
      waiting.erase(place);
      lock.unlock();
      return ReadNow(request(slot));
    }
    shared_->read_done.wait(lock, [&] { return ReadOf(slot).done; });
    return std::move(ReadOf(slot).outcome);
  }

  void AddThread() {
    const SignalsBlocked blocked;
    try {
      shared_->threads.emplace_back([this] { Work(); });
      pthread_setname_np(shared_->threads.back().native_handle(), "alkaid-read");
    } catch (const std::exception&) {
      // No memory, or the system's limit of threads: see Finish.
    }
  }

  void Work() {
    std::unique_lock lock(shared_->mutex);
    while (true) {
      ++shared_->idle;
      shared_->wake_workers.wait(lock,
                                 [this] { return shared_->stop || !shared_->waiting.empty(); });
      --shared_->idle;
      if (shared_->stop) return;
      const int slot = shared_->waiting.front();
      shared_->waiting.erase(shared_->waiting.begin());
      lock.unlock();
      ReadOutcome outcome = ReadNow(request(slot));
      lock.lock();
      ReadOf(slot) = {true, std::move(outcome)};
      shared_->read_done.notify_one();
    }
  }

  std::unique_ptr<Shared> shared_;
};

}  // namespace

std::unique_ptr<ReadQueue> MakeThreadReadQueue(int depth) {
  return std::make_unique<ThreadReadQueue>(depth);
}

}  // namespace alkaid::io::internal
