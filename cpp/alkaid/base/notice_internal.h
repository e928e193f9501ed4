// Notice: a line on stderr for people, where no caller takes a Status.
//
// A notice neither ends nor stops the program, and may be left out for that reason
// (stderr_text_internal.h). errno stays.
//
// Ownership: nothing is kept. Threads: any; a line of up to 4 KiB is written as a whole, whatever
// other threads write. Out of memory: a notice needs none.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::internal {

ALKAID_EXPORT void WriteNotice(std::initializer_list<absl::string_view> pieces) noexcept;

// Takes what absl::AlphaNum takes, and std::string_view, which is not always Abseil's string_view.
class NoticePiece : public absl::AlphaNum {
 public:
  using AlphaNum::AlphaNum;
  explicit NoticePiece(std::string_view text)
      : AlphaNum(absl::string_view(text.data(), text.size())) {}
};

// Writes "alkaid: ", at most 16 pieces of text one after the other, and the end of the line.
template <typename... Args>
void Notice(const Args&... args) {
  static_assert(sizeof...(args) <= 16);
  WriteNotice({NoticePiece(args).Piece()...});
}

}  // namespace alkaid::internal
