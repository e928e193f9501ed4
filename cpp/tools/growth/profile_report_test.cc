// alkaid profile report, over files made to order.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/growth/leak_profile_run.h"
#include "fixtures/made_profile.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = growth::fixtures;
using growth::MemoryStamp;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ProfileReport : public ::testing::Test {
 protected:
  std::string File(const std::string& name, const std::vector<MemoryStamp>& stamps) const {
    const std::string path = folder_.path() + "/" + name;
    EXPECT_TRUE(growth::WriteLeakProfile(stamps, path).ok());
    return path;
  }
  std::string Leak() const {
    return File("leak.npy", fixtures::Profile(100, {.live = fixtures::Line(100, 3.5, 200)}));
  }
  std::vector<std::string> NamesInFolder() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  const TestFolder folder_;
};

TEST_F(ProfileReport, SaysHowMuchHowSureWhoseAndWhatToDo) {
  const CommandResult result = RunCommand({"profile", "report", Leak()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, StartsWith("num_stamp 100 v0,v1 VmSize(MB) r0,r1 RSS(MB)\n"));
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("dr/(num_stamp-1)    3.50000\n"), HasSubstr("line fit:  slope"),
                    HasSubstr("\nVerdict: leak\n"), HasSubstr("\nNext: ")));
}

TEST_F(ProfileReport, TheVerdictStandsOutWhereColoursAreShown) {
  const std::map<std::string, std::string> coloured = {{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", ""}};
  EXPECT_THAT(RunCommand({"profile", "report", Leak()}, coloured).out,
              HasSubstr("\nVerdict: \033[1;31mleak\033[0m\n"));
  const std::string none = File("none.npy", fixtures::Profile(100, {}));
  EXPECT_THAT(RunCommand({"profile", "report", none}, coloured).out,
              HasSubstr("\nVerdict: \033[32mnone\033[0m\n"));
}

TEST_F(ProfileReport, PrintsTheSameAsJson) {
  const std::string file = Leak();
  const CommandResult result = RunCommand({"profile", "report", file, "--json"});
  EXPECT_EQ(result.exit_code, 0);
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["file"], file);
  EXPECT_EQ(json["num_stamp"], 100);
  EXPECT_EQ(json["warm_up"], 10);
  EXPECT_EQ(json["verdict"], "leak");
  EXPECT_EQ(json["cause"], "live in pools");
  EXPECT_NEAR(json["rss_mb"]["per_event"].get<double>(), 3.5, 1e-9);
  EXPECT_NEAR(json["accounts"][1]["slope"].get<double>(), 3.5, 1e-9);
  EXPECT_EQ(json["accounts"][1]["name"], "RSS");
  EXPECT_TRUE(json["accounts"][1]["grows"].get<bool>());
  EXPECT_TRUE(json["released"].is_null());
  EXPECT_GT(json["evidence"].size(), 1u);
}

TEST_F(ProfileReport, TakesWarmUpThresholdAndConfidenceFromItsOptions) {
  const std::string file = Leak();
  EXPECT_THAT(RunCommand({"profile", "report", file, "--warm-up", "40"}).out,
              HasSubstr("over 60 stamps (40 more"));
  EXPECT_THAT(RunCommand({"profile", "report", file, "--warm-up", "95"}).out,
              HasSubstr("\nVerdict: too few stamps\n"));
  EXPECT_THAT(RunCommand({"profile", "report", file, "--least-mb", "4"}).out,
              HasSubstr("\nVerdict: growth below the limit\n"));
  EXPECT_THAT(RunCommand({"profile", "report", file, "--confidence", "95"}).out,
              HasSubstr("intervals of 95 %"));
}

TEST_F(ProfileReport, SaysHowTheRunEnded) {
  const std::string file = folder_.path() + "/ended.npy";
  const growth::LeakProfileRun run = {.end = growth::LeakProfileRun::End::kSignal,
                                      .process = 4711,
                                      .signal = 15,
                                      .command = "./reader run7"};
  ASSERT_TRUE(growth::WriteLeakProfile(
                  fixtures::Profile(100, {.live = fixtures::Line(100, 3.5, 200)}), file, run)
                  .ok());
  const CommandResult text = RunCommand({"profile", "report", file});
  EXPECT_THAT(
      text.out,
      AllOf(HasSubstr("\nRun: ./reader run7, process 4711: ended by SIGTERM; its last stamp"),
            HasSubstr("ALKAID_HEAP_FILE=heap.%n ./reader run7\n")));
  const auto json = nlohmann::json::parse(RunCommand({"profile", "report", file, "--json"}).out);
  EXPECT_EQ(json["run"]["end"], "signal");
  EXPECT_EQ(json["run"]["signal"], 15);
  EXPECT_EQ(json["run"]["command"], "./reader run7");
  EXPECT_TRUE(nlohmann::json::parse(RunCommand({"profile", "report", Leak(), "--json"}).out)["run"]
                  .is_null());
}

// float64 of shape (rows, 2), as written by scripts that know only time and VM.
TEST_F(ProfileReport, ReadsFilesOfTimeAndVmAlone) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (40, 2), }";
  header.append(128 - 10 - header.size() - 1, ' ');
  std::string bytes = std::string("\x93NUMPY\1\0", 8) + std::string("\x76\0", 2) + header + "\n";
  for (int i = 0; i < 40; ++i) {
    const double row[2] = {71'888.7 + i, 21'316 + 3.5 * i};
    bytes.append(reinterpret_cast<const char*>(row), sizeof(row));
  }
  const CommandResult result =
      RunCommand({"profile", "report", folder_.Write("old.npy", bytes), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["verdict"], "growth of unknown cause");
  EXPECT_EQ(json["judged"], "VM");
  EXPECT_FALSE(json.contains("rss_mb"));
}

TEST_F(ProfileReport, OfOneStampOrOfNothingKnownSaysThatThereAreTooFew) {
  std::vector<MemoryStamp> unknown(30);
  for (MemoryStamp& stamp : unknown) stamp.time_s = stamp.vm_mb = growth::kUnknown;
  for (const std::string& file :
       {File("one.npy", std::vector<MemoryStamp>(1)), File("nan.npy", unknown)}) {
    const CommandResult text = RunCommand({"profile", "report", file});
    EXPECT_EQ(text.exit_code, 0) << text.err;
    EXPECT_THAT(text.out, HasSubstr("Verdict: too few stamps"));
    const CommandResult json = RunCommand({"profile", "report", file, "--json"});
    EXPECT_EQ(nlohmann::json::parse(json.out)["verdict"], "too few stamps");
  }
}

TEST_F(ProfileReport, RefusesWhatIsNoProfile) {
  const std::string leak = Leak();
  const CommandResult missing = RunCommand({"profile", "report", "/no/such.npy"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("/no/such.npy"));
  const CommandResult text =
      RunCommand({"profile", "report", folder_.Write("text.npy", "time vm rss\n")});
  EXPECT_EQ(text.exit_code, 2);
  EXPECT_THAT(text.err, HasSubstr("text.npy"));
  std::filesystem::resize_file(leak, 500);
  EXPECT_EQ(RunCommand({"profile", "report", leak}).exit_code, 2);
}

TEST_F(ProfileReport, WrongUsageExitsOne) {
  const std::string file = Leak();
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"profile"},
        {"profile", "report"},
        {"profile", "report", file, "--warm-up", "-1"},
        {"profile", "report", file, "--least-mb", "nan"},
        {"profile", "report", file, "--confidence", "100"},
        {"profile", "report", file, "--plot", "picture.pdf"},
        {"profile", "report", file, "--plot", ""},
        {"profile", "report", file, "--plot", ".png"}}) {
    const CommandResult result = RunCommand(arguments);
    EXPECT_EQ(result.exit_code, 1) << ::testing::PrintToString(arguments);
    EXPECT_NE(result.err, "");
    EXPECT_LT(result.err.size(), 600u) << result.err;
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(ProfileReport, LooksAndIsNotProfiledItself) {
  const std::string file = Leak();
  const auto size = std::filesystem::file_size(file);
  const CommandResult result =
      RunCommand({"profile", "report", file}, {{"ALKAID_LEAK_PROFILE", file}});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(std::filesystem::file_size(file), size);
}

class ProfilePlot : public ProfileReport {
 protected:
  void SetUp() override {
    if (std::system("/usr/bin/python3 -c 'import matplotlib' 2>/dev/null") != 0) {
      GTEST_SKIP() << "no matplotlib for /usr/bin/python3: install python3-matplotlib";
    }
  }
  CommandResult Plot(const std::string& file, const std::string& picture) const {
    return RunCommand({"profile", "report", file, "--plot", picture});
  }
  static std::string Bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
};

TEST_F(ProfilePlot, DrawsPictures) {
  const std::string file = Leak();
  const std::string png = folder_.path() + "/leak.png";
  const CommandResult result = Plot(file, png);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("Verdict: leak"));
  EXPECT_THAT(Bytes(png), StartsWith("\x89PNG"));
  const std::string svg = folder_.path() + "/leak.svg";
  EXPECT_EQ(Plot(file, svg).exit_code, 0);
  const std::string drawn = Bytes(svg);
  // matplotlib writes each text that it draws as a comment.
  EXPECT_THAT(drawn, AllOf(HasSubstr(">leak.npy: leak</text>"), HasSubstr(">VM [MB]</text>"),
                           HasSubstr(">RSS [MB]</text>"), HasSubstr(">live in pools [MB]</text>"),
                           HasSubstr("+3.50 MB per event")));
  EXPECT_EQ(Plot(file, svg).exit_code, 0);
  EXPECT_EQ(Bytes(svg), drawn) << "the same profile gives the same picture";
  EXPECT_EQ(NamesInFolder().size(), 3u) << "no temporary file stays";
}

TEST_F(ProfilePlot, DrawsWhatHasNoInterval) {
  const std::string picture = folder_.path() + "/one.svg";
  std::vector<MemoryStamp> one(1);
  one.front().vm_mb = 1000;
  EXPECT_EQ(Plot(File("one.npy", one), picture).exit_code, 0);
  EXPECT_THAT(Bytes(picture), AllOf(HasSubstr(">VM [MB]</text>"), Not(HasSubstr("RSS [MB]"))));
}

TEST_F(ProfilePlot, SaysWhyNothingWasDrawn) {
  std::vector<MemoryStamp> unknown(30);
  for (MemoryStamp& stamp : unknown) stamp.time_s = stamp.vm_mb = growth::kUnknown;
  const CommandResult empty = Plot(File("nan.npy", unknown), folder_.path() + "/a.png");
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(empty.err, HasSubstr("has no figures to draw"));
  const CommandResult folder = Plot(Leak(), folder_.path() + "/no/such/folder.png");
  EXPECT_EQ(folder.exit_code, 1);
  EXPECT_THAT(folder.err, HasSubstr("no/such"));
}

TEST_F(ProfilePlot, NamesThePackageWhereMatplotlibIsMissing) {
  // A module of that name that cannot be imported hides the real one.
  folder_.Write("matplotlib.py", "raise ImportError('planted')\n");
  const CommandResult result =
      RunCommand({"profile", "report", Leak(), "--plot", folder_.path() + "/a.png"},
                 {{"PYTHONPATH", folder_.path()}});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("Debian's package is python3-matplotlib"));
}

TEST_F(ProfilePlot, SaysInOneLineThatMatplotlibIsBroken) {
  folder_.Write("matplotlib.py", "raise AttributeError('planted')\n");
  const CommandResult result =
      RunCommand({"profile", "report", Leak(), "--plot", folder_.path() + "/a.png"},
                 {{"PYTHONPATH", folder_.path()}});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("cannot use its matplotlib: AttributeError('planted')"),
                                Not(HasSubstr("Traceback"))));
}

}  // namespace
}  // namespace alkaid::tools
