// WriteSignalsBlocked: handles the signals that a failing write sends to its thread: SIGPIPE if
// nobody reads, SIGXFSZ past RLIMIT_FSIZE. Each kills a process that does not expect it, and a
// program need not expect them from this library's own writes.
//
// Ownership: a scope; it restores the previous state. Threads: the calling thread's signals. Out of
// memory: nothing is allocated.
#pragma once

#include <csignal>
#include <ctime>

namespace alkaid::internal {

// Blocks both signals for a scope. A write still fails with EPIPE or EFBIG.
class WriteSignalsBlocked {
 public:
  WriteSignalsBlocked() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGPIPE);
    ::sigaddset(&signals_, SIGXFSZ);
    restores_ = ::pthread_sigmask(SIG_BLOCK, &signals_, &before_) == 0;
  }
  // Discards the signals that came meanwhile. If they were blocked before, they are left to the
  // program.
  ~WriteSignalsBlocked() {
    if (!restores_) return;
    for (const int signal : {SIGPIPE, SIGXFSZ}) {
      if (::sigismember(&before_, signal) == 1) ::sigdelset(&signals_, signal);
    }
    const timespec now = {};
    while (::sigtimedwait(&signals_, nullptr, &now) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WriteSignalsBlocked(const WriteSignalsBlocked&) = delete;
  WriteSignalsBlocked& operator=(const WriteSignalsBlocked&) = delete;

 private:
  sigset_t signals_;
  sigset_t before_;
  bool restores_;
};

}  // namespace alkaid::internal
