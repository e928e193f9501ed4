// LiveWatch: how readers wait for files that are still being written.
//
// A reader that reaches the end of such a file looks again after a pause. The pause doubles from
// look to look until something is there. That is sufficient by itself, since network file systems
// do not report what another machine writes. Where the system does notify (inotify), a notification
// cuts the pause short.
//
// The readers of one run share a watch. It ends their waiting in two ways, for all of them and for
// good:
//
//   silence   none of their files grew for that long while one of them was waited for
//   stop      the program says so; it is asked before every look
//
// A reader of datagrams has a third way of its own, the EndRun (dgram/batch_reader.h).
//
// Ownership: shared by its readers. Threads: one at a time for a watch and all readers that share
// it; `stop` may read what another thread or a signal handler writes. Out of memory:
// kResourceExhausted from Make; waiting allocates nothing, apart from what the functions in the
// options do.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::io {

// Why reading of a growing file ended.
enum class LiveEnd {
  kNone,     // it did not end; or the file is not read as a growing one
  kEndRun,   // nothing followed an EndRun
  kSilence,  // nothing was written for the given time
  kStopped,  // the program said so
};

// "none", "EndRun", "silence", "stopped".
ALKAID_EXPORT const char* ToString(LiveEnd end);

struct LiveOptions {
  using Duration = std::chrono::nanoseconds;

  // How long nothing may be written before reading ends. Not set: for ever. Zero: what is there now
  // is all.
  std::optional<Duration> silence;
  // The pause before the second look, and the longest pause.
  Duration first_pause = std::chrono::milliseconds(1);
  Duration longest_pause = std::chrono::milliseconds(250);
  // Whether to ask the system to cut pauses short.
  bool notification = true;
  // Whether to end. A signal whose handler is set without SA_RESTART cuts a pause short.
  std::function<bool()> stop = nullptr;
  // Replacements for the steady clock and for sleeping: both or neither. Nothing cuts such a pause
  // short.
  std::function<Duration()> now = nullptr;
  std::function<void(Duration)> sleep = nullptr;
};

class ALKAID_EXPORT LiveWatch {
 public:
  using Duration = LiveOptions::Duration;

  // Something whose growth ends the silence.
  class Watched {
   public:
    virtual ~Watched() = default;
    // Whether it grew since the last call.
    virtual bool Grew() = 0;
  };

  // kInvalidArgument for a negative duration, pauses below 1 ns, and a clock without its sleep.
  static Result<std::shared_ptr<LiveWatch>> Make(LiveOptions options = {});
  ~LiveWatch();
  LiveWatch(const LiveWatch&) = delete;
  LiveWatch& operator=(const LiveWatch&) = delete;

  const LiveOptions& options() const { return options_; }
  // kNone, kSilence or kStopped.
  LiveEnd end() const { return end_; }
  // Whether reading is to stop, now or since an earlier call.
  bool Stopped();

  // `watched` must be removed before it is destroyed.
  void Add(Watched* watched);
  void Remove(Watched* watched) noexcept;

  // Asks the system to notify of changes to an open file, or in a folder. Returns a number for
  // Waiting::Again; -1 if the system cannot.
  int NotifyOfFile(int file_descriptor) noexcept;
  int NotifyOfFolder(const std::string& path) noexcept;
  void NotifyNoMore(int notification) noexcept;

  // One wait: from a look that finds nothing to the look that does.
  class ALKAID_EXPORT Waiting {
   public:
    explicit Waiting(LiveWatch& watch) : watch_(watch) {}
    // After a look that found nothing: pauses, and returns whether to look again. If not, the watch
    // knows why.
    bool Again(int notification = -1);

   private:
    LiveWatch& watch_;
    Duration pause_{};
    Duration since_{};
  };

 private:
  explicit LiveWatch(LiveOptions options) : options_(std::move(options)) {}

  Duration Now() const;
  bool AnyGrew();
  void Pause(Duration pause, int notification);
  // Whether the system's notifications include one for `notification`. Consumes all of them.
  bool Notified(int notification) const;

  const LiveOptions options_;
  int inotify_ = -1;
  std::vector<Watched*> watched_;
  LiveEnd end_ = LiveEnd::kNone;
};

}  // namespace alkaid::io
