#include "alkaid/dgram/array_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "alkaid/testing/matchers.h"

namespace alkaid::dgram {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 2 x 3 x 2 values counting up from 100, `shift` bytes off the alignment of their type.
ArrayView<int32_t> Counting(int64_t shift) {
  std::vector<int32_t> values(12);
  std::iota(values.begin(), values.end(), 100);
  std::shared_ptr<Buffer> buffer = AllocateBuffer(64).value();
  std::memcpy(buffer->mutable_data() + shift, values.data(), 48);
  const uint8_t* const data = buffer->data() + shift;
  return ArrayView<int32_t>(data, 3, {2, 3, 2, 99, 99}, std::move(buffer));
}

TEST(ArrayView, ReadsElementsAtAnyAlignmentTheLastIndexFastest) {
  for (int64_t shift = 0; shift < 8; ++shift) {
    const ArrayView<int32_t> view = Counting(shift);
    EXPECT_EQ(view.size(), 12);
    EXPECT_EQ(view.nbytes(), 48);
    EXPECT_THAT(view.shape(), ElementsAre(2, 3, 2));
    EXPECT_EQ(view(0, 0, 1), 101);
    EXPECT_EQ(view(1, 0, 0), 106);
    EXPECT_EQ(view(1, 2, 1), 111);
    EXPECT_EQ(view[11], 111);
  }
}

TEST(ArrayView, GivesASpanOnlyWhereItIsAligned) {
  const ArrayView<int32_t> aligned = Counting(4);
  EXPECT_TRUE(aligned.aligned());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto span, aligned.span());
  EXPECT_EQ(span.size(), 12U);
  EXPECT_EQ(span[3], 103);
  const ArrayView<int32_t> misaligned = Counting(2);
  EXPECT_FALSE(misaligned.aligned());
  EXPECT_THAT(misaligned.span(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("misaligned")));
}

TEST(ArrayView, CopiesOutAligned) {
  const ArrayView<int32_t> view = Counting(3);
  std::vector<int32_t> out(12);
  ALKAID_ASSERT_OK(view.CopyTo(out));
  EXPECT_EQ(out[11], 111);
  out.resize(11);
  EXPECT_THAT(view.CopyTo(out), StatusIs(StatusCode::kInvalidArgument, HasSubstr("12")));

  ALKAID_ASSERT_OK_AND_ASSIGN(const auto copy, view.Copy());
  EXPECT_EQ(copy->size(), 48);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(copy->data()) % 64, 0U);
  EXPECT_EQ(copy->data_as<int32_t>()[5], 105);
}

TEST(ArrayView, KeepsItsOwner) {
  ArrayView<int32_t> view = Counting(1);
  const std::weak_ptr<Buffer> watch = view.owner();
  ArrayView<int32_t> copy = view;
  view = ArrayView<int32_t>();
  EXPECT_EQ(copy[0], 100);
  copy = ArrayView<int32_t>();
  EXPECT_TRUE(watch.expired());
}

TEST(ArrayView, WithoutElementsIsEmpty) {
  EXPECT_TRUE(ArrayView<double>().empty());
  EXPECT_EQ(ArrayView<double>().nbytes(), 0);
  std::shared_ptr<Buffer> buffer = AllocateBuffer(8).value();
  const uint8_t* const data = buffer->data();
  const ArrayView<double> none(data, 2, {4, 0}, std::move(buffer));
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.dim(0), 4);
  ALKAID_EXPECT_OK(none.CopyTo({}));
  ALKAID_EXPECT_OK(none.Copy());
}

TEST(ArrayView, IsCompactedWhereItIsASmallPartOfWhatItKeeps) {
  std::shared_ptr<Buffer> buffer = AllocateBuffer(4096).value();
  std::memset(buffer->mutable_data(), 7, 4096);
  const std::weak_ptr<Buffer> batch = buffer;
  const uint8_t* const data = buffer->data() + 1001;
  ArrayView<int32_t> view(data, 2, {2, 3}, std::move(buffer));
  EXPECT_THAT(view.CompactIfBelow(0.001), IsOkAndHolds(false));
  EXPECT_FALSE(view.aligned());
  EXPECT_THAT(view.CompactIfBelow(0.5), IsOkAndHolds(true));
  EXPECT_TRUE(batch.expired());
  EXPECT_TRUE(view.aligned());
  EXPECT_EQ(view(1, 2), 0x07070707);
  EXPECT_THAT(view.shape(), ElementsAre(2, 3));
  EXPECT_THAT(view.CompactIfBelow(1), IsOkAndHolds(false));
  EXPECT_THAT(view.CompactIfBelow(-1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ArrayView<int32_t>().CompactIfBelow(1), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace alkaid::dgram
