#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <span>

#include "alkaid/base/notice_internal.h"

namespace alkaid::internal {

void WriteNotice(std::initializer_list<absl::string_view> pieces) noexcept {
  std::array<iovec, 18> parts;
  size_t count = 0;
  const auto add = [&](absl::string_view piece) {
    if (count < parts.size()) parts[count++] = {const_cast<char*>(piece.data()), piece.size()};
  };
  add("alkaid: ");
  for (const absl::string_view piece : pieces) add(piece);
  add("\n");
  // By write, which a program that confines itself (seccomp) still allows; only a line that is
  // longer than any path by writev.
  std::array<char, 4096> line;
  size_t length = 0;
  for (const iovec& part : std::span(parts).first(count)) {
    if (part.iov_len > line.size() - length) {
      (void)!::writev(STDERR_FILENO, parts.data(), static_cast<int>(count));
      return;
    }
    std::memcpy(line.data() + length, part.iov_base, part.iov_len);
    length += part.iov_len;
  }
  // Whom could one tell that stderr does not work?
  (void)!::write(STDERR_FILENO, line.data(), length);
}

std::string MessageOf(const Status& status) { return std::string(MessageIn(status)); }

std::string_view MessageIn(const Status& status) noexcept {
  return {status.message().data(), status.message().size()};
}

}  // namespace alkaid::internal
