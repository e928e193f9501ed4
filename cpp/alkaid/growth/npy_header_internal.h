// The header of a NumPy array file: what lies in the file, and how.
//
// Source: NumPy's format description (NEP 1, and the text of numpy.lib.format): the bytes
// "\x93NUMPY", a major and a minor version, the length of what follows (2 bytes in version 1.0, 4
// in 2.0 and 3.0, little-endian), and a Python dictionary with the keys descr, fortran_order and
// shape, padded with spaces and ended by a newline so that the data begin at a multiple of 64.
//
// A Python comment may follow the dictionary. NumPy ignores it; a leak profile records there what
// is known of its run (leak_profile_run.h). While it says that the run has not ended, the file may
// grow between two reads of it, so rows that are counted and not there are ignored.
//
// Only arrays that a leak profile can be made of are accepted: f4 and f8, in either byte order,
// with two dimensions. Any other well-formed array is kInvalidArgument, a malformed or truncated
// file is kDataLoss; both name the file, and where possible the byte.
//
// Ownership: values. Threads: pure functions. Out of memory: std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::growth {

struct NpyHeader {
  int64_t data_offset = 0;  // bytes
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t item_size = 8;  // bytes: 4 or 8
  bool big_endian = false;
  bool column_major = false;  // a column's values are adjacent: Fortran order
  std::string comment;        // without its #, and the space after that
};

// `file` is the content of the whole file, `name` what errors call it. All data that the header
// promises are there.
ALKAID_EXPORT Result<NpyHeader> ParseNpyHeader(std::string_view file, const std::string& name);
// The same for the header alone; ignores what follows it in `file`.
ALKAID_EXPORT Result<NpyHeader> ParseNpyHead(std::string_view file, const std::string& name);

// Headers made here have the count of rows at this byte, padded with spaces to 8 digits. One
// aligned word is written at once, so a file that grows has a true count at every moment.
inline constexpr int64_t kNpyRowsAt = 64;
inline constexpr int kNpyRowDigits = 8;

// The header of rows x columns little-endian f8 in C's order, version 1.0. `comment` is one line.
ALKAID_EXPORT std::string MakeNpyHeader(int64_t rows, int64_t columns,
                                        std::string_view comment = "");

}  // namespace alkaid::growth
