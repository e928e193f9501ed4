#include <sys/uio.h>
#include <unistd.h>

#include <array>

#include "alkaid/base/notice_internal.h"

namespace alkaid::internal {

void WriteNotice(std::initializer_list<absl::string_view> pieces) noexcept {
  std::array<iovec, 18> parts;
  int count = 0;
  const auto add = [&](absl::string_view piece) {
    parts[static_cast<size_t>(count++)] = {const_cast<char*>(piece.data()), piece.size()};
  };
  add("alkaid: ");
  for (const absl::string_view piece : pieces) add(piece);
  add("\n");
  // Whom could one tell that stderr does not work?
  if (::writev(STDERR_FILENO, parts.data(), count) < 0) return;
}

std::string MessageOf(const Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace alkaid::internal
