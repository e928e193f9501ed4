// alkaid profile gate, over a program that stamps and one that does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/growth/leak_profile_run.h"
#include "tools/support/run_command.h"

extern "C" char** environ;  // NOLINT(readability-redundant-declaration)

namespace alkaid::tools {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The gate's temporary files lie in the test's folder, which must be empty afterwards.
class ProfileGate : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP()
        << "a sanitizer keeps what is freed, and notes in memory what is touched: the gate "
           "would judge that";
#endif
  }

  CommandResult Gate(std::vector<std::string> options, const std::vector<std::string>& command,
                     std::map<std::string, std::string> environment = {}) const {
    options.insert(options.begin(), {"profile", "gate"});
    options.push_back("--");
    options.insert(options.end(), command.begin(), command.end());
    environment.emplace("TMPDIR", temporary_.path());
    CommandResult result = RunCommand(options, environment);
    EXPECT_TRUE(std::filesystem::is_empty(temporary_.path())) << "something was left behind";
    return result;
  }
  static std::vector<std::string> Program(const std::string& events, const std::string& leak = "0",
                                          const std::string& end = "exit") {
    return {ALKAID_STAMPING_PROGRAM, events, leak, "1", end};
  }

  const TestFolder temporary_;
};

TEST_F(ProfileGate, PassesANoisyProgramThatDoesNotLeak) {
  const CommandResult result = Gate({}, Program("120"));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "120 events\n120 events\n");
  EXPECT_THAT(
      result.err,
      AllOf(HasSubstr("gate: the control: "), HasSubstr("1.00 MB planted"), HasSubstr("done\n"),
            HasSubstr("run 1 of 1: without a planted leak"),
            HasSubstr("of 1.00 MB planted per event, "), HasSubstr("does not alarm: RSS "),
            HasSubstr("; live in pools "), HasSubstr("gate: passed\n"), Not(HasSubstr("ALARM"))));
}

TEST_F(ProfileGate, FailsWhereTheProgramLeaksAndReportsIt) {
  const CommandResult result = Gate({}, Program("120", "1"));
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("ALARM: RSS +"), HasSubstr("num_stamp 120"),
                                HasSubstr("Verdict: leak"), HasSubstr("FAILED: memory grows")));
}

TEST_F(ProfileGate, GrowthThatIsAllowedIsNotCalledPassed) {
  const CommandResult allowed = Gate({"--max-mb", "3", "--plant", "6"}, Program("120", "1"));
  EXPECT_EQ(allowed.exit_code, 0) << allowed.err;
  EXPECT_THAT(allowed.err, AllOf(HasSubstr("gate: grows: RSS +1"), HasSubstr(" MB in all, of "),
                                 HasSubstr("gate: grows, below what you allow\n"),
                                 Not(HasSubstr("gate: passed"))));
  const CommandResult in_all =
      Gate({"--max-mb", "3", "--max-total", "50", "--plant", "6"}, Program("120", "1"));
  EXPECT_EQ(in_all.exit_code, 3) << in_all.err;
  EXPECT_THAT(in_all.err, HasSubstr("allowed: 3.00 MB per event and 50.00 MB in all"));
}

// It is lost in the noise of RSS, and no pool hands it out; `profile report` finds it.
TEST_F(ProfileGate, ASmallLeakOfMallocIsNotCalledPassed) {
  const CommandResult allowed = Gate({}, Program("400", "0", "malloc"));
  EXPECT_EQ(allowed.exit_code, 0) << allowed.err;
  EXPECT_THAT(allowed.err, AllOf(HasSubstr("gate: grows: other malloc +0.004"),
                                 HasSubstr("gate: grows, below what you allow\n"),
                                 Not(HasSubstr("gate: passed"))));
  const CommandResult beyond = Gate({"--max-mb", "0.002"}, Program("400", "0", "malloc"));
  EXPECT_EQ(beyond.exit_code, 3) << beyond.err;
  EXPECT_THAT(beyond.err, HasSubstr("other malloc +0.004"));
}

TEST_F(ProfileGate, APlantThatIsAllowedIsExplainedAndNothingRuns) {
  const CommandResult result = Gate({"--max-mb", "3"}, Program("120", "1"));
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("1.00 MB per event, is not above what an event may add"),
                                HasSubstr("--plant 6")));
}

TEST_F(ProfileGate, PlantsByMallocToo) {
  const CommandResult result =
      Gate({"--plant-by", "malloc", "--account", "rss", "--plant", "2"}, Program("120"));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  // A leak of malloc does not show in the pools' live bytes.
  const CommandResult live =
      Gate({"--plant-by", "malloc", "--account", "live", "--plant", "2"}, Program("120"));
  EXPECT_EQ(live.exit_code, 4);
  EXPECT_THAT(live.err, HasSubstr("does not see a leak that was planted"));
}

TEST_F(ProfileGate, TheLeakIsPlantedInTheControlAlone) {
  const CommandResult result = Gate({},
                                    {"sh", "-c",
                                     "echo \"${ALKAID_PROFILE_LEAK_MB-none}\" >&2; exec " +
                                         std::string(ALKAID_STAMPING_PROGRAM) + " 120"},
                                    {{"ALKAID_PROFILE_LEAK_MB", "7"}});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("\n1.000000\n"), HasSubstr("\nnone\n")));
}

TEST_F(ProfileGate, FailsWhereThePlantedLeakIsNotFound) {
  // The program removes the control's leak from its environment.
  const std::string plain =
      "unset ALKAID_PROFILE_LEAK_MB; exec " + std::string(ALKAID_STAMPING_PROGRAM) + " 120";
  const CommandResult nothing = Gate({}, {"sh", "-c", plain});
  EXPECT_EQ(nothing.exit_code, 4);
  EXPECT_THAT(nothing.err, AllOf(HasSubstr("does not see a leak that was planted"),
                                 Not(HasSubstr("run 1 of 1"))));
  // Or it plants a smaller one.
  const std::string half =
      "test -z \"$ALKAID_PROFILE_LEAK_MB\" || ALKAID_PROFILE_LEAK_MB=0.5; "
      "exec " +
      std::string(ALKAID_STAMPING_PROGRAM) + " 120";
  const CommandResult wrong = Gate({}, {"sh", "-c", half});
  EXPECT_EQ(wrong.exit_code, 4);
  EXPECT_THAT(wrong.err,
              AllOf(HasSubstr("measures a planted leak wrongly"), HasSubstr("0.900 to 1.10 MB")));
}

TEST_F(ProfileGate, SaysWhereThereAreNoStampsOrTooFew) {
  const CommandResult silent = Gate({}, Program("5", "0", "silent"));
  EXPECT_EQ(silent.exit_code, 4);
  EXPECT_THAT(silent.err, HasSubstr("left no leak profile: it has to call "
                                    "alkaid::growth::StampEvent()"));
  const CommandResult stranger = Gate({}, {"true"});
  EXPECT_EQ(stranger.exit_code, 4);
  EXPECT_THAT(stranger.err, HasSubstr("true left no leak profile"));
  const CommandResult few = Gate({}, Program("7"));
  EXPECT_EQ(few.exit_code, 4);
  EXPECT_THAT(few.err, HasSubstr("7 stamps, of which 7 after the warm-up of 0"));
  EXPECT_EQ(Gate({"--warm-up", "115"}, Program("120")).exit_code, 4);
}

TEST_F(ProfileGate, SaysHowTheCommandFailed) {
  const CommandResult failed = Gate({}, Program("120", "0", "fail"));
  EXPECT_EQ(failed.exit_code, 5);
  EXPECT_THAT(failed.err, HasSubstr("failed with exit code 9"));
  const CommandResult killed = Gate({}, Program("120", "0", "kill"));
  EXPECT_EQ(killed.exit_code, 5);
  EXPECT_THAT(killed.err, HasSubstr("was ended by signal 9 (Killed)"));
  const CommandResult missing = Gate({}, {"alkaid-no-such-command"});
  EXPECT_EQ(missing.exit_code, 127);
  EXPECT_THAT(missing.err, HasSubstr("alkaid-no-such-command: command not found"));
  EXPECT_EQ(Gate({}, {"/etc/passwd"}).exit_code, 126);
}

TEST_F(ProfileGate, GivesTheCommandAnEmptyInput) {
  EXPECT_EQ(Gate({}, Program("120", "0", "echo")).exit_code, 0);
}

// The long version, 200 runs on each backend, is in docs/leak-gate.md. Each run has a seed of its
// own, and the same one whenever this test runs.
TEST_F(ProfileGate, PassesCleanRunsThatAreAllDifferent) {
  const TestFolder folder;
  const CommandResult result =
      Gate({"--runs", "20"}, {"sh", "-c",
                              "cd " + folder.path() + "; echo >> runs; exec " +
                                  std::string(ALKAID_STAMPING_PROGRAM) + " 150 0 $(wc -l < runs)"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err,
              AnyOf(HasSubstr(" 0 of 20 runs alarm"), HasSubstr(" 1 of 20 runs alarm")));
}

TEST_F(ProfileGate, APercentSignInTheTemporaryFolderIsNoPattern) {
  const TestFolder folder;
  const std::string odd = folder.path() + "/50%p off";
  std::filesystem::create_directory(odd);
  const CommandResult result = Gate({}, Program("120"), {{"TMPDIR", odd}});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(std::filesystem::is_empty(odd));
}

TEST_F(ProfileGate, JudgesEveryProcessThatStamps) {
  // Two children of the shell: one leaks, the one with more events does not.
  const std::string program = ALKAID_STAMPING_PROGRAM;
  const CommandResult result =
      Gate({}, {"sh", "-c", program + " 60 1 & " + program + " 120; wait"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("num_stamp 60 "));
}

// The stamps of a process count however it ends: like the workers of Python's multiprocessing, or a
// process that the kernel kills for want of memory.
TEST_F(ProfileGate, JudgesProcessesThatEndWithoutAWord) {
  const std::string program = ALKAID_STAMPING_PROGRAM;
  for (const char* end : {"vanish", "kill"}) {
    const CommandResult leaks =
        Gate({}, {"sh", "-c", program + " 60 1 1 " + end + "; " + program + " 120"});
    EXPECT_EQ(leaks.exit_code, 3) << end << leaks.err;
    EXPECT_THAT(leaks.err, HasSubstr("num_stamp 60 "));
    EXPECT_THAT(leaks.err, HasSubstr("ended without a last word; judged by the 60 stamps"));
  }
  const CommandResult alone = Gate({}, Program("120", "0", "vanish"));
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
}

TEST_F(ProfileGate, DoesNotPassWhereAProcessThatStampedCanNotBeJudged) {
  const std::string program = ALKAID_STAMPING_PROGRAM;
  const CommandResult result = Gate({}, {"sh", "-c", program + " 7 20; " + program + " 120"});
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("not judged: process "), HasSubstr("undecided"),
                                Not(HasSubstr("passed"))));
  const CommandResult alarm = Gate({}, {"sh", "-c", program + " 7 20; " + program + " 120 1"});
  EXPECT_EQ(alarm.exit_code, 3) << "another one alarms" << alarm.err;
  EXPECT_THAT(alarm.err, HasSubstr("not judged: process "));
}

TEST_F(ProfileGate, NamesEveryProcessThatLeaks) {
  const std::string program = ALKAID_STAMPING_PROGRAM;
  const CommandResult result =
      Gate({}, {"sh", "-c", program + " 60 1 & " + program + " 120 2; wait"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("ALARM: RSS +2"), HasSubstr("ALARM: " + program + " 60 1, process "),
                    HasSubstr(" too: RSS +1")));
}

TEST_F(ProfileGate, AnAlarmIsToldThoughTheControlDoesNotLeakAsMuch) {
  const TestFolder folder;
  const CommandResult result =
      Gate({}, {"sh", "-c",
                "cd " + folder.path() + "; test -e second && leak=3; echo > second; exec " +
                    std::string(ALKAID_STAMPING_PROGRAM) + " 120 ${leak-0}"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("ALARM: RSS +3"), HasSubstr("Verdict: leak"),
                    HasSubstr("measures a planted leak wrongly"),
                    HasSubstr("FAILED: memory grows, and not as it did in the control")));
}

TEST_F(ProfileGate, DoesNotPassWhereALeakOfThePlantedSizeCouldHide) {
  // The control has enough events, and the run that counts has too few for its noise.
  const CommandResult result =
      Gate({"--account", "live", "--plant", "0.3", "--max-mb", "0"},
           {"sh", "-c",
            "exec " + std::string(ALKAID_STAMPING_PROGRAM) +
                " $(test -n \"$ALKAID_PROFILE_LEAK_MB\" && echo 400 || echo 24)"});
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_THAT(
      result.err,
      AllOf(HasSubstr("does not alarm: live in pools"), HasSubstr("too noisy: in live in pools "),
            HasSubstr(" per event could hide"), HasSubstr("undecided"), Not(HasSubstr("passed"))));
}

TEST_F(ProfileGate, KeepsTheProfilesWhereThatIsAskedFor) {
  const TestFolder kept;
  const std::string folder = kept.path() + "/of/ci";
  const CommandResult result = Gate({"--keep", folder, "--runs", "2"}, Program("120"));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("0 of 2 runs alarm"));
  for (const char* name : {"control", "run-1", "run-2"}) {
    const auto stamps = growth::ReadLeakProfile(folder + "/" + name + ".npy");
    ASSERT_TRUE(stamps.ok()) << stamps.status();
    EXPECT_EQ(stamps->size(), 120u);
    const auto run = growth::ReadLeakProfileRun(folder + "/" + name + ".npy");
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(run->end, growth::LeakProfileRun::End::kNormal);
  }
}

TEST_F(ProfileGate, WrongUsageExitsOneAndRunsNothing) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"profile", "gate"},
        {"profile", "gate", "--"},
        {"profile", "gate", "--max-mb", "-1", "--", "echo", "ran"},
        {"profile", "gate", "--max-mb", "nan", "--", "echo", "ran"},
        {"profile", "gate", "--plant", "0", "--", "echo", "ran"},
        {"profile", "gate", "--runs", "0", "--", "echo", "ran"},
        {"profile", "gate", "--plant", "1000000", "--", "echo", "ran"},
        {"profile", "gate", "--warm-up", "-1", "--", "echo", "ran"},
        {"profile", "gate", "--account", "heap", "--", "echo", "ran"},
        {"profile", "gate", "--plant-by", "mmap", "--", "echo", "ran"},
        {"profile", "gate", "--keep", "/dev/null/x", "--", "echo", "ran"}}) {
    const CommandResult result = RunCommand(arguments);
    EXPECT_EQ(result.exit_code, 1) << ::testing::PrintToString(arguments);
    EXPECT_NE(result.err, "");
    EXPECT_LT(result.err.size(), 300u) << result.err;
    EXPECT_EQ(result.out, "");
  }
}

// A running gate over `script`, on a terminal of its own if requested.
class RunningGate {
 public:
  RunningGate(const std::string& script, const std::string& temporary, bool on_terminal) {
    std::vector<std::string> texts = {ALKAID_COMMAND, "profile", "gate", "--", "sh", "-c", script};
    std::vector<char*> arguments;
    for (std::string& text : texts) arguments.push_back(text.data());
    arguments.push_back(nullptr);
    std::string variable = "TMPDIR=" + temporary;
    std::vector<char*> environment = {variable.data()};
    for (char** entry = environ; *entry != nullptr; ++entry) {
      if (std::string(*entry).rfind("TMPDIR=", 0) != 0) environment.push_back(*entry);
    }
    environment.push_back(nullptr);
    pid_ = on_terminal ? ::forkpty(&terminal_, nullptr, nullptr, nullptr) : ::fork();
    if (pid_ < 0) {
      ADD_FAILURE() << (on_terminal ? "no terminal (is /dev/pts mounted?): " : "no process: ")
                    << std::strerror(errno);
      ended_ = true;
    }
    if (pid_ != 0) return;
    ::execve(ALKAID_COMMAND, arguments.data(), environment.data());
    ::_exit(99);
  }
  ~RunningGate() {
    if (!ended_) {
      ::kill(pid_, SIGTERM);
      End();
    }
    if (terminal_ >= 0) ::close(terminal_);
  }
  RunningGate(const RunningGate&) = delete;
  RunningGate& operator=(const RunningGate&) = delete;

  // Waits until the script has written `file`; false where the gate ended before.
  bool WaitFor(const std::string& file) {
    if (ended_) return false;
    while (std::ifstream(file).peek() == std::ifstream::traits_type::eof()) {
      if (::waitpid(pid_, &status_, WNOHANG) == pid_) {
        ended_ = true;
        return false;
      }
      ::usleep(2000);
    }
    return true;
  }
  void Signal(int signal) const { ::kill(pid_, signal); }
  void PressControlC() const { EXPECT_EQ(::write(terminal_, "\x03", 1), 1); }
  // Its exit code, or the negative number of the signal that ended it.
  int End() {
    // Its output must be read, or it would wait for a reader.
    char said[512];
    while (terminal_ >= 0 && ::read(terminal_, said, sizeof(said)) > 0) {
    }
    while (!ended_ && ::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    ended_ = true;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
  }

 private:
  pid_t pid_ = -1;
  int terminal_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

std::string Content(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// A script that prints which signal it got, and ends normally.
std::string Listener(const std::string& folder) {
  return "cd " + folder +
         "; for s in TERM INT HUP; do trap \"echo $s > heard; exit 0\" $s; done; echo > runs; "
         "while :; do sleep 60 & wait; done";
}

TEST_F(ProfileGate, PassesSignalsOnAndEndsAsTheyDo) {
  const std::map<int, std::string> names = {{SIGTERM, "TERM"}, {SIGINT, "INT"}, {SIGHUP, "HUP"}};
  for (const auto& [signal, name] : names) {
    const TestFolder folder;
    RunningGate gate(Listener(folder.path()), temporary_.path(), false);
    ASSERT_TRUE(gate.WaitFor(folder.path() + "/runs"));
    gate.Signal(signal);
    EXPECT_EQ(gate.End(), 128 + signal);
    EXPECT_EQ(Content(folder.path() + "/heard"), name + "\n");
    EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));
  }
}

TEST_F(ProfileGate, TheTerminalsInterruptReachesTheCommandToo) {
  const TestFolder folder;
  RunningGate gate(Listener(folder.path()), temporary_.path(), true);
  ASSERT_TRUE(gate.WaitFor(folder.path() + "/runs"));
  gate.PressControlC();
  EXPECT_EQ(gate.End(), 128 + SIGINT);
  EXPECT_EQ(Content(folder.path() + "/heard"), "INT\n");
}

bool IsThere(const std::string& pid) { return ::kill(std::stoi(pid), 0) == 0; }

// The shell's child must end, not only the shell.
TEST_F(ProfileGate, OneThatIsEndedLeavesNoProcessBehind) {
  const TestFolder folder;
  const std::string log = folder.path() + "/log";
  RunningGate gate("sh -c 'trap \"\" INT; echo $$ > " + log + "; sleep 60; sleep 60'; true",
                   temporary_.path(), false);
  ASSERT_TRUE(gate.WaitFor(log));
  gate.Signal(SIGTERM);
  EXPECT_EQ(gate.End(), 128 + SIGTERM);
  EXPECT_FALSE(IsThere(Content(log)));
}

TEST_F(ProfileGate, EndsWhatTheCommandLeavesRunning) {
  const TestFolder folder;
  const std::string log = folder.path() + "/log";
  const CommandResult result = Gate(
      {}, {"sh", "-c",
           "sleep 60 & echo $! > " + log + "; " + std::string(ALKAID_STAMPING_PROGRAM) + " 120"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("processes that sh left behind were ended"));
  EXPECT_FALSE(IsThere(Content(log)));
}

}  // namespace
}  // namespace alkaid::tools
