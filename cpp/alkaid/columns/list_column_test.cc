#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "alkaid/columns/field_column.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "fixtures/column_batches.h"

namespace alkaid::columns {
namespace {

using samples::Configure;
using samples::ExpectAsViewed;
using samples::Image;
using samples::L1;
using samples::LargeBatch;
using samples::OneBatch;
using samples::RowBytes;
using samples::Wave;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const FieldPath kImage{"det", 0, "raw", "image"};
const FieldPath kWave{"det", 1, "raw", "wave"};

bool Inside(const Column& column, const dgram::DgramBatch& batch) {
  const Buffer& child = *column.array.children[0].buffers[1];
  return child.data() >= batch.begin()->data() &&
         child.data() + child.size() <= batch.begin()->data() + batch.nbytes();
}

TEST(ListColumn, ShowsAlignedElementsWhereTheyLie) {
  const auto batch = OneBatch(Configure() + L1(1, Image(5, 2)) + L1(2, Image(9, 4)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(batch, kImage));
  EXPECT_FALSE(column.copied());
  EXPECT_EQ(column.copied_bytes, 0);
  EXPECT_EQ(column.field.format, "+vl");
  EXPECT_EQ(column.field.children[0].format, "S");
  EXPECT_TRUE(Inside(column, batch));
  EXPECT_EQ(column.array.children[0].buffers[1]->data(), batch.begin()->data());
  EXPECT_EQ(column.array.children[0].length, batch.nbytes() / 2);
  ExpectAsViewed(batch, kImage, column);
}

// Each datagram has 92 bytes, so every second one is off by 4 from a multiple of 8.
TEST(ListColumn, CopiesAllRowsOnceWhereOneDoesNotFit) {
  const auto pool = CreateMemoryPool("system").value();
  ColumnOptions options;
  options.pool = pool.get();
  const auto batch = OneBatch(Configure() + L1(1, Wave(1, 3)) + L1(2, Image(9, 1, "")) +
                              L1(3, Wave(4, 2)) + L1(4, "") + L1(5, Wave(6, 1)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(batch, kWave, options));
  EXPECT_TRUE(column.copied());
  EXPECT_EQ(column.copied_bytes, 6 * 8);
  EXPECT_THAT(column.why_copied, AllOf(HasSubstr("det/1/raw/wave of datagram 1 of run.xtc2"),
                                       HasSubstr("4 above a multiple of the 8 bytes")));
  EXPECT_FALSE(Inside(column, batch));
  EXPECT_EQ(column.array.children[0].length, 6);
  ExpectAsViewed(batch, kWave, column, options);
}

TEST(ListColumn, WithoutLeaveToCopyTheFirstRowThatDoesNotFitIsNamed) {
  ColumnOptions options;
  options.allow_copy = false;
  const std::string first = Configure() + L1(1, Image(9, 1, "1"));
  const auto batch = OneBatch(first + L1(2, Image(9, 1, "1")));
  EXPECT_THAT(
      MakeColumn(batch, kImage, options),
      StatusIs(
          StatusCode::kFailedPrecondition,
          AllOf(HasSubstr("datagram 2 of run.xtc2, at byte " + std::to_string(first.size() + 100)),
                HasSubstr("1 above a multiple of the 2 bytes"), HasSubstr("0 is needed"))));
  ALKAID_EXPECT_OK(MakeColumn(OneBatch(first), kImage, options).status());
}

// The datagrams have 4 bytes more than a multiple of 8, so the following one does not fit.
TEST(ListColumn, ARunOfDatagramsFitsAsItsRowsDo) {
  const std::string datagram = Wave(1, 2) + Image(1, 2, "");
  const std::string between = samples::fixtures::Dgram(
      dgram::TransitionId::kSlowUpdate, samples::fixtures::Xtc(samples::fixtures::kParent, ""));
  ASSERT_EQ(L1(1, datagram).size() % 8, 4U);
  ASSERT_EQ(between.size() % 8, 4U);
  const std::string run =
      Configure() + L1(0, Image(1, 1, "")) + between + L1(1, datagram) + between;
  for (const bool fits : {true, false}) {
    ColumnOptions options;
    options.allow_misaligned = true;
    const auto batch =
        OneBatch(run + L1(2, datagram) + (fits ? between + L1(3, datagram) : L1(3, datagram)));
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(batch, kWave, options));
    EXPECT_EQ(column.copied(), !fits);
    ExpectAsViewed(batch, kWave, column, options);
  }
}

TEST(ListColumn, OneRemainderIsEnoughWhereMisalignedElementsAreAllowed) {
  ColumnOptions options;
  options.allow_copy = false;
  const auto batch = OneBatch(Configure() + L1(1, Wave(1, 3)) + L1(2, Wave(4, 0)) +
                              L1(3, Image(1, 2, "1234") + Wave(5, 2)));
  EXPECT_THAT(MakeColumn(batch, kWave, options), StatusIs(StatusCode::kFailedPrecondition));
  options.allow_misaligned = true;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(batch, kWave, options));
  EXPECT_TRUE(Inside(column, batch));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(column.array.children[0].buffers[1]->data()) % 8, 4U);
  ExpectAsViewed(batch, kWave, column, options);
}

TEST(ListColumn, ShapesStandBesideAndInTheMetadataWhereTheyAreOne) {
  auto batch = OneBatch(Configure() + L1(1, Image(1, 3)) + L1(2, "") + L1(3, Image(2, 3)));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto column, MakeColumn(batch, kImage));
  EXPECT_THAT(column.field.metadata, Contains(Pair("alkaid.shape", "[2,3]")));
  ASSERT_TRUE(column.shapes.has_value());
  EXPECT_EQ(column.shapes->field.name, "det/0/raw/image.shape");
  EXPECT_EQ(column.shapes->field.format, "+w:2");
  EXPECT_EQ(column.shapes->array.null_count, 1);

  batch = OneBatch(Configure() + L1(1, Image(1, 3)) + L1(3, Image(2, 4)));
  ALKAID_ASSERT_OK_AND_ASSIGN(column, MakeColumn(batch, kImage));
  EXPECT_THAT(column.field.metadata, IsEmpty());
  ExpectAsViewed(batch, kImage, column);
}

TEST(ListColumn, EmptyArraysAreListsOfNothing) {
  const auto batch = OneBatch(Configure() + L1(1, Image(1, 0)) + L1(2, Wave(1, 0)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(batch, kImage));
  EXPECT_EQ(RowBytes(column, 0), "");
  EXPECT_EQ(RowBytes(column, 1), std::nullopt);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto waves, MakeColumn(batch, kWave));
  EXPECT_FALSE(waves.copied());
  ExpectAsViewed(batch, kWave, waves);
}

TEST(ListColumn, OffsetsBeyond32BitsAreLarge) {
  const int64_t nbytes = (int64_t{1} << 31) + 40;
  const LargeBatch large(0, nbytes, "abc");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(large.batch(), {"det", 0, "raw", "x"}));
  EXPECT_EQ(column.field.format, "+vL");
  EXPECT_EQ(column.array.children[0].length, large.batch().nbytes());
  EXPECT_EQ(column.array.buffers[1]->span_as<int64_t>()[1], 2 * LargeBatch::kBefore + nbytes);
  EXPECT_EQ(column.array.buffers[2]->span_as<int64_t>()[0], nbytes);
  EXPECT_EQ(RowBytes(column, 1), "abc");
  ALKAID_EXPECT_OK(interop::Validate(column.field, column.array));
}

}  // namespace
}  // namespace alkaid::columns
