// Column: one field over the datagrams of a batch, in Arrow's layout; and the options to make one.
//
// A row is a datagram that the options select, in the order of the batch. A row is null if its
// datagram does not carry the field.
//
// Ownership: a column holds the batch's Buffer through slices of it, and what was allocated for it;
// the batch, its reader and its datagrams may be destroyed before it. A borrowed pool
// must outlive the column.
// Threads: values that may be read from any thread. Out of memory: copies throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "alkaid/core/pools/pool_handle.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/interop/arrow_data.h"

namespace alkaid::columns {

enum class Rows {
  kL1Accepts,
  kAllDatagrams,  // transitions too
};

struct ColumnOptions {
  Rows rows = Rows::kL1Accepts;
  // Which of these datagrams are rows; null: all. It may be called for a datagram several times,
  // and must return the same. Datagrams are then walked one by one.
  std::function<bool(const dgram::Dgram&)> take;
  // Whether array elements may be copied if they cannot be shown in place. Scalars are always
  // gathered: one element is copied for each row.
  bool allow_copy = true;
  // Whether elements may begin at an address that is not a multiple of their size. Arrays are then
  // shown in place if all rows have the same remainder. For consumers that can read such memory, as
  // pyarrow and numpy; others may not.
  bool allow_misaligned = false;
  // Always offsets of 64 bits, "+vL". Otherwise they have 32 bits, "+vl", unless the batch has more
  // than 2^31 - 1 elements.
  bool large_lists = false;
  // Text as any bytes, "vz". Otherwise text is UTF-8, "vu", and a row that is not UTF-8 is refused.
  bool binary_text = false;
  // Columns allocate from this pool; null: the default pool.
  PoolHandle pool = {};
};

struct Column {
  interop::Field field;
  interop::ArrayData array;
  // Bytes of the batch that were copied, and why; 0 and empty if the column shows them in place.
  int64_t copied_bytes = 0;
  std::string why_copied;

  bool copied() const { return !why_copied.empty(); }
};

struct FieldColumn : Column {
  // For arrays of numbers: the dimensions of each row as lists of `rank` uint32, as in the
  // datagrams.
  std::optional<Column> shapes;
};

}  // namespace alkaid::columns
