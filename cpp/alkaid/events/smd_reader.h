// SmdReader: reads small-data files of several streams side by side and cuts them into windows.
//
//   ALKAID_ASSIGN_OR_RAISE(auto reader, SmdReader::Open({"a.smd.xtc2", "b.smd.xtc2"}));
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(SmdWindow window, reader->Next());
//     if (window.empty()) break;
//     ...
//   }
//
// Each stream is read in chunks; a datagram that the end of a chunk cuts comes with the next one.
// Of the streams with `batch_size` pending L1Accepts, the one whose data end earliest decides: the
// window ends at its L1Accept number `batch_size`, and every stream gives what it has up to that
// time. Nothing is given out before each stream was read past that time, or to its end.
//
// With an integrating detector a window spans `batch_size` of that detector's L1Accepts. Each of
// these ends an exposure, at its own time plus `integrating_delta`, and the last L1Accept of all
// streams in the exposure is marked, once. Exposures that end with the same L1Accept share its
// mark; an exposure that a fault cuts has none. After the detector's last L1Accept and its EndRun,
// windows are as without an integrating detector.
//
// Memory: a stream reads no further while `max_pending_bytes` or more are read and not yet given
// out. These lie in whole chunks, so a stream takes at most `max_pending_bytes` and three chunks,
// and what the caller keeps of the windows. A stream that is full before the end of the window is
// known determines that end. One exception: the possibly last L1Accept of an exposure is not given
// out before that is known. If the transitions between it and the end of the exposure exceed the
// limit by themselves, the stream holds them all.
//
// Files that are still being written are read with a watch (`live`), and cut into the same windows:
// Next waits until the window is whole. Where a stream's file ended by EndRun or a silence, the
// window is that of the finished file. Where the program stopped the reading, windows reach only as
// far as all streams were read past, since later data may not be written yet.
//
// Everything before a fault is delivered before the fault. A fault of the data (kDataLoss) stays,
// and so does a place of a file that cannot be read. After any other failure (memory, kUnavailable)
// Next may be called again, and returns what it would have returned.
//
// Ownership: owns its files; windows live on their own. The pool must outlive both.
// Threads: one at a time.
// Out of memory: kResourceExhausted from Open and Next, also where operator new fails;
// configurations() throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/files/live_watch.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/events/smd_window.h"

namespace alkaid::events {
namespace internal {
class PendingStream;
struct PendingShare;
}  // namespace internal

struct SmdReaderOptions {
  // Bytes that one read of one stream asks for.
  int64_t chunk_bytes = int64_t{4} << 20;
  // Bytes that a stream may hold that are read and not yet given out.
  int64_t max_pending_bytes = int64_t{64} << 20;
  // The largest datagram that is accepted, in bytes.
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;
  // The number of L1Accepts in a window.
  int64_t batch_size = 1000;
  // The stream of the integrating detector, or -1; and how long an exposure lasts past its
  // timestamp, in nanoseconds.
  int integrating_stream = -1;
  int64_t integrating_delta = 0;
  // Whether Disable, EndStep, BeginStep and Enable follow every window that has L1Accepts and ends
  // between an Enable and a Disable: in every stream, 1 to 4 ns after the window's last datagram.
  // They are in no file. kFailedPrecondition where a stream has a datagram that soon.
  bool fake_steps = false;
  // Whether streams go on after malformed small data, and the callback for what was left out.
  dgram::OnFault on_fault = dgram::OnFault::kStop;
  dgram::OnSkip on_skip = nullptr;
  // Reads the files as files that are still being written; all files of a run share one watch.
  std::shared_ptr<io::LiveWatch> live = nullptr;
  // The pool of the chunks; null: the default pool.
  PoolHandle pool = {};
};

class ALKAID_EXPORT SmdReader final : public SmdWindowSource {
 public:
  // Opens the files and reads their Configures. kInvalidArgument without a file, or for options
  // that make no sense; kDataLoss for a file without a Configure at its start; kCancelled where
  // reading was stopped before all Configures were read.
  static Result<std::unique_ptr<SmdReader>> Open(const std::vector<std::string>& paths,
                                                 const SmdReaderOptions& options = {});
  static Result<std::unique_ptr<SmdReader>> Open(std::initializer_list<std::string> paths,
                                                 const SmdReaderOptions& options = {}) {
    return Open(std::vector<std::string>(paths), options);
  }
  // The same from open streams: files, or buffers of any owner.
  static Result<std::unique_ptr<SmdReader>> Open(
      std::vector<std::unique_ptr<dgram::BatchReader>> readers,
      const SmdReaderOptions& options = {});
  ~SmdReader() override;

  int stream_count() const override { return static_cast<int>(streams_.size()); }
  // kDataLoss, naming stream, timestamp and offset, where a stream's timestamps go backwards, or
  // its file is malformed. kResourceExhausted where all of a stream's `max_pending_bytes` have one
  // timestamp.
  Result<SmdWindow> Next() override;

  // The Configure that opens the stream, with its declarations.
  const dgram::Dgram& configure(int stream) const;
  // For all streams, in order: the Configurations of the last window (SmdWindow::configurations),
  // and before the first window those of the Configures that open the streams.
  std::vector<std::shared_ptr<const dgram::Configuration>> configurations() const;

  // Bytes of all streams, -1 where the end of one is not known yet (BatchReader::end); and the
  // bytes that were given out so far.
  int64_t total_bytes() const;
  int64_t position() const;

 private:
  // An L1Accept of the integrating detector, and the end of its exposure.
  struct Exposure {
    dgram::Timestamp l1_accept;
    dgram::Timestamp end;
  };

  explicit SmdReader(const SmdReaderOptions& options);
  // `paths` are those of the readers, if known.
  static Result<std::unique_ptr<SmdReader>> Start(
      std::vector<std::unique_ptr<dgram::BatchReader>> readers,
      const std::vector<std::string>& paths, const SmdReaderOptions& options);

  bool AnyPending() const;
  // The timestamp of the earliest pending datagram; the last moment where there is none.
  dgram::Timestamp FirstPending() const;
  // Reads streams that must be read before a window can end at `limit`, and lowers `limit` to where
  // a full or faulty stream ends. Returns whether anything was read: then `limit` must be chosen
  // again.
  Result<bool> ReadPast(dgram::Timestamp* limit);

  // The end of the next window; false when a stream was read instead.
  Result<bool> ChooseLimit(dgram::Timestamp* limit, std::vector<Exposure>* exposures);
  Result<bool> ChooseWinner(dgram::Timestamp* limit);
  Result<bool> ChooseExposures(dgram::Timestamp* limit, std::vector<Exposure>* exposures);
  // Changes a `limit` inside an exposure: to where the last L1Accept before it is known not to be
  // the exposure's last, or to the exposure's end.
  Result<bool> SettleExposure(const std::vector<Exposure>& exposures, dgram::Timestamp* limit);
  // Whether the L1Accepts before `limit` may belong to an exposure that ends later.
  bool ExposureGoesOn(const std::vector<Exposure>& exposures, dgram::Timestamp limit) const;
  // Marks the exposures that the window ends, and returns those that it begins and does not end.
  static std::vector<Exposure> MarkExposures(const std::vector<Exposure>& exposures,
                                             SmdWindow* window);

  // Where reading was stopped, lowers `limit` to what is whole. False where nothing is.
  bool CutAtStop(dgram::Timestamp* limit) const;
  Result<SmdWindow> NextWindow();

  const SmdReaderOptions options_;
  std::vector<std::unique_ptr<internal::PendingStream>> streams_;
  // What the current window takes of each stream; kept here to avoid allocations.
  std::vector<internal::PendingShare> shares_;
  std::vector<Exposure> begun_;
  // For each stream, during and after the last window.
  std::vector<std::shared_ptr<const dgram::Configuration>> configurations_;
  std::vector<std::shared_ptr<const dgram::Configuration>> configurations_after_;
  // Whether the last window ended between an Enable and a Disable.
  bool enabled_ = false;
};

}  // namespace alkaid::events
