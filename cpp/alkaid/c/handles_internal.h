// The parts of every function of the C interface: handles that count their references, and calls
// that turn failures into codes.
//
//   alkaid_status alkaid_pool_default(alkaid_pool** out) {
//     return Make(__func__, out, [&] { return NewPool(...); });
//   }
//
// Ownership: a handle lives as long as it has references. Threads: references are counted
// atomically. Out of memory: ALKAID_OUT_OF_MEMORY.
#pragma once

#include <cxxabi.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <memory>
#include <new>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/c/errors.h"

namespace alkaid::c {

struct Handle {
  std::atomic<int64_t> references{1};
};

template <typename T>
void Retain(T* handle) {
  if (handle != nullptr) handle->references.fetch_add(1, std::memory_order_relaxed);
}
template <typename T>
void Release(T* handle) {
  if (handle != nullptr && handle->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete handle;
  }
}
// Whether the caller's reference is the only one.
template <typename T>
bool IsOnlyReference(const T& handle) {
  return handle.references.load(std::memory_order_acquire) == 1;
}

// An argument that must not be NULL.
struct Needed {
  const char* name;
  const void* value;
};
// kInvalidArgument, naming the first one that is NULL.
ALKAID_EXPORT Status CheckNeeded(std::initializer_list<Needed> arguments) noexcept;

// Sets "function: message" as the thread's last error; returns the code of `status`.
ALKAID_EXPORT alkaid_status Fail(const char* function, const Status& status) noexcept;
// The same for a function that returns a value.
template <typename T>
T FailAs(T value, const char* function, const Status& status) noexcept {
  Fail(function, status);
  return value;
}
// For getters: returns `value(*handle)`; or `otherwise`, with a message, if `handle` is NULL.
template <typename T, typename Value, typename Result>
Result Get(const char* function, const char* name, const T* handle, Result otherwise,
           const Value& value) noexcept {
  if (handle == nullptr) [[unlikely]] {
    return FailAs(otherwise, function, CheckNeeded({{name, nullptr}}));
  }
  return value(*handle);
}

// Runs `body()`, which returns a Status, and returns its code. Lets no exception through except the
// unwinding of a cancelled thread. That one is caught as a reference to nothing, so
// UndefinedBehaviorSanitizer must not look at it.
template <typename Body>
__attribute__((no_sanitize("null"))) alkaid_status Call(const char* function, const Body& body) {
  try {
    const Status status = body();
    return status.ok() ? ALKAID_OK : Fail(function, status);
  } catch (const std::bad_alloc&) {
    return Fail(function, status::NoMemory());
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& thrown) {
    return Fail(function, internal::MakeStatus(StatusCode::kUnknown, {thrown.what()}));
  } catch (...) {
    return Fail(function, internal::MakeStatus(StatusCode::kUnknown, {"an unknown exception"}));
  }
}

// The same for a function that returns a new handle. `make()` is a Result<std::unique_ptr<T>>, null
// at an end. `*out` is NULL on failure. `needed`: the other arguments.
template <typename T, typename MakeHandle>
alkaid_status Make(const char* function, T** out, std::initializer_list<Needed> needed,
                   const MakeHandle& make) {
  return Call(function, [&]() -> Status {
    if (out != nullptr) *out = nullptr;
    ALKAID_RETURN_NOT_OK(CheckNeeded(needed));
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"out", out}}));
    ALKAID_ASSIGN_OR_RAISE(std::unique_ptr<T> made, make());
    *out = made.release();
    return absl::OkStatus();
  });
}

}  // namespace alkaid::c
