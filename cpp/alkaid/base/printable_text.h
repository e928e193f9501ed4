// Text from any source, made safe for one line of output: escaped, or cut.
//
// A control character is written as \x1b and the like, so that the text stays on its line and
// cannot control the terminal.
//
// Ownership: none. Threads: any. Out of memory: CopyPrintable allocates nothing; the others throw
// std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Escapes ASCII and Unicode controls (C0 and C1), Unicode's line ends and direction changes, and
// every byte that is not part of a UTF-8 character.
ALKAID_EXPORT std::string Printable(std::string_view text);

// Writes at most `room` bytes of Printable(text) to `out`, with no character or escape cut. Returns
// how many bytes it wrote; no zero byte follows them. Four times the text's size is always enough.
ALKAID_EXPORT std::size_t CopyPrintable(std::string_view text, char* out, std::size_t room);

// Cuts UTF-8 text to at most `most` bytes, without dividing a character, and then appends " ...".
// Shorter text is returned as it is.
ALKAID_EXPORT std::string CutTo(std::string text, std::size_t most);

}  // namespace alkaid::internal
