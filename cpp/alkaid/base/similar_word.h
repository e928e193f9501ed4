// What somebody may have meant who typed a word that is not known.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// The fewest letters to add, leave out, change, or swap with the next, that make one of the other.
ALKAID_EXPORT size_t EditDistance(std::string_view a, std::string_view b);

// The one of `known` that is nearest to `typed`; "" where none is near: more than a third of its
// letters differ. Of several that are equally near the first.
ALKAID_EXPORT std::string SimilarWord(std::string_view typed, const std::vector<std::string>& known);

// "; did you mean 'show'?", or nothing.
ALKAID_EXPORT std::string DidYouMean(std::string_view typed, const std::vector<std::string>& known);

}  // namespace alkaid::internal
