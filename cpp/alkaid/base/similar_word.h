// Finds the known word that a mistyped word may have meant.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// The fewest letters to add, remove, change or swap with the next that turn one word into the
// other.
ALKAID_EXPORT size_t EditDistance(std::string_view a, std::string_view b);

// The word of `known` that is nearest to `typed`, or "" where more than a third of its letters
// differ from every one. Of equally near words the first.
ALKAID_EXPORT std::string SimilarWord(std::string_view typed,
                                      const std::vector<std::string>& known);

// "; did you mean 'show'?", or nothing.
ALKAID_EXPORT std::string DidYouMean(std::string_view typed, const std::vector<std::string>& known);

}  // namespace alkaid::internal
