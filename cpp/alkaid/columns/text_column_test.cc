#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "alkaid/columns/field_column.h"
#include "alkaid/columns/text_column_internal.h"
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
using ::testing::AllOf;
using ::testing::HasSubstr;

const FieldPath kText{"det", 0, "raw", "text"};

TEST(TextColumn, LongTextIsShownInTheBatchAndEndsAtItsFirstNul) {
  const std::string ends("ends here, at its NUL\0not here", 30);
  const auto batch = OneBatch(Configure() + L1(1, Image(1, 1, "twelve bytes")) +
                              L1(2, Image(1, 1, "thirteen byte")) + L1(3, "") +
                              L1(4, Image(1, 1, ends)) + L1(5, Image(1, 1, "")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(batch, kText));
  EXPECT_EQ(column.field.format, "vu");
  EXPECT_FALSE(column.copied());
  ASSERT_EQ(column.array.buffers.size(), 3U);
  EXPECT_EQ(column.array.buffers[2]->data(), batch.begin()->data());
  EXPECT_EQ(column.array.buffers[2]->size(), batch.nbytes());
  EXPECT_EQ(RowBytes(column, 0), "twelve bytes");
  EXPECT_EQ(RowBytes(column, 1), "thirteen byte");
  EXPECT_EQ(RowBytes(column, 3), "ends here, at its NUL");
  EXPECT_EQ(RowBytes(column, 4), "");
  ExpectAsViewed(batch, kText, column);
}

TEST(TextColumn, TextThatIsNotUtf8IsRefusedByNameUnlessItIsBinary) {
  const std::string before = Configure() + L1(1, Image(1, 1, "caf\xc3\xa9"));
  const auto batch = OneBatch(before + L1(2, Image(1, 1, "caf\xe9")));
  EXPECT_THAT(
      MakeColumn(batch, kText),
      StatusIs(StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("det/0/raw/text of datagram 2 of run.xtc2"),
                     HasSubstr("byte " + std::to_string(before.size() + 107) + ", is not UTF-8"))));
  ColumnOptions options;
  options.binary_text = true;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(batch, kText, options));
  EXPECT_EQ(column.field.format, "vz");
  EXPECT_EQ(RowBytes(column, 1), "caf\xe9");
}

TEST(TextColumn, ABatchBeyond32BitsIsShownBySeveralSlices) {
  const int64_t nbytes = (int64_t{1} << 31) + 40;
  const std::string last = "text at the very end";
  const LargeBatch large(10, nbytes, last);
  std::memcpy(large.data() + LargeBatch::kBefore, "text at the beginning", 21);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(large.batch(), {"det", 0, "raw", "x"}));
  EXPECT_EQ(column.array.buffers.size(), 2U + 3U);
  EXPECT_EQ(RowBytes(column, 0), "text at the beginning");
  EXPECT_EQ(RowBytes(column, 1), last);
  ALKAID_EXPECT_OK(interop::Validate(column.field, column.array));
}

TEST(ValidUtf8, IsWhatUnicodeSays) {
  for (const std::string_view sound :
       {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"}) {
    EXPECT_EQ(internal::ValidUtf8(sound), static_cast<int64_t>(sound.size())) << sound;
  }
  for (const std::string_view wrong :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3z", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe1\x80",
        "\xe1\x80z", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf1\x80\x80", "\xf5\x80\x80\x80",
        "\xff"}) {
    EXPECT_EQ(internal::ValidUtf8("ab" + std::string(wrong)), 2) << wrong;
  }
}

}  // namespace
}  // namespace alkaid::columns
