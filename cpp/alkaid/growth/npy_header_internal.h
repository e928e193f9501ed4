// The header of a NumPy array file: what lies in the file, and how.
//
// Source: NumPy's format description (NEP 1, and the text of numpy.lib.format): the bytes
// "\x93NUMPY", a major and a minor version, the length of what follows (2 bytes in version 1.0, 4
// in 2.0 and 3.0, little-endian), and a Python dictionary with the keys descr, fortran_order and
// shape, padded with spaces and ended by a newline so that the data begin at a multiple of 64.
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
};

// `file` is the whole file, `name` what errors call it. The data that the header promises are
// there.
ALKAID_EXPORT Result<NpyHeader> ParseNpyHeader(std::string_view file, const std::string& name);

// The header of rows x columns little-endian f8 in C's order, version 1.0.
ALKAID_EXPORT std::string MakeNpyHeader(int64_t rows, int64_t columns);

}  // namespace alkaid::growth
