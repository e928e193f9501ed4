#include <cmath>
#include <limits>
#include <numbers>

#include "alkaid/growth/student_t_internal.h"

namespace alkaid::growth {

// With whole degrees of freedom the distribution is a finite sum in the angle atan(t / sqrt(n)).
double StudentProbability(double t, int degrees) {
  if (degrees < 1 || std::isnan(t)) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(t)) return t > 0 ? 1 : 0;
  const double angle = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double square = std::cos(angle) * std::cos(angle);
  const bool odd = degrees % 2 != 0;
  double sum = 0;
  double term = odd ? std::cos(angle) : 1;
  for (int i = odd ? 3 : 2; i <= degrees; i += 2) {
    sum += term;
    term *= square * (i - 1) / i;
  }
  const double between = odd ? 2 / std::numbers::pi * (angle + std::sin(angle) * sum)
                             : std::sin(angle) * sum;  // P(|T| <= |t|), with the sign of t
  return 0.5 + between / 2;
}

double StudentQuantile(double probability, int degrees) {
  if (degrees < 1 || !(probability > 0 && probability < 1)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (probability == 0.5) return 0;
  // The distribution is symmetric, so only the upper half is searched.
  if (probability < 0.5) return -StudentQuantile(1 - probability, degrees);
  double low = 0;
  double high = 1;
  while (StudentProbability(high, degrees) < probability && high < 1e15) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-12 * high; ++i) {
    const double middle = low + (high - low) / 2;
    (StudentProbability(middle, degrees) < probability ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

}  // namespace alkaid::growth
