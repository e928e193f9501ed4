// What the commands report about files that are still being written, at the end of the reading.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "fixtures/made_dgrams.h"
#include "fixtures/made_streams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = dgram::fixtures;
namespace streams = events::fixtures;
namespace fs = std::filesystem;
using dgram::TransitionId;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class LiveReport : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  const TestFolder folder_;
};

TEST_F(LiveReport, ATimestampThatIsNotThereYetIsNotSaidToOccurNowhere) {
  const std::string run = streams::SmdConfigure() + streams::Smd(1, 0, 24);
  const std::string end = streams::Dgram(TransitionId::kEndRun, 9);
  const std::string silent = folder_.Write("silent.smd.xtc2", run);
  const std::string ended = folder_.Write("ended.smd.xtc2", run + end);
  const auto said = [](const std::string& file) {
    return RunCommand({"dgram", "events", "--live=0", "--timestamps=5", file}).err;
  };
  EXPECT_THAT(said(silent), HasSubstr("no L1Accept so far has the timestamp 5"));
  EXPECT_THAT(said(ended), HasSubstr("no L1Accept has the timestamp 5"));
}

TEST_F(LiveReport, TheReportSaysWhyReadingEnded) {
  const auto end_of = [](Words arguments) {
    arguments.emplace_back("--json");
    return nlohmann::json::parse(RunCommand(arguments).out).value("live_end", nlohmann::json("-"));
  };
  const std::string big_run =
      fixtures::Configure() + fixtures::Event(0) + fixtures::Dgram(TransitionId::kEndRun, "", 9);
  const std::string small_run =
      streams::SmdConfigure() + streams::Smd(1, 0, 24) + streams::Dgram(TransitionId::kEndRun, 2);
  const std::string data = folder_.Write("data.xtc2", streams::L1(1));
  for (const auto& [missing, end] :
       {std::pair(size_t{0}, nlohmann::json("EndRun")),
        std::pair(size_t{24}, nlohmann::json("silence")), std::pair(size_t{1}, nlohmann::json())}) {
    const std::string big = folder_.Write("b.xtc2", big_run.substr(0, big_run.size() - missing));
    const std::string small =
        folder_.Write("s.smd.xtc2", small_run.substr(0, small_run.size() - missing));
    EXPECT_EQ(end_of({"dgram", "ls", "--live=0", big}), end) << missing;
    EXPECT_EQ(end_of({"dgram", "smd", "--live=0", big, "-o", Path("out")}), end) << missing;
    EXPECT_EQ(end_of({"dgram", "events", "--live=0", small}), end) << missing;
    EXPECT_EQ(end_of({"dgram", "read", "--live=0", "--smd", small, "--data", data}), end)
        << missing;
    EXPECT_EQ(end_of({"dgram", "ls", big}), "-") << missing;
  }
}

TEST_F(LiveReport, SmdDoesNotTakeTheNameThatItsBigDataGetAtTheEnd) {
  folder_.Write("run.xtc2.inprogress", fixtures::Configure());
  fs::create_directory_symlink(folder_.path(), Path("link"));
  for (const std::string out : {"run.xtc2", "run.xtc2.inprogress", "link/run.xtc2"}) {
    for (const std::string in : {"run.xtc2", "run.xtc2.inprogress"}) {
      const CommandResult result =
          RunCommand({"dgram", "smd", "--live=0", Path(in), "-o", Path(out)});
      EXPECT_EQ(result.exit_code, 1) << in << " to " << out;
      EXPECT_THAT(result.err, HasSubstr("would replace the big data that it is made from"));
    }
  }
  EXPECT_FALSE(fs::exists(Path("run.xtc2")));
}

}  // namespace
}  // namespace alkaid::tools
