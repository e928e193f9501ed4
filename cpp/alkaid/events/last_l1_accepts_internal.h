// LastL1Accepts: the last L1Accept of each stretch of a window, which ends an exposure.
//
// Threads: free of state. Out of memory: std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "alkaid/dgram/batch.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/smd_window.h"

namespace alkaid::events::internal {

// Each of the `ends`, in order, ends a stretch of time that begins after the end before. Returns an
// entry for each stretch: the last L1Accept of all streams in it whose timestamp is `wanted`. Of
// several with that timestamp it is the one of the event that is built last, and in that event of
// the first stream. Where there is none, the entry's stream is -1.
template <typename Wanted>
std::vector<SmdWindow::EndOfBatch> LastL1Accepts(
    const std::vector<std::vector<dgram::DgramBatch>>& streams,
    const std::vector<dgram::Timestamp>& ends, const Wanted& wanted) {
  std::vector<SmdWindow::EndOfBatch> lasts(ends.size(), {-1, dgram::Timestamp(), 0});
  for (size_t stream = 0; stream < streams.size(); ++stream) {
    size_t stretch = 0;
    dgram::Timestamp previous;
    int64_t repeat = -1;
    for (const dgram::DgramBatch& batch : streams[stream]) {
      for (const dgram::Dgram& dgram : batch) {
        if (!IsL1Accept(dgram.service())) continue;
        const dgram::Timestamp timestamp = dgram.timestamp();
        while (stretch < ends.size() && timestamp > ends[stretch]) ++stretch;
        if (stretch == ends.size()) break;
        repeat = timestamp == previous ? repeat + 1 : 0;
        previous = timestamp;
        SmdWindow::EndOfBatch& last = lasts[stretch];
        const bool later = last.stream < 0 || timestamp > last.timestamp ||
                           (timestamp == last.timestamp && repeat > last.repeat);
        if (later && wanted(timestamp)) last = {static_cast<int>(stream), timestamp, repeat};
      }
    }
  }
  return lasts;
}

}  // namespace alkaid::events::internal
