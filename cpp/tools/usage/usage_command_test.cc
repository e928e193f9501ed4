// How the command helps after incomplete or wrong input.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/support/run_command.h"
#include "tools/support/run_on_terminal.h"

namespace alkaid::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Words = std::vector<std::string>;

TEST(Usage, WithoutACommandAnOverviewStandsOnStderr) {
  const CommandResult result = RunCommand({});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("Find what holds memory:"), HasSubstr("  heap show "),
                                HasSubstr("Say whether memory grows:"), HasSubstr("  dgram ls "),
                                Not(HasSubstr("demo-row")), Not(HasSubstr("man-pages"))));
  EXPECT_THAT(RunCommand({"heap"}).err, AllOf(HasSubstr("  show "), HasSubstr("  retention ")));
}

TEST(Usage, HelpIsAResultHoweverItIsAskedFor) {
  const CommandResult help = RunCommand({"heap", "show", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.err, "");
  EXPECT_THAT(help.out, HasSubstr("Usage:  alkaid heap show [OPTION]... FILE"));
  for (const Words& words :
       {Words{"help", "heap", "show"}, {"heap", "help", "show"}, {"heap", "show", "-h"}}) {
    const CommandResult same = RunCommand(words);
    EXPECT_EQ(same.exit_code, 0);
    EXPECT_EQ(same.out, help.out) << ::testing::PrintToString(words);
  }
  EXPECT_EQ(RunCommand({"help"}).out, RunCommand({"--help"}).out);
  EXPECT_EQ(RunCommand({"heap", "help"}).out, RunCommand({"help", "heap"}).out);
}

TEST(Usage, WhatIsNearlyRightIsAskedAfter) {
  const std::pair<Words, std::string> cases[] = {
      {{"haep", "show"}, "alkaid: 'haep' is not a command; did you mean 'heap'?"},
      {{"heap", "shwo", "x"}, "alkaid heap: 'shwo' is not a command; did you mean 'show'?"},
      {{"help", "heap", "shwo"}, "alkaid heap: 'shwo' is not a command; did you mean 'show'?"},
      {{"heap", "memory"}, "'memory' is not a command; there are show, retention, diff"},
      {{"info", "--jsn"},
       "alkaid info: --jsn is not an option of this command; did you mean '--json'?"},
      // Although FILE is missing, too.
      {{"dgram", "ls", "--on-fautl=stop"},
       "--on-fautl is not an option of this command; did you mean '--on-fault'?"},
      {{"dgram", "ls", "--on-fault", "resink", "x"},
       "--on-fault: 'resink' is not one of stop, skip-datagram, resync; did you mean 'resync'?"},
  };
  for (const auto& [words, message] : cases) {
    const CommandResult result = RunCommand(words);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_THAT(result.err, HasSubstr(" --help'.\n"));
  }
}

TEST(Usage, AnErrorNamesTheOptionAsItWasTypedAndItsLimit) {
  const std::pair<Words, std::string> cases[] = {
      {{"dgram", "ls"}, "alkaid dgram ls: FILE is required"},
      {{"dgram", "ls", "--batch-bytes", "0", "x"},
       "--batch-bytes: 0 is not a whole number of 1 or more"},
      {{"dgram", "write", "-o", "x", "--streams", "1000"},
       "--streams: 1000 is not a whole number from 1 to 999"},
      {{"dgram", "write", "-o", "x", "--events=-1"},
       "--events: -1 is not a whole number from 0 to 1000000000"},
      {{"dgram", "write", "-o", "x", "--events-per-step=-1"}, "--events-per-step: -1 is no"},
      {{"dgram", "write", "-o", "x", "--start", "soon"}, "--start: soon is not a number"},
      {{"dgram", "write", "-o"}, "--output: a value is missing"},
      {{"heap", "show", "--top", "-1", "x"}, "--top: -1 is not a whole number of 0 or more"},
      {{"profile", "gate", "--max-mb", "1e9", "--", "true"},
       "--max-mb: 1e9 is not a number from 0 to 1000000"},
      {{"profile", "gate", "--account", "rss,cpu", "--", "true"},
       "--account: 'cpu' is not one of rss, live, malloc, vm"},
      {{"run", "--", "true"}, "--track is required"},
      {{"info", "more"}, "'more' was not expected"},
      {{"help", "info", "more"}, "'more' was not expected"},
      {{"info", "--json=maybe"}, "--json takes no value"},
      {{"heap", "show", "--by"}, "--by: a value is missing"},
  };
  for (const auto& [words, message] : cases) {
    const CommandResult result = RunCommand(words);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(message)) << ::testing::PrintToString(words);
  }
}

TEST(Usage, WhatWasTypedGivesTheTerminalNoOrders) {
  const CommandResult result = RunCommand({"heap", "sh\x1b[31mow"});
  EXPECT_THAT(result.err, AllOf(HasSubstr("sh\\x1b[31mow"), Not(HasSubstr("\x1b"))));
}

TEST(Usage, OnATerminalHelpFitsAndHasColoursUnlessTheyAreUnwanted) {
  const CommandResult plain =
      RunOnTerminal({"heap", "show", "--help"}, 50, {{"NO_COLOR", "1"}, {"TERM", "xterm"}});
  EXPECT_EQ(plain.exit_code, 0);
  EXPECT_THAT(plain.out, Not(HasSubstr("\x1b")));
  size_t begin = 0;
  for (size_t end = 0; (end = plain.out.find("\r\n", begin)) != std::string::npos;) {
    EXPECT_LE(end - begin, 50U) << plain.out.substr(begin, end - begin);
    begin = end + 2;
  }
  const std::map<std::string, std::string> colours = {{"NO_COLOR", ""}, {"TERM", "xterm"}};
  EXPECT_THAT(RunOnTerminal({"heap", "show", "--help"}, 50, colours).out,
              HasSubstr("\x1b[1mOptions:\x1b[0m"));
  EXPECT_THAT(RunOnTerminal({"heap", "shwo"}, 80, colours).out,
              StartsWith("\x1b[1;31malkaid heap:\x1b[0m 'shwo'"));
  EXPECT_THAT(RunOnTerminal({"heap", "shwo"}, 80, {{"TERM", "dumb"}}).out,
              StartsWith("alkaid heap: 'shwo'"));
  // A stream that is no terminal gets no colours.
  EXPECT_THAT(RunCommand({"heap", "shwo"}, colours).err, StartsWith("alkaid heap: 'shwo'"));
}

}  // namespace
}  // namespace alkaid::tools
