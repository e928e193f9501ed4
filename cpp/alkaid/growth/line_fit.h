// FitLine: how much a figure of a profile grows from stamp to stamp, and how sure that is.
//
// The line is that of least squares over the stamp's index, so its slope is growth per event. The
// usual error of such a slope takes the points for independent, which memory never is: allocators
// grow in steps, caches fill and are emptied, RSS wanders. With that error four of ten random walks
// pass for a leak. So the error is taken from what the series does as a whole: the points are cut
// into 10 blocks or a few more, and the growth from each block to the next is one measurement. Of
// what wanders without end the error is that of a random walk's slope, to which what goes up and
// down within a block adds its own; and one step, or steps that end half-way, stand in a few of the
// differences only, and make the interval wide. Noise without memory gets an interval several times
// too wide, which costs little: over n stamps it still shrinks with n to the power of 1.5.
//
// Growth that begins late, or gets faster, is no line, and makes the interval as wide as it bends.
// FitLateGrowth looks for it in the last points alone.
//
// line_fit_test.cc simulates it. With 20,000 series of each kind, of 9 to 900 points (white noise,
// noise that remembers 0.7 to 0.99 of itself, random walks with and without noise, sawteeth with
// and without, steps up and down, staircases that end, the most so far of noise), the 99 % interval
// or that of late growth lay above zero for at most 0.14 % of a kind; half a percent would be as
// stated. Newey and West's error, and that of autoregression of the first order, fail where noise
// covers a random walk.
//
// Ownership: values. Threads: free of state.
// Out of memory: std::bad_alloc. The work is a few passes over the points.
#pragma once

#include <cstddef>
#include <limits>
#include <span>

#include "alkaid/base/export.h"

namespace alkaid::growth {

inline constexpr double kDefaultConfidence = 0.99;

// What is not known is NaN: the line of fewer than 2 points, the interval of fewer than 3.
struct LineFit {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  size_t points = 0;  // those that are known
  int blocks = 0;     // that the error was taken from
  double slope = kNone;
  double low = kNone;  // of the slope, as sure as was asked
  double high = kNone;
  // The middle of the points, which the line passes through whatever its slope is.
  double middle_index = kNone;
  double middle = kNone;
  // Means of the first and the last block.
  double first = kNone;
  double last = kNone;
  double scatter = kNone;  // standard deviation of the points about the line

  double At(double index) const { return middle + slope * (index - middle_index); }
  double Intercept() const { return At(0); }
  bool HasInterval() const { return low <= high; }
};

// Of values[first], values[first + 1], ...; values that are not finite are left out. `confidence`
// is that of the interval, two-sided, between 0 and 1.
ALKAID_EXPORT LineFit FitLine(std::span<const double> values, size_t first = 0,
                              double confidence = kDefaultConfidence);

// The line of the last half or the last quarter of the points, if it surely rises and ends above
// everything that was before: what fills up again after it was emptied does not. Else one without
// points. The better of the two is given, each looked at with 1 - (1 - confidence) / 5, so that
// FitLine and this together err about as often as FitLine alone may.
ALKAID_EXPORT LineFit FitLateGrowth(std::span<const double> values, size_t first = 0,
                                    double confidence = kDefaultConfidence);

}  // namespace alkaid::growth
