// Completion in real shells: each is asked for its suggestions.

#include "tools/usage/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "tools/support/run_command.h"
#include "tools/support/run_on_terminal.h"
#include "tools/support/words.h"

namespace alkaid::tools {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using Words = std::vector<std::string>;

// The output of a shell command, stderr included.
std::string Output(const std::string& command) {
  std::string text;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");  // NOLINT(cert-env33-c)
  std::array<char, 4096> part;
  for (size_t n = 0; (n = std::fread(part.data(), 1, part.size(), pipe)) > 0;) {
    text.append(part.data(), n);
  }
  EXPECT_EQ(::pclose(pipe), 0) << command << ": " << text;
  return text;
}

bool ShellIsHere(const std::string& shell) { return Output("command -v " + shell + " || :") != ""; }

// The script for a shell, in a file of the test's folder.
std::string ScriptFor(const TestFolder& folder, const std::string& shell) {
  const CommandResult result = RunCommand({"completion", shell});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  return folder.Write("alkaid." + shell, result.out);
}

class BashCompletes : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ShellIsHere("bash")) GTEST_SKIP() << "there is no bash";
    script_ = ScriptFor(folder_, "bash");
  }
  // The suggestions for the last of the words, which bash splits.
  Words Offered(const std::string& words) {
    return WordsOf(Output("bash --norc -c 'source " + script_ + "; COMP_WORDS=(alkaid " + words +
                          "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _alkaid; "
                          "((${#COMPREPLY[@]} == 0)) || printf \"%s\\n\" \"${COMPREPLY[@]}\"'"),
                   '\n');
  }

  TestFolder folder_;
  std::string script_;
};

TEST_F(BashCompletes, CommandsAndThoseBelowThem) {
  EXPECT_THAT(Offered(R"("")"), AllOf(Contains("heap"), Contains("help"), Contains("run"),
                                      Not(Contains("demo-row")), Not(Contains("man-pages"))));
  EXPECT_THAT(Offered("pro"), UnorderedElementsAre("profile"));
  EXPECT_THAT(Offered(R"(heap "")"), UnorderedElementsAre("show", "retention", "diff"));
  EXPECT_THAT(Offered("dgram d"), UnorderedElementsAre("dump", "digest"));
  EXPECT_THAT(Offered("help pro"), UnorderedElementsAre("profile"));
  EXPECT_THAT(Offered("help heap sh"), UnorderedElementsAre("show"));
  EXPECT_THAT(Offered("heap xyz"), IsEmpty());
}

TEST_F(BashCompletes, OptionsOfTheCommandThatIsCalled) {
  EXPECT_THAT(Offered("heap show --"), AllOf(Contains("--top"), Contains("--by"),
                                             Contains("--help"), Not(Contains("--data"))));
  EXPECT_THAT(Offered("dgram read --max-r"), UnorderedElementsAre("--max-retries"));
  EXPECT_THAT(Offered("--v"), UnorderedElementsAre("--version"));
}

TEST_F(BashCompletes, ValuesThatCanBeListed) {
  EXPECT_THAT(Offered(R"(heap show --by "")"),
              UnorderedElementsAre("label", "pool", "category", "traceback", "thread"));
  EXPECT_THAT(Offered("dgram read --queue = i"), UnorderedElementsAre("io_uring", "inline"));
  EXPECT_THAT(Offered("dgram read --queue ="),
              UnorderedElementsAre("automatic", "io_uring", "threads", "inline"));
  EXPECT_THAT(Offered("dgram ls --on-fault=re"), UnorderedElementsAre("--on-fault=resync"));
  EXPECT_THAT(Offered("profile gate --account rss,"),
              UnorderedElementsAre("rss,rss", "rss,live", "rss,malloc", "rss,vm"));
  EXPECT_THAT(Offered(R"(completion "")"), UnorderedElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(Offered(R"(heap show --top "")"), IsEmpty());
}

// Types `line`, then Tab and Return, to an interactive shell in which alkaid is a function that
// prints its arguments.
std::string Typed(const Words& shell, const std::string& script, const std::string& before,
                  const std::string& line) {
  const std::string keys = before + "source " + script +
                           "\nalkaid() { printf 'got'; printf '<%s>' \"$@\"; echo; }\n" + line +
                           "\t\nexit\n";
  return RunProgramOnTerminal(shell, 200,
                              {{"TERM", "dumb"}, {"INPUTRC", "/dev/null"}, {"PS1", "$ "}}, keys)
      .out;
}

TEST_F(BashCompletes, NamesOfFilesOnATerminal) {
  const std::string file = folder_.Write("run one-s000.xtc2", "");
  const Words shell = {"bash", "--norc", "--noprofile", "-i"};
  EXPECT_THAT(Typed(shell, script_, "", "alkaid dgram ls " + folder_.path() + "/run"),
              HasSubstr("got<dgram><ls><" + file + ">"));
  EXPECT_THAT(Typed(shell, script_, "", "alkaid dgram ls --config=" + folder_.path() + "/run"),
              HasSubstr("<--config=" + file + ">"));
  EXPECT_THAT(Typed(shell, script_, "", "alkaid heap sho"), HasSubstr("got<heap><show>"));
}

TEST(ZshCompletes, CommandsOptionsValuesAndFiles) {
  if (!ShellIsHere("zsh")) GTEST_SKIP() << "there is no zsh";
  const TestFolder folder;
  const std::string script = ScriptFor(folder, "zsh");
  EXPECT_EQ(Output("zsh -n " + script), "");
  const std::string file = folder.Write("run-s000.xtc2", "");
  const Words shell = {"zsh", "-f", "-i"};
  // The first shell searches all functions of zsh, and keeps the result for the others.
  const std::string before = "autoload -Uz compinit; compinit -u -d " + folder.path() + "/found\n";
  EXPECT_THAT(Typed(shell, script, before, "alkaid heap sho"), HasSubstr("got<heap><show>"));
  EXPECT_THAT(Typed(shell, script, before, "alkaid heap show --js"),
              HasSubstr("got<heap><show><--json>"));
  EXPECT_THAT(Typed(shell, script, before, "alkaid heap show --by=tr"),
              HasSubstr("got<heap><show><--by=traceback>"));
  EXPECT_THAT(Typed(shell, script, before, "alkaid dgram ls " + folder.path() + "/run"),
              HasSubstr("got<dgram><ls><" + file + ">"));
}

TEST(FishCompletes, CommandsOptionsValuesAndFiles) {
  if (!ShellIsHere("fish")) GTEST_SKIP() << "there is no fish";
  const TestFolder folder;
  const std::string script = ScriptFor(folder, "fish");
  folder.Write("run-s000.xtc2", "");
  const auto offered = [&](const std::string& line) {
    return Output("HOME=" + folder.path() + " fish --no-config -c 'source " + script + "; cd " +
                  folder.path() + "; complete -C\"" + line + "\"'");
  };
  EXPECT_THAT(offered("alkaid hea"), HasSubstr("heap\t"));
  EXPECT_THAT(offered("alkaid heap "), AllOf(HasSubstr("show\tPrint what is live"),
                                             HasSubstr("diff\t"), Not(HasSubstr("dgram"))));
  EXPECT_THAT(offered("alkaid heap show --"), AllOf(HasSubstr("--json\t"), HasSubstr("--by\t")));
  EXPECT_THAT(offered("alkaid heap show --by "), AllOf(HasSubstr("traceback"), HasSubstr("pool")));
  EXPECT_THAT(offered("alkaid dgram ls r"), HasSubstr("run-s000.xtc2"));
  EXPECT_THAT(offered("alkaid run --track -- r"), HasSubstr("run-s000.xtc2"));
}

TEST(ManPages, ReadWithoutAComplaint) {
  const TestFolder folder;
  ASSERT_EQ(RunCommand({"man-pages", folder.path()}, {{"SOURCE_DATE_EPOCH", "86400"}}).exit_code,
            0);
  EXPECT_THAT(Output("head -3 " + folder.path() + "/alkaid-heap-show.1"),
              HasSubstr(".TH ALKAID-HEAP-SHOW 1 1970-01-02 "));
  if (!ShellIsHere("mandoc")) GTEST_SKIP() << "there is no mandoc";
  EXPECT_EQ(Output("mandoc -Tlint -Wwarning " + folder.path() + "/*.1"), "");
  const std::string page =
      Output("mandoc -Tascii -O width=78 " + folder.path() + "/alkaid.1 | sed 's/.\x08//g'");
  EXPECT_THAT(page, AllOf(HasSubstr("ALKAID_HEAP_AT_EXIT"), HasSubstr("alkaid heap show"),
                          HasSubstr("EXIT STATUS"), Not(HasSubstr("\\f"))));
}

TEST(ManPages, AFolderThatIsNotThereIsAnError) {
  const CommandResult result = RunCommand({"man-pages", "/nowhere"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("/nowhere/alkaid.1"));
}

}  // namespace
}  // namespace alkaid::tools
