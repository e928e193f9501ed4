// `alkaid dgram --on-fault`: where requested, one bad datagram does not end the reading, and what
// is left out is named.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fixtures/made_dgrams.h"
#include "fixtures/made_streams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = events::fixtures;
using dgram::TransitionId;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

constexpr uint16_t kUnknownNames = 77;

// A run of six events in big and small data. The third is malformed inside; bytes that are no
// datagram follow the fourth of the big data.
class OnFaultCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string small = fixtures::SmdConfigure();
    std::string big = dgram::fixtures::Configure();
    for (uint64_t t = 1; t <= 6; ++t) {
      const std::string dgram =
          t == 3 ? fixtures::L1(t, dgram::fixtures::ShapesData(kUnknownNames, "", "x"))
                 : fixtures::L1(t);
      if (t == 3) malformed_at_ = big.size();
      small += fixtures::Smd(t, big.size(), dgram.size());
      big += dgram;
      if (t == 4) big += "no datagram";
    }
    small_ = folder_.Write("s.smd.xtc2", small);
    big_ = folder_.Write("s.xtc2", big);
  }

  const TestFolder folder_;
  std::string small_;
  std::string big_;
  size_t malformed_at_ = 0;
};

TEST_F(OnFaultCommand, GoesOnOnlyWhereItIsAskedFor) {
  const std::string out = folder_.path() + "/out";
  for (const Words& command : std::vector<Words>{{"dgram", "ls", big_},
                                                 {"dgram", "dump", big_},
                                                 {"dgram", "digest", big_},
                                                 {"dgram", "edit", big_, "-o", out},
                                                 {"dgram", "smd", big_, "-o", out}}) {
    Words asked = command;
    EXPECT_EQ(RunCommand(asked).exit_code, 2) << command[1];
    asked.insert(asked.end(), {"--on-fault", "skip-datagram"});
    EXPECT_EQ(RunCommand(asked).exit_code, 2) << command[1];
    asked.back() = "resync";
    asked.push_back("--json");
    const CommandResult result = RunCommand(asked);
    EXPECT_EQ(result.exit_code, 0) << command[1] << result.err;
    const Json report = Json::parse(result.out);
    EXPECT_EQ(report["n_dgrams"], 6) << command[1];
    EXPECT_EQ(report["n_skipped"], 2);
    ASSERT_EQ(report["skipped"].size(), 2U);
    EXPECT_EQ(report["skipped"][0]["offset"], malformed_at_);
    EXPECT_EQ(report["skipped"][0]["timestamp"], "3");
    EXPECT_EQ(report["skipped"][0]["previous_timestamp"], "2");
    EXPECT_EQ(report["skipped"][1]["size"], 11);
    EXPECT_THAT(
        result.err,
        AllOf(HasSubstr("s.xtc2: byte " + std::to_string(malformed_at_) + " (datagram 3"),
              HasSubstr("11 bytes were skipped, after 4"), HasSubstr("alkaid: 2 places skipped, ")))
        << command[1];
  }
}

TEST_F(OnFaultCommand, AnEventOfBigDataStaysWithoutTheDatagramThatIsMalformed) {
  const Words read = {"dgram", "read", "--json", "--batches", "--smd=" + small_, "--data=" + big_};
  // The content is checked only on request.
  EXPECT_EQ(RunCommand(read).exit_code, 0);
  Words asked = read;
  asked.insert(asked.end(), {"--on-fault", "skip-datagram"});
  const CommandResult result = RunCommand(asked);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const Json report = Json::parse(result.out);
  EXPECT_EQ(report["n_events"], 6);
  EXPECT_EQ(report["n_dgrams"], 5);
  const Json& events = report["batches"][0]["events"];
  EXPECT_TRUE(events[2]["dgrams"][0].is_null());
  EXPECT_EQ(events[2]["timestamp"], "3");
  EXPECT_FALSE(events[3]["dgrams"][0].is_null());
  EXPECT_EQ(report["skipped"][0]["offset"], malformed_at_);
}

// One record of fewer bytes than a datagram has, and one that is missing.
TEST_F(OnFaultCommand, AnEventOfBigDataStaysWithoutTheDatagramThatHasNoRecord) {
  const std::string configure = fixtures::SmdConfigure();
  const size_t at = configure.size() + 76;
  const std::string big =
      folder_.Write("b.xtc2", fixtures::L1(1) + fixtures::L1(2) + fixtures::L1(3));
  for (const std::string& bad : {fixtures::Smd(2, 24, 5), fixtures::L1(2)}) {
    const std::string small = folder_.Write(
        "b.smd.xtc2", configure + fixtures::Smd(1, 0, 24) + bad + fixtures::Smd(3, 48, 24));
    const Words read = {"dgram", "read", "--json", "--batches", "--smd=" + small, "--data=" + big};
    EXPECT_EQ(Json::parse(RunCommand(read).out)["n_events"], 1);
    Words asked = read;
    asked.push_back("--on-fault=skip-datagram");
    const CommandResult result = RunCommand(asked);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const Json report = Json::parse(result.out);
    EXPECT_EQ(report["n_events"], 3);
    EXPECT_EQ(report["n_dgrams"], 2);
    EXPECT_TRUE(report["batches"][0]["events"][1]["dgrams"][0].is_null());
    ASSERT_EQ(report["skipped"].size(), 1U);
    EXPECT_EQ(report["skipped"][0]["file"], small);
    EXPECT_EQ(report["skipped"][0]["offset"], at);
    EXPECT_EQ(report["skipped"][0]["size"], bad.size());
  }
  // Big data are not accepted as small data, whatever is left out.
  const std::string none =
      folder_.Write("none.smd.xtc2", dgram::fixtures::Configure() + fixtures::L1(1));
  EXPECT_EQ(RunCommand({"dgram", "read", "--smd=" + none, "--data=" + big, "--on-fault=resync"})
                .exit_code,
            2);
}

TEST_F(OnFaultCommand, EventsGoOnBehindMalformedSmallData) {
  std::string small = fixtures::SmdConfigure() + fixtures::Smd(1, 24, 24) + "garbage";
  for (uint64_t t = 2; t < 6; ++t) small += fixtures::Smd(t, 24 * t, 24);
  const std::string file = folder_.Write("bad.smd.xtc2", small);
  EXPECT_EQ(RunCommand({"dgram", "events", file}).exit_code, 2);
  const CommandResult result = RunCommand({"dgram", "events", "--json", "--on-fault=resync", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["n_events"], 5);
  EXPECT_EQ(Json::parse(result.out)["bytes_skipped"], 7);
}

// What is left out of one stream's small data does not end the events of all streams.
TEST_F(OnFaultCommand, ATransitionThatOneStreamLostStaysInTheOthers) {
  constexpr uint64_t kNoSuch = uint64_t{1} << 40;
  const std::string begin = fixtures::SmdConfigure() + fixtures::Smd(1, 0, 24);
  const std::string enable = fixtures::Dgram(TransitionId::kEnable, 2);
  std::string lost = enable;
  lost[20] = 3;  // its extent
  const std::string end = fixtures::Smd(3, 24, 24) + fixtures::Smd(4, 48, kNoSuch);
  const std::string whole = folder_.Write("whole.smd.xtc2", begin + enable + end);
  const std::string broken = folder_.Write("broken.smd.xtc2", begin + lost + end);
  const std::string big =
      folder_.Write("big.xtc2", fixtures::L1(1) + fixtures::L1(3) + fixtures::L1(4));

  const CommandResult built =
      RunCommand({"dgram", "events", "--json", "--events", "--on-fault=resync", whole, broken});
  EXPECT_EQ(built.exit_code, 0) << built.err;
  const Json events = Json::parse(built.out);
  EXPECT_EQ(events["n_events"], 4);
  EXPECT_EQ(events["n_skipped"], 2);
  EXPECT_EQ(events["bytes_skipped"], 24);
  EXPECT_THAT(built.err, HasSubstr("Enable at timestamp 2 is missing in stream 1"));

  const CommandResult read =
      RunCommand({"dgram", "read", "--json", "--batches", "--on-fault=resync", "--smd", whole,
                  broken, "--data", big, big});
  EXPECT_EQ(read.exit_code, 0) << read.err;
  const Json report = Json::parse(read.out);
  EXPECT_EQ(report["n_events"], 4);
  EXPECT_EQ(report["n_dgrams"], 4);
  const Json& given = report["batches"][0]["events"];
  EXPECT_TRUE(given[1]["dgrams"][1].is_null());
  EXPECT_FALSE(given[1]["dgrams"][0].is_null());
  EXPECT_TRUE(given[3]["dgrams"][0].is_null());
  // The lost Enable, the rest of its event, and a record of each stream.
  EXPECT_EQ(report["n_skipped"], 4);
}

TEST_F(OnFaultCommand, AStreamOfWhichNothingIsSoundIsNotCalledEmpty) {
  std::string small = fixtures::SmdConfigure() + fixtures::Smd(1, 0, 24);
  small.replace(24 + 8, 4, fixtures::Word(uint32_t{3}));  // the extent of its Names
  const std::string file = folder_.Write("unsound.smd.xtc2", small);
  const CommandResult result = RunCommand({"dgram", "events", "--on-fault=resync", file});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("stream 0 starts without a Configure: all of it was skipped"));
}

}  // namespace
}  // namespace alkaid::tools
