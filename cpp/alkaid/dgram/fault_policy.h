// What a reader does about malformed data: it stops, as it always does unasked, or goes on behind
// it and says what it left out.
//
// Going on is for runs that cannot be recorded again: what is left out is named, with its bytes and
// timestamps, and never guessed at.
//
// A reader that goes on checks each datagram whole (CheckDgram; without a Configuration
// CheckExtents) before it gives it out. Where no datagram begins, kResync looks for the next one,
// byte by byte. That is the first place at which
//   - a header stands: fewer than 10^9 nanoseconds, a service from 0 to 12, a Parent as its root, an
//     extent within the source and the limit, a timestamp not before those of the last two sound
//     datagrams before the first such search, Configures aside;
//   - what is in it is sound, as above;
//   - another such header follows, or the end of the source; or it holds data, and its Configuration
//     declares them.
//
// Ownership: values. Threads: a reader calls on the thread that calls it. Out of memory: as the
// reader; what it was told before, it may be told again.
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
  kStop,          // what lies before the fault is given out, and nothing behind it
  kSkipDatagram,  // a datagram whose extent is sound, and what is in it is not, is left out
  kResync,        // besides, where no datagram begins the next one is looked for
};

// "stop", "skip-datagram", "resync".
ALKAID_EXPORT const char* ToString(OnFault on_fault);

// What was left out in one place.
struct ALKAID_EXPORT Skipped {
  std::string source;
  // Where it starts in the source, and how much it is.
  int64_t byte = 0;
  int64_t nbytes = 0;
  // The index that the datagram there has. Bytes in which no datagram begins count as one.
  int64_t dgram_index = 0;
  // What its header says; none where no datagram begins.
  std::optional<Timestamp> timestamp;
  // Of the last sound datagram before it; none where there is none.
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

// A source as the reader that goes on sees it.
struct SkippingSource {
  // A reader of it that stops.
  std::function<Result<std::unique_ptr<BatchReader>>(BatchReaderOptions options)> open;
  // As RandomAccessFile::ReadAt.
  std::function<Result<int64_t>(int64_t position, int64_t nbytes, void* out)> read;
};
// A reader that goes on, by `options.on_fault`. kInvalidArgument and so on as `source.open` does.
Result<std::unique_ptr<BatchReader>> OpenSkipping(SkippingSource source,
                                                  BatchReaderOptions options);

}  // namespace internal

}  // namespace alkaid::dgram
