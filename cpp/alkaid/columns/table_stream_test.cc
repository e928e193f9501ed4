#include "alkaid/columns/table_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fixtures/column_batches.h"

namespace alkaid::columns {
namespace {

using samples::Configure;
using samples::Image;
using samples::L1;
using samples::Wave;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<dgram::BatchReader> Reader(const std::string& bytes, int64_t batch_bytes = 1) {
  dgram::BatchReaderOptions options;
  options.batch_bytes = batch_bytes;
  options.name = "run.xtc2";
  return *dgram::BatchReader::Open(samples::fixtures::AsBuffer(bytes), options);
}

// The lengths of all arrays, each of which must be valid; -1 for an error, whose text is kept.
std::vector<int64_t> Lengths(interop::ArrayStream* stream, std::string* error = nullptr) {
  std::vector<int64_t> lengths;
  while (true) {
    const auto array = stream->Next();
    if (!array.ok()) {
      lengths.push_back(-1);
      if (error != nullptr) *error = array.status().ToString();
      if (array.status().code() == StatusCode::kDataLoss) return lengths;
      continue;
    }
    if (!array->has_value()) return lengths;
    ALKAID_EXPECT_OK(interop::Validate(stream->field(), **array));
    lengths.push_back((*array)->length);
  }
}

TEST(OpenTable, GivesAnArrayForEachBatchThatHasARow) {
  const std::string run = Configure() + L1(1, Image(1, 2)) +
                          samples::fixtures::Dgram(dgram::TransitionId::kEnable, "") +
                          L1(2, Wave(1, 2)) + L1(3, "");
  ALKAID_ASSERT_OK_AND_ASSIGN(auto each, OpenTable(Reader(run)));
  EXPECT_EQ(each->field().children.size(), 6U + 4U + 1U + 1U);
  const auto lengths = Lengths(each.get());
  EXPECT_GT(lengths.size(), 1U);
  EXPECT_EQ(std::accumulate(lengths.begin(), lengths.end(), int64_t{0}), 3);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto all, OpenTable(Reader(run, 1 << 20)));
  EXPECT_THAT(Lengths(all.get()), ElementsAre(3));
}

TEST(OpenTable, ArraysOutliveTheirStream) {
  ALKAID_ASSERT_OK_AND_ASSIGN(auto stream, OpenTable(Reader(Configure() + L1(1, Image(5, 2))),
                                                     {{"det", 0, "raw", "image"}}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto array, stream->Next());
  const interop::Field field = stream->field().children[6];
  stream.reset();
  FieldColumn column;
  column.field = field;
  column.array = array->children[6];
  EXPECT_EQ(samples::RowBytes(column, 0),
            samples::fixtures::Bytes(std::vector<uint16_t>{5, 6, 7, 8}));
}

TEST(OpenTable, AFieldOfAnotherTypeIsRefusedAndReadingGoesOn) {
  const auto configure = [](uint32_t type) {
    return samples::fixtures::Dgram(
        dgram::TransitionId::kConfigure,
        samples::fixtures::Names(samples::kImages, "det", 0, "raw", {{"x", type, 0}}));
  };
  const auto data = samples::fixtures::ShapesData(samples::kImages, "", "\1\2\3\4");
  const std::string run = configure(2) + L1(1, data) + configure(8) + L1(3, data) + configure(2) +
                          L1(5, data) + L1(6, "");
  ALKAID_ASSERT_OK_AND_ASSIGN(auto stream, OpenTable(Reader(run, 1 << 20)));
  std::string error;
  EXPECT_THAT(Lengths(stream.get(), &error), ElementsAre(1, -1, 2));
  EXPECT_THAT(error, AllOf(HasSubstr("det/0/raw/x is FLOAT of rank 0 from datagram 3 of run.xtc2"),
                           HasSubstr("it was UINT32 of rank 0")));
}

TEST(OpenTable, AFieldThatIsNotDeclaredAnyMoreIsNull) {
  const std::string other =
      samples::fixtures::Dgram(dgram::TransitionId::kConfigure,
                               samples::fixtures::Names(0x200, "another", 0, "raw", {{"x", 2, 0}}));
  ALKAID_ASSERT_OK_AND_ASSIGN(
      auto stream,
      OpenTable(Reader(Configure() + L1(1, Image(1, 1)) + other + L1(2, ""), 1 << 20)));
  EXPECT_THAT(Lengths(stream.get()), ElementsAre(1, 1));
}

TEST(OpenTable, FaultsOfTheSourceArriveAfterWhatIsBeforeThem) {
  std::string run = Configure() + L1(1, Image(1, 1)) + L1(2, Image(1, 1));
  run.resize(run.size() - 3);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto stream, OpenTable(Reader(run)));
  std::string error;
  EXPECT_THAT(Lengths(stream.get(), &error), ElementsAre(1, -1));
  EXPECT_THAT(error, HasSubstr("run.xtc2: byte"));
}

TEST(OpenTable, OfNothingIsRefused) {
  EXPECT_THAT(OpenTable(nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(OpenTable(Reader("")), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(OpenTable(Reader(Configure()), {{"det", 0, "raw", "none"}}),
              StatusIs(StatusCode::kNotFound, HasSubstr("image, text")));
}

}  // namespace
}  // namespace alkaid::columns
