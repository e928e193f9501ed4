// What the library has to say to people where no caller takes a Status: lines on stderr.
//
// A notice neither ends nor stops the program, and may be left out for that; stderr_text_internal.h
// has how. errno stays.
//
// Ownership: nothing is kept. Threads: any; a line of up to 4 KiB is written in one piece, whatever
// others write. Out of memory: a notice needs none; MessageOf throws std::bad_alloc.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::internal {

ALKAID_EXPORT void WriteNotice(std::initializer_list<absl::string_view> pieces) noexcept;

// What absl::AlphaNum takes, and std::string_view, which is not Abseil's everywhere.
class NoticePiece : public absl::AlphaNum {
 public:
  using AlphaNum::AlphaNum;
  explicit NoticePiece(std::string_view text)
      : AlphaNum(absl::string_view(text.data(), text.size())) {}
};

// "alkaid: ", the pieces of the text one after the other, at most 16, and the end of the line.
template <typename... Args>
void Notice(const Args&... args) {
  static_assert(sizeof...(args) <= 16);
  WriteNotice({NoticePiece(args).Piece()...});
}

// The message of a status without its code.
ALKAID_EXPORT std::string MessageOf(const Status& status);
// The same, of a status that lives longer.
ALKAID_EXPORT std::string_view MessageIn(const Status& status) noexcept;

}  // namespace alkaid::internal
