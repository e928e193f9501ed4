// The command as people use it: what it prints, and how it exits.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

#include "alkaid/base/version.h"
#include "alkaid/core/files/read_queue.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/dgram/names.h"
#include "alkaid/dgram/writer.h"
#include "fixtures/made_dgrams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = dgram::fixtures;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// SHA-256 of no bytes.
constexpr char kEmptyDigest[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// Digest of the fields of fixtures::Run(2), computed by another program.
constexpr char kRunDigest[] = "0b6d7a49f5648ad6603088cf2652166deb7c22617ce34901c7f2d1b65acef600";

int64_t Lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

TEST(Command, WrongUsageExitsOne) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"what"},
                                                    {"dgram"},
                                                    {"dgram", "ls"},
                                                    {"info", "--jsn"},
                                                    {"dgram", "digest", "--batch-bytes", "0", "x"},
                                                    {"demo", "--events", "-3"}}) {
    const CommandResult result = RunCommand(arguments);
    EXPECT_EQ(result.exit_code, 1) << ::testing::PrintToString(arguments);
    EXPECT_NE(result.err, "");
    EXPECT_EQ(result.out, "");
  }
}

TEST(Command, NamesNoOptionThatItLacks) {
  const TestFolder folder;
  const std::string huge = folder.Write(
      "huge.xtc2", fixtures::Configure() + fixtures::Dgram(dgram::TransitionId::kL1Accept, "", 1, 0,
                                                           (int64_t{300} << 20)));
  std::filesystem::resize_file(huge, uint64_t{400} << 20);  // a hole
  const std::string out = folder.path() + "/out.xtc2";
  const std::regex option("--[a-z][a-z-]+");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"demo", huge},
        {"dgram", "ls", huge},
        {"dgram", "dump", huge},
        {"dgram", "digest", huge},
        {"dgram", "verify", huge},
        {"dgram", "edit", huge, "-o", out},
        {"dgram", "smd", huge, "-o", out},
        {"dgram", "events", huge},
        {"dgram", "read", "--smd=" + huge, "--data=" + huge}}) {
    const CommandResult result = RunCommand(arguments);
    EXPECT_EQ(result.exit_code, 1) << ::testing::PrintToString(arguments);
    EXPECT_THAT(result.err, HasSubstr("--max-dgram-bytes")) << ::testing::PrintToString(arguments);
    std::vector<std::string> help = {arguments[0], "--help"};
    if (arguments[0] == "dgram") help.insert(help.begin() + 1, arguments[1]);
    const std::string known = RunCommand(help).out;
    for (std::sregex_iterator match(result.err.begin(), result.err.end(), option), end;
         match != end; ++match) {
      EXPECT_THAT(known, HasSubstr(match->str())) << ::testing::PrintToString(help);
    }
  }
}

TEST(Command, WhatFollowsAListThatWasGivenByAnEqualsSignIsNoValueOfIt) {
  const TestFolder folder;
  const std::string file = folder.Write("a.smd.xtc2", fixtures::Run(2));
  const CommandResult read =
      RunCommand({"dgram", "read", "--timestamps=4", file, "--smd=" + file, "--data=" + file});
  EXPECT_EQ(read.exit_code, 1);
  EXPECT_THAT(read.err, AllOf(HasSubstr("not expected"), HasSubstr(file)));
  // Two files of small data, of which neither is a timestamp.
  const CommandResult events = RunCommand({"dgram", "events", "--timestamps=4", file, file});
  EXPECT_THAT(events.err, ::testing::Not(HasSubstr("no timestamp")));
  EXPECT_THAT(RunCommand({"dgram", "ls", "--config=", file}).err,
              HasSubstr("--config: a value is missing after ="));
  EXPECT_THAT(RunCommand({"dgram", "read", "--help"}).out, HasSubstr("After = it"));
}

TEST(Command, HelpAndVersionExitZero) {
  EXPECT_EQ(RunCommand({"--help"}).exit_code, 0);
  EXPECT_THAT(RunCommand({"dgram", "ls", "--help"}).out, HasSubstr("FILE"));
  const CommandResult version = RunCommand({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, HasSubstr(Version()));
  // Commands that only the demo itself calls are not offered.
  EXPECT_THAT(RunCommand({"--help"}).out, ::testing::Not(HasSubstr("demo-row")));
}

TEST(Command, OutputThatDoesNotArriveIsAFailure) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "this system has no /dev/full";
  const std::string command = "'" ALKAID_COMMAND "' info >/dev/full 2>/dev/null";
  const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a shell's redirection
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST(Command, AnUnreadableFileExitsOneNamingIt) {
  const TestFolder folder;
  for (const char* command : {"ls", "dump", "digest"}) {
    const CommandResult missing = RunCommand({"dgram", command, folder.path() + "/missing.xtc2"});
    EXPECT_EQ(missing.exit_code, 1);
    EXPECT_THAT(missing.err, AllOf(HasSubstr("missing.xtc2"), HasSubstr("No such file")));
    EXPECT_EQ(RunCommand({"dgram", command, folder.path()}).exit_code, 1);
  }
}

TEST(InfoCommand, SaysWhichBackendServesAndWhy) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    const CommandResult result =
        RunCommand({"info", "--json"}, {{"ALKAID_DEFAULT_MEMORY_POOL", backend}});
    ASSERT_EQ(result.exit_code, 0);
    const auto info = nlohmann::json::parse(result.out);
    EXPECT_EQ(info["default_memory_pool"]["name"], backend);
    EXPECT_THAT(info["default_memory_pool"]["reason"].get<std::string>(),
                HasSubstr("ALKAID_DEFAULT_MEMORY_POOL"));
    EXPECT_EQ(info["environment"]["ALKAID_DEFAULT_MEMORY_POOL"]["value"], backend);
    EXPECT_NE(info["environment"]["ALKAID_DEFAULT_MEMORY_POOL"]["meaning"], "");
    EXPECT_EQ(info["version"], Version());
    EXPECT_THAT(info["tracked"].get<std::string>(),
                HasSubstr("no block of a pool that a program derives from MemoryPool itself"));
    std::vector<std::string> names;
    for (const auto& entry : info["backends"]) {
      names.push_back(entry["name"]);
      EXPECT_NE(entry["version"], "");
      EXPECT_EQ(entry["default"], entry["name"] == backend);
    }
    EXPECT_EQ(names, SupportedMemoryBackendNames());
  }
}

TEST(InfoCommand, AnUnknownBackendFallsBackAndSaysSo) {
  const CommandResult result =
      RunCommand({"info", "--json"}, {{"ALKAID_DEFAULT_MEMORY_POOL", "tcmalloc"}});
  ASSERT_EQ(result.exit_code, 0);
  const auto info = nlohmann::json::parse(result.out);
  EXPECT_EQ(info["default_memory_pool"]["name"], SupportedMemoryBackendNames().front());
  EXPECT_THAT(info["default_memory_pool"]["reason"].get<std::string>(), HasSubstr("tcmalloc"));
}

TEST(InfoCommand, SaysWhatReadsAheadAndWhetherIoUringCan) {
  const bool can = io::CheckIoUring().ok();
  const CommandResult result = RunCommand({"info", "--json"}, {{"ALKAID_READ_QUEUE", ""}});
  ASSERT_EQ(result.exit_code, 0);
  const auto queue = nlohmann::json::parse(result.out)["read_queue"];
  EXPECT_EQ(queue["automatic"], can ? "io_uring" : "threads");
  EXPECT_TRUE(queue["error"].is_null());
  EXPECT_EQ(queue["io_uring_built_in"], io::IoUringIsBuiltIn());
  EXPECT_EQ(queue["io_uring"] == "the kernel grants io_uring", can);

  const CommandResult chosen = RunCommand({"info", "--json"}, {{"ALKAID_READ_QUEUE", "inline"}});
  EXPECT_EQ(nlohmann::json::parse(chosen.out)["read_queue"]["automatic"], "inline");
  const CommandResult wrong = RunCommand({"info"}, {{"ALKAID_READ_QUEUE", "tape"}});
  EXPECT_EQ(wrong.exit_code, 0);
  EXPECT_THAT(wrong.out, AllOf(HasSubstr("read queue: ALKAID_READ_QUEUE=tape is not a kind"),
                               HasSubstr("ALKAID_READ_QUEUE = tape")));
}

TEST(InfoCommand, PrintsTheSameForPeople) {
  const CommandResult result = RunCommand({"info"}, {{"ALKAID_DEFAULT_MEMORY_POOL", "system"}});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("default memory pool: system"), HasSubstr("glibc"),
                                HasSubstr("ALKAID_DEFAULT_MEMORY_POOL = system")));
}

TEST(InfoCommand, NamesVariablesThatNobodyKnowsWithWhatWasMeant) {
  const std::map<std::string, std::string> environment = {{"ALKAID_LEAK_PROFIL", "a.npy"}};
  const std::string sentence =
      "ALKAID_LEAK_PROFIL is set, but is not a variable of Alkaid; did you mean "
      "ALKAID_LEAK_PROFILE?";
  const CommandResult text = RunCommand({"info"}, environment);
  EXPECT_THAT(text.out, HasSubstr("\nunknown variables:\n  " + sentence + "\n"));
  EXPECT_THAT(text.out, HasSubstr("names of built-in backends count with raised privileges too"));
  const auto info = nlohmann::json::parse(RunCommand({"info", "--json"}, environment).out);
  EXPECT_EQ(info["unknown_variables"], nlohmann::json::array({sentence}));
}

TEST(DgramDigest, IsThatOfTheFieldsAloneAndTheSameForEveryBatchSize) {
  const TestFolder folder;
  const std::string file = folder.Write("run.xtc2", fixtures::Run(2));
  for (const char* batch : {"1", "200", "4194304"}) {
    const CommandResult result = RunCommand({"dgram", "digest", file, "--batch-bytes", batch});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.out, std::string(kRunDigest) + "\n");
    EXPECT_EQ(result.err, "");
  }
}

TEST(DgramDigest, PrintsThatOfEverythingBeforeAFaultAndExitsTwo) {
  const TestFolder folder;
  const std::string run = fixtures::Run(2);
  const std::string cut = folder.Write("cut.xtc2", run + fixtures::Event(2).substr(0, 100));
  const CommandResult result = RunCommand({"dgram", "digest", cut});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, std::string(kRunDigest) + "\n");
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("cut.xtc2"), HasSubstr("byte " + std::to_string(run.size())),
                    HasSubstr("partial datagram: 100 of ")));
}

TEST(DgramDigest, AFileWithoutConfigureNeedsOneFromAnother) {
  const TestFolder folder;
  const std::string config = folder.Write("c000.xtc2", fixtures::Run(0));
  const std::string chunk = folder.Write("c001.xtc2", fixtures::Event(0));
  const CommandResult without = RunCommand({"dgram", "digest", chunk});
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_EQ(without.out, std::string(kEmptyDigest) + "\n");
  EXPECT_THAT(without.err, HasSubstr("before any Configure"));
  const CommandResult with = RunCommand({"dgram", "digest", chunk, "--config", config});
  EXPECT_EQ(with.exit_code, 0);
  EXPECT_NE(with.out, without.out);
  EXPECT_EQ(RunCommand({"dgram", "digest", chunk, "--config", chunk}).exit_code, 2);
  EXPECT_EQ(RunCommand({"dgram", "digest", chunk, "--config", "/nowhere"}).exit_code, 1);
}

TEST(DgramDigest, DiffersWhereTheBoundsOfNamesDoAndTheSeparatorStandsInThem) {
  const TestFolder folder;
  std::set<std::string> digests;
  const auto run = [](const std::string& detector, const std::string& algorithm,
                      const std::string& field) {
    return fixtures::Dgram(dgram::TransitionId::kConfigure,
                           fixtures::Names(1, detector, 0, algorithm, {{field, 0, 0}})) +
           fixtures::Dgram(dgram::TransitionId::kL1Accept, fixtures::ShapesData(1, "", "x"));
  };
  const std::vector<std::string> runs = {run("a", "b|c", "d"),   run("a", "b", "c|d"),
                                         run("a|0|b", "c", "d"), run("a", "0|b|c", "d"),
                                         run("a", "b\\|c", "d"), run("a", "b\\", "c|d"),
                                         run("a", "|", ""),      run("a", "", "|")};
  for (const std::string& bytes : runs) {
    const CommandResult result = RunCommand({"dgram", "digest", folder.Write("run.xtc2", bytes)});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    digests.insert(result.out);
  }
  EXPECT_EQ(digests.size(), runs.size());
}

TEST(DgramLs, PrintsOneLineForEachDatagram) {
  const TestFolder folder;
  const CommandResult result =
      RunCommand({"dgram", "ls", folder.Write("run.xtc2", fixtures::Run(5))});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(Lines(result.out), 8);
  EXPECT_THAT(result.out, AllOf(HasSubstr("Configure"), HasSubstr("L1Accept"),
                                HasSubstr("1.000000004"), HasSubstr("0x0c040003")));
  // Listing headers needs no Configure.
  const CommandResult chunk =
      RunCommand({"dgram", "ls", folder.Write("chunk.xtc2", fixtures::Event(0))});
  EXPECT_EQ(chunk.exit_code, 0);
  EXPECT_EQ(Lines(chunk.out), 1);
}

TEST(DgramLs, AsJsonListsTheSameAndSaysWhatEndedIt) {
  const TestFolder folder;
  const std::string run = fixtures::Run(5);
  const CommandResult whole = RunCommand({"dgram", "ls", "--json", folder.Write("run.xtc2", run)});
  EXPECT_EQ(whole.exit_code, 0);
  const auto listed = nlohmann::json::parse(whole.out);
  EXPECT_EQ(listed["n_dgrams"], 8);
  EXPECT_EQ(listed["dgrams"][2]["service"], "L1Accept");
  EXPECT_EQ(listed["dgrams"][2]["seconds"], 1);
  EXPECT_EQ(listed["error"], nullptr);
  const CommandResult cut =
      RunCommand({"dgram", "ls", "--json", folder.Write("cut.xtc2", run + "cut")});
  EXPECT_EQ(cut.exit_code, 2);
  EXPECT_THAT(nlohmann::json::parse(cut.out)["error"].get<std::string>(), HasSubstr("partial"));
}

TEST(DgramLs, DamageIsPrintedAndMalformedStructureExitsTwo) {
  const TestFolder folder;
  const std::string damaged = fixtures::Dgram(dgram::TransitionId::kL1Accept, "", 1, 0x0009);
  const std::string bad =
      fixtures::Dgram(dgram::TransitionId::kL1Accept, fixtures::Xtc(1, "", 0x999));
  const CommandResult fine =
      RunCommand({"dgram", "ls", folder.Write("damaged.xtc2", fixtures::Run(1) + damaged)});
  EXPECT_EQ(fine.exit_code, 0);
  EXPECT_THAT(fine.out, HasSubstr("Truncated|Corrupted"));
  const CommandResult result =
      RunCommand({"dgram", "ls", folder.Write("bad.xtc2", fixtures::Run(1) + bad)});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(Lines(result.out), 5);
  EXPECT_THAT(result.err, HasSubstr("0x000999"));
}

TEST(DgramDump, AsJsonHoldsNamesFieldsAndValues) {
  const TestFolder folder;
  const CommandResult result = RunCommand(
      {"dgram", "dump", "--json", "--elements", "4", folder.Write("run.xtc2", fixtures::Run(2))});
  ASSERT_EQ(result.exit_code, 0);
  const auto dump = nlohmann::json::parse(result.out);
  EXPECT_TRUE(dump["error"].is_null());
  ASSERT_EQ(dump["dgrams"].size(), 5U);
  EXPECT_EQ(dump["dgrams"][0]["names"][0]["detector"], "det");
  EXPECT_EQ(dump["dgrams"][0]["names"][0]["fields"][2]["rank"], 2);
  const auto& fields = dump["dgrams"][3]["fields"];
  ASSERT_EQ(fields.size(), 4U);
  EXPECT_EQ(fields[0]["value"], 1);
  EXPECT_EQ(fields[1]["value"], "hello");
  EXPECT_EQ(fields[2]["shape"], (std::vector<int>{2, 3}));
  EXPECT_EQ(fields[2]["values"], (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(fields[2]["truncated"], true);
  EXPECT_EQ(fields[3]["value"], 1.5);
}

TEST(DgramDump, AsJsonIsWholeThoughTheFileIsNot) {
  const TestFolder folder;
  std::string run = fixtures::Run(2);
  run.resize(run.size() - 30);
  const CommandResult result =
      RunCommand({"dgram", "dump", "--json", folder.Write("cut.xtc2", run)});
  EXPECT_EQ(result.exit_code, 2);
  const auto dump = nlohmann::json::parse(result.out);
  EXPECT_EQ(dump["dgrams"].size(), 3U);
  EXPECT_THAT(dump["error"].get<std::string>(), HasSubstr("partial datagram"));
}

TEST(DgramDump, ForPeopleNamesEachField) {
  const TestFolder folder;
  const CommandResult result =
      RunCommand({"dgram", "dump", folder.Write("run.xtc2", fixtures::Run(1))});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("Names 0x000105 det/0/raw"), HasSubstr("UINT32[2x3]"),
                                HasSubstr("[0,1,2,3,4,5]"), HasSubstr("\"hello\"")));
}

nlohmann::json TableOf(const CommandResult& result) {
  return nlohmann::json::parse(result.out.substr(result.out.find("\n[\n")));
}

TEST(Demo, MakesARunAndFindsItTheSameThroughEveryBackend) {
  const TestFolder folder;
  const CommandResult result = RunCommand({"demo", "--events", "300", "--batch-bytes", "100000"},
                                          {{"TMPDIR", folder.path()}});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, StartsWith("backend"));
  const auto table = TableOf(result);
  std::vector<std::string> backends;
  for (const auto& row : table) {
    backends.push_back(row["backend"]);
    EXPECT_EQ(row["digest"], table[0]["digest"]);
    EXPECT_EQ(row["live_bytes"], 0);
    EXPECT_EQ(row["datagrams"], 2 * 300 + 3 + 3 * 7);
    EXPECT_GT(row["datagrams_per_s"], 0);
    EXPECT_GT(row["mb_per_s"], 0);
    // The large datagrams exceed the size of a batch and get blocks of their own.
    EXPECT_GT(row["peak_pool_bytes"], 256 << 10);
    EXPECT_LT(row["peak_pool_bytes"], 1 << 20);
    EXPECT_GT(row["rss_bytes"], row["peak_pool_bytes"]);
  }
  EXPECT_EQ(backends, SupportedMemoryBackendNames());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Demo, ReadsTheUsersFilesAndGivesTheirDigest) {
  const TestFolder folder;
  const std::string file = folder.Write("run.xtc2", fixtures::Run(2));
  const CommandResult one = RunCommand({"demo", file});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_EQ(TableOf(one)[0]["digest"], kRunDigest);
  // A file without Configure continues the one before it.
  const CommandResult two =
      RunCommand({"demo", file, folder.Write("chunk.xtc2", fixtures::Event(0))});
  ASSERT_EQ(two.exit_code, 0) << two.err;
  EXPECT_EQ(TableOf(two)[0]["datagrams"], 6);
}

TEST(Demo, FailsWithTheCodeOfTheFault) {
  const TestFolder folder;
  std::string run = fixtures::Run(2);
  run.resize(run.size() - 1);
  const CommandResult malformed = RunCommand({"demo", folder.Write("cut.xtc2", run)});
  EXPECT_EQ(malformed.exit_code, 2);
  EXPECT_THAT(malformed.err, HasSubstr("partial datagram"));
  // Every backend still read what is before the fault.
  const auto rows = nlohmann::json::parse(malformed.out.substr(malformed.out.find("[\n")));
  EXPECT_EQ(rows.size(), SupportedMemoryBackendNames().size());
  for (const auto& row : rows) {
    EXPECT_EQ(row.at("digest"), rows.at(0).at("digest"));
    EXPECT_NE(row.at("digest"), kEmptyDigest);
    EXPECT_EQ(row.at("live_bytes"), 0);
  }
  EXPECT_EQ(RunCommand({"demo", folder.path() + "/missing"}).exit_code, 1);
}

TEST(Demo, ARowRefusesASyntheticRunThatIsNotWhatWasWritten) {
  const TestFolder folder;
  const CommandResult result =
      RunCommand({"demo-row", "--events", "100", folder.Write("run.xtc2", fixtures::Run(100))});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("not the detector that was written"));
  const CommandResult missing =
      RunCommand({"demo-row", "--events", "100", folder.Write("empty.xtc2", fixtures::Run(0))});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("0 events were read, 100 were written"));
}

// A detector whose names are all terminal escape sequences: colours, its title, by C0 and C1,
// another direction of text, and bytes that are not UTF-8.
std::string HostileRun(const TestFolder& folder) {
  const std::string hostile = "n\x1b[31m\x1b]0;x\x07\x9b\xff\n\r\x7f<\xe2\x80\xae>";
  std::vector<dgram::Field> fields(2);
  fields[0].name = hostile;
  fields[0].type = dgram::DataType::kDouble;
  fields[1].name = "text";
  fields[1].type = dgram::DataType::kCharStr;
  fields[1].rank = 1;
  const auto names = dgram::Names::Make(dgram::NamesId(1, 5), hostile, hostile, hostile, 0,
                                        dgram::Algorithm{hostile, 1}, fields);
  EXPECT_TRUE(names.ok()) << names.status();
  const std::string file = folder.path() + "/hostile.xtc2";
  const auto writer = dgram::DgramWriter::Open(file);
  EXPECT_TRUE(writer.ok()) << writer.status();
  Status status = (*writer)->Begin(dgram::TransitionId::kConfigure, dgram::Timestamp(1, 0));
  status.Update((*writer)->Declare(*names));
  status.Update((*writer)->End());
  status.Update((*writer)->Begin(dgram::TransitionId::kL1Accept, dgram::Timestamp(1, 1)));
  status.Update((*writer)->Data(
      *names, {dgram::FieldValue::Scalar<double>(1), dgram::FieldValue::String(hostile)}));
  status.Update((*writer)->End());
  status.Update((*writer)->Close());
  EXPECT_TRUE(status.ok()) << status;
  return file;
}

TEST(Command, NamesInDatagramsGiveTheTerminalNoOrders) {
  const TestFolder folder;
  const std::string file = HostileRun(folder);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"dgram", "dump", file},
        {"dgram", "dump", "--json", file},
        {"dgram", "ls", file},
        {"dgram", "verify", file},
        {"dgram", "edit", file, "-o", folder.path() + "/out", "--remove", "no\x1b[31m/raw"}}) {
    const CommandResult result = RunCommand(arguments);
    for (const char c : result.out + result.err) {
      ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << arguments[1] << ": " << result.out;
    }
  }
  EXPECT_THAT(RunCommand({"dgram", "dump", file}).out, HasSubstr("n\\x1b[31m"));
}

}  // namespace
}  // namespace alkaid::tools
