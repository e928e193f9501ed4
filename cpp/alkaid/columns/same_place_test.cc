#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alkaid/columns/field_column.h"
#include "alkaid/columns/same_place_internal.h"
#include "fixtures/column_batches.h"

namespace alkaid::columns {
namespace {

using samples::Configure;
using samples::ExpectAsViewed;
using samples::Image;
using samples::L1;
using samples::Wave;

// The same with Data before Shapes.
std::string Turned(const std::string& shapes_data) {
  const std::string shapes = shapes_data.substr(12, 12 + 40);
  const std::string data = shapes_data.substr(12 + 12 + 40);
  return samples::fixtures::Xtc(samples::fixtures::kShapesData, data + shapes, samples::kImages);
}

// Datagrams that differ only in their elements, in each form that is followed.
std::vector<std::string> Forms() {
  const std::string image = Image(1, 2), wave = Wave(1, 2);
  return {
      image,           wave,          wave + image,
      image + wave,    Turned(image), wave + Turned(image),
      Image(1, 2, ""), Image(1, 0),   samples::fixtures::Xtc(samples::fixtures::kParent, image)};
}

TEST(SamePlace, OneChangedByteIsNoticedWhereAWalkNoticesIt) {
  ColumnOptions options;
  options.binary_text = true;
  const auto paths = *AllFields(*samples::OneBatch(Configure()).origin()->configuration);
  for (const std::string& form : Forms()) {
    std::string run;
    for (uint32_t i = 0; i < 6; ++i) run += L1(i, form);
    const size_t dgram = run.size() / 6;
    for (size_t at = 8; at < dgram; ++at) {
      for (const char change : {'\x01', '\x08', '\x40', '\xff'}) {
        std::string bytes = Configure() + run;
        bytes[bytes.size() - 3 * dgram + at] ^= change;
        const auto batches =
            samples::Batches(*dgram::BatchReader::Open(samples::fixtures::AsBuffer(bytes)));
        if (batches.empty() || batches[0].size() < 3) continue;
        SCOPED_TRACE(at);
        for (const FieldPath& path : paths) {
          ExpectAsViewed(batches[0], path, MakeColumn(batches[0], path, options), options);
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

TEST(SamePlace, CountsWhatFollowsInTheSameForm) {
  const std::string image = Image(1, 2);
  const auto batch =
      samples::OneBatch(Configure() + L1(1, image) + L1(2, Image(9, 2)) +
                        samples::fixtures::Dgram(dgram::TransitionId::kSlowUpdate, image) +
                        L1(4, image) + L1(5, Image(1, 3)));
  auto it = batch.begin();
  ++it;
  const dgram::Dgram first = *it;
  dgram::ShapesDataWalk walk(first);
  ASSERT_TRUE(walk.Next());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto field, walk.shapes_data().field(0));
  internal::SamePlace place;
  const uint8_t* const end = batch.begin()->data() + batch.nbytes();
  using internal::ServiceOf;
  EXPECT_EQ(place.CountFrom(first.data(), end, ServiceOf::kL1Accepts), 0);
  place.Learn(first, walk.shapes_data(), 0, {field.data(), field.nbytes(), {2, 2}});
  EXPECT_EQ(place.dgram_bytes(), first.size());
  EXPECT_EQ(place.data_offset(), field.data() - first.data());
  EXPECT_EQ(place.CountFrom(first.data(), end, ServiceOf::kL1Accepts), 2);
  EXPECT_EQ(place.CountFrom(first.data(), end, ServiceOf::kAllDatagrams), 4);
  EXPECT_EQ(
      place.CountFrom(first.data(), first.data() + 2 * first.size() - 1, ServiceOf::kL1Accepts), 1);
  EXPECT_EQ(place.CountFrom(end, end, ServiceOf::kL1Accepts), 0);
}

}  // namespace
}  // namespace alkaid::columns
