#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>

#include "alkaid/base/notice_internal.h"
#include "alkaid/base/stderr_text_internal.h"

namespace alkaid::internal {

void WriteNotice(std::initializer_list<absl::string_view> pieces) noexcept {
  std::array<char, PIPE_BUF> line;
  size_t length = 0;
  const auto add = [&](absl::string_view piece) {
    while (!piece.empty()) {
      if (length == line.size()) WriteToStderr({line.data(), std::exchange(length, 0)});
      const size_t count = std::min(piece.size(), line.size() - length);
      std::memcpy(line.data() + length, piece.data(), count);
      length += count;
      piece.remove_prefix(count);
    }
  };
  add("alkaid: ");
  for (const absl::string_view piece : pieces) add(piece);
  add("\n");
  WriteToStderr({line.data(), length});
}

}  // namespace alkaid::internal
