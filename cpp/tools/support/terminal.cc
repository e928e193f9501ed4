#include "tools/support/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <system_error>

namespace alkaid::tools {
namespace {

// "" where the variable is not set.
std::string_view Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

const char* SequenceOf(Emphasis emphasis) {
  switch (emphasis) {
    case Emphasis::kBold:
      return "\033[1m";
    case Emphasis::kGood:
      return "\033[32m";
    case Emphasis::kBad:
      return "\033[1;31m";
    case Emphasis::kWarning:
      return "\033[33m";
  }
  return "";
}

}  // namespace

bool IsTerminal(int fd) { return ::isatty(fd) == 1; }

size_t TerminalColumns(int fd) {
  const std::string_view text = Variable("COLUMNS");
  size_t columns = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, columns);
  if (error != std::errc() || stopped_at != end) columns = 0;
  struct winsize size = {};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) size.ws_col = 0;
  if (columns == 0 || size.ws_col == 0)
    columns = std::max<size_t>(columns, size.ws_col);
  else
    columns = std::min<size_t>(columns, size.ws_col);
  return columns > 0 ? columns : kUnknownColumns;
}

size_t ProseColumns(int fd) { return std::clamp(TerminalColumns(fd), size_t{40}, size_t{100}); }

bool ShowsColours(int fd) {
  if (!Variable("NO_COLOR").empty()) return false;
  const std::string_view force = Variable("CLICOLOR_FORCE");
  if (!force.empty() && force != "0") return true;
  const std::string_view terminal = Variable("TERM");
  return IsTerminal(fd) && Variable("CLICOLOR") != "0" && !terminal.empty() && terminal != "dumb";
}

std::string Emphasized(std::string_view text, Emphasis emphasis, int fd) {
  if (text.empty() || !ShowsColours(fd)) return std::string(text);
  return std::string(SequenceOf(emphasis)).append(text).append("\033[0m");
}

}  // namespace alkaid::tools
