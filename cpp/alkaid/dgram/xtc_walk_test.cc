#include "alkaid/dgram/xtc_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Dgram Enable(const std::string& payload, uint16_t damage = 0) {
  return Dgram::Make(fixtures::AsBuffer(fixtures::Dgram(TransitionId::kEnable, payload, 0, damage)))
      .value();
}

// The src of each Xtc met, and the final status.
std::pair<std::vector<uint32_t>, Status> Walk(const Dgram& dgram) {
  std::vector<uint32_t> met;
  XtcWalk walk(dgram);
  while (walk.Next()) met.push_back(walk.xtc().src);
  return {met, walk.status()};
}

TEST(XtcWalk, GoesThroughParentsInOrderAndSkipsUnknownTypes) {
  const std::string nested = fixtures::Xtc(
      fixtures::kParent,
      fixtures::Xtc(77, "abc", 2) + fixtures::Xtc(fixtures::kParent, fixtures::Xtc(77, "", 3)));
  const auto [met, status] =
      Walk(Enable(fixtures::Xtc(0x123, "", 1) + nested + fixtures::Xtc(77, "z", 4)));
  ALKAID_EXPECT_OK(status);
  EXPECT_THAT(met, ElementsAre(1, 2, 3, 4));
}

TEST(XtcWalk, AnEmptyPayloadAndEmptyParentsAreSound) {
  EXPECT_THAT(Walk(Enable("")).first, IsEmpty());
  const auto [met, status] =
      Walk(Enable(fixtures::Xtc(fixtures::kParent, "") + fixtures::Xtc(77, "", 1)));
  ALKAID_EXPECT_OK(status);
  EXPECT_THAT(met, ElementsAre(1));
}

TEST(XtcWalk, DoesNotDescendIntoWhatIsCorrupted) {
  const std::string junk = "this is no Xtc at all";
  const auto [met, status] =
      Walk(Enable(fixtures::Xtc(fixtures::kParent, junk, 0, 8) + fixtures::Xtc(77, "", 1)));
  ALKAID_EXPECT_OK(status);
  EXPECT_THAT(met, ElementsAre(1));
  ALKAID_EXPECT_OK(Walk(Enable(junk, 8)).second);
}

TEST(XtcWalk, OtherDamageIsDataAndDescendedInto) {
  const auto [met, status] =
      Walk(Enable(fixtures::Xtc(fixtures::kParent, fixtures::Xtc(77, "", 1), 0, 0xfff7), 0xfff7));
  ALKAID_EXPECT_OK(status);
  EXPECT_THAT(met, ElementsAre(1));
}

TEST(XtcWalk, SlackOfOneToElevenBytesIsAFaultAtItsByte) {
  for (size_t slack = 1; slack < 12; ++slack) {
    const auto [met, status] = Walk(Enable(fixtures::Xtc(77, "abc", 1) + std::string(slack, '\0')));
    EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss,
                                 AllOf(HasSubstr("byte 39 "),
                                       HasSubstr(std::to_string(slack) + " bytes are left"))));
    EXPECT_THAT(met, ElementsAre(1));
  }
}

TEST(XtcWalk, AnExtentBelowTwelveOrBeyondTheParentIsAFault) {
  for (const int64_t extent : {int64_t{0}, int64_t{11}, int64_t{17}, int64_t{0xffffffff}}) {
    // In a Parent of its own that bytes follow: the Parent is the limit, not the datagram.
    const std::string payload =
        fixtures::Xtc(fixtures::kParent, fixtures::Xtc(77, "abcd", 1, 0, extent)) +
        fixtures::Xtc(77, std::string(64, 'x'), 2);
    const auto [met, status] = Walk(Enable(payload));
    EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss,
                                 AllOf(HasSubstr("byte 36 "),
                                       HasSubstr("extent " + std::to_string(extent)))));
    EXPECT_THAT(met, IsEmpty());
  }
}

std::string Nested(int depth) {
  std::string payload = fixtures::Xtc(77, "", 1);
  for (int i = 0; i < depth; ++i) payload = fixtures::Xtc(fixtures::kParent, payload);
  return payload;
}

TEST(XtcWalk, ParentsNestUpToTheLimit) {
  EXPECT_THAT(Walk(Enable(Nested(XtcWalk::kMaxDepth))).first, ElementsAre(1));
  EXPECT_THAT(Walk(Enable(Nested(XtcWalk::kMaxDepth + 1))).second,
              StatusIs(StatusCode::kDataLoss, HasSubstr("64")));
  EXPECT_THAT(CheckExtents(Enable(Nested(2'000))), StatusIs(StatusCode::kDataLoss));
}

TEST(XtcWalk, ManyCorruptedParentsSideBySideTakeNoStack) {
  std::string payload;
  for (int i = 0; i < 200'000; ++i) payload += fixtures::Xtc(fixtures::kParent, "", 0, 8);
  ALKAID_EXPECT_OK(CheckExtents(Enable(payload)));
}

TEST(XtcWalk, AWalkThatEndedStaysEnded) {
  const Dgram dgram = Enable(std::string(5, 'x'));
  XtcWalk walk(dgram);
  EXPECT_FALSE(walk.Next());
  EXPECT_FALSE(walk.Next());
  EXPECT_THAT(walk.status(), StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace alkaid::dgram
