// Text that may come from anywhere, made fit for one line of output: escaped, or cut.
//
// A control character is written as \x1b and the like, so that the text stays on its line and gives
// the terminal no orders.
//
// Ownership: none. Threads: any. Out of memory: CopyPrintable allocates nothing; the others throw
// std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Escapes the controls of ASCII and Unicode (C0 and C1), Unicode's ends of lines and what turns the
// direction of text, and every byte that is not part of a UTF-8 character.
ALKAID_EXPORT std::string Printable(std::string_view text);

// Writes at most `room` bytes of Printable(text) to `out`, and no part of a character or an escape.
// Returns how many bytes it wrote; no zero byte follows them. Four times the text's bytes are
// always enough.
ALKAID_EXPORT std::size_t CopyPrintable(std::string_view text, char* out, std::size_t room);

// At most `most` bytes of UTF-8, no character divided; " ..." follows where that is not all.
ALKAID_EXPORT std::string CutTo(std::string text, std::size_t most);

}  // namespace alkaid::internal
