// Completion for shells: scripts that know the commands, their options and values, and run nothing
// when they complete.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>

#include "tools/usage/command_description.h"

namespace alkaid::tools {

// To be sourced by bash 4 or later; does not need the bash-completion package.
std::string BashCompletion(const CommandDescription& root);

// For a folder in zsh's $fpath, named _alkaid, or to be sourced after compinit.
std::string ZshCompletion(const CommandDescription& root);

// For fish 3 or later.
std::string FishCompletion(const CommandDescription& root);

}  // namespace alkaid::tools
