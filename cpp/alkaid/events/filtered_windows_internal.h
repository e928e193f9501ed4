// FilteredWindows: the windows of a source, with the ends of exposures moved to L1Accepts that a filter
// keeps.
//
//   L1Accepts   1 2 3 4E 5 6 7 8E      E ends an exposure
//   wanted        2 3      6
//   ends            3      6
//
// An exposure may go on in later windows, so these are read ahead.
//
// Ownership: shares the source, borrows the filter. Threads: one at a time. Out of memory: throws
// std::bad_alloc, or as the source; the next call goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "alkaid/events/smd_window.h"

namespace alkaid::events {

class FilteredWindows final : public SmdWindowSource {
 public:
  // `filter`: the timestamps of the L1Accepts to keep, in order.
  FilteredWindows(std::shared_ptr<SmdWindowSource> source, std::span<const uint64_t> filter)
      : source_(std::move(source)), filter_(filter) {}

  int stream_count() const override { return source_->stream_count(); }
  Result<SmdWindow> Next() override;

 private:
  Result<std::vector<SmdWindow::EndOfBatch>> FilterEnds();
  // Whether the exposure that continues after the window ends without another L1Accept that the
  // filter keeps.
  Result<bool> ExposureEndsWithoutMore();
  // Reads windows until ahead_ has window `index`.
  Status LookAhead(size_t index);
  bool IsWanted(dgram::Timestamp timestamp) const;

  const std::shared_ptr<SmdWindowSource> source_;
  const std::span<const uint64_t> filter_;
  std::deque<Result<SmdWindow>> ahead_;  // windows, or the failures in their place
};

}  // namespace alkaid::events
