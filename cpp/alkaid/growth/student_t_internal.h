// Student's t: how many standard errors an interval reaches when the error itself was estimated.
//
// Ownership: values. Threads: free of state. Allocates nothing.
#pragma once

#include "alkaid/base/export.h"

namespace alkaid::growth {

// The probability that Student's t with `degrees` of freedom is at most `t`. NaN where degrees < 1
// or `t` is NaN.
ALKAID_EXPORT double StudentProbability(double t, int degrees);

// The t below which a share `probability` of the values lies. NaN where degrees < 1 or the
// probability is not strictly between 0 and 1. Relative accuracy 1e-9 for probabilities from 1e-6
// to 1 - 1e-6.
ALKAID_EXPORT double StudentQuantile(double probability, int degrees);

}  // namespace alkaid::growth
