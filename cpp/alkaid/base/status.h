// The vocabulary of failure: Status, Result<T>, and the two macros that pass failures up.
//
// `Status` is `absl::Status` and `Result<T>` is `absl::StatusOr<T>`; both are nodiscard. The
// functions below build the codes that this library uses, so that one kind of failure always
// carries one code:
//
//   OutOfMemory      kResourceExhausted   an allocator failed, or a limit would be passed
//   Invalid          kInvalidArgument     the caller's argument makes no sense
//   IndexError       kOutOfRange          an index or offset lies outside
//   DataLoss         kDataLoss            the bytes read are corrupt
//   IOError          as errno maps        the operating system refused
//   NotImplemented   kUnimplemented       not supported here
//   KeyError         kNotFound            an unknown name
//   AlreadyExists    kAlreadyExists       a name or a thing that is taken
//   FailedPrecondition kFailedPrecondition  a call that comes too early or too late
//
// A message says what was asked, what the limit was, and where. Threads: everything here is free of
// state.
// Out of memory: building a message allocates with operator new and may throw std::bad_alloc.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "alkaid/base/export.h"

namespace alkaid {

using Status = absl::Status;
template <typename T>
using Result = absl::StatusOr<T>;
using StatusCode = absl::StatusCode;

namespace status {

template <typename... Args>
Status OutOfMemory(const Args&... args) {
  return absl::ResourceExhaustedError(absl::StrCat(args...));
}
template <typename... Args>
Status Invalid(const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat(args...));
}
template <typename... Args>
Status IndexError(const Args&... args) {
  return absl::OutOfRangeError(absl::StrCat(args...));
}
template <typename... Args>
Status DataLoss(const Args&... args) {
  return absl::DataLossError(absl::StrCat(args...));
}
template <typename... Args>
Status NotImplemented(const Args&... args) {
  return absl::UnimplementedError(absl::StrCat(args...));
}
template <typename... Args>
Status KeyError(const Args&... args) {
  return absl::NotFoundError(absl::StrCat(args...));
}
template <typename... Args>
Status AlreadyExists(const Args&... args) {
  return absl::AlreadyExistsError(absl::StrCat(args...));
}
template <typename... Args>
Status FailedPrecondition(const Args&... args) {
  return absl::FailedPreconditionError(absl::StrCat(args...));
}
// `error_number` is an errno; the message ends in the system's own words for it.
template <typename... Args>
Status IOError(int error_number, const Args&... args) {
  return absl::ErrnoToStatus(error_number, absl::StrCat(args...));
}

}  // namespace status

namespace internal {
// One spelling for both macros: a Status as it is, a Result's status.
inline const Status& StatusOf(const Status& s) { return s; }
template <typename T>
const Status& StatusOf(const Result<T>& r) {
  return r.status();
}
}  // namespace internal
}  // namespace alkaid

// Returns from the enclosing function when `expr` (a Status or a Result) has failed.
#define ALKAID_RETURN_NOT_OK(expr)                         \
  do {                                                     \
    auto&& alkaid_status_ = (expr);                        \
    if (!alkaid_status_.ok()) [[unlikely]] {               \
      return ::alkaid::internal::StatusOf(alkaid_status_); \
    }                                                      \
  } while (false)

#define ALKAID_CONCAT_IMPL_(x, y) x##y
#define ALKAID_CONCAT_(x, y) ALKAID_CONCAT_IMPL_(x, y)

// `ALKAID_ASSIGN_OR_RAISE(auto x, F())`: declares or assigns `x` from a Result, or returns its
// status.
#define ALKAID_ASSIGN_OR_RAISE(lhs, rexpr) \
  ALKAID_ASSIGN_OR_RAISE_IMPL_(ALKAID_CONCAT_(alkaid_result_, __COUNTER__), lhs, rexpr)
#define ALKAID_ASSIGN_OR_RAISE_IMPL_(result, lhs, rexpr) \
  auto&& result = (rexpr);                               \
  if (!result.ok()) [[unlikely]] {                       \
    return result.status();                              \
  }                                                      \
  lhs = std::move(result).value()
