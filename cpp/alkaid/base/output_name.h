// Names of the files that a process leaves behind: heap files and leak profiles.
//
// A name is a pattern: %p becomes the process id, %n the number of the file, %% a percent sign;
// other percent signs stay. Processes that inherit the same pattern, by fork or by environment,
// must not overwrite each other's file. So one of them owns the plain name: the one that was asked,
// or the one that ALKAID_HEAP_OWNER names, as `alkaid run` does. To a pattern without %p all others
// append ".<process id>".
//
// Ownership: none. Threads: any; OutputOwner and IsOutputOwner read the environment, which is as
// safe as getenv. Out of memory: std::bad_alloc, save where memory is given.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// The name that a pattern becomes.
ALKAID_EXPORT std::string OutputName(std::string_view pattern, uint32_t process, uint64_t number);

// The same for this process; ".<process id>" is appended where it is not `owner` and the pattern
// has no %p.
ALKAID_EXPORT std::string OwnOutputName(std::string_view pattern, uint32_t owner, uint64_t number);

// The same without any memory but `room`, at whose end it is cut.
ALKAID_EXPORT std::string_view OwnOutputName(std::string_view pattern, uint32_t owner,
                                             uint64_t number, std::span<char> room);

// The process that ALKAID_HEAP_OWNER names; this one where it is not set, or no whole number from 1
// to 4294967295.
ALKAID_EXPORT uint32_t OutputOwner();

// Whether ALKAID_HEAP_OWNER names this very process; false where it is not set.
ALKAID_EXPORT bool IsOutputOwner();

}  // namespace alkaid::internal
