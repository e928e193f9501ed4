// A leak profile's file: the stamps as a NumPy array, one row each.
//
//   import numpy, matplotlib.pyplot
//   profile = numpy.load("reader.npy")
//   matplotlib.pyplot.plot(profile[:, 0], profile[:, 1])  # VM [MB] over time [s]
//
// Writes little-endian float64 in C order, of shape (stamps, kStampColumns), with the columns in
// the order of MemoryStamp's members: scripts that know only time and VM, or those and RSS, go on
// working. A reader never sees half a file: WriteLeakProfile writes a whole file or none, and the
// file of a process that profiles itself grows by whole stamps (process_profile.h). The count in
// the header says how many there are; data past that are not part of the array.
//
// Reads any array of f4 or f8 with two dimensions and at least two columns, in C or Fortran order.
// Missing columns are NaN; columns past kStampColumns are ignored. Values are taken as they are. A
// file of more than 1 GiB, a file of more stamps than fit into 1 GiB, and what is no regular file
// are refused before they are read.
//
// Ownership: values. Threads: all functions, from any thread. Out of memory: kResourceExhausted.
// Errors: as errno maps where the system refuses; kDataLoss for malformed or truncated files;
// kInvalidArgument for an array or a file that cannot be a leak profile. All name the file.
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

// `file` is the content of the whole file, `name` what errors call it.
ALKAID_EXPORT Result<std::vector<MemoryStamp>> ParseLeakProfile(std::string_view file,
                                                                const std::string& name);

// Replaces an existing file. What is no regular file (a pipe, /dev/stdout) is written to. `run` is
// recorded in the header, unless it is kNotRecorded.
ALKAID_EXPORT Status WriteLeakProfile(std::span<const MemoryStamp> stamps, const std::string& path,
                                      const LeakProfileRun& run = {});

}  // namespace alkaid::growth
