// Status, Result<T>, and the two macros that pass failures up.
//
// `Status` is `absl::Status` and `Result<T>` is `absl::StatusOr<T>`; both are nodiscard. The
// functions below build the codes that this library uses, so that one kind of failure always
// carries one code:
//
//   OutOfMemory      kResourceExhausted   an allocator failed, or a limit would be passed
//   Invalid          kInvalidArgument     the caller's argument is invalid
//   IndexError       kOutOfRange          an index or offset is out of range
//   DataLoss         kDataLoss            the bytes read are corrupt
//   IOError          as errno maps        the operating system refused
//   NotImplemented   kUnimplemented       not supported here
//   KeyError         kNotFound            an unknown name
//   AlreadyExists    kAlreadyExists       a name or thing is already taken
//   FailedPrecondition kFailedPrecondition  a call that comes too early or too late
//
// A message says what was requested, what the limit was, and where. Threads: everything here is
// stateless.
// Out of memory: a function of this library that returns a Status or a Result does not throw
// std::bad_alloc; it returns kResourceExhausted. The functions below need no memory to fail: if
// there is none for the message, the status has its code and says so. An argument that is a
// std::string was made before, and may have thrown. So a function that makes such texts, or
// anything else from operator new, ends in
//
//   Status Load(const std::string& path) try {
//     ...
//   } catch (const std::bad_alloc&) {
//     return status::NoMemory();
//   }
#pragma once

#include <initializer_list>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "alkaid/base/export.h"

namespace alkaid {

using Status = absl::Status;
template <typename T>
using Result = absl::StatusOr<T>;
using StatusCode = absl::StatusCode;

namespace internal {
// A status whose message is these pieces joined, or a statement that there is no memory for one.
ALKAID_EXPORT Status MakeStatus(StatusCode code,
                                std::initializer_list<absl::string_view> pieces) noexcept;
// The message of a status without its code; and the same without a copy, for a status that outlives
// the result. Abseil's string_view is not std's in all its releases.
ALKAID_EXPORT std::string MessageOf(const Status& status);
ALKAID_EXPORT std::string_view MessageIn(const Status& status) noexcept;
ALKAID_EXPORT Status MakeErrnoStatus(int error_number,
                                     std::initializer_list<absl::string_view> pieces) noexcept;
}  // namespace internal

namespace status {

// The status for a std::bad_alloc: kResourceExhausted, with a message made beforehand.
ALKAID_EXPORT Status NoMemory() noexcept;

template <typename... Args>
Status OutOfMemory(const Args&... args) {
  return internal::MakeStatus(StatusCode::kResourceExhausted, {absl::AlphaNum(args).Piece()...});
}
template <typename... Args>
Status Invalid(const Args&... args) {
  return internal::MakeStatus(StatusCode::kInvalidArgument, {absl::AlphaNum(args).Piece()...});
}
template <typename... Args>
Status IndexError(const Args&... args) {
  return internal::MakeStatus(StatusCode::kOutOfRange, {absl::AlphaNum(args).Piece()...});
}
template <typename... Args>
Status DataLoss(const Args&... args) {
  return internal::MakeStatus(StatusCode::kDataLoss, {absl::AlphaNum(args).Piece()...});
}
template <typename... Args>
Status NotImplemented(const Args&... args) {
  return internal::MakeStatus(StatusCode::kUnimplemented, {absl::AlphaNum(args).Piece()...});
}
template <typename... Args>
Status KeyError(const Args&... args) {
  return internal::MakeStatus(StatusCode::kNotFound, {absl::AlphaNum(args).Piece()...});
}
template <typename... Args>
Status AlreadyExists(const Args&... args) {
  return internal::MakeStatus(StatusCode::kAlreadyExists, {absl::AlphaNum(args).Piece()...});
}
template <typename... Args>
Status FailedPrecondition(const Args&... args) {
  return internal::MakeStatus(StatusCode::kFailedPrecondition, {absl::AlphaNum(args).Piece()...});
}
// `error_number` is an errno; the message ends in the system's text for it.
template <typename... Args>
Status IOError(int error_number, const Args&... args) {
  return internal::MakeErrnoStatus(error_number, {absl::AlphaNum(args).Piece()...});
}

}  // namespace status

namespace internal {
// For both macros: the status of a Status or a Result.
inline const Status& StatusOf(const Status& s) { return s; }
template <typename T>
const Status& StatusOf(const Result<T>& r) {
  return r.status();
}
}  // namespace internal
}  // namespace alkaid

// Each macro is one statement, so `if (more) ALKAID_RETURN_NOT_OK(F());` needs no braces. An
// expression with a comma, such as F<int, long>(), needs no parentheses.

// Returns from the enclosing function when the expression (a Status or a Result) has failed.
#define ALKAID_RETURN_NOT_OK(...)                          \
  do {                                                     \
    auto&& alkaid_status_ = (__VA_ARGS__);                 \
    if (!alkaid_status_.ok()) [[unlikely]] {               \
      return ::alkaid::internal::StatusOf(alkaid_status_); \
    }                                                      \
  } while (false)

#define ALKAID_CONCAT_IMPL_(x, y) x##y
#define ALKAID_CONCAT_(x, y) ALKAID_CONCAT_IMPL_(x, y)

// `ALKAID_ASSIGN_OR_RAISE(auto x, F())`: declares or assigns `x` from a Result, or returns its
// status. A statement expression (GCC, clang), and not a block, because `x` must outlive the macro.
#define ALKAID_ASSIGN_OR_RAISE(lhs, ...) \
  ALKAID_ASSIGN_OR_RAISE_IMPL_(ALKAID_CONCAT_(alkaid_result_, __COUNTER__), lhs, (__VA_ARGS__))
#define ALKAID_ASSIGN_OR_RAISE_IMPL_(result, lhs, rexpr) \
  lhs = __extension__({                                  \
    auto&& result = rexpr;                               \
    if (!result.ok()) [[unlikely]] {                     \
      return result.status();                            \
    }                                                    \
    std::move(result).value();                           \
  })
