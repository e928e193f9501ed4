// The last L1Accepts of stretches of a window: what ends an exposure.
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

// Of each stretch of time that ends at one of `ends`, in order, and begins after the one before:
// the last L1Accept of all streams whose timestamp is `wanted`. Of several with that timestamp the
// one of the event that is built last, and of that event the first stream. An entry for each
// stretch; where there is none, its stream is -1.
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
