// Column: one field over the datagrams of a batch, in Arrow's layout; and what makes one.
//
// A row is a datagram that the options take, in the order of the batch. A row is null where its
// datagram does not carry the field.
//
// Ownership: a column holds the batch's Buffer by slices of it, and what was allocated for it; the
// batch, its reader and its datagrams may go before it. The pool is borrowed unless `pool_owner`
// shares it, and must outlive the column.
// Threads: values that may be read from any thread. Out of memory: copies throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/interop/arrow_data.h"

namespace alkaid::columns {

enum class Rows {
  kL1Accepts,
  kAllDatagrams,  // transitions too
};

struct ColumnOptions {
  Rows rows = Rows::kL1Accepts;
  // Of these, the datagrams that are rows; null: all of them. It may be asked of a datagram several
  // times, and has to answer the same. Datagrams are walked over one by one then.
  std::function<bool(const dgram::Dgram&)> take;
  // Whether the elements of arrays may be copied where they cannot be shown where they lie.
  // Scalars are gathered whatever this says: a copy of one element a row.
  bool allow_copy = true;
  // Whether elements may begin at an address that is no multiple of their size. Then arrays are
  // shown where they lie as long as all rows have one remainder. For consumers that read such
  // memory, as pyarrow and numpy do; others may not.
  bool allow_misaligned = false;
  // Offsets of 64 bits, "+vL", whatever the size of the batch. Without, they have 32 bits, "+vl",
  // unless the batch has more than 2^31 - 1 elements.
  bool large_lists = false;
  // Text as bytes, "vz", whatever they are. Without it is UTF-8, "vu", and a row that is not is
  // refused.
  bool binary_text = false;
  // What is allocated for a column comes from here; null: the default pool.
  MemoryPool* pool = nullptr;
  std::shared_ptr<void> pool_owner = nullptr;

  // For what a column allocates, which keeps the pool if it is shared.
  std::shared_ptr<MemoryPool> PoolOfColumns() const {
    return {pool_owner, pool != nullptr ? pool : default_memory_pool()};
  }
};

struct Column {
  interop::Field field;
  interop::ArrayData array;
  // Bytes of the batch that were copied, and why; 0 and empty where the column shows them where
  // they lie.
  int64_t copied_bytes = 0;
  std::string why_copied;

  bool copied() const { return !why_copied.empty(); }
};

struct FieldColumn : Column {
  // Of arrays of numbers: the dimensions of each row as lists of `rank` uint32, as the
  // datagrams have them.
  std::optional<Column> shapes;
};

}  // namespace alkaid::columns
