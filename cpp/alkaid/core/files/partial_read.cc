#include "alkaid/core/files/partial_read.h"

#include <algorithm>
#include <utility>

namespace alkaid::io {
namespace {

// Bytes. The last is the sector size of most disks, and the page size of the page cache.
constexpr int64_t kSteps[] = {int64_t{64} << 10, int64_t{4} << 10};

bool IsOfThePlace(const Status& failure) {
  return failure.code() != StatusCode::kUnavailable &&
         failure.code() != StatusCode::kResourceExhausted;
}

}  // namespace

PartialRead ReadUpToFailure(RandomAccessFile& file, int64_t position, int64_t nbytes, void* out) {
  Result<int64_t> read = file.ReadAt(position, nbytes, out);
  if (read.ok()) return {*read, absl::OkStatus()};
  return ReadBeforeFailure(file, position, nbytes, out, read.status());
}

PartialRead ReadBeforeFailure(RandomAccessFile& file, int64_t position, int64_t nbytes, void* out,
                              Status failure) {
  PartialRead read{0, std::move(failure)};
  if (!IsOfThePlace(read.failure)) return read;
  auto* const bytes = static_cast<uint8_t*>(out);
  for (const int64_t step : kSteps) {
    while (read.nbytes < nbytes) {
      // Up to the next multiple of the step, where sectors begin and end.
      const int64_t at = position + read.nbytes;
      const int64_t count = std::min(step - at % step, nbytes - read.nbytes);
      const Result<int64_t> got = file.ReadAt(at, count, bytes + read.nbytes);
      if (!got.ok()) {
        read.failure = got.status();
        break;
      }
      read.nbytes += *got;
      // The end of the file, which is now shorter than before.
      if (*got < count) return {read.nbytes, absl::OkStatus()};
    }
  }
  if (read.nbytes == nbytes) read.failure = absl::OkStatus();
  return read;
}

}  // namespace alkaid::io
