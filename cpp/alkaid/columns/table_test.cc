#include "alkaid/columns/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fixtures/column_batches.h"

namespace alkaid::columns {
namespace {

using samples::Configure;
using samples::Image;
using samples::L1;
using samples::LargeBatch;
using samples::OneBatch;
using samples::RowBytes;
using samples::Wave;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<FieldPath> kFields = {{"det", 0, "raw", "image"}, {"det", 1, "raw", "wave"}};

std::vector<std::string> NamesOf(const interop::Field& table) {
  std::vector<std::string> names;
  for (const interop::Field& field : table.children) names.push_back(field.name);
  return names;
}

Column Child(const Column& table, size_t i) {
  Column column;
  column.field = table.field.children[i];
  column.array = table.array.children[i];
  return column;
}

TEST(Table, HasWhatDatagramsSayOfThemselvesAndFieldsBeside) {
  const std::string before = Configure() + L1(7, Image(1, 2));
  const auto batch = OneBatch(before + L1(8, Wave(1, 2)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Column table, MakeTable(batch, kFields));
  EXPECT_THAT(NamesOf(table.field),
              ElementsAre("index", "offset", "timestamp", "service", "readout_groups", "damage",
                          "det/0/raw/image", "det/0/raw/image.shape", "det/1/raw/wave"));
  EXPECT_EQ(table.field.format, "+s");
  EXPECT_EQ(table.array.length, 2);
  ALKAID_EXPECT_OK(interop::Validate(table.field, table.array));
  const dgram::Dgram last = *++ ++batch.begin();
  EXPECT_EQ(RowBytes(Child(table, 0), 1), samples::fixtures::Bytes(int64_t{2}));
  EXPECT_EQ(RowBytes(Child(table, 1), 1),
            samples::fixtures::Bytes(static_cast<int64_t>(before.size())));
  EXPECT_EQ(RowBytes(Child(table, 2), 1), samples::fixtures::Bytes(last.timestamp().value()));
  EXPECT_EQ(RowBytes(Child(table, 3), 1), std::string(1, '\x0c'));
  EXPECT_EQ(RowBytes(Child(table, 4), 1), samples::fixtures::Bytes(last.header().readout_groups()));
  EXPECT_EQ(RowBytes(Child(table, 5), 1), std::string(2, '\0'));
  EXPECT_EQ(RowBytes(Child(table, 6), 1), std::nullopt);
  EXPECT_EQ(RowBytes(Child(table, 8), 0), std::nullopt);
}

TEST(Table, TellsOfAllCopiesAndWhyTheFirstWasMade) {
  const auto batch = OneBatch(Configure() + L1(1, Image(1, 2)));
  ALKAID_ASSERT_OK_AND_ASSIGN(Column table, MakeTable(batch, kFields));
  EXPECT_FALSE(table.copied());
  ALKAID_ASSERT_OK_AND_ASSIGN(table, MakeTable(batch, {{"det", 0, "raw", "count"}}));
  EXPECT_EQ(table.copied_bytes, 4);
  EXPECT_THAT(table.why_copied, HasSubstr("gathered"));
}

TEST(Table, OfNoRowsIsOne) {
  const auto batch = OneBatch(Configure());
  ALKAID_ASSERT_OK_AND_ASSIGN(const Column table, MakeTable(batch, kFields));
  EXPECT_EQ(table.array.length, 0);
  ALKAID_EXPECT_OK(interop::Validate(table.field, table.array));
}

TEST(Table, RefusesFieldsThatAreNotThereOrNamedTwice) {
  const auto batch = OneBatch(Configure() + L1(1, Image(1, 2)));
  EXPECT_THAT(MakeTable({}, kFields), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(MakeTable(batch, {{"det", 0, "raw", "none"}}), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(MakeTable(batch, {kFields[0], kFields[0]}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("det/0/raw/image is named twice")));
}

TEST(Table, OfABatchBeyond32BitsHasLargeLists) {
  const LargeBatch large(0, (int64_t{1} << 31) + 40, "abc");
  const std::vector<FieldPath> fields = {{"det", 0, "raw", "x"}};
  EXPECT_THAT(MakeTable(large.batch(), fields),
              StatusIs(StatusCode::kOutOfRange, HasSubstr("large_lists")));
  ColumnOptions options;
  options.large_lists = true;
  ALKAID_ASSERT_OK_AND_ASSIGN(const Column table, MakeTable(large.batch(), fields, options));
  ALKAID_EXPECT_OK(interop::Validate(table.field, table.array));
}

TEST(Table, AFilterThatChangesItsMindIsFound) {
  const auto batch = OneBatch(Configure() + L1(1, Image(1, 2)) + L1(2, Image(1, 2)));
  int asked = 0;
  ColumnOptions options;
  options.take = [&asked](const dgram::Dgram&) { return ++asked % 3 != 0; };
  EXPECT_THAT(MakeTable(batch, kFields, options),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("when called again")));
}

}  // namespace
}  // namespace alkaid::columns
