// What a description, a help and a man page contain, for a tree that is made here and for the
// command's own.
#include "tools/usage/command_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "tools/commands.h"
#include "tools/support/display_width.h"
#include "tools/support/option_limits.h"
#include "tools/usage/help_text.h"
#include "tools/usage/man_page.h"

namespace alkaid::tools {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Value = OptionDescription::Value;

class SmallCommand : public ::testing::Test {
 protected:
  SmallCommand() : app_("Small.", "alkaid") {
    CLI::App* const family = app_.add_subcommand("heap", "Look into files, and compare them.");
    CLI::App* const show = family->add_subcommand("show", "Print what is live: totals, and all.");
    show->add_option("FILE", file_, "A heap file")->required();
    show->add_option("--top", top_, "Entries of each list")
        ->check(AtLeast(0))
        ->capture_default_str();
    show->add_option("-b,--by", by_, "One grouping")->check(OneOf({"label", "pool"}));
    show->add_option("--add", by_, "What is added")->type_name("zeros|none|FILE.json");
    show->add_flag("--json", json_, "Print JSON");
    show->add_flag("--live{-}", live_, "Wait")->type_name("SECONDS");
    show->footer("Verdicts:\n  leak  memory grows");
    SetDetails(show, {.reads = "a file",
                      .prints = "lists",
                      .examples = {{"alkaid heap show x.heap", "Prints x."}},
                      .exit_codes = {{"0", "done"}, {"2", "malformed"}}});
    app_.add_subcommand("secret", "Not for people.")->group("");
  }

  CLI::App app_;
  std::string file_;
  int top_ = 10;
  std::string by_;
  bool json_ = false;
  std::string live_;
};

TEST_F(SmallCommand, DescribesWhatItsTreeHolds) {
  const CommandDescription root = DescribeCommands(app_);
  ASSERT_EQ(root.commands.size(), 1U);
  const CommandDescription& show = root.commands[0].commands.at(0);
  EXPECT_EQ(show.FullName(), "alkaid heap show");
  EXPECT_EQ(show.Usage(), "alkaid heap show [OPTION]... FILE");
  EXPECT_EQ(show.Brief(), "Print what is live");
  ASSERT_EQ(show.arguments.size(), 1U);
  EXPECT_EQ(show.arguments[0].value, Value::kFile);
  ASSERT_EQ(show.options.size(), 6U);
  EXPECT_EQ(MeaningOf(show.options[0]), "Entries of each list (0 or more; default 10)");
  EXPECT_EQ(HeadingOf(show.options[1]), "-b, --by label|pool");
  EXPECT_THAT(show.options[1].choices, ElementsAre("label", "pool"));
  EXPECT_THAT(show.options[2].choices, ElementsAre("zeros", "none"));
  EXPECT_EQ(show.options[2].value, Value::kFile);
  EXPECT_EQ(HeadingOf(show.options[3]), "--json");
  EXPECT_EQ(HeadingOf(show.options[4]), "--live[=SECONDS]");
  EXPECT_EQ(show.options[5].names.back(), "--help");
}

TEST_F(SmallCommand, HelpHasEverythingAndFitsAnyWidth) {
  const CommandDescription root = DescribeCommands(app_);
  const CommandDescription& show = root.commands[0].commands[0];
  const std::string help = HelpText(show, 80, PlainHeading);
  EXPECT_THAT(help, AllOf(HasSubstr("Usage:  alkaid heap show [OPTION]... FILE"),
                          HasSubstr("Reads:  a file"), HasSubstr("Prints: lists"),
                          HasSubstr("  -b, --by label|pool  One grouping\n"),
                          HasSubstr("  leak  memory grows\n"),
                          HasSubstr("Example:\n  alkaid heap show x.heap\n      Prints x.\n"),
                          HasSubstr("Exit codes:\n  0  done\n  2  malformed\n")));
  EXPECT_THAT(HelpText(root, 80, PlainHeading), Not(HasSubstr("secret")));
}

TEST_F(SmallCommand, TheManPageHasEachSection) {
  const CommandDescription root = DescribeCommands(app_);
  const std::string page = ManPage(root.commands[0].commands[0], root, "2027-01-31");
  for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS",
                              "ENVIRONMENT", "EXAMPLES", "SEE ALSO"}) {
    EXPECT_THAT(page, HasSubstr(std::string("\n.SH ") + section + "\n"));
  }
  EXPECT_THAT(page, AllOf(HasSubstr(".TH ALKAID-HEAP-SHOW 1 2027-01-31"),
                          HasSubstr("alkaid\\-heap\\-show \\- print what is live\n"),
                          HasSubstr(".TP\n\\fB\\-b\\fR, \\fB\\-\\-by\\fR \\fBlabel|pool\\fR\n"),
                          HasSubstr(".BR alkaid\\-heap (1)"), Not(HasSubstr("secret"))));
}

class WholeCommand : public ::testing::Test {
 protected:
  WholeCommand() {
    AddCommands(app_, &exit_code_);
    root_ = DescribeCommands(app_);
  }
  CLI::App app_;
  int exit_code_ = 0;
  CommandDescription root_;
};

TEST_F(WholeCommand, EveryCommandSaysWhatItPrintsAndHasAnExample) {
  EXPECT_GE(Leaves(root_).size(), 19U);
  for (const CommandDescription* leaf : Leaves(root_)) {
    EXPECT_NE(leaf->details.prints, "") << leaf->path;
    ASSERT_FALSE(leaf->details.examples.empty()) << leaf->path;
    EXPECT_THAT(leaf->details.examples[0].first, HasSubstr("alkaid " + leaf->path));
    const bool reads_files = !leaf->arguments.empty() && leaf->arguments[0].value == Value::kFile;
    EXPECT_EQ(leaf->details.reads.empty() && reads_files, false) << leaf->path;
    EXPECT_LE(leaf->Brief().size(), 90U) << leaf->path;
    for (const OptionDescription& option : leaf->options) {
      EXPECT_NE(option.meaning, "") << leaf->path << " " << option.names.back();
    }
  }
}

TEST_F(WholeCommand, NoLineOfAHelpIsWiderThanTheTerminal) {
  for (const CommandDescription* command : AllCommands(root_)) {
    for (const size_t columns : {40U, 60U, 80U, 100U}) {
      std::istringstream help(HelpText(*command, columns, PlainHeading));
      for (std::string line; std::getline(help, line);) {
        EXPECT_LE(DisplayWidth(line), columns) << line;
        EXPECT_FALSE(line.ends_with(' ')) << command->path << ": " << line;
      }
    }
  }
}

}  // namespace
}  // namespace alkaid::tools
