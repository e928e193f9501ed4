// The width of a text on a terminal, and texts that are shortened to fit.
//
// Texts are printable (alkaid/base/printable_text.h). A letter of East Asia takes two columns, an
// accent that joins the letter before it none.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace alkaid::tools {

size_t DisplayWidth(std::string_view text);

// The start of `text` that takes at most `columns`; no character is split.
std::string_view FittingStart(std::string_view text, size_t columns);

// `text` in at most `columns`. "..." replaces the middle of a text that is too long, so a path
// keeps the name of its file.
std::string ElideMiddle(std::string_view text, size_t columns);

}  // namespace alkaid::tools
