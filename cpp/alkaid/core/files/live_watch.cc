#include "alkaid/core/files/live_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <new>

#include "alkaid/base/file_descriptor_internal.h"

namespace alkaid::io {

const char* ToString(LiveEnd end) {
  switch (end) {
    case LiveEnd::kNone:
      return "none";
    case LiveEnd::kEndRun:
      return "EndRun";
    case LiveEnd::kSilence:
      return "silence";
    case LiveEnd::kStopped:
      return "stopped";
  }
  return "unknown";
}

Result<std::shared_ptr<LiveWatch>> LiveWatch::Make(LiveOptions options) try {
  if (options.first_pause.count() < 1 || options.longest_pause < options.first_pause ||
      options.silence.value_or(Duration()).count() < 0) {
    return status::Invalid("pauses from ", options.first_pause.count(), " to ",
                           options.longest_pause.count(), " ns and a silence of ",
                           options.silence.value_or(Duration()).count(),
                           " ns; the least are 1, the first pause and 0");
  }
  if (static_cast<bool>(options.now) != static_cast<bool>(options.sleep)) {
    return status::Invalid("a clock needs a sleep function, and a sleep function a clock");
  }
  std::shared_ptr<LiveWatch> watch(new LiveWatch(std::move(options)));
  // If no inotify instance is left, polling does.
  if (watch->options_.notification && !watch->options_.sleep) {
    watch->inotify_ =
        alkaid::internal::AboveStandardStreams(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  }
  return watch;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

LiveWatch::~LiveWatch() {
  if (inotify_ >= 0) ::close(inotify_);
}

bool LiveWatch::Stopped() {
  if (end_ == LiveEnd::kNone && options_.stop && options_.stop()) end_ = LiveEnd::kStopped;
  return end_ == LiveEnd::kStopped;
}

void LiveWatch::Add(Watched* watched) { watched_.push_back(watched); }

void LiveWatch::Remove(Watched* watched) noexcept { std::erase(watched_, watched); }

int LiveWatch::NotifyOfFile(int file_descriptor) noexcept {
  if (inotify_ < 0 || file_descriptor < 0) return -1;
  // Through the descriptor: the name may belong to another file by now.
  char path[40];
  std::snprintf(path, sizeof(path), "/proc/self/fd/%d", file_descriptor);
  return ::inotify_add_watch(inotify_, path, IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE_SELF);
}

int LiveWatch::NotifyOfFolder(const std::string& path) noexcept {
  if (inotify_ < 0) return -1;
  return ::inotify_add_watch(inotify_, path.c_str(), IN_CREATE | IN_MOVED_TO);
}

void LiveWatch::NotifyNoMore(int notification) noexcept {
  if (inotify_ >= 0 && notification >= 0) ::inotify_rm_watch(inotify_, notification);
}

LiveWatch::Duration LiveWatch::Now() const {
  if (options_.now) return options_.now();
  return std::chrono::steady_clock::now().time_since_epoch();
}

bool LiveWatch::AnyGrew() {
  bool any = false;
  for (Watched* const watched : watched_) any |= watched->Grew();
  return any;
}

bool LiveWatch::Notified(int notification) const {
  alignas(struct inotify_event) char events[4096];
  bool found = false;
  while (true) {
    const ssize_t got = ::read(inotify_, events, sizeof(events));
    if (got <= 0) return found;
    for (ssize_t at = 0; at < got;) {
      struct inotify_event event;
      std::memcpy(&event, events + at, sizeof(event));
      // An overflow may have been about any file.
      found |= event.wd == notification || (event.mask & IN_Q_OVERFLOW) != 0;
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
}

void LiveWatch::Pause(Duration pause, int notification) {
  if (options_.sleep) return options_.sleep(pause);
  const Duration end = Now() + pause;
  struct pollfd asked = {inotify_, POLLIN, 0};
  const nfds_t count = notification >= 0 ? 1 : 0;
  for (Duration left = pause; left.count() > 0; left = end - Now()) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const struct timespec time = {static_cast<time_t>(seconds.count()),
                                  static_cast<long>((left - seconds).count())};
    const int answer = ::ppoll(&asked, count, &time, nullptr);
    // The time is up; or a signal came, which may be the reason to stop.
    if (answer <= 0 || Notified(notification)) return;
  }
}

bool LiveWatch::Waiting::Again(int notification) {
  if (watch_.end_ != LiveEnd::kNone || watch_.Stopped()) return false;
  const LiveOptions& options = watch_.options_;
  const Duration now = watch_.Now();
  const bool grew = watch_.AnyGrew();
  if (pause_.count() == 0) {
    pause_ = options.first_pause;
    since_ = now;
  } else if (grew) {
    since_ = now;
  }
  Duration pause = pause_;
  if (options.silence.has_value()) {
    const Duration left = *options.silence - (now - since_);
    if (left.count() <= 0) {
      watch_.end_ = LiveEnd::kSilence;
      return false;
    }
    pause = std::min(pause, left);
  }
  watch_.Pause(pause, notification);
  pause_ = pause_ > options.longest_pause / 2 ? options.longest_pause : pause_ * 2;
  return !watch_.Stopped();
}

}  // namespace alkaid::io
