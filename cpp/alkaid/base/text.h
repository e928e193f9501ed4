// Text that may come from anywhere, written so that it stays on its line and orders no terminal
// about: controls, and bytes that are not UTF-8, become \x1b and the like.
//
// Ownership: none. Threads: any. Out of memory: CopyPrintable allocates nothing; Printable throws
// std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

ALKAID_EXPORT std::string Printable(std::string_view text);

// Writes at most `room` bytes of that to `out`, and no part of a character or an escape; how many it
// wrote. No zero byte behind them. Four times as many bytes as the text has are enough.
ALKAID_EXPORT std::size_t CopyPrintable(std::string_view text, char* out, std::size_t room);

}  // namespace alkaid::internal
