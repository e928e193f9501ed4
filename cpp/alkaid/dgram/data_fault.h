// The status of malformed data, which keeps its text.
//
// A fault of the data stays with the reader that met it, and findings are told once. So what it says is
// not left out where there is no memory for it, as status::DataLoss would: the call throws
// std::bad_alloc instead, and finds the fault again when it is made again. The same of refusals whose text
// becomes part of a fault.
//
// Ownership: values. Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

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

}  // namespace alkaid::dgram::internal
