#include "tools/support/option_limits.h"

#include <algorithm>
#include <utility>

#include "alkaid/base/similar_word.h"
#include "tools/support/words.h"

namespace alkaid::tools {
CLI::Validator OneOf(std::vector<std::string> words) {
  const std::string choices = JoinedWords(words, std::string(1, kChoiceSeparator));
  const auto check = [words = std::move(words)](std::string& text) -> std::string {
    if (std::find(words.begin(), words.end(), text) != words.end()) return "";
    return "'" + text + "' is not one of " + JoinedWords(words, ", ") +
           internal::DidYouMean(text, words);
  };
  return CLI::Validator(check, choices, kChoiceName);
}

}  // namespace alkaid::tools
