// The status of malformed data, whose text is never left out.
//
// A fault of the data stays with the reader that met it, and a finding is reported once. So without
// memory for the text these functions throw std::bad_alloc, where status::DataLoss would leave the
// text out. The public function around them then fails with kResourceExhausted, and finds the fault
// again when it is called again. The same holds for refusals whose text becomes part of a fault.
//
// Ownership: values. Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <new>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "alkaid/base/status.h"

namespace alkaid::dgram::internal {

template <typename... Args>
Status RefusalWithText(StatusCode code, const Args&... args) {
  return Status(code, absl::StrCat(args...));
}

// kDataLoss.
template <typename... Args>
Status DataFault(const Args&... args) {
  return RefusalWithText(StatusCode::kDataLoss, args...);
}

// Ends a message about a datagram that is too large: names the option that changes the limit.
inline constexpr char kDgramLimitOption[] =
    "; change it by max_dgram_bytes (commands: --max-dgram-bytes)";

// For callers that keep a failure or turn it into something else, such as a fault or a finding: a
// failure for want of memory is passed on as an exception. Only for functions that return
// kResourceExhausted for that reason alone.
inline void ThrowIfNoMemory(const Status& status) {
  if (status.code() == StatusCode::kResourceExhausted) [[unlikely]]
    throw std::bad_alloc();
}

// Whether a failure may be gone when the call is repeated: want of memory, a source that is away
// for a while. Any other, such as a bad sector, keeps bytes unread for good: like a fault it ends
// what is before it.
inline bool MayPass(const Status& failure) {
  return failure.code() == StatusCode::kResourceExhausted ||
         failure.code() == StatusCode::kUnavailable;
}

}  // namespace alkaid::dgram::internal
