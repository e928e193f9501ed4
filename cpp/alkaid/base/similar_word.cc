#include "alkaid/base/similar_word.h"

#include <algorithm>

namespace alkaid::internal {

size_t EditDistance(std::string_view a, std::string_view b) {
  // Rows of the table of distances between prefixes: two letters ago, one ago, now.
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({changed, last[j] + 1, now[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

std::string SimilarWord(std::string_view typed, const std::vector<std::string>& known) {
  std::string best;
  size_t least = typed.size() + 1;
  for (const std::string& word : known) {
    const size_t distance = EditDistance(typed, word);
    const size_t most = std::max<size_t>(1, std::max(typed.size(), word.size()) / 3);
    if (distance > most || distance >= least || distance >= word.size()) continue;
    best = word;
    least = distance;
  }
  return best;
}

std::string DidYouMean(std::string_view typed, const std::vector<std::string>& known) {
  const std::string word = SimilarWord(typed, known);
  return word.empty() ? "" : "; did you mean '" + word + "'?";
}

}  // namespace alkaid::internal
