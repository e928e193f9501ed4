// `--live` as people use it: the command runs beside a writer, which goes on when the command has
// printed what was written so far. Nothing depends on the clock.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/testing/matchers.h"
#include "fixtures/live_script.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/made_streams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = dgram::fixtures;
namespace streams = events::fixtures;
namespace fs = std::filesystem;
using dgram::TransitionId;
using io::LiveScript;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

constexpr uint32_t kChunkSrc = 0x1fe;

std::string Content(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// The command, with a pipe from its stdout. SIGALRM ends it if it hangs.
class LiveCommand {
 public:
  explicit LiveCommand(Words arguments) {
    arguments.insert(arguments.begin(), "alkaid");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int out[2];
    EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
    err_ = ::memfd_create("stderr of the command", MFD_CLOEXEC);
    pid_ = ::fork();
    if (pid_ == 0) {
      for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_DFL);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err_, STDERR_FILENO);
      ::alarm(60);
      ::execv(ALKAID_COMMAND, argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    out_ = out[0];
  }
  ~LiveCommand() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    if (out_ >= 0) ::close(out_);
    ::close(err_);
  }
  LiveCommand(const LiveCommand&) = delete;
  LiveCommand& operator=(const LiveCommand&) = delete;

  void Signal(int number) const { ::kill(pid_, number); }
  // Waits for the next line of its output, and keeps it. Empty at the end.
  std::string Line() {
    const size_t begin = printed_.size();
    for (char c; ::read(out_, &c, 1) == 1;) {
      printed_ += c;
      if (c == '\n') break;
    }
    return printed_.substr(begin);
  }
  // Closes the pipe; returns the signal that ends the command.
  int CloseOutput() {
    ::close(std::exchange(out_, -1));
    int status = 0;
    EXPECT_GT(::waitpid(std::exchange(pid_, -1), &status, 0), 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  // Reads on to the end.
  CommandResult Finish() {
    while (!Line().empty()) {
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    CommandResult result;
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.out = printed_;
    char chunk[4096];
    for (ssize_t got;
         (got = ::pread(err_, chunk, sizeof(chunk), static_cast<off_t>(result.err.size()))) > 0;) {
      result.err.append(chunk, static_cast<size_t>(got));
    }
    return result;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string printed_;
};

class LiveCommandTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder.path() + "/" + name; }
  static void WriteByteByByte(const std::string& path, const std::string& bytes) {
    for (const char byte : bytes) LiveScript::Append(path, std::string(1, byte));
  }

  const TestFolder folder;
};

// The datagrams of a short run.
std::vector<std::string> Dgrams() {
  std::vector<std::string> dgrams = {fixtures::Configure(),
                                     fixtures::Dgram(TransitionId::kBeginRun, "")};
  for (uint32_t i = 0; i < 3; ++i) dgrams.push_back(fixtures::Event(i));
  dgrams.push_back(fixtures::Dgram(TransitionId::kEndRun, ""));
  return dgrams;
}

TEST_F(LiveCommandTest, LsListsEachDatagramAsSoonAsItIsWritten) {
  const std::string path = folder.Write("run.xtc2", "");
  LiveCommand command({"dgram", "ls", "--live", path});
  for (const std::string& dgram : Dgrams()) {
    WriteByteByByte(path, dgram);
    EXPECT_THAT(command.Line(), EndsWith("\n"));
  }
  const CommandResult live = command.Finish();
  EXPECT_EQ(live.exit_code, 0) << live.err;
  EXPECT_THAT(live.err, IsEmpty());
  EXPECT_EQ(live.out, RunCommand({"dgram", "ls", path}).out);
}

TEST_F(LiveCommandTest, LsFollowsAFileToItsFinalName) {
  const std::string path = Path("run.xtc2");
  LiveScript::Append(path + ".inprogress", "");
  LiveCommand command({"dgram", "ls", "--json", "--live=3600", path});
  std::string where = path + ".inprogress";
  for (const std::string& dgram : Dgrams()) {
    LiveScript::Append(where, dgram);
    // The first line is printed after the file was opened.
    EXPECT_THAT(command.Line(), EndsWith("\n"));
    if (where != path) fs::rename(where, path);
    where = path;
  }
  const CommandResult live = command.Finish();
  EXPECT_EQ(live.exit_code, 0) << live.err;
  EXPECT_EQ(nlohmann::json::parse(live.out)["n_dgrams"], 6);
  auto report = nlohmann::json::parse(live.out);
  EXPECT_EQ(report["live_end"], "EndRun");
  report.erase("live_end");
  EXPECT_EQ(report, nlohmann::json::parse(RunCommand({"dgram", "ls", "--json", path}).out));
}

TEST_F(LiveCommandTest, ASignalEndsLsCleanlyWithWhatItHasRead) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string path = folder.Write("run.xtc2", fixtures::Configure());
    LiveCommand command({"dgram", "ls", "--live", path});
    EXPECT_THAT(command.Line(), HasSubstr("Configure"));
    LiveScript::Append(path, fixtures::Event(0) + fixtures::Event(1).substr(0, 50));
    EXPECT_THAT(command.Line(), HasSubstr("L1Accept"));
    command.Signal(number);
    const CommandResult result = command.Finish();
    EXPECT_EQ(result.exit_code, 0) << number << result.err;
    EXPECT_THAT(result.err, HasSubstr("stopped by a signal"));
    EXPECT_THAT(result.out, EndsWith("\n"));
  }
}

TEST_F(LiveCommandTest, TheReportOfAReadingThatASignalEndedSaysSo) {
  const std::string path = folder.Write("run.xtc2", fixtures::Configure() + fixtures::Event(0));
  LiveCommand command({"dgram", "ls", "--live", "--json", path});
  for (std::string line = command.Line(); !line.empty() && line.find("Configure") == line.npos;) {
    line = command.Line();
  }
  command.Signal(SIGTERM);
  EXPECT_EQ(nlohmann::json::parse(command.Finish().out)["live_end"], "stopped");
}

TEST_F(LiveCommandTest, LsEndsWhenNobodyReadsItThoughNothingIsWritten) {
  const std::string path = folder.Write("run.xtc2", fixtures::Configure());
  LiveCommand command({"dgram", "ls", "--live", path});
  EXPECT_THAT(command.Line(), HasSubstr("Configure"));
  EXPECT_EQ(command.CloseOutput(), SIGPIPE);
}

TEST_F(LiveCommandTest, ASilenceEndsLsAndNamesWhatIsLeftOfADatagram) {
  const std::string whole = folder.Write("whole.xtc2", fixtures::Configure() + fixtures::Event(0));
  const CommandResult clean = RunCommand({"dgram", "ls", "--live=0.01", whole});
  EXPECT_EQ(clean.exit_code, 0) << clean.err;
  EXPECT_EQ(clean.out, RunCommand({"dgram", "ls", whole}).out);
  EXPECT_THAT(clean.err, HasSubstr("nothing was written for 10 ms, and no EndRun"));

  const std::string cut =
      folder.Write("cut.xtc2", fixtures::Configure() + fixtures::Event(0).substr(0, 77));
  const CommandResult partial = RunCommand({"dgram", "ls", "--live=0.01", cut});
  EXPECT_EQ(partial.exit_code, 2);
  EXPECT_THAT(partial.err,
              AllOf(HasSubstr(cut + ": byte " + std::to_string(fixtures::Configure().size())),
                    HasSubstr("partial datagram: 77 of "), HasSubstr("nothing was written")));
}

// Small data of two streams, the second of which has every other event, and their big data. The
// first continues in a second chunk.
struct TwoStreams {
  std::vector<std::string> small = std::vector<std::string>(2);
  std::vector<std::string> big = std::vector<std::string>(2);
  std::string chunk;

  TwoStreams() {
    const std::string names = fixtures::Names(kChunkSrc, "chunkinfo", 0, "chunkinfo",
                                              {{"chunkid", 2, 0}, {"filename", 10, 1}});
    const std::string records = streams::SmdConfigure().substr(dgram::kDgramHeaderBytes);
    for (size_t i = 0; i < 2; ++i) {
      small[i] = streams::Dgram(TransitionId::kConfigure, 0, names + records);
      big[i] = streams::Dgram(TransitionId::kConfigure, 0, names);
    }
    const std::vector<std::string*> files = {&big[0], &big[1]};
    Add(files, streams::Dgram(TransitionId::kBeginRun, 1));
    Events(files, 2, 10);
    const std::string next = "s0-c001.xtc2";
    const std::string payload =
        fixtures::ShapesData(kChunkSrc, fixtures::Shape({static_cast<uint32_t>(next.size())}),
                             fixtures::Bytes(1) + next);
    const std::string enable = streams::Dgram(TransitionId::kEnable, 20, payload);
    small[0] += enable;
    big[0] += enable;
    small[1] += streams::Dgram(TransitionId::kEnable, 20);
    big[1] += streams::Dgram(TransitionId::kEnable, 20);
    const std::vector<std::string*> later = {&chunk, &big[1]};
    Events(later, 30, 40);
    Add(later, streams::Dgram(TransitionId::kEndRun, 50));
  }

 private:
  void Add(const std::vector<std::string*>& files, const std::string& dgram) {
    for (size_t i = 0; i < files.size(); ++i) {
      small[i] += dgram;
      *files[i] += dgram;
    }
  }
  void Events(const std::vector<std::string*>& files, uint64_t begin, uint64_t end) {
    for (uint64_t t = begin; t < end; ++t) {
      for (size_t i = 0; i < files.size(); ++i) {
        if (i == 1 && t % 2 == 1) continue;
        const std::string dgram = streams::L1(t, std::string(t, 'd'));
        small[i] += streams::Smd(t, files[i]->size(), dgram.size());
        *files[i] += dgram;
      }
    }
  }
};

TEST_F(LiveCommandTest, EventsPrintsTheBatchesOfTheFinishedFiles) {
  const TwoStreams run;
  const std::vector<std::string> paths = {folder.Write("s0.smd.xtc2", ""),
                                          folder.Write("s1.smd.xtc2", "")};
  const Words arguments = {paths[0], paths[1], "--events", "--batch-size=4", "--window-events=2"};
  Words live = {"dgram", "events", "--live"};
  live.insert(live.end(), arguments.begin(), arguments.end());
  LiveCommand command(live);
  for (size_t at = 0; at < run.small[0].size(); at += 10) {
    LiveScript::Append(paths[0], run.small[0].substr(at, 10));
    if (at < run.small[1].size()) LiveScript::Append(paths[1], run.small[1].substr(at, 10));
  }
  const CommandResult result = command.Finish();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_THAT(result.out, HasSubstr("events 21, of which transitions 3"));
  live.erase(live.begin() + 2);
  EXPECT_EQ(result.out, RunCommand(live).out);
}

TEST_F(LiveCommandTest, ASignalEndsEventsWithWhatAllStreamsReached) {
  const TwoStreams run;
  // The second stream has only its first events, and a part of the next.
  const std::vector<std::string> paths = {
      folder.Write("s0.smd.xtc2", run.small[0]),
      folder.Write("s1.smd.xtc2", run.small[1].substr(0, run.small[1].size() - 400))};
  LiveCommand command(
      {"dgram", "events", "--live", paths[0], paths[1], "--batch-size=1", "--window-events=1"});
  // The head of the report, and a batch.
  EXPECT_THAT(command.Line(), HasSubstr("sha256"));
  EXPECT_THAT(command.Line(), HasSubstr(" 1 "));
  command.Signal(SIGTERM);
  const CommandResult result = command.Finish();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("batches "));
  EXPECT_THAT(result.err, HasSubstr("stopped by a signal"));
}

TEST_F(LiveCommandTest, ASignalBeforeAnythingIsThereEndsIt) {
  const std::string path = folder.Write("s0.smd.xtc2", "");
  LiveCommand command({"dgram", "ls", "--json", "--live", path});
  EXPECT_THAT(command.Line(), EndsWith("\n"));
  command.Signal(SIGINT);
  EXPECT_EQ(command.Finish().exit_code, 0);
}

TEST_F(LiveCommandTest, ReadGivesTheDatagramsOfTheFinishedFilesThoughAChunkComesLate) {
  const TwoStreams run;
  const std::string second = Path("s0-c001.xtc2");
  Words words = {"dgram", "read", "--json", "--batches", "--batch-size=3", "--smd"};
  words.push_back(folder.Write("s0.smd.xtc2", run.small[0]));
  words.push_back(folder.Write("s1.smd.xtc2", run.small[1]));
  words.push_back("--data");
  words.push_back(folder.Write("s0-c000.xtc2", run.big[0]));
  words.push_back(folder.Write("s1.xtc2", run.big[1]));
  words.push_back("--live");
  LiveCommand command(words);
  // The head of the report, and the first batches, which need no chunk.
  for (std::string line = command.Line(); line.find("\"timestamp\":\"2\"") == std::string::npos;
       line = command.Line()) {
    ASSERT_NE(line, "");
  }
  WriteByteByByte(second + ".inprogress", run.chunk.substr(0, 100));
  fs::rename(second + ".inprogress", second);
  WriteByteByByte(second, run.chunk.substr(100));
  const CommandResult live = command.Finish();
  EXPECT_EQ(live.exit_code, 0) << live.err;
  words.pop_back();
  const auto batches = [](const CommandResult& result) {
    auto json = nlohmann::json::parse(result.out)["batches"];
    // The reads depend on what was there.
    for (auto& batch : json) batch.erase("reads");
    return json;
  };
  const CommandResult finished = RunCommand(words);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(batches(live), batches(finished));
}

TEST_F(LiveCommandTest, SmdMakesTheFileOfTheFinishedChunks) {
  const TwoStreams run;
  const std::string first = folder.Write("s0-c000.xtc2", "");
  const std::string second = Path("s0-c001.xtc2");
  LiveCommand command({"dgram", "smd", "--live", first, "-o", Path("live.smd.xtc2")});
  WriteByteByByte(first, run.big[0]);
  WriteByteByByte(second + ".inprogress", run.chunk.substr(0, 100));
  fs::rename(second + ".inprogress", second);
  WriteByteByByte(second, run.chunk.substr(100));
  const CommandResult live = command.Finish();
  EXPECT_EQ(live.exit_code, 0) << live.err;
  EXPECT_THAT(live.out, HasSubstr("in 2 files"));
  EXPECT_EQ(RunCommand({"dgram", "smd", first, "-o", Path("smd.xtc2")}).exit_code, 0);
  EXPECT_EQ(Content(Path("live.smd.xtc2")), Content(Path("smd.xtc2")));
}

TEST_F(LiveCommandTest, SmdNamesAChunkThatDoesNotComeAndWhatStandsBehindItsAnnouncement) {
  const TwoStreams run;
  const std::string first = folder.Write("s0-c000.xtc2", run.big[0]);
  const std::string out = Path("out");
  const CommandResult missing = RunCommand({"dgram", "smd", "--live=0.01", first, "-o", out});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err,
              AllOf(HasSubstr(Path("s0-c001.xtc2")), HasSubstr("chunk 1, announced in " + first)));

  folder.Write("s0-c001.xtc2", run.chunk);
  // In the batch of the announcement, and in a batch of its own.
  const std::string configure = run.big[0].substr(0, run.big[0].find(streams::L1(2, "dd")) - 24);
  for (const std::string& more : {streams::L1(25), configure}) {
    folder.Write("s0-c000.xtc2", run.big[0] + more);
    for (const char* mode : {"--live", "--live=0"}) {
      const CommandResult announced = RunCommand({"dgram", "smd", mode, first, "-o", out});
      EXPECT_EQ(announced.exit_code, 2) << announced.err;
      EXPECT_THAT(announced.err, HasSubstr(" after the announcement that sends readers on"));
    }
  }
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(LiveCommandTest, ASignalEndsSmdWithTheSmallDataOfWhatWasRead) {
  const TwoStreams run;
  const std::string whole = folder.Write("whole.xtc2", run.big[0]);
  const std::string first = folder.Write("s0-c000.xtc2", run.big[0]);
  const std::string out = Path("live.smd.xtc2");
  const auto largest_other = [&] {
    uintmax_t largest = 0;
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      if (entry.path() == whole || entry.path() == first) continue;
      std::error_code ignored;
      const uintmax_t size = entry.file_size(ignored);
      if (!ignored) largest = std::max(largest, size);
    }
    return largest;
  };
  LiveCommand command({"dgram", "smd", "--live", first, "-o", out});
  // Its temporary file has what it read so far; it waits for the announced chunk.
  while (largest_other() == 0) std::this_thread::yield();
  command.Signal(SIGTERM);
  const CommandResult live = command.Finish();
  EXPECT_EQ(live.exit_code, 0) << live.err;
  EXPECT_THAT(live.err, HasSubstr("stopped by a signal"));
  EXPECT_EQ(RunCommand({"dgram", "smd", "--no-follow", whole, "-o", Path("smd")}).exit_code, 0);
  EXPECT_EQ(Content(out), Content(Path("smd")));
}

TEST_F(LiveCommandTest, AWriterThatIsKilledInADatagramIsNamedByWhatItLeft) {
  const std::string path = folder.Write("run.xtc2", "");
  const std::string bytes = fixtures::Configure() + fixtures::Event(0).substr(0, 100);
  const pid_t writer = ::fork();
  if (writer == 0) {
    const int file = ::open(path.c_str(), O_WRONLY | O_APPEND);
    for (const char byte : bytes) {
      if (::write(file, &byte, 1) != 1) ::_exit(1);
    }
    while (true) ::pause();
  }
  ASSERT_GT(writer, 0);
  while (fs::file_size(path) < bytes.size()) std::this_thread::yield();
  // The writer stalls, and keeps the file open, until it is killed.
  LiveCommand command({"dgram", "ls", "--live=0.2", path});
  EXPECT_THAT(command.Line(), HasSubstr("Configure"));
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  const CommandResult result = command.Finish();
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr(path + ": byte " + std::to_string(fixtures::Configure().size())),
                    HasSubstr("partial datagram: 100 of ")));
}

TEST_F(LiveCommandTest, AMissingFileAndASilenceThatIsNoneAreRefused) {
  EXPECT_EQ(RunCommand({"dgram", "ls", "--live", Path("no.xtc2")}).exit_code, 1);
  const std::string path = folder.Write("run.xtc2", fixtures::Run(1));
  for (const char* seconds : {"soon", "-1", "1e10", "nan", "5 "}) {
    const CommandResult result =
        RunCommand({"dgram", "ls", std::string("--live=") + seconds, path});
    EXPECT_EQ(result.exit_code, 1) << seconds;
    EXPECT_THAT(result.err, HasSubstr("a silence has from 0")) << seconds;
  }
}

}  // namespace
}  // namespace alkaid::tools
