// The error checks that all streams share; `where` names the stream. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "alkaid/base/status.h"

namespace alkaid::io::internal {

template <typename Where>
Status CheckOpen(const Where& where, bool closed) {
  if (!closed) [[likely]]
    return absl::OkStatus();
  return status::Invalid(where, ": the stream is closed");
}

template <typename Where>
Status CheckRange(const Where& where, int64_t position, int64_t nbytes) {
  if (nbytes < 0) [[unlikely]] {
    return status::Invalid(where, ": negative number of bytes ", nbytes);
  }
  if (position < 0) [[unlikely]] {
    return status::IndexError(where, ": negative position ", position);
  }
  return absl::OkStatus();
}

template <typename Where>
Status CheckMemory(const Where& where, const void* memory, int64_t nbytes) {
  if (memory != nullptr || nbytes <= 0) [[likely]]
    return absl::OkStatus();
  return status::Invalid(where, ": null memory for ", nbytes, " bytes");
}

template <typename Where>
Status ShortRead(const Where& where, int64_t position, int64_t nbytes, int64_t count) {
  return status::IndexError(where, ": ", nbytes, " bytes are wanted at ", position,
                            ", and there are ", count);
}

}  // namespace alkaid::io::internal
