#include "alkaid/c/errors.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <new>

#include "absl/strings/string_view.h"
#include "alkaid/base/version.h"
#include "alkaid/c/handles_internal.h"

namespace alkaid::c {
namespace {

constexpr char kNoRoom[] =
    "there is no memory for the message of an error, and may be none for more";

// A thread's text, made at its first failure.
struct LastError {
  std::array<char, 4096> text;
};

// Null, the text of a LastError, or kNoRoom. Not the text itself: static TLS is scarce.
constinit thread_local const char* last_text __attribute__((tls_model("initial-exec"))) = nullptr;

void DropLastError(void* error) {
  last_text = nullptr;
  delete static_cast<LastError*>(error);
}

// The key whose destructor frees a thread's text; null if the process has no key left.
const pthread_key_t* ErrorKey() {
  static pthread_key_t key;
  static const bool made = pthread_key_create(&key, DropLastError) == 0;
  return made ? &key : nullptr;
}
[[gnu::constructor]] void MakeAtLoad() { ErrorKey(); }

// The calling thread's text; null if there is no memory for it.
LastError* ThreadError() noexcept {
  const pthread_key_t* const key = ErrorKey();
  if (key == nullptr) return nullptr;
  if (void* const there = pthread_getspecific(*key)) return static_cast<LastError*>(there);
  auto* const error = new (std::nothrow) LastError;
  if (error != nullptr && pthread_setspecific(*key, error) != 0) {
    delete error;
    return nullptr;
  }
  return error;
}

// How many of the first `size` bytes are whole UTF-8 characters, in a text that was cut there.
size_t WholeCharacters(const char* text, size_t size) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t last = size - 1;
  while (last > 0 && (byte(last) & 0xc0) == 0x80) --last;
  const size_t needed = byte(last) >= 0xf0   ? 4
                        : byte(last) >= 0xe0 ? 3
                        : byte(last) >= 0xc0 ? 2
                                             : 1;
  return last + needed > size ? last : size;
}

void Keep(std::initializer_list<absl::string_view> pieces) noexcept {
  LastError* const error = ThreadError();
  if (error == nullptr) {
    last_text = kNoRoom;
    return;
  }
  size_t at = 0;
  for (const absl::string_view piece : pieces) {
    const size_t size = std::min(piece.size(), error->text.size() - 1 - at);
    if (size == 0) continue;  // a null pointer
    std::memcpy(error->text.data() + at, piece.data(), size);
    at += size;
  }
  if (at == error->text.size() - 1) at = WholeCharacters(error->text.data(), at);
  error->text[at] = '\0';
  last_text = error->text.data();
}

struct Code {
  StatusCode from;
  alkaid_status to;
  const char* name;
};
constexpr Code kCodes[] = {
    {StatusCode::kOk, ALKAID_OK, "OK"},
    {StatusCode::kResourceExhausted, ALKAID_OUT_OF_MEMORY, "OUT_OF_MEMORY"},
    {StatusCode::kInvalidArgument, ALKAID_INVALID, "INVALID"},
    {StatusCode::kOutOfRange, ALKAID_OUT_OF_RANGE, "OUT_OF_RANGE"},
    {StatusCode::kDataLoss, ALKAID_DATA_LOSS, "DATA_LOSS"},
    {StatusCode::kUnimplemented, ALKAID_NOT_IMPLEMENTED, "NOT_IMPLEMENTED"},
    {StatusCode::kNotFound, ALKAID_NOT_FOUND, "NOT_FOUND"},
    {StatusCode::kAlreadyExists, ALKAID_ALREADY_EXISTS, "ALREADY_EXISTS"},
    {StatusCode::kFailedPrecondition, ALKAID_FAILED_PRECONDITION, "FAILED_PRECONDITION"},
    {StatusCode::kPermissionDenied, ALKAID_PERMISSION_DENIED, "PERMISSION_DENIED"},
    {StatusCode::kUnavailable, ALKAID_UNAVAILABLE, "UNAVAILABLE"},
    {StatusCode::kCancelled, ALKAID_CANCELLED, "CANCELLED"},
    {StatusCode::kDeadlineExceeded, ALKAID_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"},
    {StatusCode::kAborted, ALKAID_ABORTED, "ABORTED"},
    {StatusCode::kUnauthenticated, ALKAID_UNAUTHENTICATED, "UNAUTHENTICATED"},
    {StatusCode::kInternal, ALKAID_INTERNAL, "INTERNAL"},
    {StatusCode::kUnknown, ALKAID_UNKNOWN, "UNKNOWN"},
};

}  // namespace

Status CheckNeeded(std::initializer_list<Needed> arguments) noexcept {
  for (const Needed& argument : arguments) {
    if (argument.value == nullptr) {
      return status::Invalid("argument '", argument.name, "' is NULL");
    }
  }
  return absl::OkStatus();
}

alkaid_status Fail(const char* function, const Status& status) noexcept {
  const absl::string_view message = status.message();
  Keep({function, ": ", message});
  for (const Code& code : kCodes) {
    if (code.from == status.code()) return code.to;
  }
  return ALKAID_UNKNOWN;
}

}  // namespace alkaid::c

const char* alkaid_status_name(alkaid_status status) {
  for (const alkaid::c::Code& code : alkaid::c::kCodes) {
    if (code.to == status) return code.name;
  }
  return "(unknown status)";
}

const char* alkaid_last_error(void) {
  return alkaid::c::last_text != nullptr ? alkaid::c::last_text : "";
}

void alkaid_clear_error(void) { alkaid::c::last_text = nullptr; }

const char* alkaid_version(void) { return alkaid::Version(); }

int32_t alkaid_c_abi(void) { return ALKAID_C_ABI; }
