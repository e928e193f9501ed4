// Every subcommand under limits of address space, in steps from too little to load the library up
// to enough.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "alkaid/growth/leak_profile_file.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/made_heap.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

using internal::kMallocIsSanitizers;

// Runs the command by a shell, which sets the limit; 0 means none.
CommandResult RunLimited(const TestFolder& folder, const std::string& arguments, int kilobytes) {
  const std::string limit =
      kilobytes > 0 ? "ulimit -v " + std::to_string(kilobytes) + " && " : std::string();
  const std::string line = "cd '" + folder.path() + "' && (ulimit -c 0; " + limit +
                           "ALKAID_READ_QUEUE=inline exec '" ALKAID_COMMAND "' " + arguments +
                           ") >out 2>err";
  CommandResult result;
  const int status = std::system(line.c_str());  // NOLINT(cert-env33-c): a shell's limit
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  const auto content = [&folder](const char* name) {
    std::ifstream file(folder.path() + "/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  result.out = content("out");
  result.err = content("err");
  return result;
}

// An answer without its figures, some of which are times, and without the state of the kernel's
// queues, for which there may be no memory either.
std::string Words(std::string text) {
  text = std::regex_replace(text,
                            std::regex("[^\n]*kernel[^\n]*io_uring[^\n]*\n|"
                                       "[^\n]*io_uring[^\n]*kernel[^\n]*\n"),
                            "");
  std::erase_if(text, [](unsigned char c) { return std::strchr("0123456789.+-e ", c) != nullptr; });
  return text;
}

// How often the command gave its whole answer under limits from `begin` on. Anything else is a
// failure of the test, unless the command says in one line, or in up to `most_lines`, that it
// cannot. Above the first full answers some may fail again: allocators ask for more where they can
// get it.
int WholeAnswers(const TestFolder& folder, const std::string& arguments, int begin, int end,
                 int step, int enough, int most_lines = 1) {
  const CommandResult whole = RunLimited(folder, arguments, 0);
  int answers = 0;
  for (int kilobytes = begin; kilobytes < end && answers < enough; kilobytes += step) {
    const CommandResult result = RunLimited(folder, arguments, kilobytes);
    // The loader failed, before the first instruction of the command.
    if (result.exit_code == 127) continue;
    if (result.exit_code == whole.exit_code && Words(result.out) == Words(whole.out)) {
      ++answers;
      continue;
    }
    EXPECT_EQ(result.exit_code, 1) << kilobytes << ": " << result.err;
    const auto lines = std::count(result.err.begin(), result.err.end(), '\n');
    EXPECT_TRUE(1 <= lines && lines <= most_lines) << kilobytes << ": " << result.err;
  }
  return answers;
}

// `run` and `profile gate`, which run other programs, have tests of their own.
class ShortOfMemory : public ::testing::TestWithParam<const char*> {};

TEST_P(ShortOfMemory, TheCommandSaysSoInOneLineAndExitsOneOrAnswersWhole) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer takes more address space than any limit";
  const TestFolder folder;
  folder.Write("run.xtc2", dgram::fixtures::Run(2));
  folder.Write("x.heap", heap::fixtures::FileBytes(heap::fixtures::Snapshot(
                             "x", {heap::fixtures::Block(0x5600d3fa3410, 64, 1, 2, 0)})));
  ASSERT_EQ(RunLimited(folder, "dgram smd run.xtc2 -o small.xtc2", 0).exit_code, 0);
  ASSERT_TRUE(
      growth::WriteLeakProfile(std::vector<growth::MemoryStamp>(40), folder.path() + "/p.npy")
          .ok());
  EXPECT_GT(WholeAnswers(folder, GetParam(), 18'000, 128'000, 1000, 12), 0);
}

// Names of code take much memory, and with too little of it libdw answers that there are none.
TEST(HeapShow, ShortOfMemoryNoNameIsLeftOutInSilence) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer takes more address space than any limit";
  const TestFolder folder;
  ASSERT_EQ(RunLimited(folder, "run --track --heap-at-exit x.heap -- '" ALKAID_COMMAND "' info", 0)
                .exit_code,
            0);
  EXPECT_GT(WholeAnswers(folder, "heap show x.heap", 32'000, 800'000, 16'000, 2), 0);
}

// Here the command runs itself, so either process may report the failure. The library in the inner
// one reports on lines of its own what became of tracking and of the file.
TEST(RunCommand, ShortOfMemoryItSaysSoInOneLineOrWhatIsRunDoes) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer takes more address space than any limit";
  const TestFolder folder;
  constexpr int kMaxLines = 2;
  EXPECT_GT(WholeAnswers(folder, "run --track -- '" ALKAID_COMMAND "' info", 18'000, 128'000, 1000,
                         12, kMaxLines),
            0);
  EXPECT_GT(WholeAnswers(folder, "run --track --heap-at-exit x.heap -- '" ALKAID_COMMAND "' info",
                         18'000, 128'000, 2000, 12, kMaxLines + 1),
            0);
}

// It passes on how its command ended, and prints first what it is doing.
TEST(GateCommand, ShortOfMemoryItSaysWhatFailed) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer takes more address space than any limit";
  const TestFolder folder;
  const std::string arguments = "profile gate -- '" ALKAID_COMMAND "' --version";
  const CommandResult whole = RunLimited(folder, arguments, 0);
  ASSERT_EQ(whole.exit_code, 4) << whole.err;
  int answers = 0;
  for (int kilobytes = 18'000; kilobytes < 128'000 && answers < 12; kilobytes += 1000) {
    const CommandResult result = RunLimited(folder, arguments, kilobytes);
    // The loader failed, before the first instruction of the command.
    if (result.exit_code == 127 && result.err.find("gate:") == std::string::npos) continue;
    if (result.exit_code == whole.exit_code) {
      EXPECT_EQ(Words(result.err), Words(whole.err)) << kilobytes;
      EXPECT_EQ(Words(result.out), Words(whole.out)) << kilobytes;
      ++answers;
      continue;
    }
    // 5: the command that it ran failed; 126: it could not be run.
    EXPECT_TRUE(result.exit_code == 1 || result.exit_code == 5 || result.exit_code == 126)
        << kilobytes << ": " << result.exit_code << " " << result.err;
    EXPECT_EQ(result.err.find("terminate called"), std::string::npos) << kilobytes;
    EXPECT_NE(result.err, "") << kilobytes;
  }
  EXPECT_GT(answers, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Commands, ShortOfMemory,
    ::testing::Values("info", "heap show x.heap", "heap show --json x.heap",
                      "heap diff x.heap x.heap", "heap retention x.heap", "dgram ls run.xtc2",
                      "dgram dump run.xtc2", "dgram digest run.xtc2", "dgram verify run.xtc2",
                      "dgram smd run.xtc2 -o smd.xtc2", "dgram write -o made.xtc2 --events 20",
                      "dgram edit run.xtc2 -o edited.xtc2", "dgram events --smd small.xtc2",
                      "dgram read --smd small.xtc2 --data run.xtc2 --json", "profile report p.npy",
                      "demo --events 100"),
    [](const auto& parameter) {
      std::string name = parameter.param;
      name = name.substr(0, name.find('.'));
      std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
      return name;
    });

}  // namespace
}  // namespace alkaid::tools
