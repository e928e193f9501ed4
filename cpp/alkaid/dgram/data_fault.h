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

// For those who make something of a failure, such as a fault or a finding, or keep it: one for want
// of memory is none, and passes. Of functions that fail with kResourceExhausted for that alone.
inline void ThrowIfNoMemory(const Status& status) {
  if (status.code() == StatusCode::kResourceExhausted) [[unlikely]]
    throw std::bad_alloc();
}

}  // namespace alkaid::dgram::internal
