// The signals that a write which fails sends to its thread: SIGPIPE where nobody reads, SIGXFSZ
// past RLIMIT_FSIZE. Each ends a process that does not expect them, and a program need not expect
// them of what this library writes on its own account.
//
// Ownership: a scope's; it restores what was. Threads: the calling one's signals. Out of memory:
// nothing is allocated.
#pragma once

#include <csignal>
#include <ctime>

namespace alkaid::internal {

// Blocks them for a scope. A write fails with EPIPE or EFBIG all the same.
class WriteSignalsBlocked {
 public:
  WriteSignalsBlocked() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGPIPE);
    ::sigaddset(&signals_, SIGXFSZ);
    restores_ = ::pthread_sigmask(SIG_BLOCK, &signals_, &before_) == 0;
  }
  // Those that came meanwhile are taken. Where they were blocked before, they are the program's.
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
