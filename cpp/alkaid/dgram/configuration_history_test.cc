#include "alkaid/dgram/configuration_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/verify.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kUInt32 = 2;
constexpr uint32_t kFloat = 8;

std::string ConfigureAt(uint32_t nanoseconds, uint32_t type) {
  return fixtures::Dgram(TransitionId::kConfigure,
                         fixtures::Names(fixtures::kSrc, "det", 0, "raw", {{"x", type, 0}}),
                         nanoseconds);
}
std::string EventAt(uint32_t nanoseconds) {
  return fixtures::Dgram(TransitionId::kL1Accept,
                         fixtures::ShapesData(fixtures::kSrc, "", fixtures::Bytes(1.0F)),
                         nanoseconds);
}

class ConfigurationHistoryTest : public ::testing::Test {
 protected:
  ~ConfigurationHistoryTest() override { std::filesystem::remove_all(folder_); }

  Result<std::shared_ptr<const ConfigurationHistory>> Read(
      const std::string& bytes, int64_t max_dgram_bytes = kMaxDgramBytes) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/c000.xtc2", std::ios::binary) << bytes;
    return ConfigurationHistory::Read(folder_ + "/c000.xtc2", max_dgram_bytes);
  }
  // The types under which x is read in the datagrams of `chunk`; stops at a fault, which is in
  // `fault_`.
  std::vector<DataType> Types(std::shared_ptr<const ConfigurationHistory> history,
                              const std::string& chunk, OnFault on_fault = OnFault::kStop) {
    std::vector<DataType> types;
    BatchReaderOptions options;
    options.history = std::move(history);
    options.on_fault = on_fault;
    const auto reader = BatchReader::Open(fixtures::AsBuffer(chunk), std::move(options)).value();
    while (true) {
      const Result<DgramBatch> batch = reader->Next();
      fault_ = batch.status();
      if (!batch.ok() || batch->empty()) return types;
      for (const Dgram& dgram : *batch) {
        EXPECT_EQ(
            ForEachField(dgram, [&](const ShapesData&,
                                    const FieldView& field) { types.push_back(field.type()); }),
            absl::OkStatus());
      }
    }
  }

  const std::string folder_ =
      (std::filesystem::temp_directory_path() / ("alkaid_history_" + std::to_string(::getpid())))
          .string();
  Status fault_;
};

TEST_F(ConfigurationHistoryTest, TheLastConfigureThatIsNotLaterCounts) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const auto history, Read(ConfigureAt(10, kUInt32) + EventAt(11) + ConfigureAt(20, kFloat) +
                               EventAt(21) + ConfigureAt(30, kUInt32)));
  EXPECT_EQ(history->size(), 3);
  EXPECT_THAT(Types(history, EventAt(10) + EventAt(19) + EventAt(20) + EventAt(29) + EventAt(30) +
                                 EventAt(12) + EventAt(99)),
              ElementsAre(DataType::kUInt32, DataType::kUInt32, DataType::kFloat, DataType::kFloat,
                          DataType::kUInt32, DataType::kUInt32, DataType::kUInt32));
  ALKAID_EXPECT_OK(fault_);
}

TEST_F(ConfigurationHistoryTest, OneThatDeclaresTheSameCountsForAll) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const auto history, Read(ConfigureAt(30, kFloat) + EventAt(31) + ConfigureAt(20, kFloat)));
  EXPECT_EQ(history->size(), 1);
  EXPECT_THAT(Types(history, EventAt(1) + EventAt(99)),
              ElementsAre(DataType::kFloat, DataType::kFloat));
}

TEST_F(ConfigurationHistoryTest, WhatIsEarlierThanAllHasNone) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto history,
                              Read(ConfigureAt(10, kUInt32) + ConfigureAt(20, kFloat)));
  const std::string chunk = EventAt(20) + EventAt(9) + EventAt(10);
  EXPECT_THAT(Types(history, chunk), ElementsAre(DataType::kFloat));
  EXPECT_THAT(fault_, StatusIs(StatusCode::kDataLoss,
                               AllOf(HasSubstr("(datagram 1 "),
                                     HasSubstr("L1Accept of 1.000000009 is earlier than all 2 "
                                               "Configures of "),
                                     HasSubstr("c000.xtc2, the first of 1.000000010"))));
  EXPECT_THAT(Types(history, chunk, OnFault::kSkipDatagram),
              ElementsAre(DataType::kFloat, DataType::kUInt32));
  ALKAID_EXPECT_OK(fault_);
}

TEST_F(ConfigurationHistoryTest, AConfigureOfTheSourceItselfEndsIt) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto history,
                              Read(ConfigureAt(10, kUInt32) + ConfigureAt(20, kFloat)));
  for (const OnFault on_fault : {OnFault::kStop, OnFault::kSkipDatagram, OnFault::kResync}) {
    EXPECT_THAT(Types(history, EventAt(11) + ConfigureAt(12, kFloat) + EventAt(13), on_fault),
                ElementsAre(DataType::kUInt32, DataType::kFloat));
  }
  // A Configure that is left out counts too: nothing is known of the data after it.
  const std::string bad =
      fixtures::Dgram(TransitionId::kConfigure, fixtures::Xtc(fixtures::kNames, "short"), 12);
  EXPECT_THAT(Types(history, EventAt(11) + bad + EventAt(13), OnFault::kSkipDatagram),
              ElementsAre(DataType::kUInt32));
}

TEST_F(ConfigurationHistoryTest, VerifyAgreesWithTheReader) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto history,
                              Read(ConfigureAt(10, kUInt32) + ConfigureAt(20, kFloat) +
                                   fixtures::Dgram(TransitionId::kConfigure, "", 30)));
  std::vector<std::string> faults;
  Verifier verifier(
      "chunk",
      [&](const Finding& finding) {
        if (finding.kind == Finding::Kind::kFault) faults.push_back(finding.ToString());
      },
      history);
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const auto reader,
      BatchReader::Open(fixtures::AsBuffer(EventAt(9) + EventAt(10) + EventAt(20) + EventAt(30) +
                                           ConfigureAt(31, kFloat) + EventAt(9)),
                        ForVerifying()));
  ALKAID_ASSERT_OK(verifier.CheckAll(*reader));
  EXPECT_THAT(faults,
              ElementsAre(HasSubstr("L1Accept of 1.000000009 is earlier than all 3 Configures"),
                          HasSubstr("which the Configure does not declare")));
}

TEST_F(ConfigurationHistoryTest, ConfiguresOutOfOrderAreRefused) {
  for (const uint32_t second : {10U, 9U}) {
    EXPECT_THAT(Read(ConfigureAt(10, kUInt32) + ConfigureAt(second, kFloat)),
                StatusIs(StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("c000.xtc2: the Configure of 1.0000000"),
                               HasSubstr("is not known"))));
  }
}

TEST_F(ConfigurationHistoryTest, SaysWhatIsWrongWithTheFile) {
  EXPECT_THAT(Read(""), StatusIs(StatusCode::kDataLoss, HasSubstr("no Configure")));
  EXPECT_THAT(Read(EventAt(1)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("L1Accept before any Configure")));
  EXPECT_THAT(Read("root:x:0:0:root:/root:/bin/bash\n"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("not an XTC2 file")));
  const std::string begin = ConfigureAt(10, kUInt32) + EventAt(11);
  const std::string at = "byte " + std::to_string(begin.size()) + " (datagram 2 ";
  EXPECT_THAT(Read(begin + std::string(24, '\0')),
              StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr(at), HasSubstr("extent 0"))));
  EXPECT_THAT(Read(begin + ConfigureAt(20, kFloat).substr(0, 100)),
              StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr(at), HasSubstr("partial"))));
  EXPECT_THAT(Read(begin + EventAt(20).substr(0, 20)),
              StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr(at), HasSubstr("partial"))));
  EXPECT_THAT(Read(begin + ConfigureAt(20, 77)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("byte " + std::to_string(begin.size()))));
  EXPECT_THAT(Read(begin, 100),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("--max-dgram-bytes")));
  EXPECT_THAT(ConfigurationHistory::Read("/nowhere"), StatusIs(StatusCode::kNotFound));
  // A last datagram that is no Configure hides no Configure.
  ALKAID_EXPECT_OK(Read(begin + EventAt(20).substr(0, 30)));
}

TEST_F(ConfigurationHistoryTest, FindsConfiguresBetweenDatagramsOfAllSizes) {
  // Datagrams of all sizes around that of one read, and Configures at all places in it.
  std::string run;
  int64_t configures = 0;
  for (uint32_t i = 0; i < 60; ++i) {
    if (i % 3 == 0) {
      run += ConfigureAt(1000 + i, i % 2 == 0 ? kUInt32 : kFloat);
      ++configures;
    }
    run += fixtures::Dgram(TransitionId::kL1Accept,
                           fixtures::Xtc(99, std::string(i * 1237 % 40'000, 'x')), 1000 + i);
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto history, Read(run));
  EXPECT_EQ(history->size(), configures);
}

}  // namespace
}  // namespace alkaid::dgram
