// Amounts of memory as text for people.
//
// Ownership: values. Threads: free of state. Out of memory: std::bad_alloc.
#pragma once

#include <string>

#include "alkaid/base/export.h"

namespace alkaid::growth {

// "21,316.4", "3.62", "-0.0041": as many digits as are meaningful; "unknown" for NaN.
ALKAID_EXPORT std::string MbNumber(double mb);
// The same with a plus sign where it is not negative: "+3.62".
ALKAID_EXPORT std::string SignedMbNumber(double mb);
// "3.62 MB", "+3.62 MB".
ALKAID_EXPORT std::string MbText(double mb);
ALKAID_EXPORT std::string SignedMbText(double mb);

}  // namespace alkaid::growth
