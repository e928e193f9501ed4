#include "alkaid/growth/line_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "alkaid/growth/student_t.h"

namespace alkaid::growth {
namespace {

constexpr size_t kBlocks = 10;

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
  // Of the distances from the first, which lose no digits to the size of a process.
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

// The growth per index from each block to the next. What does not fill a block is left out, at the
// front.
std::vector<double> BlockSlopes(const Points& points, size_t block_size, LineFit* fit) {
  const size_t blocks = points.size() / block_size;
  std::vector<double> slopes;
  double index_before = 0;
  double before = 0;
  for (size_t block = 0; block < blocks; ++block) {
    const size_t begin = points.size() - (blocks - block) * block_size;
    const double index = Mean(std::span(points.index).subspan(begin, block_size));
    const double value = Mean(std::span(points.value).subspan(begin, block_size));
    if (block == 0) {
      fit->first = value;
    } else {
      slopes.push_back((value - before) / (index - index_before));
    }
    index_before = index;
    before = value;
  }
  fit->last = before;
  fit->blocks = static_cast<int>(blocks);
  return slopes;
}

double Variance(std::span<const double> values) {
  const double mean = Mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(values.size() - 1);
}

// The standard error of the line's slope if the differences between blocks are those of a random
// walk.
double StandardError(std::span<const double> block_slopes, size_t block_size,
                     const Points& points) {
  const double size = static_cast<double>(block_size);
  const double count = static_cast<double>(points.size());
  // Points whose neighbours are not known stand further apart.
  const double spacing = (points.index.back() - points.index.front()) / (count - 1);
  // A random walk whose steps have the variance w has block means whose differences have
  // w (2 B^2 + 1) / 3 B. Neighbouring differences share a block and are correlated by up to 1/4, so
  // their mean varies by up to half as much again as their variance says.
  const double of_differences = 1.5 * Variance(block_slopes) * (size * spacing) * (size * spacing);
  const double of_steps = of_differences * 3 * size / (2 * size * size + 1);
  // The variance of the least-squares slope of n points of a random walk: nearly 6 w / 5 n.
  const double square = count * count;
  return std::sqrt(1.2 * of_steps * (square + 1) / (count * (square - 1))) / spacing;
}

}  // namespace

LineFit FitLine(std::span<const double> values, size_t first, double confidence) {
  LineFit fit;
  const Points points = KnownOf(values, first);
  fit.points = points.size();
  if (points.size() == 0) return fit;
  FitSlope(points, &fit);
  const size_t block_size = std::max<size_t>(1, points.size() / kBlocks);
  const std::vector<double> slopes = BlockSlopes(points, block_size, &fit);
  if (slopes.size() < 2) return fit;
  const double reach = StudentQuantile((1 + confidence) / 2, static_cast<int>(slopes.size()) - 1) *
                       StandardError(slopes, block_size, points);
  fit.low = fit.slope - reach;
  fit.high = fit.slope + reach;
  return fit;
}

}  // namespace alkaid::growth
