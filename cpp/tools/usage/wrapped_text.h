// Prose that is laid out anew for the width of a terminal or in a man page.
//
// Paragraphs stand apart by an empty line. In one, a line that begins with blanks is not prose:
// "  TERM  meaning" explains a term, lines further in go on with it, and anything else is an example
// that stays as it is.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace alkaid::tools {

struct TextBlock {
  enum class Kind { kParagraph, kTerm, kExample };
  Kind kind = Kind::kParagraph;
  std::string term;         // of kTerm alone
  std::string text;         // without ends of lines, but for those of an example
  bool begins_new = false;  // an empty line stands before it
};

std::vector<TextBlock> TextBlocks(std::string_view text);

// The words of `text` in lines of at most `columns`, at least 10. A longer word is divided.
std::vector<std::string> WrappedLines(std::string_view text, size_t columns);

// `head` indented by two, and `text` in lines from column `indent` on, beside it where it ends
// before, else from the next line on.
std::string HangingText(std::string_view head, std::string_view text, size_t indent,
                        size_t columns);

// All blocks of `text`; "" for none. Each line ends with \n.
std::string WrappedText(std::string_view text, size_t columns);

}  // namespace alkaid::tools
