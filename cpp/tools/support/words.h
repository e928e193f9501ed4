// Splits a text into words, and joins words to a text.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace alkaid::tools {

// The parts between the separators, without empty ones.
inline std::vector<std::string> WordsOf(std::string_view text, char separator) {
  std::vector<std::string> words;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = text.find(separator, begin);
    const std::string_view word = text.substr(begin, end - begin);
    if (!word.empty()) words.emplace_back(word);
    if (end == std::string_view::npos) break;
    begin = end + 1;
  }
  return words;
}

inline std::string JoinedWords(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : separator).append(word);
  return text;
}

}  // namespace alkaid::tools
