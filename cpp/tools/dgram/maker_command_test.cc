// Common behaviour of the commands that make files: output to stdout, signals, limits, exit codes.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "fixtures/made_dgrams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = dgram::fixtures;
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

int64_t Entries(const TestFolder& folder) {
  return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
}

// A command that runs beside the test, with the signal settings of a shell.
class RunningCommand {
 public:
  explicit RunningCommand(Words arguments, rlim_t file_bytes = RLIM_INFINITY) {
    arguments.insert(arguments.begin(), "alkaid");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const struct rlimit limit = {file_bytes, file_bytes};
    pid_ = ::fork();
    if (pid_ != 0) return;
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGXFSZ}) ::signal(number, SIG_DFL);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::execv(ALKAID_COMMAND, argv.data());
    ::_exit(127);
  }
  ~RunningCommand() {
    if (!ended_) ::kill(pid_, SIGKILL);
    ExitCode();
  }
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;

  void Signal(int number) const { ::kill(pid_, number); }
  // Whether it ends within `patience`.
  bool EndsIn(std::chrono::milliseconds patience) {
    for (int64_t i = 0; i < patience.count() && !ended_; ++i) {
      ended_ = ::wait4(pid_, &status_, WNOHANG, &usage_) == pid_;
      if (!ended_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return ended_;
  }
  // 128 and the signal's number where a signal ended it.
  int ExitCode() {
    if (!ended_) ended_ = ::wait4(pid_, &status_, 0, &usage_) == pid_;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }
  // Whether it ended by itself.
  bool exited() const { return WIFEXITED(status_); }
  int64_t peak_bytes() const { return int64_t{usage_.ru_maxrss} * 1024; }
  // Whether it waits for something, for longer than a moment.
  bool Waits() const {
    int waiting = 0;
    for (int i = 0; i < 2000 && waiting < 5; ++i) {
      const std::string stat = Content("/proc/" + std::to_string(pid_) + "/stat");
      const size_t at = stat.rfind(") ");
      waiting = at != std::string::npos && stat[at + 2] == 'S' ? waiting + 1 : 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return waiting == 5;
  }

 private:
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
  struct rusage usage_ = {};
};

constexpr std::chrono::seconds kPatience{5};

// Waits for the temporary file beside `there` others, sends the signal, and checks what is left.
void ExpectCleanEnd(const TestFolder& folder, const Words& arguments, int number) {
  const int64_t there = Entries(folder);
  RunningCommand command(arguments);
  for (int i = 0; i < 20000 && Entries(folder) == there; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  EXPECT_EQ(Entries(folder), there + 1);
  command.Signal(number);
  EXPECT_TRUE(command.EndsIn(kPatience)) << arguments[1] << " goes on after signal " << number;
  if (!command.EndsIn(kPatience)) return;
  EXPECT_EQ(command.ExitCode(), 128 + number) << arguments[1];
  EXPECT_TRUE(command.exited()) << arguments[1] << " did not end itself";
  EXPECT_EQ(Entries(folder), there) << arguments[1];
}

class MakerCommand : public ::testing::Test {
 protected:
  // The edited and the small version of this run have more than 10 KiB.
  const TestFolder folder;
  const std::string input = folder.Write("in.xtc2", fixtures::Run(500));
  const std::string output = folder.path() + "/out";
  const std::vector<Words> makers = {
      {"dgram", "edit", input}, {"dgram", "smd", input}, {"dgram", "write"}};
};

TEST_F(MakerCommand, GivesStdoutTheSameBytesAsAFileAndNothingElse) {
  for (Words maker : makers) {
    maker.insert(maker.end(), {"-o", output});
    const CommandResult to_file = RunCommand(maker);
    ASSERT_EQ(to_file.exit_code, 0) << to_file.err;
    EXPECT_THAT(to_file.out, AllOf(HasSubstr("out: "), HasSubstr(" bytes")));
    maker.back() = "/dev/stdout";
    const CommandResult straight = RunCommand(maker);
    EXPECT_EQ(straight.exit_code, 0) << straight.err;
    EXPECT_EQ(straight.err, "");
    EXPECT_TRUE(straight.out == Content(output)) << maker[1];
  }
}

TEST_F(MakerCommand, LeavesNothingAfterASignalAndExitsWithItsNumber) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    ExpectCleanEnd(folder, {"dgram", "write", "-o", output, "--events", "100000000"}, number);
  }
  std::string many = fixtures::Configure();
  const std::string enable = fixtures::Dgram(dgram::TransitionId::kEnable, "");
  many.reserve(many.size() + 2'000'000 * enable.size());
  for (int i = 0; i < 2'000'000; ++i) many += enable;
  const std::string large = folder.Write("large.xtc2", many);
  ExpectCleanEnd(folder, {"dgram", "smd", large, "-o", output}, SIGTERM);
  ExpectCleanEnd(folder, {"dgram", "edit", large, "-o", output}, SIGHUP);
}

TEST_F(MakerCommand, CanBeInterruptedInARunWithoutEvents) {
  ExpectCleanEnd(folder, {"dgram", "write", "-o", output, "--events", "0", "--steps", "1000000000"},
                 SIGINT);
}

// The first signal may be enough; the second one always ends it.
TEST_F(MakerCommand, CanBeLeftWhereItWaitsForTheReaderOfAPipe) {
  ASSERT_EQ(::mkfifo(output.c_str(), 0600), 0);
  for (Words maker : makers) {
    maker.insert(maker.end(), {"-o", output});
    RunningCommand command(maker);
    ASSERT_TRUE(command.Waits());
    command.Signal(SIGINT);
    if (!command.EndsIn(std::chrono::milliseconds(200))) command.Signal(SIGINT);
    ASSERT_TRUE(command.EndsIn(kPatience)) << maker[1];
    EXPECT_EQ(command.ExitCode(), 130) << maker[1];
  }
}

TEST_F(MakerCommand, CanBeLeftWhereItWaitsForTheWriterOfAPipe) {
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const bool has_writer : {false, true}) {
    // A writer that writes nothing.
    const int reader = has_writer ? ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    const int writer = has_writer ? ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC) : -1;
    for (const char* maker : {"smd", "edit"}) {
      RunningCommand command({"dgram", maker, pipe, "-o", output});
      ASSERT_TRUE(command.Waits());
      command.Signal(SIGINT);
      if (!command.EndsIn(std::chrono::milliseconds(200))) command.Signal(SIGINT);
      ASSERT_TRUE(command.EndsIn(kPatience)) << maker;
      EXPECT_EQ(command.ExitCode(), 130) << maker;
      EXPECT_FALSE(fs::exists(output));
    }
    if (reader >= 0) ::close(reader);
    if (writer >= 0) ::close(writer);
  }
}

TEST_F(MakerCommand, LeavesASignalIgnoredThatWasIgnored) {
  struct sigaction before;
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGHUP, &ignore, &before), 0);
  // SIGHUP is ignored, as under nohup; RunCommand keeps the test's signal settings.
  std::thread hang_up([this] {
    for (int i = 0; i < 2000 && Entries(folder) == 1; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      // ".out.<process>-<boot>-<random>.tmp"
      const std::string name = entry.path().filename().string();
      if (name.starts_with(".out.")) ::kill(std::stoi(name.substr(5)), SIGHUP);
    }
  });
  const CommandResult result = RunCommand({"dgram", "write", "-o", output, "--events", "100000"});
  hang_up.join();
  ::sigaction(SIGHUP, &before, nullptr);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(fs::exists(output));
}

TEST_F(MakerCommand, ReportsTheLimitOfAFilesSizeLikeAFullDisk) {
  for (Words maker : makers) {
    maker.insert(maker.end(), {"-o", output});
    RunningCommand command(maker, /*file_bytes=*/10 << 10);
    EXPECT_EQ(command.ExitCode(), 1) << maker[1];
    EXPECT_EQ(Entries(folder), 1) << maker[1];
  }
}

TEST_F(MakerCommand, RefusesAnEmptyFileAndLeavesTheOldOutput) {
  const std::string empty = folder.Write("empty.xtc2", "");
  folder.Write("out", "old");
  for (const Words& arguments : std::vector<Words>{
           {"dgram", "edit", empty, "-o", output},
           {"dgram", "edit", empty, "-o", output, "--set-damage", "1", "--config", input},
           {"dgram", "smd", empty, "-o", output}}) {
    const CommandResult result = RunCommand(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("empty.xtc2: no Configure: the file is empty"));
    EXPECT_EQ(Content(output), "old");
  }
}

TEST_F(MakerCommand, SaysInItsHelpWhatItExitsWith) {
  for (const Words& maker : makers) {
    const CommandResult help = RunCommand({"dgram", maker[1], "--help"});
    EXPECT_THAT(help.out, AllOf(HasSubstr("Exit codes:\n  0 "), HasSubstr("130 for INT"),
                                HasSubstr("143 for TERM"), HasSubstr("129 for HUP")));
  }
}

// AddressSanitizer keeps freed memory for a while.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kFreedMemoryGoesBack = false;
#else
constexpr bool kFreedMemoryGoesBack = true;
#endif

TEST_F(MakerCommand, HoldsTheValuesOfOneStreamAtATime) {
  if (!kFreedMemoryGoesBack) GTEST_SKIP() << "under AddressSanitizer freed memory is kept";
  const auto peak = [&](const std::string& streams) {
    RunningCommand command({"dgram", "write", "-o", folder.path() + "/s{}", "--streams", streams,
                            "--payload", "8000000", "--events", "0"});
    EXPECT_EQ(command.ExitCode(), 0);
    return command.peak_bytes();
  };
  // All of them would take 320 MB.
  EXPECT_LT(peak("40"), peak("1") + 64'000'000);
}

}  // namespace
}  // namespace alkaid::tools
