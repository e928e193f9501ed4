// Every `alkaid dgram` command over unreadable files: of another kind, with a bad sector, with a
// datagram above the limit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fixtures/bad_sector.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/made_streams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = events::fixtures;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

// The bad byte of big data, and of small data.
constexpr int64_t kBad = 3 << 20;
constexpr int64_t kSmallBad = 40'960;

int64_t Lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Runs the command on a disk on which bytes from `bad` on cannot be read. -2 where no such disk can
// be made.
CommandResult RunOverBadSector(uint32_t bad, const Words& arguments) {
  const TestFolder folder;
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!MakeSectorBad(bad)) ::_exit(254);
    const CommandResult result = RunCommand(arguments, {{"ALKAID_READ_QUEUE", "inline"}});
    folder.Write("out", result.out);
    folder.Write("err", result.err);
    ::_exit(result.exit_code);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  CommandResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = Content(folder.path() + "/out");
  result.err = Content(folder.path() + "/err");
  return result;
}

// A run of 4 MB, in big and small data.
class OverABadSector : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string small = fixtures::SmdConfigure();
    std::string big = dgram::fixtures::Configure();
    const std::string payload = fixtures::Xtc(77, 0, std::string(988, 'x'));
    for (uint64_t t = 1; big.size() < (4 << 20); ++t) {
      const std::string dgram = fixtures::L1(t, payload);
      small += fixtures::Smd(t, big.size(), dgram.size());
      big += dgram;
      if (big.size() <= kBad) {
        before_ = big.size();
        events_before_ = static_cast<int64_t>(t);
      }
    }
    small_ = folder_.Write("s.smd.xtc2", small);
    big_ = folder_.Write("s.xtc2", big);
    whole_ = folder_.Write("before.xtc2", big.substr(0, before_));
  }

  // Expects the failure of the sector, and returns what came before it.
  static CommandResult Expect(const Words& arguments, int64_t bad = kBad) {
    CommandResult result = RunOverBadSector(static_cast<uint32_t>(bad), arguments);
    EXPECT_EQ(result.exit_code, 1) << arguments[1] << ": " << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr(": byte " + std::to_string(bad) + " ("),
                                  HasSubstr("Input/output error")))
        << arguments[1];
    return result;
  }

  const TestFolder folder_;
  std::string small_;
  std::string big_;
  // The datagrams before the sector, in a separate file.
  std::string whole_;
  size_t before_ = 0;
  int64_t events_before_ = 0;
  const int64_t records_before_ =
      (kSmallBad - static_cast<int64_t>(fixtures::SmdConfigure().size())) / 76;
};

TEST_F(OverABadSector, EveryCommandGivesWhatLiesBeforeIt) {
  const int64_t dgrams = events_before_ + 1;
  EXPECT_EQ(Lines(Expect({"dgram", "ls", big_}).out), dgrams);
  EXPECT_EQ(Expect({"dgram", "dump", big_}).out, RunCommand({"dgram", "dump", whole_}).out);
  EXPECT_EQ(Expect({"dgram", "digest", big_}).out, RunCommand({"dgram", "digest", whole_}).out);
  EXPECT_THAT(Expect({"dgram", "verify", big_}).out,
              HasSubstr(big_ + ": " + std::to_string(dgrams) + " datagrams, "));
  for (const char* command : {"ls", "dump", "digest"}) {
    const Json report = Json::parse(Expect({"dgram", command, "--json", big_}).out);
    EXPECT_EQ(report["n_dgrams"], dgrams) << command;
    EXPECT_THAT(report["error"].get<std::string>(), HasSubstr("Input/output error")) << command;
  }
}

TEST_F(OverABadSector, EveryEventBeforeItIsBuiltAndRead) {
  for (const char* chunk : {"4096", "16777216"}) {
    const Json read = Json::parse(Expect({"dgram", "read", "--json", "--batches", "--chunk-bytes",
                                          chunk, "--smd=" + small_, "--data=" + big_})
                                      .out);
    EXPECT_EQ(read["n_events"], events_before_) << chunk;
    size_t listed = 0;
    for (const Json& batch : read["batches"]) listed += batch["events"].size();
    EXPECT_EQ(listed, static_cast<size_t>(events_before_)) << chunk;
  }
  // The same for small data: the records before the sector.
  for (const char* batch : {"1", "7", "0"}) {
    const Json events = Json::parse(
        Expect({"dgram", "events", "--json", "--batch-size", batch, small_}, kSmallBad).out);
    EXPECT_EQ(events["n_events"], records_before_) << batch;
  }
}

TEST_F(OverABadSector, EveryCommandGivesWhatLiesBeforeItOfAFileThatIsStillBeingWritten) {
  EXPECT_EQ(Lines(Expect({"dgram", "ls", "--live", big_}).out), events_before_ + 1);
  const Json read = Json::parse(
      Expect({"dgram", "read", "--live", "--json", "--smd=" + small_, "--data=" + big_}).out);
  EXPECT_EQ(read["n_events"], events_before_);
  const Json events =
      Json::parse(Expect({"dgram", "events", "--live", "--json", small_}, kSmallBad).out);
  EXPECT_EQ(events["n_events"], records_before_);
}

TEST_F(OverABadSector, WhatMakesFilesLeavesNone) {
  const std::string out = folder_.path() + "/out";
  Expect({"dgram", "smd", big_, "-o", out});
  Expect({"dgram", "edit", big_, "-o", out});
  EXPECT_FALSE(std::filesystem::exists(out));
}

// Each reading command, over `file` where needed; `config` has the Configure.
std::vector<Words> ReadersOf(const std::string& file, const std::string& small,
                             const std::string& out) {
  return {{"dgram", "ls", file},
          {"dgram", "dump", file},
          {"dgram", "digest", file},
          {"dgram", "verify", file},
          {"dgram", "smd", file, "-o", out},
          {"dgram", "edit", file, "-o", out},
          {"dgram", "events", file},
          {"dgram", "read", "--smd=" + small, "--data=" + file}};
}

TEST(AFileOfAnotherKind, IsCalledThatByEveryCommandWithWhatItBeginsWith) {
  const TestFolder folder;
  std::string text = "root:x:0:0:root:/root:/bin/bash\n";
  while (text.size() < 10'000) text += "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n";
  const std::string passwd = folder.Write("passwd", text);
  const std::string small = folder.Write(
      "s.smd.xtc2", fixtures::SmdConfigure() + fixtures::Smd(1, 48, fixtures::L1(1).size()));
  const std::string run = folder.Write("run.xtc2", dgram::fixtures::Run(1));
  std::vector<Words> commands = ReadersOf(passwd, small, folder.path() + "/out");
  commands.push_back({"dgram", "ls", run, "--config", passwd});
  for (const Words& command : commands) {
    const CommandResult result = RunCommand(command);
    EXPECT_EQ(result.exit_code, 2) << command[1];
    EXPECT_THAT(result.err + result.out,
                AllOf(HasSubstr("passwd: byte 0 ("),
                      HasSubstr("not an XTC2 file: it begins with \"root:x:0:0:root:/root:/b\"")))
        << command[1];
  }
}

TEST(ADatagramAboveTheLimit, IsRefusedByEveryCommandNamingTheOptionThatAcceptsIt) {
  const TestFolder folder;
  // Later than the Configure in time too.
  constexpr uint64_t kTime = uint64_t{2} << 32;
  const std::string event = fixtures::L1(kTime, fixtures::Xtc(77, 0, std::string(50'000, 'x')));
  const std::string configure = dgram::fixtures::Configure();
  const std::string file = folder.Write("run.xtc2", configure + event);
  const std::string small =
      folder.Write("s.smd.xtc2",
                   fixtures::SmdConfigure() + fixtures::Smd(kTime, configure.size(), event.size()));
  std::vector<Words> commands = ReadersOf(file, small, folder.path() + "/out");
  commands.push_back({"dgram", "write", "--payload", "50000", "-o", folder.path() + "/written"});
  for (const Words& command : commands) {
    Words limited = command;
    limited.insert(limited.end(), {"--max-dgram-bytes", "40000"});
    const CommandResult refused = RunCommand(limited);
    EXPECT_EQ(refused.exit_code, 1) << command[1];
    EXPECT_THAT(refused.err, AllOf(HasSubstr("the limit is 40000"), HasSubstr("--max-dgram-bytes")))
        << command[1];
    limited.back() = "60000";
    const CommandResult accepted = RunCommand(limited);
    EXPECT_THAT(accepted.err, Not(HasSubstr("--max-dgram-bytes"))) << command[1];
    EXPECT_EQ(accepted.exit_code, 0) << command[1] << ": " << accepted.err;
  }
}

}  // namespace
}  // namespace alkaid::tools
