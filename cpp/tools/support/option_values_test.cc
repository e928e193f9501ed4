#include "tools/support/option_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace alkaid::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OptionValues : public ::testing::Test {
 protected:
  OptionValues() {
    CLI::App* const read = app_.add_subcommand("read");
    read->add_option("FILE", files_);
    read->add_option("--times", times_)->delimiter(',');
    read->add_option("--names", names_);
    read->add_option("--each", each_)->allow_extra_args(false);
    read->add_option("--one", one_);
    read->add_flag("--flag{1}", flag_);
    app_.add_subcommand("other")->add_option("REST", files_);
  }

  // The error; "" where everything is accepted.
  std::string Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "program");
    try {
      app_.parse(SeparateOptionValues(app_, static_cast<int>(arguments.size()), arguments.data()));
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    return "";
  }

  CLI::App app_{"", "program"};
  std::vector<std::string> files_, times_, names_, each_;
  std::string one_, flag_;
};

TEST_F(OptionValues, AfterAnEqualsSignTheNextArgumentIsNotTaken) {
  EXPECT_EQ(Parse({"read", "--times=4,5", "a", "--names=n", "b", "--each=e", "c", "--one=1", "d",
                   "--flag=2", "e", "--flag", "f"}),
            "");
  EXPECT_THAT(files_, ElementsAre("a", "b", "c", "d", "e", "f"));
  EXPECT_THAT(times_, ElementsAre("4", "5"));
  EXPECT_THAT(names_, ElementsAre("n"));
  EXPECT_THAT(each_, ElementsAre("e"));
}

TEST_F(OptionValues, WithoutOneAListGoesOnToTheNextOptionOrToTheTwoDashes) {
  EXPECT_EQ(Parse({"read", "--times", "4", "5", "--names", "n", "m", "--", "a", "b"}), "");
  EXPECT_THAT(times_, ElementsAre("4", "5"));
  EXPECT_THAT(names_, ElementsAre("n", "m"));
  EXPECT_THAT(files_, ElementsAre("a", "b"));
}

TEST_F(OptionValues, AListMayBeGivenAgainAndAtTheEnd) {
  EXPECT_EQ(Parse({"read", "--names=n", "--names=m", "--times=4", "--", "--names=a"}), "");
  EXPECT_THAT(names_, ElementsAre("n", "m"));
  EXPECT_THAT(files_, ElementsAre("--names=a"));
  EXPECT_EQ(Parse({"read", "--names=n"}), "");
}

TEST_F(OptionValues, NothingAfterTheEqualsSignIsAMissingValueUnlessOfAFlag) {
  for (const char* const option : {"--times=", "--names=", "--each=", "--one="}) {
    EXPECT_THAT(Parse({"read", option, "a"}), HasSubstr("a value is missing after ="));
  }
  EXPECT_THAT(files_, IsEmpty());
  EXPECT_EQ(Parse({"read", "--flag=", "a"}), "");
  EXPECT_THAT(files_, ElementsAre("a"));
}

TEST_F(OptionValues, WhatIsForAnotherProgramStaysAsItIs) {
  EXPECT_EQ(Parse({"other", "--", "read", "--names=n", "a"}), "");
  EXPECT_THAT(files_, ElementsAre("read", "--names=n", "a"));
}

TEST_F(OptionValues, TheHelpOfCommandsWithListsSaysSo) {
  DocumentOptionValues(app_);
  EXPECT_THAT(app_.get_subcommand("read")->help(), HasSubstr("After = it"));
  EXPECT_EQ(app_.get_subcommand("other")->get_footer(), "");
}

}  // namespace
}  // namespace alkaid::tools
