#include "alkaid/growth/line_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "fixtures/made_profile.h"

namespace alkaid::growth {
namespace {

using fixtures::Autoregressive;
using fixtures::Line;
using fixtures::Make;
using fixtures::Noise;
using fixtures::Sawtooth;
using fixtures::Series;
using fixtures::Staircase;
using fixtures::White;
using fixtures::operator+;

TEST(LineFit, FindsTheLineThatThePointsLieOn) {
  const LineFit fit = FitLine(Line(100, 3.5, 21'316));
  EXPECT_EQ(fit.points, 100u);
  EXPECT_NEAR(fit.slope, 3.5, 1e-9);
  EXPECT_NEAR(fit.Intercept(), 21'316, 1e-6);
  EXPECT_NEAR(fit.low, 3.5, 1e-6);
  EXPECT_NEAR(fit.high, 3.5, 1e-6);
  EXPECT_NEAR(fit.scatter, 0, 1e-6);
  EXPECT_NEAR(fit.first, 21'316 + 3.5 * 4.5, 1e-6);
  EXPECT_NEAR(fit.last, 21'316 + 3.5 * 94.5, 1e-6);
}

// Worked by hand: the middle is (1, 4/3), the slope (1 * 1 + 1 * 2) / 2.
TEST(LineFit, IsThatOfLeastSquares) {
  const LineFit fit = FitLine(Series{0, 1, 3});
  EXPECT_NEAR(fit.slope, 1.5, 1e-12);
  EXPECT_NEAR(fit.Intercept(), -1.0 / 6, 1e-12);
  EXPECT_LT(fit.low, 1.5);
  EXPECT_GT(fit.high, 1.5);
}

TEST(LineFit, ConstantDataHasASlopeOfNothing) {
  const LineFit fit = FitLine(Series(50, 1234.5));
  EXPECT_EQ(fit.slope, 0);
  EXPECT_EQ(fit.low, 0);
  EXPECT_EQ(fit.high, 0);
}

TEST(LineFit, ShrinkingDataHasANegativeSlope) {
  const LineFit fit = FitLine(Line(50, -2, 500));
  EXPECT_NEAR(fit.slope, -2, 1e-9);
  EXPECT_LT(fit.high, -1.9);
}

TEST(LineFit, SaysNothingThatFewerThanThreePointsCanNotTell) {
  const LineFit none = FitLine(Series{});
  EXPECT_EQ(none.points, 0u);
  EXPECT_TRUE(std::isnan(none.slope));
  EXPECT_FALSE(none.HasInterval());
  const LineFit one = FitLine(Series{7});
  EXPECT_EQ(one.points, 1u);
  EXPECT_TRUE(std::isnan(one.slope));
  EXPECT_EQ(one.first, 7);
  const LineFit two = FitLine(Series{7, 9});
  EXPECT_EQ(two.slope, 2);
  EXPECT_FALSE(two.HasInterval());
  EXPECT_TRUE(FitLine(Series{7, 9, 10}).HasInterval());
}

TEST(LineFit, LeavesOutWhatIsNotKnown) {
  Series values = Line(60, 2, 100);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  values[0] = values[13] = values[14] = values[15] = nan;
  values[31] = std::numeric_limits<double>::infinity();
  const LineFit fit = FitLine(values);
  EXPECT_EQ(fit.points, 55u);
  EXPECT_NEAR(fit.slope, 2, 1e-9);
  EXPECT_NEAR(fit.Intercept(), 100, 1e-6);
  EXPECT_NEAR(fit.low, 2, 1e-6);
  EXPECT_EQ(FitLine(Series(40, nan)).points, 0u);
}

TEST(LineFit, BeginsWhereItIsTold) {
  Series values = Line(100, 1);
  for (size_t i = 0; i < 20; ++i) values[i] = 1e6;
  const LineFit fit = FitLine(values, 20);
  EXPECT_EQ(fit.points, 80u);
  EXPECT_NEAR(fit.slope, 1, 1e-9);
  EXPECT_NEAR(fit.At(0), 0, 1e-6);
  EXPECT_EQ(FitLine(values, 100).points, 0u);
  EXPECT_EQ(FitLine(values, 1000).points, 0u);
}

TEST(LineFit, OneStepIsNoGrowth) {
  for (const size_t at : {5u, 30u, 50u, 80u, 97u}) {
    const LineFit fit = FitLine(Make(100, [at](size_t i) { return i < at ? 100.0 : 164.0; }));
    EXPECT_GT(fit.slope, 0) << at;
    EXPECT_LT(fit.low, 0) << at;
  }
}

TEST(LineFit, AStairInEveryBlockIsGrowth) {
  // 4 MB every 20 events.
  const LineFit fit =
      FitLine(Make(400, [](size_t i) { return 4.0 * static_cast<double>(i / 20); }));
  EXPECT_NEAR(fit.slope, 0.2, 0.01);
  EXPECT_GT(fit.low, 0.15);
}

// A sawtooth with the period of a block makes all blocks equal, and yet tilts the line.
TEST(LineFit, AQuietSawtoothIsNoGrowthWhateverItsPeriod) {
  for (const size_t size : {20u, 45u, 90u, 180u}) {
    for (size_t period = 2; period <= size / 2; ++period) {
      for (size_t phase = 0; phase < period; ++phase) {
        const Series saw =
            Make(size, [=](size_t i) { return static_cast<double>((i + phase) % period); });
        ASSERT_FALSE(FitLine(saw).low > 0) << size << " " << period << " " << phase;
        ASSERT_EQ(FitLateGrowth(saw).points, 0u) << size << " " << period << " " << phase;
      }
    }
  }
}

TEST(LateGrowth, IsSeenWhereItBeginsLateOrGetsFaster) {
  Noise noise(29);
  for (const size_t size : {90u, 200u, 900u}) {
    const double last = static_cast<double>(size - 1);
    const auto series = [&](auto shape) {
      return Make(size, [&](size_t i) { return shape(static_cast<double>(i) / last); }) +
             White(noise, size, 0.1);
    };
    const Series late = series([](double x) { return 50 * std::max(0.0, x - 0.55); });
    const Series cubic = series([](double x) { return 100 * x * x * x; });
    const Series doubling = series([](double x) { return 13 * std::exp(3.5 * x); });
    for (const Series& values : {late, cubic, doubling}) {
      const LineFit fit = FitLateGrowth(values);
      EXPECT_GT(fit.low, 0) << size;
      EXPECT_GT(fit.slope, FitLine(values).slope) << size;
      EXPECT_GE(fit.points, 16u);
    }
  }
}

TEST(LateGrowth, IsNotSeenWhereWhatWasEmptiedFillsAgain) {
  const Series restart =
      Make(200, [](size_t i) { return i < 120 ? 100.0 : static_cast<double>(i - 120); });
  EXPECT_EQ(FitLateGrowth(restart).points, 0u);
  EXPECT_EQ(FitLateGrowth(Series(200, 7)).points, 0u);
  EXPECT_EQ(FitLateGrowth(Series{}).points, 0u);
  EXPECT_EQ(FitLateGrowth(Line(20, 1)).points, 0u) << "too few points for a tail";
}

TEST(LineFit, IsWiderTheSurerItHasToBe) {
  Noise noise(3);
  const Series values = White(noise, 100, 1);
  const LineFit less = FitLine(values, 0, 0.9);
  const LineFit more = FitLine(values, 0, 0.999);
  EXPECT_EQ(less.slope, more.slope);
  EXPECT_GT(less.low, more.low);
  EXPECT_LT(less.high, more.high);
}

TEST(LineFit, HugeFiguresGiveNoIntervalThatLies) {
  const LineFit fit = FitLine(Make(40, [](size_t i) { return i % 2 == 0 ? 1.7e308 : -1.7e308; }));
  EXPECT_FALSE(fit.low > 0);
}

TEST(LineFit, AMillionPointsAreNoTrouble) {
  Noise noise(5);
  const LineFit fit = FitLine(Line(1'000'000, 1e-5, 20'000) + White(noise, 1'000'000, 1));
  EXPECT_NEAR(fit.slope, 1e-5, 1e-7);
  EXPECT_GT(fit.low, 0.99e-5);
}

// The simulation that the header describes.
struct Kind {
  std::string name;
  std::function<Series(Noise&, size_t)> make;
};

std::vector<Kind> KindsWithoutGrowth() {
  return {
      {"white", [](Noise& n, size_t size) { return White(n, size, 1); }},
      {"memory 0.7", [](Noise& n, size_t size) { return Autoregressive(n, size, 0.7, 1); }},
      {"memory 0.95", [](Noise& n, size_t size) { return Autoregressive(n, size, 0.95, 1); }},
      {"memory 0.99", [](Noise& n, size_t size) { return Autoregressive(n, size, 0.99, 1); }},
      {"random walk", [](Noise& n, size_t size) { return Autoregressive(n, size, 1, 1); }},
      {"random walk under noise",
       [](Noise& n, size_t size) { return Autoregressive(n, size, 1, 0.2) + White(n, size, 1); }},
      {"sawtooth",
       [](Noise& n, size_t size) {
         const double period = 3 + n.Uniform() * 0.6 * static_cast<double>(size);
         return Sawtooth(n, size, period, 10) + White(n, size, 0.3);
       }},
      {"steps up and down",
       [](Noise& n, size_t size) {
         double now = 0;
         return Make(size, [&](size_t) {
           if (n.Uniform() < 0.1) now += n.Uniform() < 0.5 ? 4 : -4;
           return now + 0.05 * n.Gaussian();
         });
       }},
      {"the most so far",
       [](Noise& n, size_t size) {
         double most = 0;
         return Make(size, [&](size_t) { return most = std::max(most, n.Gaussian()); });
       }},
      {"staircase that ends",
       [](Noise& n, size_t size) {
         const int steps = 1 + static_cast<int>(n.Below(30));
         return Staircase(n, size, steps, 4, 0.1 + 0.5 * n.Uniform()) + White(n, size, 0.2);
       }},
  };
}

TEST(LineFit, SeesGrowthInNoiseAsRarelyAsItSays) {
  constexpr int kSeries = 300;
  for (const Kind& kind : KindsWithoutGrowth()) {
    int wrong = 0;
    int series = 0;
    for (const size_t size : {9u, 15u, 45u, 180u, 900u}) {
      Noise noise(size);
      for (int i = 0; i < kSeries; ++i, ++series) {
        const Series values = kind.make(noise, size);
        wrong += FitLine(values).low > 0 || FitLateGrowth(values).points > 0 ? 1 : 0;
      }
    }
    // At 99 % half a percent may lie above.
    EXPECT_LE(wrong, series / 200) << kind.name;
    RecordProperty(kind.name, wrong);
  }
}

// The control: the usual error, of independent points, is fooled by the same series.
TEST(LineFit, TheUsualErrorWouldSeeGrowthInARandomWalk) {
  int wrong = 0;
  Noise noise(11);
  for (int i = 0; i < 300; ++i) {
    const Series values = Autoregressive(noise, 180, 1, 1);
    const LineFit fit = FitLine(values);
    const double n = static_cast<double>(values.size());
    const double error = fit.scatter * std::sqrt(12 / (n * n * n));
    wrong += fit.slope - 2.6 * error > 0 ? 1 : 0;
  }
  EXPECT_GT(wrong, 90);
}

// The interval must not be so wide that it shows nothing either.
TEST(LineFit, SeesLeaksThroughTheSameNoise) {
  for (const Kind& kind : KindsWithoutGrowth()) {
    if (kind.name == "staircase that ends") continue;  // as large as the leak, and bends the line
    Noise noise(17);
    int seen = 0;
    for (int i = 0; i < 100; ++i) {
      const LineFit fit = FitLine(Line(180, 1) + kind.make(noise, 180));
      seen += fit.low > 0 ? 1 : 0;
    }
    EXPECT_GE(seen, 95) << kind.name;
  }
}

TEST(LineFit, TheIntervalHoldsTheTrueSlope) {
  for (const Kind& kind : KindsWithoutGrowth()) {
    if (kind.name == "staircase that ends" || kind.name == "the most so far") {
      continue;  // have a slope of their own
    }
    Noise noise(23);
    int outside = 0;
    for (int i = 0; i < 400; ++i) {
      const LineFit fit = FitLine(Line(90, 0.5) + kind.make(noise, 90));
      outside += fit.low > 0.5 || fit.high < 0.5 ? 1 : 0;
    }
    EXPECT_LE(outside, 4) << kind.name;
  }
}

}  // namespace
}  // namespace alkaid::growth
