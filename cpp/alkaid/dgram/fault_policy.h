// What a reader does about malformed data: it stops, which is the default, or goes on after it and
// reports what it left out.
//
// Going on is for runs that cannot be recorded again: what is left out is named, with its bytes and
// timestamps, and never guessed at.
//
// A reader that goes on checks each datagram whole (CheckDgram; without a Configuration
// CheckExtents) before it gives it out. Where no datagram begins, kResync looks for the next one,
// byte by byte. That is the first place where all of these hold:
//   - A plausible header stands there: fewer than 10^9 nanoseconds, a service from 0 to 12, a
//     Parent as its root, an extent within the source and the limit, and a timestamp not before
//     those of the last two sound datagrams before the first such search, Configures aside.
//   - Its content is sound by the check above.
//   - Another plausible header follows it, or the end of the source; or it begins with data that
//     its Configuration declares.
//
// Ownership: values. Threads: the callback runs on the thread that calls the reader. Out of memory:
// as the reader; a place that was reported before may be reported again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

enum class OnFault {
  kStop,          // delivers what is before the fault, and nothing after it
  kSkipDatagram,  // leaves out a datagram whose extent is sound and whose content is not
  kResync,        // also looks for the next datagram where none begins
};

// "stop", "skip-datagram", "resync".
ALKAID_EXPORT const char* ToString(OnFault on_fault);

// What was left out in one place.
struct ALKAID_EXPORT Skipped {
  std::string source;
  // The byte of the source where it starts, and its bytes.
  int64_t byte = 0;
  int64_t nbytes = 0;
  // The index of the datagram there. Bytes in which no datagram begins count as one datagram.
  int64_t dgram_index = 0;
  // The timestamp in its header; none where no datagram begins.
  std::optional<Timestamp> timestamp;
  // The timestamp of the last sound datagram before it; none where there is none.
  std::optional<Timestamp> previous;
  // The fault.
  std::string why;

  // "run.xtc2: byte 52 (datagram 1): 848 bytes were skipped, timestamp 4294967300, after
  // 4294967299: ..."
  std::string ToString() const;
};
using OnSkip = std::function<void(const Skipped&)>;

class BatchReader;
struct BatchReaderOptions;

namespace internal {

// A source as the skipping reader sees it.
struct SkippingSource {
  // Opens a reader of it that stops at faults.
  std::function<Result<std::unique_ptr<BatchReader>>(BatchReaderOptions options)> open;
  // As RandomAccessFile::ReadAt.
  std::function<Result<int64_t>(int64_t position, int64_t nbytes, void* out)> read;
};
// A reader that goes on by `options.on_fault`. Fails like `source.open`.
Result<std::unique_ptr<BatchReader>> OpenSkipping(SkippingSource source,
                                                  BatchReaderOptions options);

}  // namespace internal

}  // namespace alkaid::dgram
