#include "alkaid/dgram/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alkaid/dgram/dgram.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Result<std::shared_ptr<const Configuration>> FromPayload(const std::string& payload) {
  ALKAID_ASSIGN_OR_RAISE(
      const Dgram dgram,
      Dgram::Make(fixtures::AsBuffer(fixtures::Dgram(TransitionId::kConfigure, payload)), 0));
  return dgram.configuration();
}

TEST(Configuration, FindsByNamesIdAmongMany) {
  std::string payload;
  for (uint32_t i = 0; i < 200; ++i) {
    payload += fixtures::Names(i * 0x101, "det" + std::to_string(i), i, "raw", {{"x", 0, 0}});
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto configuration, FromPayload(payload));
  EXPECT_THAT(configuration->names(), SizeIs(200));
  for (uint32_t i = 0; i < 200; ++i) {
    const Names* names = configuration->Find(NamesId(i * 0x101));
    ASSERT_NE(names, nullptr);
    EXPECT_EQ(names->segment(), i);
    EXPECT_EQ(configuration->Find(NamesId(i * 0x101 + 1)), nullptr);
  }
}

TEST(Configuration, DeclaresTheSameAsAnotherOfEqualNamesInTheSameOrder) {
  const std::string one = fixtures::Names(1, "det", 0, "raw", {{"x", 2, 0}});
  const std::string two = fixtures::Names(2, "det", 1, "raw", {{"x", 2, 0}});
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto both, FromPayload(one + two));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto equal, FromPayload(one + two));
  EXPECT_TRUE(both->DeclaresTheSame(*both));
  EXPECT_TRUE(both->DeclaresTheSame(*equal));
  for (const std::string& other :
       {two + one, one, std::string(), one + fixtures::Names(2, "det", 1, "raw", {{"x", 8, 0}}),
        one + fixtures::Names(2, "det", 1, "raw", {{"x", 2, 1}}),
        one + fixtures::Names(2, "det", 1, "raw", {{"y", 2, 0}}),
        one + fixtures::Names(2, "det", 1, "fex", {{"x", 2, 0}}),
        one + fixtures::Names(2, "dex", 1, "raw", {{"x", 2, 0}}),
        one + fixtures::Names(2, "det", 2, "raw", {{"x", 2, 0}}),
        one + fixtures::Names(3, "det", 1, "raw", {{"x", 2, 0}})}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto another, FromPayload(other));
    EXPECT_FALSE(both->DeclaresTheSame(*another));
  }
}

TEST(Configuration, WithoutNamesFindsNothing) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto configuration, FromPayload(""));
  EXPECT_EQ(configuration->Find(NamesId(0)), nullptr);
  EXPECT_THAT(configuration->Find("det", 0, "raw"), SizeIs(0));
}

TEST(Configuration, FindsAFieldByDetectorSegmentAlgorithmAndName) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const auto configuration,
      FromPayload(fixtures::Names(1, "det", 0, "raw", {{"x", 0, 0}, {"y", 0, 0}}) +
                  fixtures::Names(2, "det", 1, "raw", {{"y", 0, 0}})));
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldHandle handle, configuration->Find("det", 0, "raw", "y"));
  ASSERT_THAT(handle.places(), SizeIs(1));
  EXPECT_EQ(handle.places()[0].id, NamesId(1));
  EXPECT_EQ(handle.places()[0].field, 1);
}

TEST(Configuration, AFieldOfSeveralNamesIdsHasSeveralPlaces) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const auto configuration,
      FromPayload(fixtures::Names(1, "det", 0, "config", {{"x", 0, 0}}) +
                  fixtures::Names(2, "det", 0, "config", {{"w", 0, 0}, {"x", 0, 0}})));
  EXPECT_THAT(configuration->Find("det", 0, "config"), SizeIs(2));
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldHandle handle,
                              configuration->Find("det", 0, "config", "x"));
  ASSERT_THAT(handle.places(), SizeIs(2));
  EXPECT_EQ(handle.places()[1].field, 1);
}

TEST(Configuration, WhatIsNotDeclaredIsNotFoundAndSaysHowFarItMatched) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto configuration,
                              FromPayload(fixtures::Names(1, "det", 0, "raw", {{"x", 0, 0}})));
  EXPECT_THAT(configuration->Find("det", 0, "raw", "z"),
              StatusIs(StatusCode::kNotFound, AllOf(HasSubstr("\"z\""), HasSubstr("no field"))));
  EXPECT_THAT(configuration->Find("det", 4, "raw", "x"),
              StatusIs(StatusCode::kNotFound, HasSubstr("other parts")));
  EXPECT_THAT(configuration->Find("other", 0, "raw", "x"),
              StatusIs(StatusCode::kNotFound, HasSubstr("nor anything")));
}

TEST(Configuration, OfTwoNamesWithOneIdTheLastCounts) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto configuration,
                              FromPayload(fixtures::Names(1, "old", 0, "raw", {{"x", 0, 0}}) +
                                          fixtures::Names(1, "new", 0, "raw", {{"x", 0, 0}})));
  EXPECT_EQ(configuration->Find(NamesId(1))->detector(), "new");
  EXPECT_THAT(configuration->Find("old", 0, "raw"), SizeIs(0));
}

TEST(Configuration, NamesInsideAParentCount) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const auto configuration,
      FromPayload(fixtures::Xtc(fixtures::kParent, fixtures::Names(1, "det", 0, "raw", {}))));
  EXPECT_NE(configuration->Find(NamesId(1)), nullptr);
}

TEST(Configuration, MalformedNamesAreDataLossAtTheirByte) {
  const std::string good = fixtures::Names(1, "det", 0, "raw", {{"x", 0, 0}});
  EXPECT_THAT(
      FromPayload(good + fixtures::Names(2, "det", 1, "raw", {{"bad", 99, 0}})),
      StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr("byte " + std::to_string(24 + good.size())),
                                            HasSubstr("datagram 0"), HasSubstr("\"bad\""))));
  EXPECT_THAT(FromPayload(fixtures::Xtc(fixtures::kNames, std::string(100, '\0'), 1)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("extent 112")));
}

TEST(Configuration, OnlyAConfigureMakesOne) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const Dgram dgram,
      Dgram::Make(fixtures::AsBuffer(fixtures::Dgram(TransitionId::kEnable, ""))));
  EXPECT_THAT(Configuration::FromDgram(dgram),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("Enable")));
}

TEST(Configuration, DeclarationsOfOneIdAreRefused) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names a, Names::Make(NamesId(1), "a", "", "", 0, {}, {}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names b, Names::Make(NamesId(2), "b", "", "", 0, {}, {}));
  ALKAID_EXPECT_OK(Configuration::FromNames({a, b}));
  EXPECT_THAT(Configuration::FromNames({a, b, a}), StatusIs(StatusCode::kAlreadyExists));
}

TEST(FieldHandle, KeepsItsConfiguration) {
  FieldHandle handle;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto configuration,
                                FromPayload(fixtures::Names(1, "det", 0, "raw", {{"x", 0, 0}})));
    ALKAID_ASSERT_OK_AND_ASSIGN(handle, configuration->Find("det", 0, "raw", "x"));
  }
  EXPECT_EQ(handle.configuration()->names()[0].detector(), "det");
}

}  // namespace
}  // namespace alkaid::dgram
