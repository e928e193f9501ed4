#include "alkaid/events/smd_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

#include "alkaid/dgram/writer.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::events {
namespace {

using dgram::Configuration;
using dgram::Dgram;
using dgram::DgramWriter;
using dgram::NamesId;
using dgram::Timestamp;
using dgram::TransitionId;
using ::testing::HasSubstr;

// One L1Accept of small data, made by the ordinary writer.
Result<Dgram> Smd(const dgram::Names& names, uint64_t offset, uint64_t size,
                  const std::shared_ptr<const Configuration>& configuration) {
  DgramWriter writer;
  ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 2)));
  ALKAID_RETURN_NOT_OK(writer.BeginData(names));
  ALKAID_RETURN_NOT_OK(writer.Scalar<uint64_t>(offset));
  ALKAID_RETURN_NOT_OK(writer.Scalar<uint64_t>(size));
  ALKAID_RETURN_NOT_OK(writer.EndData());
  ALKAID_RETURN_NOT_OK(writer.End());
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> bytes, writer.Finish());
  return Dgram::Make(std::move(bytes), 0, configuration);
}

class SmdRecordTest : public ::testing::Test {
 protected:
  const dgram::Names names_ = *SmdInfo::Declaration(NamesId(512, 0));
  const std::shared_ptr<const Configuration> configuration_ = *Configuration::FromNames({names_});
  const SmdInfo info_ = *SmdInfo::Find(configuration_);
};

TEST_F(SmdRecordTest, IsReadFromTheDatagramThatHoldsNothingElse) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram smd, Smd(names_, 43072, 848, configuration_));
  EXPECT_EQ(smd.size(), SmdInfo::kDgramBytes);
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdRecord record, info_.Read(smd));
  EXPECT_EQ(record.offset, 43072);
  EXPECT_EQ(record.size, 848);
}

TEST_F(SmdRecordTest, IsFoundAmongOtherData) {
  dgram::Field field;
  field.name = "x";
  const auto other =
      *dgram::Names::Make(NamesId(1, 1), "det", "", "", 0, dgram::Algorithm{"raw", 0}, {field});
  const auto both = *Configuration::FromNames({other, names_});
  DgramWriter writer;
  ASSERT_TRUE(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 2)).ok());
  ASSERT_TRUE(writer.BeginData(other).ok());
  ASSERT_TRUE(writer.Scalar<uint8_t>(1).ok());
  ASSERT_TRUE(writer.EndData().ok());
  ASSERT_TRUE(writer.BeginData(names_).ok());
  ASSERT_TRUE(writer.Scalar<uint64_t>(7).ok());
  ASSERT_TRUE(writer.Scalar<uint64_t>(24).ok());
  ASSERT_TRUE(writer.EndData().ok());
  ASSERT_TRUE(writer.End().ok());
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram smd, Dgram::Make(*writer.Finish(), 0, both));
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdInfo info, SmdInfo::Find(both));
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdRecord record, info.Read(smd));
  EXPECT_EQ(record.offset, 7);
  EXPECT_EQ(record.size, 24);
}

TEST_F(SmdRecordTest, IsRefusedWhereItCanNotBeTrue) {
  const auto refused = [&](uint64_t offset, uint64_t size, const char* why) {
    EXPECT_THAT(info_.Read(*Smd(names_, offset, size, configuration_)),
                StatusIs(StatusCode::kDataLoss, HasSubstr(why)));
  };
  refused(0, 23, "record of 23 bytes at byte 0, the least datagram has 24");
  refused(0, 0, "record of 0 bytes");
  refused(std::numeric_limits<uint64_t>::max(), 24, "byte 18446744073709551615");
  refused(24, std::numeric_limits<uint64_t>::max(), "byte 24");
}

TEST_F(SmdRecordTest, HasAtMostTheBytesThatAnExtentCanState) {
  constexpr uint64_t kMax = (uint64_t{1} << 32) - 1 + 12;
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdRecord record,
                              info_.Read(*Smd(names_, 5, kMax, configuration_)));
  EXPECT_EQ(record.size, static_cast<int64_t>(kMax));
  EXPECT_THAT(info_.Read(*Smd(names_, 5, kMax + 1, configuration_)),
              StatusIs(StatusCode::kDataLoss,
                       HasSubstr("record of 4294967308 bytes at byte 5, the least datagram has 24 "
                                 "and the largest 4294967307")));
}

TEST_F(SmdRecordTest, IsNotReadUnderAnotherConfigurationThanItsDatagrams) {
  // The NamesId of the records is the same in both, and the fields have changed places.
  std::vector<dgram::Field> fields = names_.fields();
  std::swap(fields[0], fields[1]);
  const auto swapped = *dgram::Names::Make(names_.id(), "smdinfo", "offset", "", 0,
                                           names_.algorithm(), std::move(fields));
  const auto later = *Configuration::FromNames({swapped});
  const Dgram smd = *Smd(swapped, 30, 100, later);
  EXPECT_THAT(info_.Read(smd), StatusIs(StatusCode::kFailedPrecondition,
                                        HasSubstr("another Configuration than that of datagram")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdInfo info, SmdInfo::Find(later));
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdRecord record, info.Read(smd));
  EXPECT_EQ(record.size, 30);
  EXPECT_EQ(record.offset, 100);
}

TEST_F(SmdRecordTest, IsNotFoundInADatagramWithoutOne) {
  DgramWriter writer;
  ASSERT_TRUE(writer.Begin(TransitionId::kSlowUpdate, Timestamp(1, 2)).ok());
  ASSERT_TRUE(writer.End().ok());
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram none, Dgram::Make(*writer.Finish(), 0, configuration_));
  EXPECT_THAT(info_.Read(none), StatusIs(StatusCode::kNotFound, HasSubstr("SlowUpdate")));
}

TEST_F(SmdRecordTest, NeedsItsDeclaration) {
  EXPECT_THAT(SmdInfo::Find(*Configuration::FromNames({})),
              StatusIs(StatusCode::kNotFound, HasSubstr("no smdinfo/0/offsetAlg")));
  EXPECT_THAT(SmdInfo::Find(nullptr), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace alkaid::events
