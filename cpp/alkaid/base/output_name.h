// Names of the files that a process writes: heap files and leak profiles.
//
// A name is a pattern: %p becomes the process id, %n the number of the file, %% a percent sign;
// other percent signs stay. Processes that inherit the same pattern, by fork or by environment,
// must not overwrite each other's file. So one of them owns the plain name: the process that was
// asked, or the one that ALKAID_HEAP_OWNER names (`alkaid run` sets it). If the pattern has no %p,
// all other processes append ".<process id>".
//
// Ownership: none. Threads: any; OutputOwner and IsOutputOwner read the environment, which is as
// safe as getenv. Out of memory: std::bad_alloc, except where memory is passed in.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// The name that a pattern becomes.
ALKAID_EXPORT std::string OutputName(std::string_view pattern, uint32_t process, uint64_t number);

// The same for this process; appends ".<process id>" if it is not `owner` and the pattern has no
// %p.
ALKAID_EXPORT std::string OwnOutputName(std::string_view pattern, uint32_t owner, uint64_t number);

// The same in the given memory `room`; a longer name is cut.
ALKAID_EXPORT std::string_view OwnOutputName(std::string_view pattern, uint32_t owner,
                                             uint64_t number, std::span<char> room);

// The process that ALKAID_HEAP_OWNER names; this one if it is unset, or not a whole number from 1
// to 4294967295.
ALKAID_EXPORT uint32_t OutputOwner();

// Whether ALKAID_HEAP_OWNER names this process; false if it is unset.
ALKAID_EXPORT bool IsOutputOwner();

}  // namespace alkaid::internal
