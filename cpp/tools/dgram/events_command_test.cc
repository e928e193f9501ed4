// `alkaid dgram events` and `alkaid dgram read` as people use them: what they print, and how they
// exit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = events::fixtures;
namespace fs = std::filesystem;
using dgram::TransitionId;
using ::testing::HasSubstr;
using Json = nlohmann::json;

// A run of two streams: the second has every other event.
class EventsCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("alkaid_events_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    for (int stream = 0; stream < 2; ++stream) {
      std::string small = fixtures::SmdConfigure();
      std::string big;
      const auto transition = [&](TransitionId service, uint64_t timestamp) {
        small += fixtures::Dgram(service, timestamp);
        big += fixtures::Dgram(service, timestamp);
      };
      transition(TransitionId::kBeginRun, 1);
      for (uint64_t t = 2; t < 10; t += 1 + static_cast<uint64_t>(stream)) {
        const std::string dgram = fixtures::L1(t);
        small += fixtures::Smd(t, big.size(), dgram.size());
        big += dgram;
      }
      transition(TransitionId::kEndRun, 10);
      small_.push_back(Write("s" + std::to_string(stream) + ".smd.xtc2", small));
      big_.push_back(Write("s" + std::to_string(stream) + ".xtc2", big));
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return (folder_ / name).string();
  }
  CommandResult Read(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"dgram", "read", "--max-retries", "0"};
    for (int i = 0; i < 2; ++i) {
      arguments.push_back("--smd=" + small_[static_cast<size_t>(i)]);
      arguments.push_back("--data=" + big_[static_cast<size_t>(i)]);
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCommand(arguments);
  }

  fs::path folder_;
  std::vector<std::string> small_;
  std::vector<std::string> big_;
};

TEST_F(EventsCommand, ListsBatchesAndTheirEvents) {
  const CommandResult result =
      RunCommand({"dgram", "events", "--batch-size", "6", "--events", small_[0], small_[1]});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("batches 2, events 10, of which transitions 2"));
  EXPECT_THAT(result.out, ::testing::ContainsRegex(" 3 +76 +-\n"));
}

TEST_F(EventsCommand, StampsALeakProfileOnceABatch) {
  const std::string profile = (folder_ / "batches.npy").string();
  ::setenv("ALKAID_LEAK_PROFILE", profile.c_str(), 1);
  const CommandResult events =
      RunCommand({"dgram", "events", "--batch-size", "2", small_[0], small_[1]});
  const auto of_events = growth::ReadLeakProfile(profile);
  const CommandResult read = Read({"--batch-size", "2"});
  const auto of_read = growth::ReadLeakProfile(profile);
  ::unsetenv("ALKAID_LEAK_PROFILE");

  EXPECT_EQ(events.exit_code, 0) << events.err;
  EXPECT_THAT(events.out, HasSubstr("batches 5, events 10"));
  ALKAID_ASSERT_OK(of_events);
  EXPECT_EQ(of_events->size(), 5u);
  EXPECT_EQ(read.exit_code, 0) << read.err;
  ALKAID_ASSERT_OK(of_read);
  EXPECT_EQ(of_read->size(), 5u);
}

TEST_F(EventsCommand, DeliversTheEventsBeforeAFaultAndExitsTwo) {
  const std::string cut =
      Write("cut.smd.xtc2", fixtures::SmdConfigure() + fixtures::Dgram(TransitionId::kBeginRun, 1) +
                                fixtures::L1(3).substr(0, 9));
  const CommandResult text = RunCommand({"dgram", "events", small_[0], cut});
  EXPECT_EQ(text.exit_code, 2);
  EXPECT_THAT(text.out, HasSubstr("batches 1, events 1,"));
  EXPECT_THAT(text.err, HasSubstr("cut.smd.xtc2: byte"));
  const CommandResult json = RunCommand({"dgram", "events", "--json", small_[0], cut});
  EXPECT_EQ(json.exit_code, 2);
  const Json report = Json::parse(json.out);
  EXPECT_EQ(report["n_events"], 1);
  EXPECT_THAT(report["error"].get<std::string>(), HasSubstr("partial datagram"));
}

TEST_F(EventsCommand, NamesTheFileOfAStreamThatIsEmpty) {
  for (const char* command : {"--json", "--events"}) {
    const CommandResult result =
        RunCommand({"dgram", "events", command, small_[0], Write("empty.smd.xtc2", "")});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("empty.smd.xtc2: stream 1 starts without a Configure"));
  }
}

TEST_F(EventsCommand, RefusesTimestampsThatAreNone) {
  const auto with = [&](const std::string& argument) {
    return RunCommand({"dgram", "events", argument, small_[0]});
  };
  EXPECT_EQ(with("--timestamps=-1").exit_code, 1);
  EXPECT_THAT(with("--timestamps=4,x").err, HasSubstr("\"x\" is not a timestamp"));
  EXPECT_THAT(with("--timestamps-file=" + Write("t", "4\n-5\n")).err, HasSubstr("\"-5\""));
  EXPECT_THAT(with("--timestamps-file=/no/such/file").err, HasSubstr("No such file"));
  EXPECT_EQ(with("--integrating-delta=5").exit_code, 1);
}

TEST_F(EventsCommand, NamesTimestampsThatOccurNowhere) {
  // Timestamp 1 is that of a transition.
  const auto named = HasSubstr("no L1Accept has the timestamps 1, 99");
  const CommandResult events =
      RunCommand({"dgram", "events", small_[0], small_[1], "--timestamps=4,99,1"});
  EXPECT_EQ(events.exit_code, 0);
  EXPECT_THAT(events.err, named);
  const CommandResult read = Read({"--timestamps=1,4,99"});
  EXPECT_EQ(read.exit_code, 0);
  EXPECT_THAT(read.err, named);
  const CommandResult json = Read({"--json", "--timestamps=1,4,99"});
  EXPECT_EQ(Json::parse(json.out)["missing_timestamps"], Json({"1", "99"}));
  EXPECT_THAT(json.err, named);
  EXPECT_THAT(RunCommand({"dgram", "events", small_[0], "--timestamps=4,99"}).err,
              HasSubstr("no L1Accept has the timestamp 99"));
  EXPECT_EQ(RunCommand({"dgram", "events", small_[0], "--timestamps=4"}).err, "");
  std::string many;
  for (int t = 100; t < 125; ++t) many += std::to_string(t) + "\n";
  const CommandResult from_file =
      RunCommand({"dgram", "events", "--timestamps-file", Write("many", many), small_[0]});
  EXPECT_THAT(from_file.err, HasSubstr("118, 119 and 5 more"));
}

TEST_F(EventsCommand, ReadsSmallDataThatAreEarlierThanTheirConfigure) {
  const std::string late = Write(
      "late.smd.xtc2", fixtures::SmdConfigure(dgram::Timestamp(1'800'000'000, 0).value()) +
                           fixtures::Dgram(TransitionId::kBeginRun, 1) + fixtures::Smd(10, 0, 24) +
                           fixtures::Smd(20, 24, 24) + fixtures::Dgram(TransitionId::kEndRun, 21));
  const CommandResult result = RunCommand({"dgram", "events", late});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("batches 1, events 4, of which transitions 2"));
}

TEST_F(EventsCommand, PrintsNoStatisticsOfARunThatCouldNotBeOpened) {
  fs::remove(big_[1]);
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, {"--json"}, {"--json", "--batches"}}) {
    const CommandResult result = Read(more);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out.empty(), more.empty()) << result.out;
    EXPECT_EQ(result.out.find("n_events"), std::string::npos) << result.out;
    EXPECT_THAT(result.err, HasSubstr("s1.xtc2"));
  }
  EXPECT_EQ(Read({"--smd=/no/such/file", "--data=/no/such/file"}).out, "");
}

TEST_F(EventsCommand, ReadsARunAndSaysWhatItTook) {
  const CommandResult text = Read({});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("events                   10"));
  const Json report = Json::parse(Read({"--json"}).out);
  EXPECT_EQ(report["n_dgrams"], 12);
  EXPECT_EQ(report["bytes_in"], 12 * 24);
  EXPECT_GT(report["pool_peak_bytes"], 0);
  EXPECT_EQ(report["batches"], Json::array());
}

TEST_F(EventsCommand, ListsEachReadAtItsBatchAlsoWhereAFilterLeavesBatchesEmpty) {
  const Json report = Json::parse(
      Read({"--json", "--batches", "--batch-size", "2", "--timestamps", "7", "--prefetch", "3"})
          .out);
  ASSERT_EQ(report["batches"].size(), 5);
  int64_t reads = 0;
  for (const Json& batch : report["batches"]) {
    reads += static_cast<int64_t>(batch["reads"].size());
    bool l1_accept = false;
    for (const Json& event : batch["events"]) l1_accept |= event["service"] == "L1Accept";
    EXPECT_EQ(batch["reads"].empty(), !l1_accept);
  }
  EXPECT_EQ(reads, report["n_reads"]);
  EXPECT_EQ(reads, 1);
}

TEST_F(EventsCommand, DeliversWhatIsWholeOfAFileThatWasCut) {
  fs::resize_file(big_[0], 24 + 3 * 24 + 10);
  const CommandResult result = Read({"--json"});
  EXPECT_EQ(result.exit_code, 2);
  const Json report = Json::parse(result.out);
  EXPECT_EQ(report["n_events"], 4);
  // The batch that the fault cuts is listed up to the fault.
  const Json listed = Json::parse(Read({"--json", "--batches"}).out);
  ASSERT_EQ(listed["batches"].size(), 1);
  EXPECT_EQ(listed["batches"][0]["events"].size(), 4);
  EXPECT_THAT(result.err, HasSubstr("s0.xtc2: byte 96 (stream 0, timestamp 5)"));
}

TEST_F(EventsCommand, WantsSmallAndBigDataInPairs) {
  EXPECT_EQ(RunCommand({"dgram", "read", "--smd", small_[0], "--data", big_[0], big_[1]}).exit_code,
            1);
  EXPECT_EQ(Read({"--batches"}).exit_code, 1);
  EXPECT_EQ(Read({"--use-smd", "2"}).exit_code, 1);
  EXPECT_EQ(RunCommand({"dgram", "events", "/no/such/file"}).exit_code, 1);
}

}  // namespace
}  // namespace alkaid::tools
