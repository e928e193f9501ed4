// The header of a NumPy array file: what lies in the file, and how.
//
// Source: NumPy's format description (NEP 1, and the text of numpy.lib.format): the bytes
// "\x93NUMPY", a major and a minor version, the length of what follows (2 bytes in version 1.0, 4
// in 2.0 and 3.0, little-endian), and a Python dictionary with the keys descr, fortran_order and
// shape, padded with spaces and ended by a newline so that the data begin at a multiple of 64.
//
// A comment of Python's may follow the dictionary: NumPy passes it over, and a leak profile has there
// what is known of its run (leak_profile_run.h). While that says that the run has not ended, the
// file may grow between two looks at it, so rows that are counted and not there are passed over.
//
// Only what a leak profile can be made of is accepted: f4 and f8, in either byte order, with two
// dimensions. Whatever else is well-formed is kInvalidArgument, and what is malformed or cut is
// kDataLoss; both name the file, and the byte where one is to blame.
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
  bool column_major = false;  // a column's values lie together: Fortran's order
  std::string comment;        // without its #, and the space after that
};

// `file` is the whole file, `name` what errors call it. The data that the header promises are
// there.
ALKAID_EXPORT Result<NpyHeader> ParseNpyHeader(std::string_view file, const std::string& name);
// The same of the header alone, whatever follows it in `file`.
ALKAID_EXPORT Result<NpyHeader> ParseNpyHead(std::string_view file, const std::string& name);

// The count of rows has 8 digits, or spaces for them, at this byte of a header that is made here. One
// aligned word is written at once, and so a file that grows has a true count at every moment.
inline constexpr int64_t kNpyRowsAt = 64;
inline constexpr int kNpyRowDigits = 8;

// The header of rows x columns little-endian f8 in C's order, version 1.0. `comment` is one line.
ALKAID_EXPORT std::string MakeNpyHeader(int64_t rows, int64_t columns,
                                        std::string_view comment = "");

}  // namespace alkaid::growth
