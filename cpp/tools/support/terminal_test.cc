#include "tools/support/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <utility>

namespace alkaid::tools {
namespace {

// A terminal with a given number of columns.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) {
    const struct winsize size = {24, columns, 0, 0};
    EXPECT_EQ(::openpty(&ours_, &theirs_, nullptr, nullptr, &size), 0);
  }
  ~Terminal() {
    ::close(ours_);
    ::close(theirs_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  int fd() const { return theirs_; }

 private:
  int ours_ = -1;
  int theirs_ = -1;
};

using Map = std::map<std::string, std::string>;

// Sets the variables that control terminals while it lives: the given ones, and no others.
class Variables {
 public:
  explicit Variables(const Map& values) {
    for (const char* name : {"COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"}) {
      const char* const value = std::getenv(name);
      if (value != nullptr) before_[name] = value;
      ::unsetenv(name);
    }
    for (const auto& [name, value] : values) ::setenv(name.c_str(), value.c_str(), 1);
    set_ = values;
  }
  ~Variables() {
    for (const auto& [name, value] : set_) ::unsetenv(name.c_str());
    for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

 private:
  Map before_;
  Map set_;
};

TEST(Terminal, SaysHowWideItIs) {
  {
    const Variables variables(Map{});
    EXPECT_EQ(TerminalColumns(Terminal(132).fd()), 132U);
    EXPECT_EQ(ProseColumns(Terminal(132).fd()), 100U);
    EXPECT_EQ(ProseColumns(Terminal(20).fd()), 40U);
  }
  const Variables variables(Map{{"COLUMNS", "60"}});
  EXPECT_EQ(TerminalColumns(Terminal(132).fd()), 60U);
  EXPECT_EQ(TerminalColumns(Terminal(50).fd()), 50U);
  // A terminal without a size, as many programs open.
  EXPECT_EQ(TerminalColumns(Terminal(0).fd()), 60U);
}

TEST(Terminal, ThatIsNoneIsAsWideAsColumnsSaysOrEighty) {
  const int file = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  {
    const Variables variables(Map{{"COLUMNS", "60"}});
    EXPECT_EQ(TerminalColumns(file), 60U);
  }
  for (const char* text : {"", "0", "-3", "wide", "60x"}) {
    const Variables variables(Map{{"COLUMNS", text}});
    EXPECT_EQ(TerminalColumns(file), kUnknownColumns) << text;
  }
  ::close(file);
}

TEST(Terminal, ColoursAreForTerminalsThatWantThem) {
  const Terminal terminal(80);
  const int file = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const std::pair<Map, bool> cases[] = {
      {{{"TERM", "xterm"}}, true},
      {{}, false},
      {{{"TERM", "dumb"}}, false},
      {{{"TERM", "xterm"}, {"NO_COLOR", "1"}}, false},
      {{{"TERM", "xterm"}, {"NO_COLOR", ""}}, true},
      {{{"TERM", "xterm"}, {"CLICOLOR", "0"}}, false},
      {{{"TERM", "xterm"}, {"CLICOLOR", "1"}}, true},
  };
  for (const auto& [values, shown] : cases) {
    const Variables variables(values);
    EXPECT_EQ(ShowsColours(terminal.fd()), shown) << ::testing::PrintToString(values);
    EXPECT_FALSE(ShowsColours(file)) << ::testing::PrintToString(values);
  }
  const Variables forced(Map{{"CLICOLOR_FORCE", "1"}});
  EXPECT_TRUE(ShowsColours(file));
  ::close(file);
}

TEST(Terminal, EmphasisEndsWhereTheTextDoes) {
  const Terminal terminal(80);
  const Variables variables(Map{{"TERM", "xterm"}});
  EXPECT_EQ(Emphasized("leak", Emphasis::kBad, terminal.fd()), "\033[1;31mleak\033[0m");
  EXPECT_EQ(Emphasized("", Emphasis::kBad, terminal.fd()), "");
  const Variables plain(Map{{"NO_COLOR", "1"}});
  EXPECT_EQ(Emphasized("leak", Emphasis::kBad, terminal.fd()), "leak");
}

}  // namespace
}  // namespace alkaid::tools
