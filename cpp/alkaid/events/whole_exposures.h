// WholeExposures: windows that cut no exposure of an integrating detector, for nodes with a filter.
//
//   ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<SmdReader> reader, SmdReader::Open(paths, options));
//   ALKAID_ASSIGN_OR_RAISE(auto source, WholeExposures::Make(reader));
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(const SmdWindow window, source->Next());
//     if (window.empty()) break;
//     ALKAID_ASSIGN_OR_RAISE(auto message, Pack(window));
//     ...
//   }
//
// Where a stream is full in the middle of an exposure, the reader's window ends there too. A node
// that gets only that window, and leaves L1Accepts out, does not know what other nodes keep of the
// exposure. So it cannot tell whether its own last L1Accept is the exposure's last. Here such
// windows are joined up to the end of the exposure, and each window has all that its marks depend
// on. Without an integrating detector, and where no stream is full, windows are passed on as they
// are.
//
// Memory: the window, which is as large as the exposure, besides what the source holds.
//
// Ownership: shares the source. Threads: one at a time.
// Out of memory: kResourceExhausted, and nothing is lost: Next may be called again, as after any
// failure of the source that may pass. A fault of the data (kDataLoss) comes after everything
// before it.
#pragma once

#include <memory>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/events/smd_window.h"

namespace alkaid::events {

class ALKAID_EXPORT WholeExposures final : public SmdWindowSource {
 public:
  // kInvalidArgument without a source.
  static Result<std::unique_ptr<WholeExposures>> Make(std::shared_ptr<SmdWindowSource> source);

  int stream_count() const override { return source_->stream_count(); }
  Result<SmdWindow> Next() override;

 private:
  explicit WholeExposures(std::shared_ptr<SmdWindowSource> source) : source_(std::move(source)) {}
  // Joins the next window to this one. std::bad_alloc, and nothing is changed.
  void Join();

  const std::shared_ptr<SmdWindowSource> source_;
  // What was joined so far; and the next window, where it was read and is not joined yet.
  SmdWindow window_;
  SmdWindow next_;
  Status fault_;
};

}  // namespace alkaid::events
