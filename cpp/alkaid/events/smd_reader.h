// SmdReader: small-data files of several streams, read side by side and cut into windows.
//
//   ALKAID_ASSIGN_OR_RAISE(auto reader, SmdReader::Open({"a.smd.xtc2", "b.smd.xtc2"}));
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(SmdWindow window, reader->Next());
//     if (window.empty()) break;
//     ...
//   }
//
// Each stream is read in chunks; a datagram that the end of a chunk cuts comes with the next. Of
// the streams that have `batch_size` L1Accepts waiting, the one whose data reach least far decides:
// the window ends at its L1Accept number `batch_size`, and every stream gives what it has up to
// there. Nothing is handed out before each stream has been read past that moment, or to its end.
//
// With an integrating detector a window spans `batch_size` of that detector's L1Accepts: each ends
// an exposure, at its own time plus `integrating_delta`, and the last L1Accept of all streams in it
// is marked, once. Exposures that end with the same L1Accept share its mark, and one that a fault
// cuts has none. Behind the detector's last L1Accept, and its EndRun, windows are as without one.
//
// Memory: a stream reads no further while it holds `max_pending_bytes` or more that were not yet
// given out. What it holds, it holds as the whole chunks in which that lies: so a stream takes at
// most `max_pending_bytes` and three chunks, and what the caller keeps of the windows. A stream
// that is full before the window is decides where it ends. One exception: what may be the last
// L1Accept of an exposure is not given out before that is known, so where the transitions between
// it and the end of the exposure alone are more than that, a stream holds them all.
//
// Files that are still being written are read with a watch (`live`), and cut into the same windows:
// Next waits until the window is whole. Where a stream's file ended by EndRun or a silence the
// window is what it would be of the finished file. Where the program stopped the reading, windows
// reach as far as all streams were read past: of what follows some may not be written yet.
//
// Everything before a fault is delivered before the fault; a fault of the data (kDataLoss) stays,
// and so does a place of a file that cannot be read. After any other failure (memory, kUnavailable)
// Next may be called again, and gives what it would have given.
//
// Ownership: owns its files; windows live on their own. The pool must outlive both.
// Threads: one at a time.
// Out of memory: kResourceExhausted from Open and Next, where operator new has none too;
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
  // Bytes that a stream may hold, read and not yet given out.
  int64_t max_pending_bytes = int64_t{64} << 20;
  // Bytes of the largest datagram that is accepted.
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;
  // L1Accepts of a window.
  int64_t batch_size = 1000;
  // The stream of the integrating detector, or -1; and how long after its timestamp an exposure
  // still takes, in nanoseconds.
  int integrating_stream = -1;
  int64_t integrating_delta = 0;
  // Whether every window that has L1Accepts and ends between an Enable and a Disable is followed by
  // Disable, EndStep, BeginStep and Enable, 1 to 4 ns behind its last datagram, in every stream.
  // They are in no file. kFailedPrecondition where a stream goes on sooner.
  bool fake_steps = false;
  // Whether streams go on behind malformed small data, and who is told what was left out.
  dgram::OnFault on_fault = dgram::OnFault::kStop;
  dgram::OnSkip on_skip = nullptr;
  // Reads the files as ones that are still being written; all of a run share one watch.
  std::shared_ptr<io::LiveWatch> live = nullptr;
  // Where chunks come from; null: the default pool.
  MemoryPool* pool = nullptr;
};

class ALKAID_EXPORT SmdReader final : public SmdWindowSource {
 public:
  // Opens the files and reads their Configures. No file, or options that make no sense, are
  // kInvalidArgument; a file without a Configure at its start is kDataLoss. Where reading was
  // stopped before all had theirs: kCancelled.
  static Result<std::unique_ptr<SmdReader>> Open(const std::vector<std::string>& paths,
                                                 const SmdReaderOptions& options = {});
  static Result<std::unique_ptr<SmdReader>> Open(std::initializer_list<std::string> paths,
                                                 const SmdReaderOptions& options = {}) {
    return Open(std::vector<std::string>(paths), options);
  }
  // The same from streams that are open already: files, or buffers of any owner.
  static Result<std::unique_ptr<SmdReader>> Open(
      std::vector<std::unique_ptr<dgram::BatchReader>> readers,
      const SmdReaderOptions& options = {});
  ~SmdReader() override;

  int stream_count() const override { return static_cast<int>(streams_.size()); }
  // kDataLoss naming stream, timestamp and offset where a stream's timestamps go backwards, or
  // where its file is malformed. kResourceExhausted where the `max_pending_bytes` of a stream are
  // all of one timestamp.
  Result<SmdWindow> Next() override;

  // The Configure that opens the stream, and what it declares.
  const dgram::Dgram& configure(int stream) const;
  // Of all streams, in order: those of the window that Next gave last (SmdWindow::configurations),
  // and before the first, those that the Configures that open the streams declare.
  std::vector<std::shared_ptr<const dgram::Configuration>> configurations() const;

  // Bytes of all streams, -1 where the end of one is not known yet (BatchReader::end); and of what
  // was given out so far.
  int64_t total_bytes() const;
  int64_t position() const;

 private:
  // An L1Accept of the integrating detector, and the end of what belongs to it.
  struct Exposure {
    dgram::Timestamp l1_accept;
    dgram::Timestamp end;
  };

  explicit SmdReader(const SmdReaderOptions& options);
  // `paths` are those of the readers, where they are known.
  static Result<std::unique_ptr<SmdReader>> Start(
      std::vector<std::unique_ptr<dgram::BatchReader>> readers,
      const std::vector<std::string>& paths, const SmdReaderOptions& options);

  bool AnyPending() const;
  // Of the earliest datagram that is pending; the last moment where none is.
  dgram::Timestamp FirstPending() const;
  // Reads streams that must be read before a window can end at `limit`, and lowers it to where a
  // full or faulty stream ends. Answers whether anything was read: then choose again.
  Result<bool> ReadPast(dgram::Timestamp* limit);

  // Where the next window ends: false when a stream was read instead.
  Result<bool> ChooseLimit(dgram::Timestamp* limit, std::vector<Exposure>* exposures);
  Result<bool> ChooseWinner(dgram::Timestamp* limit);
  Result<bool> ChooseExposures(dgram::Timestamp* limit, std::vector<Exposure>* exposures);
  // Moves a `limit` that lies inside an exposure to where the last L1Accept before it is known not
  // to be the exposure's last, or to the exposure's end.
  Result<bool> SettleExposure(const std::vector<Exposure>& exposures, dgram::Timestamp* limit);
  // Whether the L1Accepts before `limit` may belong to an exposure that ends later.
  bool ExposureGoesOn(const std::vector<Exposure>& exposures, dgram::Timestamp limit) const;
  // Marks the exposures that the window ends, and gives those that it began and does not end.
  static std::vector<Exposure> MarkExposures(const std::vector<Exposure>& exposures,
                                             SmdWindow* window);

  // The steps to be put behind a window that ends at `limit`; null where none are. `limit` becomes
  // the time of the last of them; `enabled`, whether the window ends between an Enable and a
  // Disable.
  Result<std::shared_ptr<Buffer>> MakeFakeSteps(dgram::Timestamp* limit, bool* enabled) const;
  // Lowers it to what is whole where reading was stopped. False where nothing is.
  bool CutAtStop(dgram::Timestamp* limit) const;
  Result<SmdWindow> NextWindow();

  const SmdReaderOptions options_;
  std::vector<std::unique_ptr<internal::PendingStream>> streams_;
  // What the window under way takes of each stream; kept here to allocate nothing.
  std::vector<internal::PendingShare> shares_;
  std::vector<Exposure> begun_;
  // Of each stream, of the window given last and behind it.
  std::vector<std::shared_ptr<const dgram::Configuration>> configurations_;
  std::vector<std::shared_ptr<const dgram::Configuration>> configurations_after_;
  // Whether the last window ended between an Enable and a Disable.
  bool enabled_ = false;
};

}  // namespace alkaid::events
