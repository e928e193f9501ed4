// Man pages, in troff's man macros: one for the command, and one for each subcommand.
//
// Threads: free of state, but for the environment. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>

#include "tools/usage/command_description.h"

namespace alkaid::tools {

// The page's name without its section: "alkaid-heap-show".
std::string ManPageName(const CommandDescription& command);

// `date` is written like 2027-01-31.
std::string ManPage(const CommandDescription& command, const CommandDescription& root,
                    const std::string& date);

// Today, or the date of SOURCE_DATE_EPOCH, for reproducible builds; UTC.
std::string ManPageDate();

}  // namespace alkaid::tools
