#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>

#include "alkaid/base/cancellation_off_internal.h"
#include "alkaid/base/stderr_text_internal.h"
#include "alkaid/base/write_signals_internal.h"

namespace alkaid::internal {
namespace {

constexpr int kMaxMilliseconds = 1000;
constexpr int kNap = 10;

constinit std::atomic<StderrCalls (*)() noexcept> ask_for_calls{nullptr};

enum class BareWrites : uint8_t { kNone, kOne, kAll };
constinit std::atomic<BareWrites> bare_writes{BareWrites::kNone};

// Returns false if nothing was read for too long, and if that cannot be queried: by a filter, or
// under an RLIMIT_NOFILE of 0.
bool HasRoom() {
  pollfd stream = {STDERR_FILENO, POLLOUT, 0};
  int result;
  do {
    result = ::poll(&stream, 1, kMaxMilliseconds);
  } while (result < 0 && errno == EINTR);
  return result > 0;
}

void WriteBare(std::string_view text) {
  BareWrites may = bare_writes.load(std::memory_order_relaxed);
  if (may == BareWrites::kOne) {
    if (text.size() > PIPE_BUF) return;
    may = bare_writes.exchange(BareWrites::kNone, std::memory_order_relaxed);
  }
  if (may != BareWrites::kNone) (void)!::write(STDERR_FILENO, text.data(), text.size());
}

void WriteGuarded(std::string_view text) {
  const WriteSignalsBlocked blocked;
  struct stat info;
  const bool is_known = ::fstat(STDERR_FILENO, &info) == 0;
  const bool is_socket = is_known && S_ISSOCK(info.st_mode);
  // An unknown stream may be a pipe, unless an earlier look found neither a pipe nor a socket.
  const bool is_pipe = is_known ? S_ISFIFO(info.st_mode)
                                : bare_writes.load(std::memory_order_relaxed) != BareWrites::kAll;
  for (int waited = 0; !text.empty() && waited < kMaxMilliseconds;) {
    if (is_pipe && !HasRoom()) return;
    // A pipe with any room takes this many bytes at once.
    const size_t size = is_pipe ? std::min<size_t>(text.size(), PIPE_BUF) : text.size();
    const ssize_t n = is_socket
                          ? ::send(STDERR_FILENO, text.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT)
                          : ::write(STDERR_FILENO, text.data(), size);
    if (n > 0) {
      text.remove_prefix(static_cast<size_t>(n));
      waited = 0;
    } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      ::poll(nullptr, 0, kNap);
      waited += kNap;
    } else {
      return;  // there is nowhere to report that stderr does not work
    }
  }
}

}  // namespace

void WriteToStderr(std::string_view text) noexcept {
  const CancellationOff off;
  const int kept = errno;
  switch (AllowedStderrCalls()) {
    case StderrCalls::kAll:
      WriteGuarded(text);
      break;
    case StderrCalls::kOnlyWrite:
      WriteBare(text);
      break;
    case StderrCalls::kNone:
      break;
  }
  errno = kept;
}

void AskForStderrCalls(StderrCalls (*ask)() noexcept) noexcept {
  ask_for_calls.store(ask, std::memory_order_relaxed);
}

StderrCalls AllowedStderrCalls() noexcept {
  const auto ask = ask_for_calls.load(std::memory_order_relaxed);
  return ask == nullptr ? StderrCalls::kAll : ask();
}

void LookAtStderr() noexcept {
  const CancellationOff off;
  const int kept = errno;
  BareWrites may = BareWrites::kNone;
  struct stat info;
  if (::fstat(STDERR_FILENO, &info) == 0) {
    if (S_ISCHR(info.st_mode)) {
      may = BareWrites::kAll;
    } else if (S_ISREG(info.st_mode)) {
      rlimit limit;
      const off_t at = std::max(info.st_size, ::lseek(STDERR_FILENO, 0, SEEK_CUR));
      if (::getrlimit(RLIMIT_FSIZE, &limit) == 0) {
        may = limit.rlim_cur == RLIM_INFINITY                          ? BareWrites::kAll
              : static_cast<uint64_t>(at) + PIPE_BUF <= limit.rlim_cur ? BareWrites::kOne
                                                                       : BareWrites::kNone;
      }
    } else {
      pollfd stream = {STDERR_FILENO, POLLOUT, 0};
      if (::poll(&stream, 1, 0) == 1 && stream.revents == POLLOUT) may = BareWrites::kOne;
    }
  }
  bare_writes.store(may, std::memory_order_relaxed);
  errno = kept;
}

}  // namespace alkaid::internal
