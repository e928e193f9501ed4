// Prose that is laid out for the width of a terminal or for a man page.
//
// An empty line separates paragraphs. A line that begins with blanks is not prose:
// "  TERM  meaning" explains a term, and lines that are indented further continue it. Any other
// such line is an example, which is kept as it is.
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
  std::string term;         // only for kTerm
  std::string text;         // without newlines, except in an example
  bool begins_new = false;  // an empty line precedes it
};

std::vector<TextBlock> TextBlocks(std::string_view text);

// The words of `text` in lines of at most `columns`, at least 10. A longer word is split.
std::vector<std::string> WrappedLines(std::string_view text, size_t columns);

// `head` indented by two, and `text` in lines from column `indent` on: beside the head if it ends
// before that column, else from the next line on.
std::string HangingText(std::string_view head, std::string_view text, size_t indent,
                        size_t columns);

// All blocks of `text`; "" without any. Each line ends with \n.
std::string WrappedText(std::string_view text, size_t columns);

}  // namespace alkaid::tools
