// What stands at the other end of stdout or stderr: how wide it is, and whether it shows colours.
//
// A stream that is no terminal never gets an escape sequence, so that what is piped or kept is
// plain text. Colours are off, too, where NO_COLOR is set to anything, CLICOLOR is 0, or TERM is
// dumb or not set; CLICOLOR_FORCE, set to anything but 0, turns them on for a pipe as well.
//
// Threads: as safe as getenv. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace alkaid::tools {

inline constexpr size_t kUnknownColumns = 80;

bool IsTerminal(int fd);

// Columns of the terminal at `fd` or those of COLUMNS, whichever are fewer; kUnknownColumns where
// neither says any.
size_t TerminalColumns(int fd);

// Columns to write help and other prose in: those of the terminal, from 40 to 100. Longer lines are
// hard to read.
size_t ProseColumns(int fd);

bool ShowsColours(int fd);

enum class Emphasis { kBold, kGood, kBad, kWarning };

// `text` as it is to be written to `fd`: in the colour where that shows colours, else as it is.
std::string Emphasized(std::string_view text, Emphasis emphasis, int fd);

}  // namespace alkaid::tools
