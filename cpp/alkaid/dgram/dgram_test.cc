#include "alkaid/dgram/dgram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Dgram, SeesItsHeaderInPlace) {
  const auto buffer = fixtures::AsBuffer(fixtures::Run(1));
  const int64_t at = static_cast<int64_t>(fixtures::Configure().size()) + 24;
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram dgram, Dgram::Make(buffer, at, nullptr, "run", 2));
  EXPECT_EQ(dgram.data(), buffer->data() + at);
  EXPECT_EQ(dgram.size(), static_cast<int64_t>(fixtures::Event(0).size()));
  EXPECT_EQ(dgram.service(), TransitionId::kL1Accept);
  EXPECT_TRUE(dgram.is_l1_accept());
  EXPECT_EQ(dgram.timestamp(), Timestamp(1, 0));
  EXPECT_EQ(dgram.offset(), at);
  EXPECT_EQ(dgram.index(), 2);
  EXPECT_EQ(dgram.configuration(), nullptr);
  EXPECT_EQ(dgram.buffer()->ToString(), fixtures::Event(0));
  EXPECT_EQ(dgram.buffer()->parent(), buffer);
}

TEST(Dgram, AConfigureIsItsOwnConfiguration) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram dgram,
                              Dgram::Make(fixtures::AsBuffer(fixtures::Configure())));
  ASSERT_NE(dgram.configuration(), nullptr);
  EXPECT_NE(dgram.configuration()->Find(NamesId(fixtures::kSrc)), nullptr);
}

TEST(Dgram, AConfigureIsItsOwnConfigurationAlsoWhereAnotherIsGiven) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram first,
                              Dgram::Make(fixtures::AsBuffer(fixtures::Configure())));
  // The same NamesId with another field.
  const std::string names = fixtures::Names(fixtures::kSrc, "det", 0, "raw", {{"count", 8, 0}});
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const Dgram second,
      Dgram::Make(fixtures::AsBuffer(fixtures::Dgram(TransitionId::kConfigure, names)), 0,
                  first.configuration()));
  EXPECT_EQ(second.configuration()->Find(NamesId(fixtures::kSrc))->fields().size(), 1);
  // A Configuration that declares the same stays.
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const Dgram same,
      Dgram::Make(fixtures::AsBuffer(fixtures::Configure()), 0, first.configuration()));
  EXPECT_EQ(same.configuration(), first.configuration());
  // Under a malformed Configure nothing is decoded.
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const Dgram bad, Dgram::Make(fixtures::AsBuffer(fixtures::Dgram(TransitionId::kConfigure,
                                                                      fixtures::Xtc(4, "short"))),
                                   0, first.configuration()));
  EXPECT_EQ(bad.configuration(), nullptr);
}

TEST(Dgram, KeepsTheBufferAlive) {
  auto buffer = fixtures::AsBuffer(fixtures::Run(0));
  const std::weak_ptr<Buffer> watch = buffer;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(Dgram dgram, Dgram::Make(std::move(buffer)));
    const Dgram copy = dgram;
    dgram = Dgram();
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(copy.service(), TransitionId::kConfigure);
  }
  EXPECT_TRUE(watch.expired());
}

TEST(Dgram, ACopyOwnsItsMemoryAndIsOtherwiseTheSame) {
  const auto batch = fixtures::AsBuffer(fixtures::Run(1));
  const std::weak_ptr<Buffer> watch = batch;
  const int64_t at = static_cast<int64_t>(fixtures::Configure().size()) + 24;
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram configure, Dgram::Make(batch));
  ProxyMemoryPool pool(default_memory_pool());
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram view,
                                Dgram::Make(batch, at, configure.configuration(), "run", 2));
    EXPECT_FALSE(view.owns_memory());
    ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram copy, view.Copy(&pool));
    EXPECT_TRUE(copy.owns_memory());
    EXPECT_GT(pool.bytes_allocated(), 0);
    EXPECT_NE(copy.data(), view.data());
    EXPECT_EQ(copy.buffer()->ToString(), view.buffer()->ToString());
    EXPECT_EQ(copy.offset(), at);
    EXPECT_EQ(copy.index(), 2);
    EXPECT_EQ(copy.source(), "run");
    EXPECT_EQ(copy.configuration(), view.configuration());
    ALKAID_EXPECT_OK(CheckDgram(copy));
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_FALSE(Dgram().owns_memory());
}

TEST(Dgram, OwnsABufferThatIsAllOfIt) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram owner,
                              Dgram::MakeOwned(fixtures::AsBuffer(fixtures::Configure())));
  EXPECT_TRUE(owner.owns_memory());
  EXPECT_THAT(Dgram::MakeOwned(fixtures::AsBuffer(fixtures::Run(1))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("cannot own a buffer of")));
}

TEST(Dgram, EveryCutOfItsBytesIsAPartialDatagram) {
  const std::string whole = fixtures::Event(3);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(Dgram::Make(fixtures::AsBuffer(whole.substr(0, size))),
                StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr("partial"), HasSubstr("byte 0"))))
        << size;
  }
  ALKAID_EXPECT_OK(Dgram::Make(fixtures::AsBuffer(whole)));
}

TEST(Dgram, AnExtentBelowItsOwnHeaderIsDataLoss) {
  for (const int64_t extent : {0, 1, 11}) {
    EXPECT_THAT(Dgram::Make(fixtures::AsBuffer(
                    fixtures::Dgram(TransitionId::kL1Accept, "payload", 0, 0, extent))),
                StatusIs(StatusCode::kDataLoss, HasSubstr("extent " + std::to_string(extent))));
  }
}

TEST(Dgram, TheLargestExtentIsPartialAndNoOverflow) {
  EXPECT_THAT(Dgram::Make(fixtures::AsBuffer(
                  fixtures::Dgram(TransitionId::kL1Accept, "", 0, 0, 0xffffffff))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("24 of 4294967307")));
}

TEST(Dgram, ABufferThatIsNotThereOrAnOffsetOutsideIsRefused) {
  EXPECT_THAT(Dgram::Make(nullptr), StatusIs(StatusCode::kInvalidArgument));
  const auto buffer = fixtures::AsBuffer(fixtures::Configure());
  EXPECT_THAT(Dgram::Make(buffer, -1), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(Dgram::Make(buffer, buffer->size() + 1), StatusIs(StatusCode::kOutOfRange));
}

TEST(Dgram, AFaultNamesSourceByteAndDatagram) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const Dgram dgram,
      Dgram::Make(fixtures::AsBuffer("xxxx" + fixtures::Configure()), 4, nullptr, "run.xtc2", 17));
  EXPECT_THAT(
      dgram.Fault(30, "it is wrong"),
      StatusIs(StatusCode::kDataLoss, "run.xtc2: byte 34 (datagram 17 at byte 4): it is wrong"));
}

TEST(Dgram, IsCompactedWhereItIsASmallPartOfItsBatch) {
  auto buffer = fixtures::AsBuffer(fixtures::Run(100));
  const std::weak_ptr<Buffer> batch = buffer;
  const int64_t at = static_cast<int64_t>(fixtures::Configure().size());
  ALKAID_ASSERT_OK_AND_ASSIGN(Dgram dgram, Dgram::Make(std::move(buffer), at, nullptr, "run", 1));
  EXPECT_THAT(dgram.CompactIfBelow(0), IsOkAndHolds(false));
  EXPECT_FALSE(dgram.owns_memory());
  EXPECT_THAT(dgram.CompactIfBelow(0.5), IsOkAndHolds(true));
  EXPECT_TRUE(batch.expired());
  EXPECT_TRUE(dgram.owns_memory());
  EXPECT_EQ(dgram.service(), TransitionId::kBeginRun);
  EXPECT_EQ(dgram.offset(), at);
  EXPECT_EQ(dgram.index(), 1);
  EXPECT_THAT(dgram.CompactIfBelow(1), IsOkAndHolds(false));
}

TEST(Dgram, IsNotCompactedByWhatIsNoRatioOrWithoutMemory) {
  ALKAID_ASSERT_OK_AND_ASSIGN(Dgram dgram, Dgram::Make(fixtures::AsBuffer(fixtures::Run(100))));
  EXPECT_THAT(dgram.CompactIfBelow(1.5), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Dgram().CompactIfBelow(0.5), StatusIs(StatusCode::kInvalidArgument));
  FaultInjectingMemoryPool pool(default_memory_pool());
  pool.fail_after(1);
  EXPECT_THAT(dgram.CompactIfBelow(0.9, &pool), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_FALSE(dgram.owns_memory());
  EXPECT_EQ(dgram.service(), TransitionId::kConfigure);
}

TEST(Dgram, WhoseOriginHasNoBufferHasNothingToLetGo) {
  const std::string event = fixtures::Event(3);
  Dgram dgram(std::make_shared<const DgramOrigin>(), reinterpret_cast<const uint8_t*>(event.data()),
              static_cast<int64_t>(event.size()), 0);
  EXPECT_THAT(dgram.CompactIfBelow(1), IsOkAndHolds(false));
  EXPECT_THAT(dgram.CompactIfBelow(2), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace alkaid::dgram
