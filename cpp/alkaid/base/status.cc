#include "alkaid/base/status.h"

namespace alkaid {
namespace {

std::string Joined(std::initializer_list<absl::string_view> pieces) {
  std::string text;
  size_t size = 0;
  for (const absl::string_view piece : pieces) size += piece.size();
  text.reserve(size);
  for (const absl::string_view piece : pieces) text.append(piece.data(), piece.size());
  return text;
}

const Status& NoMemoryStatus() {
  // Never destroyed: static destructors may need it.
  static const Status* const status =
      new Status(StatusCode::kResourceExhausted, "the process is out of memory");
  return *status;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { NoMemoryStatus(); }

}  // namespace

namespace internal {

Status MakeStatus(StatusCode code, std::initializer_list<absl::string_view> pieces) noexcept try {
  return Status(code, Joined(pieces));
} catch (const std::bad_alloc&) {
  // A code alone is no object.
  return code == StatusCode::kResourceExhausted ? status::NoMemory() : Status(code, "");
}

Status MakeErrnoStatus(int error_number, std::initializer_list<absl::string_view> pieces) noexcept
    try {
  return absl::ErrnoToStatus(error_number, Joined(pieces));
} catch (const std::bad_alloc&) {
  return Status(absl::ErrnoToStatusCode(error_number), "");
}

}  // namespace internal

// A copy shares what it says.
Status status::NoMemory() noexcept { return NoMemoryStatus(); }

}  // namespace alkaid
