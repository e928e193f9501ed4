#include "alkaid/columns/field_column.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include "fixtures/column_batches.h"
#include "fixtures/dgram_corruptions.h"

namespace alkaid::columns {
namespace {

using samples::Batches;
using samples::Configure;
using samples::ExpectAsViewed;
using samples::Image;
using samples::L1;
using samples::OneBatch;
using samples::RowBytes;
using samples::Wave;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const FieldPath kImage{"det", 0, "raw", "image"};
const FieldPath kText{"det", 0, "raw", "text"};

// Compares every field of every batch of a source as a column and as a view.
void ExpectAllAsViewed(std::unique_ptr<dgram::BatchReader> reader, const ColumnOptions& options) {
  for (const dgram::DgramBatch& batch : Batches(std::move(reader))) {
    if (batch.origin()->configuration == nullptr) continue;
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto paths, AllFields(*batch.origin()->configuration));
    for (const FieldPath& path : paths) {
      const auto column = MakeColumn(batch, path, options);
      if (column.status().code() == StatusCode::kFailedPrecondition) {
        EXPECT_THAT(column.status().message(), HasSubstr("a column has one type"));
        continue;
      }
      ExpectAsViewed(batch, path, column, options);
    }
  }
}

TEST(MakeColumn, OfABatchOfNothingIsRefused) {
  EXPECT_THAT(MakeColumn({}, kImage), StatusIs(StatusCode::kInvalidArgument));
}

TEST(MakeColumn, NamesWhatThereIsWhereAFieldIsNotDeclared) {
  const auto batch = OneBatch(Configure() + L1(1, Image(0, 3)));
  EXPECT_THAT(MakeColumn(batch, {"det", 0, "raw", "imagee"}),
              StatusIs(StatusCode::kNotFound,
                       AllOf(HasSubstr("det/0/raw/imagee"), HasSubstr("image, text, count"))));
  EXPECT_THAT(
      MakeColumn(batch, {"det", 2, "raw", "image"}),
      StatusIs(StatusCode::kNotFound, AllOf(HasSubstr("det/0/raw"), HasSubstr("det/1/raw"))));
}

TEST(MakeColumn, OfNoConfigurationHasNoField) {
  dgram::BatchReaderOptions options;
  options.require_configuration = false;
  const auto batches =
      Batches(*dgram::BatchReader::Open(samples::fixtures::AsBuffer(L1(1, "")), options));
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_THAT(MakeColumn(batches[0], kImage),
              StatusIs(StatusCode::kNotFound, HasSubstr("before any Configure")));
}

TEST(MakeColumn, ADatagramWithoutTheFieldIsNull) {
  const auto batch = OneBatch(Configure() + L1(1, Image(5, 2)) + L1(2, Wave(1, 2)) + L1(3, "") +
                              L1(4, Wave(7, 1) + Image(9, 1)));
  for (const FieldPath& path :
       {kImage, kText, FieldPath{"det", 0, "raw", "count"}, FieldPath{"det", 1, "raw", "wave"}}) {
    const auto column = MakeColumn(batch, path);
    ExpectAsViewed(batch, path, column);
    EXPECT_EQ(column->array.null_count, 2) << path.ToString();
  }
}

TEST(MakeColumn, AFieldThatNoDatagramCarriesIsAColumnOfNulls) {
  const auto batch = OneBatch(Configure() + L1(1, "") + L1(2, ""));
  for (const FieldPath& path : {kImage, kText, FieldPath{"det", 0, "raw", "count"}}) {
    const auto column = MakeColumn(batch, path);
    ExpectAsViewed(batch, path, column);
    EXPECT_EQ(column->array.null_count, 2);
  }
}

TEST(MakeColumn, RowsAreTheDatagramsThatTheOptionsTake) {
  const auto batch =
      OneBatch(Configure() + samples::fixtures::Dgram(dgram::TransitionId::kBeginRun, "") +
               L1(1, Image(1, 1)) + L1(2, Image(2, 2)) + L1(3, Image(3, 3)));
  EXPECT_EQ(MakeColumn(batch, kImage)->array.length, 3);
  ColumnOptions options;
  options.rows = Rows::kAllDatagrams;
  ExpectAsViewed(batch, kImage, MakeColumn(batch, kImage, options), options);
  EXPECT_EQ(MakeColumn(batch, kImage, options)->array.length, 5);
  options.take = [](const dgram::Dgram& dgram) { return dgram.timestamp().nanoseconds() % 2 == 1; };
  ExpectAsViewed(batch, kImage, MakeColumn(batch, kImage, options), options);
  EXPECT_EQ(MakeColumn(batch, kImage, options)->array.length, 2);
}

TEST(MakeColumn, EnumerationsAreTheirNumbersAndSaySo) {
  const auto batch = OneBatch(Configure() + L1(1, Image(4, 1)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(batch, {"det", 0, "raw", "state:on"}));
  EXPECT_EQ(column.field.format, "i");
  EXPECT_THAT(column.field.metadata, ElementsAre(Pair("alkaid.type", "ENUMVAL")));
  EXPECT_EQ(RowBytes(column, 0), samples::fixtures::Bytes(int32_t{1}));
}

TEST(MakeColumn, AFieldThatChangesItsTypeInsideABatchIsRefused) {
  const std::string both = samples::fixtures::Names(0x100, "det", 0, "raw", {{"x", 1, 1}}) +
                           samples::fixtures::Names(0x101, "det", 0, "raw", {{"x", 2, 1}});
  const auto data = [](uint32_t src) {
    return samples::fixtures::ShapesData(src, samples::fixtures::Shape({1}), "\1\2\3\4");
  };
  const auto configure = samples::fixtures::Dgram(dgram::TransitionId::kConfigure, both);
  EXPECT_THAT(MakeColumn(OneBatch(configure + L1(1, data(0x100)) + L1(2, data(0x101))),
                         {"det", 0, "raw", "x"}),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("det/0/raw/x is UINT32 of rank 1 from datagram 2"),
                             HasSubstr("it was UINT16 of rank 1"))));
  ALKAID_EXPECT_OK(
      MakeColumn(OneBatch(configure + L1(1, data(0x100))), {"det", 0, "raw", "x"}).status());
}

TEST(MakeColumn, KeepsTheBatchAndNothingElse) {
  auto buffer = samples::fixtures::AsBuffer(Configure() + L1(1, Image(5, 40)));
  const std::weak_ptr<Buffer> watched = buffer;
  std::optional<FieldColumn> column;
  {
    auto batches = Batches(*dgram::BatchReader::Open(std::move(buffer)));
    column = *MakeColumn(batches[0], kImage);
  }
  EXPECT_FALSE(watched.expired());
  EXPECT_EQ(RowBytes(*column, 0)->substr(0, 2), samples::fixtures::Bytes(uint16_t{5}));
  column.reset();
  EXPECT_TRUE(watched.expired());
}

TEST(MakeColumn, CorruptDatagramsAreRefusedAsWalksRefuseThem) {
  ColumnOptions options;
  options.binary_text = true;
  options.rows = Rows::kAllDatagrams;
  for (const dgram::Corruption& corruption : dgram::Corruptions()) {
    SCOPED_TRACE(corruption.name);
    auto reader = dgram::BatchReader::Open(samples::fixtures::AsBuffer(corruption.bytes));
    if (reader.ok()) ExpectAllAsViewed(*std::move(reader), options);
  }
}

// Datagrams of any shape, alignment and order of detectors, some of them cut short.
TEST(MakeColumn, HasWhatViewsHaveInGeneratedBatches) {
  std::mt19937 random(20261130);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int run = 0; run < 300; ++run) {
    SCOPED_TRACE(run);
    const bool aligned = below(2) == 0;
    std::string bytes = Configure();
    std::string before;
    for (uint32_t i = 0, n = below(20); i < n; ++i) {
      const std::string text(aligned ? 8 * below(3) : below(30), below(9) == 0 ? '\0' : 'a');
      const std::string image = Image(i, aligned ? 4 * below(3) : below(5), text);
      const std::string wave = Wave(i, below(4));
      std::string payload = below(2) == 0 ? image + wave : wave + image;
      if (below(5) == 0) payload = below(2) == 0 ? image : wave;
      if (below(9) == 0) payload.clear();
      if (below(60) == 0 && payload.size() > 90) payload[60 + below(30)] ^= 0x40;
      // Sometimes several of one form in a row, with a transition in between.
      if (below(2) == 0) payload = before;
      if (below(6) == 0) bytes += samples::fixtures::Dgram(dgram::TransitionId::kEnable, "");
      bytes += L1(i, payload);
      before = payload;
    }
    ColumnOptions options;
    options.binary_text = true;
    options.allow_misaligned = below(2) == 0;
    options.large_lists = below(2) == 0;
    dgram::BatchReaderOptions reading;
    reading.batch_bytes = below(2) == 0 ? 1 : 4096;
    ExpectAllAsViewed(*dgram::BatchReader::Open(samples::fixtures::AsBuffer(bytes), reading),
                      options);
  }
}

TEST(MakeColumn, HasWhatViewsHaveInRealFiles) {
  const char* const root = std::getenv("ALKAID_TEST_DATA");
  if (root == nullptr || *root == '\0') {
    GTEST_SKIP() << "ALKAID_TEST_DATA is not set: no files of real runs to read";
  }
  ColumnOptions options;
  options.binary_text = true;
  options.rows = Rows::kAllDatagrams;
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".xtc2") continue;
    SCOPED_TRACE(entry.path());
    auto reader = dgram::BatchReader::Open(entry.path());
    if (!reader.ok()) continue;
    ExpectAllAsViewed(*std::move(reader), options);
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace alkaid::columns
