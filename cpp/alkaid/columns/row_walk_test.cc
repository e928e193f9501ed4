#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alkaid/columns/row_walk_internal.h"
#include "fixtures/column_batches.h"

namespace alkaid::columns::internal {
namespace {

using samples::Configure;
using samples::Image;
using samples::L1;
using samples::OneBatch;
using ::testing::ElementsAre;

// "walked" for a row that was walked, "null", and "run of N" for rows like an earlier one.
struct Told {
  bool Add(const Cell& cell) {
    rows.emplace_back(cell.data == nullptr ? "null" : "walked");
    return rows.size() < most;
  }
  bool AddRun(const uint8_t* /*data*/, int64_t stride, int64_t count, const Cell& like) {
    rows.push_back("run of " + std::to_string(count));
    EXPECT_EQ(stride, dgram_bytes);
    EXPECT_EQ(like.nbytes, 8);
    return rows.size() < most;
  }
  int64_t dgram_bytes = static_cast<int64_t>(L1(0, Image(0, 2)).size());
  size_t most = 100;
  std::vector<std::string> rows = {};
};

std::vector<std::string> Rows(const std::string& run, const ColumnOptions& options = {},
                              size_t most = 100) {
  const auto batch = OneBatch(Configure() + run);
  const auto wanted =
      ResolvedField::Resolve(batch.origin()->configuration.get(), {"det", 0, "raw", "image"});
  Told told;
  told.most = most;
  ALKAID_EXPECT_OK(ForEachRow(batch, *wanted, options, &told));
  return told.rows;
}

std::string Same(uint32_t count) {
  std::string run;
  for (uint32_t i = 0; i < count; ++i) run += L1(i, Image(i, 2));
  return run;
}
std::string Transition() {
  return samples::fixtures::Dgram(dgram::TransitionId::kSlowUpdate, Image(1, 2));
}

TEST(ForEachRow, WalksOverOneDatagramOfEachForm) {
  EXPECT_THAT(Rows(Same(9)), ElementsAre("walked", "run of 8"));
  EXPECT_THAT(Rows(Same(3) + L1(3, Image(3, 4)) + Same(2)),
              ElementsAre("walked", "run of 2", "walked", "walked", "run of 1"));
  EXPECT_THAT(Rows(Same(3) + L1(3, "") + Same(2)),
              ElementsAre("walked", "run of 2", "null", "run of 2"));
  EXPECT_THAT(Rows(Same(2) + Transition() + Same(1)),
              ElementsAre("walked", "run of 1", "run of 1"));
}

TEST(ForEachRow, TakesWhatTheOptionsTake) {
  ColumnOptions options;
  options.rows = columns::Rows::kAllDatagrams;
  EXPECT_THAT(Rows(Same(2) + Transition() + Same(1), options),
              ElementsAre("null", "walked", "run of 3"));
  options.take = [](const dgram::Dgram& dgram) { return dgram.index() % 2 == 1; };
  EXPECT_THAT(Rows(Same(4), options), ElementsAre("walked", "walked"));
}

TEST(ForEachRow, EndsWhereItIsTold) {
  EXPECT_THAT(Rows(Same(9), {}, 1), ElementsAre("walked"));
  EXPECT_THAT(Rows(Same(3) + L1(3, ""), {}, 2), ElementsAre("walked", "run of 2"));
}

// Nothing is learnt from each of many forms.
TEST(ForEachRow, GivesUpLearningWhereShapesVary) {
  std::string run;
  for (uint32_t i = 0; i < 40; ++i) run += L1(i, Image(i, 3 + i));
  run += Same(2);
  EXPECT_EQ(Rows(run), std::vector<std::string>(42, "walked"));
}

TEST(PlaceText, NamesDatagramAndByteOfTheSource) {
  const std::string before = Configure() + Same(1);
  const auto batch = OneBatch(before + Same(1));
  EXPECT_EQ(PlaceText(batch, "x", batch.begin()->data() + before.size() + 30),
            "field x of datagram 2 of run.xtc2, at byte " + std::to_string(before.size() + 30));
}

}  // namespace
}  // namespace alkaid::columns::internal
