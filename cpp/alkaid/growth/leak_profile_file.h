// A leak profile's file: the stamps as a NumPy array, one row each.
//
//   import numpy, matplotlib.pyplot
//   profile = numpy.load("reader.npy")
//   matplotlib.pyplot.plot(profile[:, 0], profile[:, 1])  # VM [MB] over time [s]
//
// Written are little-endian float64 in C's order, of shape (stamps, kStampColumns), the columns in
// the order of MemoryStamp's members: scripts that know only time and VM, or those and RSS, go on
// working. A reader never sees half a file: what is written here is there whole or not at all, and
// that of a process that profiles itself grows by whole stamps (process_profile.h). Its header's
// count says how many there are; what lies beyond is none of them.
//
// Read is any array of f4 or f8 with two dimensions and at least two columns, in C's or Fortran's
// order. Columns that are missing are NaN, those beyond kStampColumns are passed over. Values are
// taken as they are. A file of more than 1 GiB or of more stamps than that would hold, and what is
// no regular file, is refused before it is read.
//
// Ownership: values. Threads: all functions, from any thread. Out of memory: kResourceExhausted.
// Errors: as errno maps where the system refuses; kDataLoss for what is malformed or cut;
// kInvalidArgument for an array or a file that can be no leak profile. All name the file.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::growth {

ALKAID_EXPORT Result<std::vector<MemoryStamp>> ReadLeakProfile(const std::string& path);

// `file` is the whole file, `name` what errors call it.
ALKAID_EXPORT Result<std::vector<MemoryStamp>> ParseLeakProfile(std::string_view file,
                                                                const std::string& name);

// Replaces what is there. What exists and is no regular file (a pipe, /dev/stdout) is written to.
// `run` is noted in the header, unless it is kNotRecorded.
ALKAID_EXPORT Status WriteLeakProfile(std::span<const MemoryStamp> stamps, const std::string& path,
                                      const LeakProfileRun& run = {});

}  // namespace alkaid::growth
