#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "alkaid/growth/student_t_internal.h"

namespace alkaid::growth {
namespace {

// Closed forms: one degree is Cauchy's distribution, two have a square root.
TEST(StudentT, IsCauchysWithOneDegreeAndASquareRootWithTwo) {
  for (const double p : {0.6, 0.9, 0.975, 0.995, 0.9999}) {
    EXPECT_NEAR(StudentQuantile(p, 1), std::tan((p - 0.5) * 3.14159265358979323846),
                1e-8 * std::tan((p - 0.5) * 3.14159265358979323846));
    const double two = (2 * p - 1) * std::sqrt(2 / (4 * p * (1 - p)));
    EXPECT_NEAR(StudentQuantile(p, 2), two, 1e-8 * two);
  }
}

// As in every published table.
TEST(StudentT, AgreesWithTheTables) {
  EXPECT_NEAR(StudentQuantile(0.975, 3), 3.182446, 1e-6);
  EXPECT_NEAR(StudentQuantile(0.975, 8), 2.306004, 1e-6);
  EXPECT_NEAR(StudentQuantile(0.995, 8), 3.355387, 1e-6);
  EXPECT_NEAR(StudentQuantile(0.995, 17), 2.898231, 1e-6);
  EXPECT_NEAR(StudentQuantile(0.975, 1000), 1.962339, 1e-6);
}

TEST(StudentT, IsSymmetricAndItsQuantilesAreTheInverseOfItsProbabilities) {
  for (const int degrees : {1, 2, 3, 8, 9, 40}) {
    EXPECT_EQ(StudentQuantile(0.5, degrees), 0);
    EXPECT_NEAR(StudentQuantile(0.01, degrees), -StudentQuantile(0.99, degrees), 1e-9);
    for (const double t : {0.1, 1.0, 4.5}) {
      EXPECT_NEAR(StudentQuantile(StudentProbability(t, degrees), degrees), t, 1e-8);
    }
  }
  EXPECT_EQ(StudentProbability(std::numeric_limits<double>::infinity(), 4), 1);
}

TEST(StudentT, HasNoAnswerWhereThereIsNone) {
  EXPECT_TRUE(std::isnan(StudentQuantile(0.9, 0)));
  EXPECT_TRUE(std::isnan(StudentQuantile(0, 5)));
  EXPECT_TRUE(std::isnan(StudentQuantile(1, 5)));
  EXPECT_TRUE(std::isnan(StudentQuantile(std::nan(""), 5)));
  EXPECT_TRUE(std::isnan(StudentProbability(std::nan(""), 5)));
  EXPECT_TRUE(std::isnan(StudentProbability(1, 0)));
}

}  // namespace
}  // namespace alkaid::growth
