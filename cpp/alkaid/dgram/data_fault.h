// The status of malformed data, which keeps its text.
//
// A fault of the data stays with the reader that met it, and findings are told once. So what it
// says is not left out where there is no memory for it, as status::DataLoss would: std::bad_alloc
// is thrown instead. The public function around fails with kResourceExhausted then, and finds the
// fault again when it is called again. The same of refusals whose text becomes part of a fault.
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

// Ends a message about a datagram that is too large: what changes the limit.
inline constexpr char kDgramLimitOption[] =
    "; max_dgram_bytes changes it, of commands --max-dgram-bytes";

// For those who make something of a failure, such as a fault or a finding, or keep it: one for want
// of memory is none, and passes. Of functions that fail with kResourceExhausted for that alone.
inline void ThrowIfNoMemory(const Status& status) {
  if (status.code() == StatusCode::kResourceExhausted) [[unlikely]]
    throw std::bad_alloc();
}

// Whether a failure may be gone when the same is tried again: want of memory, a source that is away
// for a while. What any other keeps from being read, as a bad sector does, stays unread: it ends
// what is before it, as a fault does.
inline bool MayPass(const Status& failure) {
  return failure.code() == StatusCode::kResourceExhausted ||
         failure.code() == StatusCode::kUnavailable;
}

}  // namespace alkaid::dgram::internal
