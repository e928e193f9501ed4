#include "alkaid/growth/line_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "alkaid/growth/student_t_internal.h"

namespace alkaid::growth {
namespace {

constexpr size_t kBlocks = 10;
// The last half and the last quarter of the points. Each is tested by itself for growth that began
// late, if it has enough points. Each test may err, so the tests share the error that the
// confidence allows.
constexpr std::array<size_t, 2> kTails = {2, 4};
constexpr size_t kMinInTail = 16;
constexpr double kLooks = 5;

struct Points {
  std::vector<double> index;
  std::vector<double> value;
  size_t size() const { return index.size(); }
};

Points KnownOf(std::span<const double> values, size_t first) {
  Points points;
  for (size_t i = first; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    points.index.push_back(static_cast<double>(i));
    points.value.push_back(values[i]);
  }
  return points;
}

double Mean(std::span<const double> values) {
  // Sums distances from the first value, so that no digits are lost to the size of a process.
  double sum = 0;
  for (const double value : values) sum += value - values.front();
  return values.front() + sum / static_cast<double>(values.size());
}

void FitSlope(const Points& points, LineFit* fit) {
  fit->middle_index = Mean(points.index);
  fit->middle = Mean(points.value);
  if (points.size() < 2) return;
  double along = 0;
  double both = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double x = points.index[i] - fit->middle_index;
    along += x * x;
    both += x * (points.value[i] - fit->middle);
  }
  fit->slope = both / along;
  double squares = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double off = points.value[i] - fit->At(points.index[i]);
    squares += off * off;
  }
  fit->scatter = std::sqrt(squares / static_cast<double>(points.size()));
}

// The growth per index from each block to the next. Points that do not fill a block are left out at
// the front.
struct Blocks {
  std::vector<double> slopes;
  double first = LineFit::kNone;  // mean of the first block
  double last = LineFit::kNone;
};

Blocks CutIntoBlocks(const Points& points, size_t block_size) {
  const size_t blocks = points.size() / block_size;
  Blocks cut;
  double index_before = 0;
  for (size_t block = 0; block < blocks; ++block) {
    const size_t begin = points.size() - (blocks - block) * block_size;
    const double index = Mean(std::span(points.index).subspan(begin, block_size));
    const double value = Mean(std::span(points.value).subspan(begin, block_size));
    if (block == 0) {
      cut.first = value;
    } else {
      cut.slopes.push_back((value - cut.last) / (index - index_before));
    }
    index_before = index;
    cut.last = value;
  }
  return cut;
}

double Variance(std::span<const double> values) {
  const double mean = Mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(values.size() - 1);
}

// The standard error of the line's slope: that of a random walk with such differences between
// blocks, plus that of the variation within a block. The second is small, but it is all there is
// where a sawtooth has exactly the length of a block: then all blocks are equal, and yet the line
// is tilted.
double StandardError(std::span<const double> block_slopes, size_t block_size, const Points& points,
                     double scatter) {
  const double size = static_cast<double>(block_size);
  const double count = static_cast<double>(points.size());
  // Unknown points widen the spacing of the others.
  const double spacing = (points.index.back() - points.index.front()) / (count - 1);
  // A random walk whose steps have the variance w has block means whose differences have the
  // variance w (2 B^2 + 1) / 3 B. Neighbouring differences share a block and are correlated by up
  // to 1/4, so their mean varies by up to half as much again as their variance says.
  const double of_differences = 1.5 * Variance(block_slopes) * (size * spacing) * (size * spacing);
  const double of_steps = of_differences * 3 * size / (2 * size * size + 1);
  // The variance of the least-squares slope of n points of a random walk: nearly 6 w / 5 n.
  const double square = count * count;
  const double of_walk = 1.2 * of_steps * (square + 1) / (count * (square - 1));
  const double of_scatter = 12 * scatter * scatter / (count * (square - 1));
  return std::sqrt(of_walk + of_scatter) / spacing;
}

}  // namespace

LineFit FitLine(std::span<const double> values, size_t first, double confidence) {
  LineFit fit;
  const Points points = KnownOf(values, first);
  fit.points = points.size();
  if (points.size() == 0) return fit;
  FitSlope(points, &fit);
  const size_t block_size = std::max<size_t>(1, points.size() / kBlocks);
  const Blocks cut = CutIntoBlocks(points, block_size);
  const std::vector<double>& slopes = cut.slopes;
  fit.first = cut.first;
  fit.last = cut.last;
  fit.blocks = static_cast<int>(slopes.size()) + 1;
  if (slopes.size() < 2) return fit;
  const double reach = StudentQuantile((1 + confidence) / 2, static_cast<int>(slopes.size()) - 1) *
                       StandardError(slopes, block_size, points, fit.scatter);
  fit.low = fit.slope - reach;
  fit.high = fit.slope + reach;
  return fit;
}

LineFit FitLateGrowth(std::span<const double> values, size_t first, double confidence) {
  LineFit best;
  if (first >= values.size()) return best;
  for (const size_t part : kTails) {
    const size_t begin = values.size() - (values.size() - first) / part;
    const LineFit tail = FitLine(values, begin, 1 - (1 - confidence) / kLooks);
    if (tail.points < kMinInTail || !(tail.low > 0)) continue;
    // A NaN among the values or in `last` compares false, and so is not at or above the end.
    const bool above_all = std::none_of(values.begin() + static_cast<std::ptrdiff_t>(first),
                                        values.begin() + static_cast<std::ptrdiff_t>(begin),
                                        [&](double value) { return value >= tail.last; });
    if (above_all && !(best.low >= tail.low)) best = tail;
  }
  return best;
}

}  // namespace alkaid::growth
