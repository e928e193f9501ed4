// `alkaid dgram` over sources that can be read only once: standard input, pipes, FIFOs, sockets.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fixtures/made_dgrams.h"
#include "fixtures/made_streams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = dgram::fixtures;
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Runs the script in a shell; `alkaid` stands for the command. Never waits for ever: a command that
// hangs is ended.
CommandResult Shell(const TestFolder& folder, const std::string& script) {
  const std::string out = folder.path() + "/out";
  const std::string err = folder.path() + "/err";
  const std::string command = "cd '" + folder.path() +
                              "'; alkaid() { timeout 60 '" ALKAID_COMMAND "' \"$@\"; }; { " +
                              script + "\n} >'" + out + "' 2>'" + err + "'";
  const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a shell is meant
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Content(out), Content(err)};
}

// The same text with another file name in it.
std::string WithName(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// A run whose timestamps never go back.
std::string MakeRun(uint32_t events) {
  std::string run = fixtures::Configure();
  for (uint32_t i = 0; i < events; ++i) run += fixtures::Event(i);
  return run;
}

class StreamCommand : public ::testing::Test {
 protected:
  StreamCommand() {
    folder_.Write("run.xtc2", MakeRun(3000));
    const std::string run = MakeRun(5);
    folder_.Write("cut.xtc2", run.substr(0, run.size() - 7));
    folder_.Write("empty.xtc2", "");
  }
  const TestFolder folder_;
};

TEST_F(StreamCommand, EveryWayToHandAStreamGivesWhatTheFileGives) {
  for (const std::string command : {"ls", "dump", "digest", "verify", "ls --json"}) {
    for (const std::string file : {"run.xtc2", "cut.xtc2"}) {
      const CommandResult expected = Shell(folder_, "alkaid dgram " + command + " " + file);
      EXPECT_EQ(expected.exit_code, file == "run.xtc2" ? 0 : 2);
      for (const auto& [script, name] : std::vector<std::pair<std::string, std::string>>{
               {"cat FILE | alkaid dgram COMMAND -", "-"},
               {"alkaid dgram COMMAND - < FILE", "-"},
               {"cat FILE | alkaid dgram COMMAND /dev/stdin", "/dev/stdin"},
               {"alkaid dgram COMMAND /dev/stdin < FILE", "/dev/stdin"},
               {"rm -f fifo; mkfifo fifo; cat FILE > fifo & alkaid dgram COMMAND fifo", "fifo"},
               {"cat FILE | alkaid dgram COMMAND /dev/fd/5 5<&0", "/dev/fd/5"}}) {
        const CommandResult result =
            Shell(folder_, WithName(WithName(script, "FILE", file), "COMMAND", command));
        EXPECT_EQ(result.exit_code, expected.exit_code) << command << ": " << script;
        const std::string called = name == "-" ? "stdin" : name;
        EXPECT_EQ(WithName(WithName(result.out, "\"-\"", "\"" + file + "\""), called, file),
                  expected.out)
            << command << ": " << script;
        EXPECT_EQ(WithName(result.err, called, file), expected.err) << command << ": " << script;
      }
    }
  }
}

TEST_F(StreamCommand, ASocketAsStandardInputIsRead) {
  const std::string bytes = fixtures::Run(5);
  const std::string expected = RunCommand({"dgram", "digest", folder_.Write("a.xtc2", bytes)}).out;
  for (const char* name : {"-", "/dev/stdin", "/dev/fd/0"}) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ASSERT_EQ(::write(pair[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::close(pair[1]);
    const int before = ::dup(STDIN_FILENO);
    ::dup2(pair[0], STDIN_FILENO);
    ::close(pair[0]);
    const CommandResult result = RunCommand({"dgram", "digest", name});
    ::dup2(before, STDIN_FILENO);
    ::close(before);
    EXPECT_EQ(result.exit_code, 0) << name << ": " << result.err;
    EXPECT_EQ(result.out, expected) << name;
  }
}

TEST_F(StreamCommand, StandardInputIsReadFromWhereItIs) {
  const std::string configure = fixtures::Configure();
  folder_.Write("mixed", "a header of another kind" + fixtures::Run(2));
  const CommandResult result =
      Shell(folder_, "{ dd bs=24 count=1 of=/dev/null status=none; alkaid dgram ls -; } < mixed");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, RunCommand({"dgram", "ls", folder_.Write("r.xtc2", fixtures::Run(2))}).out);
}

TEST_F(StreamCommand, SmallDataAreMadeOfAStreamInOnePass) {
  EXPECT_EQ(Shell(folder_, "alkaid dgram smd run.xtc2 -o of_file.xtc2").exit_code, 0);
  const CommandResult made = Shell(folder_, "cat run.xtc2 | alkaid dgram smd - -o of_stream.xtc2");
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(Content(folder_.path() + "/of_stream.xtc2"), Content(folder_.path() + "/of_file.xtc2"));
  // To a stream, too.
  EXPECT_EQ(Shell(folder_, "cat run.xtc2 | alkaid dgram smd - -o /dev/stdout").out,
            Content(folder_.path() + "/of_file.xtc2"));
  const CommandResult empty = Shell(folder_, "alkaid dgram smd - -o none.xtc2 < /dev/null");
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_THAT(empty.err, HasSubstr("no Configure"));
  EXPECT_FALSE(fs::exists(folder_.path() + "/none.xtc2"));
  const CommandResult cut = Shell(folder_, "cat cut.xtc2 | alkaid dgram smd - -o none.xtc2");
  EXPECT_EQ(cut.exit_code, 2);
  EXPECT_THAT(cut.err, AllOf(HasSubstr("stdin: byte "), HasSubstr("partial datagram")));
  EXPECT_FALSE(fs::exists(folder_.path() + "/none.xtc2"));
}

TEST_F(StreamCommand, EditsAStreamInOnePass) {
  EXPECT_EQ(Shell(folder_, "alkaid dgram edit run.xtc2 -o of_file.xtc2").exit_code, 0);
  EXPECT_EQ(Shell(folder_, "cat run.xtc2 | alkaid dgram edit - -o of_stream.xtc2").exit_code, 0);
  EXPECT_EQ(Content(folder_.path() + "/of_stream.xtc2"), Content(folder_.path() + "/of_file.xtc2"));
  EXPECT_EQ(Shell(folder_, "alkaid dgram edit - -o none.xtc2 < /dev/null").exit_code, 2);
  EXPECT_FALSE(fs::exists(folder_.path() + "/none.xtc2"));
}

TEST_F(StreamCommand, EventsAreBuiltOfSmallDataInPipes) {
  EXPECT_EQ(
      Shell(folder_, "alkaid dgram smd run.xtc2 -o a.smd.xtc2; cp a.smd.xtc2 b.smd.xtc2").exit_code,
      0);
  const std::string arguments = " --json --window-events 100 --batch-size 50";
  const CommandResult expected =
      Shell(folder_, "alkaid dgram events a.smd.xtc2 b.smd.xtc2" + arguments);
  ASSERT_EQ(expected.exit_code, 0) << expected.err;
  const CommandResult events =
      Shell(folder_,
            "mkfifo b; cat b.smd.xtc2 > b & alkaid dgram events - b" + arguments + " < a.smd.xtc2");
  EXPECT_EQ(events.exit_code, 0) << events.err;
  // The same apart from names, times and memory.
  const auto batches = [](const std::string& out) {
    const size_t begin = out.find("\"batches\"");
    return out.substr(begin, out.rfind("step_sha256") - begin);
  };
  EXPECT_EQ(batches(events.out), batches(expected.out));
}

TEST_F(StreamCommand, BigDataNeedAFileAndTheMessageSaysWhy) {
  EXPECT_EQ(Shell(folder_, "alkaid dgram smd run.xtc2 -o run.smd.xtc2; mkfifo fifo").exit_code, 0);
  for (const std::string data : {"-", "/dev/stdin", "fifo"}) {
    const CommandResult result =
        Shell(folder_, "cat run.xtc2 | alkaid dgram read --smd run.smd.xtc2 --data " + data);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, AllOf(HasSubstr(data + ": big data are read wherever"),
                                  HasSubstr("come once and in order")));
  }
  // The small data may come through a pipe.
  const CommandResult read =
      Shell(folder_, "cat run.smd.xtc2 | alkaid dgram read --smd - --data run.xtc2");
  EXPECT_EQ(read.exit_code, 0) << read.err;
  EXPECT_THAT(read.out, HasSubstr("datagrams read         3000 "));
}

TEST_F(StreamCommand, TheDemoNeedsFilesAndTheMessageSaysWhy) {
  for (const std::string arguments : {"-", "fifo", "run.xtc2 --config /dev/stdin"}) {
    const CommandResult result =
        Shell(folder_, "rm -f fifo; mkfifo fifo; cat run.xtc2 | alkaid demo " + arguments);
    EXPECT_EQ(result.exit_code, 1) << arguments;
    EXPECT_THAT(result.err, AllOf(HasSubstr(": the demo reads all of it several times"),
                                  HasSubstr("come once")));
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(StreamCommand, OneStreamIsNotReadTwice) {
  for (const std::string script :
       {"cat run.xtc2 | alkaid dgram verify - /dev/stdin", "alkaid dgram verify - - < run.xtc2",
        "cat run.xtc2 | alkaid dgram ls - --config /dev/stdin",
        "mkfifo a; alkaid dgram events a a; rm a",
        "mkfifo a; ln a b; alkaid dgram read --smd a b --data run.xtc2 run.xtc2; rm a b"}) {
    const CommandResult result = Shell(folder_, script);
    EXPECT_EQ(result.exit_code, script.find("rm a") == std::string::npos ? 1 : 0) << script;
    EXPECT_THAT(result.err, AllOf(HasSubstr("named twice"), HasSubstr("come once"))) << script;
    EXPECT_THAT(result.out, Not(HasSubstr("datagram "))) << script;
  }
  EXPECT_THAT(Shell(folder_, "alkaid dgram verify --json - - < run.xtc2").out,
              HasSubstr("\"error\": \"-: a stream that is named twice"));
}

TEST_F(StreamCommand, WhereStandardInputIsClosedThatIsSaid) {
  for (const std::string name : {"-", "/dev/stdin"}) {
    const CommandResult result = Shell(folder_, "alkaid dgram ls " + name + " <&-");
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, AllOf(HasSubstr("stdin"), Not(HasSubstr("byte"))));
  }
}

TEST_F(StreamCommand, NoStreamIsTakenForAFileWithNothingInIt) {
  const CommandResult nothing = Shell(folder_, "alkaid dgram verify - < /dev/null");
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_THAT(nothing.out, HasSubstr("no datagram"));
  EXPECT_EQ(Shell(folder_, "alkaid dgram ls --config - run.xtc2 < /dev/null").exit_code, 2);
}

}  // namespace
}  // namespace alkaid::tools
