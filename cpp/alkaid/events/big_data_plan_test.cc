#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/events/big_data_plan_internal.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"

namespace alkaid::events::internal {
namespace {

using dgram::TransitionId;
using fixtures::Dgram;
using fixtures::Smd;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

EventBatch Events(const std::vector<std::string>& streams) {
  return (*(*EventBuilder::Make(fixtures::Source(streams)))->Next()).batch();
}
std::shared_ptr<BigDataFile> File(const std::string& path, uint32_t chunk_id = 0) {
  return std::make_shared<BigDataFile>(BigDataFile{path, chunk_id, nullptr});
}
// "0@24+84" for a read of 84 bytes of stream 0 from byte 24, "0:path" for another file.
std::vector<std::string> Steps(BigDataPlan* plan) {
  std::vector<std::string> steps;
  for (const BigDataPlan::Step& step : plan->steps()) {
    steps.push_back(std::to_string(step.stream) +
                    (step.group == nullptr ? ":" + step.chunk->path
                                           : "@" + std::to_string(step.group->offset) + "+" +
                                                 std::to_string(step.group->nbytes)));
  }
  return steps;
}

TEST(BigDataPlan, OrdersReadsByTheEventThatNeedsThemFirst) {
  BigDataPlan plan(1000, 1000);
  plan.AddStream(File("a"));
  plan.AddStream(File("b"));
  plan.Add(
      Events({Smd(1, 0, 30) + Smd(3, 60, 30) + Smd(4, 90, 30), Smd(2, 0, 50) + Smd(4, 50, 50)}));
  EXPECT_THAT(Steps(&plan), ElementsAre("0@0+30", "1@0+100", "0@60+60"));
}

TEST(BigDataPlan, StartsAnewWithEachBatch) {
  BigDataPlan plan(1000, 1000);
  plan.AddStream(File("a"));
  plan.Add(Events({Smd(1, 0, 30)}));
  plan.Add(Events({Smd(2, 30, 30)}));
  EXPECT_THAT(Steps(&plan), ElementsAre("0@0+30", "0@30+30"));
}

TEST(BigDataPlan, ForgetsAGroupThatIsUsedUp) {
  BigDataPlan plan(1000, 1000);
  plan.AddStream(File("a"));
  plan.Add(Events({Smd(1, 0, 30) + Smd(2, 30, 40)}));
  BigDataPlan::Stream& stream = plan.streams().front();
  stream.Take(30);
  EXPECT_EQ(stream.at, 30);
  stream.Take(40);
  EXPECT_TRUE(stream.groups.empty());
  EXPECT_EQ(stream.open, nullptr);
}

TEST(BigDataPlan, NotesWhatIsWrongAtItsEventAndGoesNoFurther) {
  BigDataPlan plan(1000, 100);
  plan.AddStream(File("a"));
  const BigDataPlan::Batch batch =
      plan.Add(Events({Smd(1, 0, 30) + Smd(2, 30, 101) + Smd(3, 200, 30)}));
  EXPECT_EQ(batch.fault_at, 1);
  EXPECT_THAT(batch.fault, StatusIs(StatusCode::kResourceExhausted, HasSubstr("a: byte 30")));
  EXPECT_THAT(Steps(&plan), ElementsAre("0@0+30"));
  EXPECT_FALSE(batch.IsThrough(1));
}

TEST(BigDataPlan, RefusesEventsOfAnotherNumberOfStreams) {
  BigDataPlan plan(1000, 1000);
  plan.AddStream(File("a"));
  const BigDataPlan::Batch batch = plan.Add(Events({Smd(1, 0, 30), ""}));
  EXPECT_THAT(batch.fault, StatusIs(StatusCode::kDataLoss, HasSubstr("2 streams, expected 1")));
}

// A transition of stream 0 that announces a chunk, in a window of its own Configuration.
EventBatch Announcement(uint32_t chunk_id, const std::string& filename,
                        TransitionId service = TransitionId::kEnable) {
  dgram::Field id;
  id.name = "chunkid";
  id.type = dgram::DataType::kUInt32;
  dgram::Field name;
  name.name = "filename";
  name.type = dgram::DataType::kCharStr;
  name.rank = 1;
  const auto chunkinfo = *dgram::Names::Make(dgram::NamesId(1, 9), "chunkinfo", "chunkinfo", "", 0,
                                             dgram::Algorithm{"chunkinfo", 1}, {id, name});
  const auto both = *dgram::Configuration::FromNames(
      {chunkinfo, *SmdInfo::Declaration(dgram::NamesId(fixtures::kSmdSrc))});
  std::string text = filename;
  text.resize((text.size() + 4) / 4 * 4);
  std::string shape = fixtures::Word(static_cast<uint32_t>(text.size()));
  shape.resize(20);
  const uint32_t src = 1 << 8 | 9;
  const std::string payload = fixtures::Xtc(
      1, src,
      fixtures::Xtc(2, src, shape) + fixtures::Xtc(3, src, fixtures::Word(chunk_id) + text));
  const std::string stream = Smd(1, 100, 30) + Dgram(service, 2, payload) + Smd(3, 0, 30);
  return (*(*EventBuilder::Make(*OneWindow({Buffer::FromString(stream)}, {both})))->Next()).batch();
}

TEST(BigDataPlan, GoesOnInTheChunkThatAnEnableOrASlowUpdateAnnounces) {
  for (const TransitionId service : {TransitionId::kEnable, TransitionId::kSlowUpdate}) {
    BigDataPlan plan(1000, 1000);
    plan.AddStream(File("run/a-c001.xtc2", 1));
    EXPECT_TRUE(plan.Add(Announcement(2, "a-c002.xtc2", service)).fault.ok());
    EXPECT_THAT(Steps(&plan), ElementsAre("0@100+30", "0:run/a-c002.xtc2", "0@0+30"));
    EXPECT_EQ(plan.streams().front().groups.back()->file->path, "run/a-c002.xtc2");
  }
}

TEST(BigDataPlan, RefusesAnAnnouncedFileThatItWouldLeaveOut) {
  BigDataPlan plan(1000, 1000);
  plan.AddStream(File("run/a-c002.xtc2", 2));
  const BigDataPlan::Batch batch = plan.Add(Announcement(2, "b-c002.xtc2"));
  EXPECT_EQ(batch.fault_at, 1);
  EXPECT_THAT(batch.fault,
              StatusIs(StatusCode::kDataLoss,
                       HasSubstr("announces chunk 2 in b-c002.xtc2, which readers do not reach")));
}

TEST(BigDataPlan, LeavesAnnouncementsAloneWhereItIsNotToFollow) {
  BigDataPlan plan(1000, 1000, /*follow_chunks=*/false);
  plan.AddStream(File("run/a-c002.xtc2", 2));
  for (const uint32_t chunk_id : {1, 2, 3}) plan.Add(Announcement(chunk_id, "b.xtc2"));
  EXPECT_EQ(plan.streams().front().file->path, "run/a-c002.xtc2");
  EXPECT_EQ(plan.steps().size(), 6);
}

TEST(BigDataPlan, StaysWhereTheChunkIsNoLaterOne) {
  BigDataPlan plan(1000, 1000);
  plan.AddStream(File("run/a-c002.xtc2", 2));
  plan.Add(Announcement(2, "a-c002.xtc2"));
  EXPECT_THAT(Steps(&plan), ElementsAre("0@100+30", "0@0+30"));
}

TEST(BigDataPlan, RefusesAChunkOutsideTheFolder) {
  BigDataPlan plan(1000, 1000);
  plan.AddStream(File("run/a-c000.xtc2", 0));
  const BigDataPlan::Batch batch = plan.Add(Announcement(1, "../secret"));
  EXPECT_EQ(batch.fault_at, 1);
  EXPECT_THAT(batch.fault, StatusIs(StatusCode::kDataLoss, HasSubstr("../secret")));
}

}  // namespace
}  // namespace alkaid::events::internal
