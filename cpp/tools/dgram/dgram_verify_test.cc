// `alkaid dgram verify` as people use it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "fixtures/made_dgrams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = dgram::fixtures;
namespace fs = std::filesystem;
using dgram::TransitionId;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Sound() { return fixtures::Configure() + fixtures::Event(1) + fixtures::Event(2); }
std::string WithFaults() {
  return fixtures::Configure() +
         fixtures::Dgram(TransitionId::kL1Accept,
                         fixtures::ShapesData(1, "", "") + fixtures::ShapesData(2, "", "")) +
         "cut";
}

TEST(VerifyCommand, ExitsZeroOverSoundFilesWithASummaryForEach) {
  const TestFolder folder;
  const std::string a = folder.Write("a.xtc2", Sound());
  const std::string b = folder.Write("b.xtc2", fixtures::Configure());
  const CommandResult result = RunCommand({"dgram", "verify", a, b});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out, a + ": 3 datagrams, " + std::to_string(Sound().size()) +
                            " bytes, 0 faults, 0 remarks\n" + b + ": 1 datagram, " +
                            std::to_string(fixtures::Configure().size()) +
                            " bytes, 0 faults, 0 remarks\n");
}

TEST(VerifyCommand, ExitsZeroWhereThereAreRemarksOnly) {
  const TestFolder folder;
  const std::string file = folder.Write(
      "a.xtc2", fixtures::Configure() + fixtures::Dgram(TransitionId::kEnable, "", 1, 1));
  const CommandResult result = RunCommand({"dgram", "verify", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("remark: the datagram is damaged: Truncated\n"),
                                HasSubstr("0 faults, 1 remark\n")));
}

TEST(VerifyCommand, ListsAllFaultsALineEachAndExitsTwo) {
  const TestFolder folder;
  const std::string bad = folder.Write("bad.xtc2", WithFaults());
  const std::string good = folder.Write("good.xtc2", Sound());
  const CommandResult result = RunCommand({"dgram", "verify", bad, good});
  EXPECT_EQ(result.exit_code, 2);
  const std::string first = std::to_string(fixtures::Configure().size() + 24);
  EXPECT_THAT(result.out, AllOf(HasSubstr(bad + ": byte " + first + " (datagram 1 at byte "),
                                HasSubstr("fault: ShapesData of NamesId 0x000001"),
                                HasSubstr("fault: ShapesData of NamesId 0x000002"),
                                HasSubstr("fault: partial datagram: 3 bytes are left"),
                                HasSubstr("3 faults, 0 remarks, 3 bytes not reached\n"),
                                HasSubstr(good + ": 3 datagrams")));
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 5);
}

TEST(VerifyCommand, GoesOnBehindAFileThatCanNotBeRead) {
  const TestFolder folder;
  const std::string missing = folder.path() + "/missing.xtc2";
  const std::string good = folder.Write("good.xtc2", Sound());
  const CommandResult result = RunCommand({"dgram", "verify", missing, good});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr(missing), HasSubstr("No such file")));
  EXPECT_THAT(result.out, HasSubstr(good + ": 3 datagrams"));
  const std::string bad = folder.Write("bad.xtc2", WithFaults());
  EXPECT_EQ(RunCommand({"dgram", "verify", missing, bad}).exit_code, 2);
  EXPECT_EQ(RunCommand({"dgram", "verify"}).exit_code, 1);
}

TEST(VerifyCommand, PrintsOneJsonObject) {
  const TestFolder folder;
  const std::string bad = folder.Write("bad.xtc2", WithFaults());
  const std::string good = folder.Write("good.xtc2", Sound());
  const std::string missing = folder.path() + "/missing.xtc2";
  const CommandResult result = RunCommand({"dgram", "verify", "--json", bad, good, missing});
  EXPECT_EQ(result.exit_code, 2);
  const auto files = nlohmann::json::parse(result.out)["files"];
  ASSERT_EQ(files.size(), 3);
  EXPECT_EQ(files[0]["file"], bad);
  EXPECT_EQ(files[0]["n_faults"], 3);
  EXPECT_EQ(files[0]["bytes_not_reached"], 3);
  ASSERT_EQ(files[0]["findings"].size(), 3);
  EXPECT_EQ(files[0]["findings"][0]["kind"], "fault");
  EXPECT_EQ(files[0]["findings"][0]["dgram_index"], 1);
  EXPECT_EQ(files[0]["findings"][0]["offset"], fixtures::Configure().size() + 24);
  EXPECT_EQ(files[0]["findings"][2]["dgram_offset"], WithFaults().size() - 3);
  EXPECT_TRUE(files[0]["error"].is_null());
  EXPECT_EQ(files[1]["findings"].size(), 0);
  EXPECT_EQ(files[1]["n_dgrams"], 3);
  EXPECT_THAT(files[2]["error"].get<std::string>(), HasSubstr("No such file"));
}

TEST(VerifyCommand, TakesTheDeclarationsOfAnotherFile) {
  const TestFolder folder;
  const std::string first = folder.Write("c000.xtc2", fixtures::Configure());
  const std::string next = folder.Write("c001.xtc2", fixtures::Event(1));
  EXPECT_EQ(RunCommand({"dgram", "verify", next}).exit_code, 2);
  EXPECT_EQ(RunCommand({"dgram", "verify", next, "--config", first}).exit_code, 0);
  EXPECT_EQ(RunCommand({"dgram", "verify", next, "--config", folder.path() + "/no"}).exit_code, 1);
}

TEST(VerifyCommand, KeepsAFindingOnOneLineWhateverTheFileCallsItsFields) {
  const TestFolder folder;
  const std::string file = folder.Write(
      "a.xtc2", fixtures::Dgram(TransitionId::kConfigure,
                                fixtures::Names(1, "d\n\x1b[2Je", 0, "raw", {{"x\n", 99, 0}})));
  const CommandResult result = RunCommand({"dgram", "verify", file});
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 2);
  EXPECT_THAT(result.out, HasSubstr("d\\x0a\\x1b[2Je"));
}

TEST(VerifyCommand, FindsFaultsInTheRealFilesThatAreBadAndInNoOther) {
  const char* const root = std::getenv("ALKAID_TEST_DATA");
  if (root == nullptr || *root == '\0') {
    GTEST_SKIP() << "ALKAID_TEST_DATA is not set: no files of real runs to read";
  }
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".xtc2") continue;
    const std::string name = path.filename().string();
    const bool bad = path.parent_path().filename() == "bad" && name.find("good") == name.npos;
    CommandResult result = RunCommand({"dgram", "verify", path.string()});
    for (const auto& other : fs::directory_iterator(path.parent_path())) {
      if (bad || result.out.find("the first datagram is") == std::string::npos) break;
      if (other.path().extension() != ".xtc2" || other.path() == path) continue;
      result = RunCommand({"dgram", "verify", path.string(), "--config", other.path().string()});
    }
    // If the writer was stopped, the file ends in a partial datagram, and has no other fault.
    const bool cut = result.out.find(" 1 fault,") != std::string::npos &&
                     result.out.find("partial datagram") != std::string::npos;
    EXPECT_EQ(result.exit_code, bad || cut ? 2 : 0) << path << result.out << result.err;
  }
}

}  // namespace
}  // namespace alkaid::tools
