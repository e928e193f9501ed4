// The terminal at stdout or stderr: its width, and whether it shows colours.
//
// A stream that is no terminal never gets an escape sequence, so piped or saved output is plain
// text. Colours are also off where NO_COLOR is set to anything, CLICOLOR is 0, or TERM is dumb or
// not set; CLICOLOR_FORCE, set to anything but 0, turns them on for a pipe as well.
//
// Threads: as safe as getenv. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace alkaid::tools {

inline constexpr size_t kUnknownColumns = 80;

bool IsTerminal(int fd);

// Columns of the terminal at `fd` or of COLUMNS, the smaller of both; kUnknownColumns where neither
// is known.
size_t TerminalColumns(int fd);

// Columns for help and other prose: those of the terminal, but from 40 to 100. Longer lines are
// hard to read.
size_t ProseColumns(int fd);

bool ShowsColours(int fd);

enum class Emphasis { kBold, kGood, kBad, kWarning };

// `text` in the colour where `fd` shows colours, else unchanged.
std::string Emphasized(std::string_view text, Emphasis emphasis, int fd);

}  // namespace alkaid::tools
