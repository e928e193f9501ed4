#include "alkaid/base/status.h"

#include <array>

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

// The status of each code for use without memory, made beforehand. A copy shares it.
struct Prepared {
  std::array<Status, 17> of_code;  // by number; kOk has no message

  Prepared() {
    for (size_t code = 1; code < of_code.size(); ++code) {
      of_code[code] = Status(static_cast<StatusCode>(code), "there is no memory to say why");
    }
    of_code[static_cast<size_t>(StatusCode::kResourceExhausted)] =
        absl::ResourceExhaustedError("the process is out of memory");
  }
};

const Status& WithoutMemory(StatusCode code) {
  // Never destroyed: static destructors may need it.
  static const Prepared* const prepared = new Prepared;
  const auto number = static_cast<size_t>(code);
  return prepared->of_code[number < prepared->of_code.size() ? number : 2];  // else: kUnknown
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { WithoutMemory(StatusCode::kOk); }

}  // namespace

namespace internal {

Status MakeStatus(StatusCode code, std::initializer_list<absl::string_view> pieces) noexcept try {
  return Status(code, Joined(pieces));
} catch (const std::bad_alloc&) {
  return WithoutMemory(code);
}

Status MakeErrnoStatus(int error_number, std::initializer_list<absl::string_view> pieces) noexcept
    try {
  return absl::ErrnoToStatus(error_number, Joined(pieces));
} catch (const std::bad_alloc&) {
  return WithoutMemory(absl::ErrnoToStatusCode(error_number));
}

std::string MessageOf(const Status& status) { return std::string(MessageIn(status)); }

std::string_view MessageIn(const Status& status) noexcept {
  return {status.message().data(), status.message().size()};
}

}  // namespace internal

Status status::NoMemory() noexcept { return WithoutMemory(StatusCode::kResourceExhausted); }

}  // namespace alkaid
