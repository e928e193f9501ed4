#include "tools/usage/wrapped_text.h"

#include <algorithm>

#include "tools/support/display_width.h"

namespace alkaid::tools {
namespace {

constexpr std::string_view kOneBlank = " ";
constexpr std::string_view kTwoBlanks = "  ";

size_t IndentOf(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// The start of the meaning in "  TERM  meaning"; npos for any other line.
size_t MeaningAt(std::string_view line) {
  const size_t indent = IndentOf(line);
  const size_t gap = line.find(kTwoBlanks, indent);
  return gap == std::string_view::npos ? gap : line.find_first_not_of(' ', gap);
}

void AddIndentedLine(std::string_view line, bool begins_new, std::vector<TextBlock>* blocks) {
  using Kind = TextBlock::Kind;
  const size_t indent = IndentOf(line);
  TextBlock* const last = blocks->empty() || begins_new ? nullptr : &blocks->back();
  if (last != nullptr && last->kind == Kind::kTerm && indent > 2) {
    last->text.append(kOneBlank).append(line.substr(indent));
    return;
  }
  const size_t meaning = MeaningAt(line);
  if (meaning != std::string_view::npos) {
    const std::string_view term = line.substr(indent, line.find(kTwoBlanks, indent) - indent);
    blocks->push_back(
        {Kind::kTerm, std::string(term), std::string(line.substr(meaning)), begins_new});
  } else if (last != nullptr && last->kind == Kind::kExample) {
    last->text.append("\n").append(line.substr(std::min<size_t>(indent, 2)));
  } else {
    blocks->push_back(
        {Kind::kExample, "", std::string(line.substr(std::min<size_t>(indent, 2))), begins_new});
  }
}

}  // namespace

std::vector<TextBlock> TextBlocks(std::string_view text) {
  using Kind = TextBlock::Kind;
  std::vector<TextBlock> blocks;
  bool begins_new = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) {
      begins_new = !blocks.empty();
      continue;
    }
    if (line.front() == ' ') {
      AddIndentedLine(line, begins_new, &blocks);
    } else if (!blocks.empty() && !begins_new && blocks.back().kind == Kind::kParagraph) {
      blocks.back().text.append(kOneBlank).append(line);
    } else {
      blocks.push_back({Kind::kParagraph, "", std::string(line), begins_new});
    }
    begins_new = false;
  }
  return blocks;
}

std::vector<std::string> WrappedLines(std::string_view text, size_t columns) {
  columns = std::max<size_t>(columns, 10);
  std::vector<std::string> lines;
  std::string line;
  size_t used = 0;
  const auto end_line = [&] {
    lines.push_back(line);
    line.clear();
    used = 0;
  };
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find_first_of(" \n"));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (word.empty()) continue;
    if (used > 0 && used + 1 + DisplayWidth(word) > columns) end_line();
    while (DisplayWidth(word) > columns) {
      line = FittingStart(word, columns);
      word.remove_prefix(line.size());
      end_line();
    }
    line.append(used > 0 ? kOneBlank : "").append(word);
    used = DisplayWidth(line);
  }
  if (used > 0 || lines.empty()) end_line();
  return lines;
}

std::string HangingText(std::string_view head, std::string_view text, size_t indent,
                        size_t columns) {
  std::string all;
  for (const std::string& line : WrappedLines(head, columns - kTwoBlanks.size())) {
    all.append(all.empty() ? "" : "\n").append(kTwoBlanks).append(line);
  }
  if (text.empty()) return all + "\n";
  const size_t taken = DisplayWidth(all.substr(all.rfind('\n') + 1));
  all.append(taken + 2 > indent ? "\n" + std::string(indent, ' ')
                                : std::string(indent - taken, ' '));
  bool first = true;
  for (const std::string& line : WrappedLines(text, columns > indent ? columns - indent : 0)) {
    if (!first) all.append(indent, ' ');
    all.append(line).append("\n");
    first = false;
  }
  return all;
}

std::string WrappedText(std::string_view text, size_t columns) {
  using Kind = TextBlock::Kind;
  const std::vector<TextBlock> blocks = TextBlocks(text);
  size_t indent = 0;
  for (const TextBlock& block : blocks) {
    if (block.kind == Kind::kTerm) indent = std::max(indent, DisplayWidth(block.term) + 4);
  }
  indent = std::min<size_t>(indent, 20);
  std::string all;
  for (const TextBlock& block : blocks) {
    if (block.begins_new) all += "\n";
    if (block.kind == Kind::kTerm) {
      all += HangingText(block.term, block.text, indent, columns);
      continue;
    }
    const std::string_view margin = block.kind == Kind::kExample ? kTwoBlanks : "";
    std::string_view rest = block.text;
    while (!rest.empty()) {
      // An example keeps its lines.
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      for (const std::string& wrapped : WrappedLines(line, columns - margin.size())) {
        all.append(margin).append(wrapped).append("\n");
      }
    }
  }
  return all;
}

}  // namespace alkaid::tools
