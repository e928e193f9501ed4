// SamePlace: whether a field is at the same place in a datagram as in an earlier one.
//
// A walk finds a field by headers and shapes. If all bytes that the walk read are equal in another
// datagram, it would find the field there at the same place and with the same shape. Most datagrams
// of a stream differ only in their elements. So these bytes are kept and compared, which costs
// about as much as a step from header to header. Everything that a walk checks is still checked.
//
//      0      8   12    16                                           (of one detector, one array)
//      | time | env | src | damage, extent | ShapesData | Shapes | shape | Data | elements ...
//                          ^------------------- compared ------------------^
//
// Ownership: its own. Threads: one. Out of memory: allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/field_view.h"
#include "alkaid/dgram/shapes_data.h"

namespace alkaid::columns::internal {

// The field of a datagram, or none.
struct Cell {
  const uint8_t* data = nullptr;  // null: the datagram does not carry it
  int64_t nbytes = 0;
  std::array<uint32_t, dgram::kMaxRank> shape = {};
};

// Which datagrams count.
enum class ServiceOf { kL1Accepts, kAllDatagrams };

class ALKAID_EXPORT SamePlace {
 public:
  // How many consecutive datagrams from `at` on, before `end`, have these bytes and that service.
  // Walks over them would all return cell(), with `data` data_offset() bytes into each. Each has
  // dgram_bytes().
  int64_t CountFrom(const uint8_t* at, const uint8_t* end, ServiceOf service) const;
  // Its `data` is not set.
  const Cell& cell() const { return cell_; }
  int64_t data_offset() const { return data_offset_; }
  int64_t dgram_bytes() const { return dgram_bytes_; }

  // Remembers where a walk found the field number `index` of its Names, unless the datagram has an
  // unusual form.
  void Learn(const dgram::Dgram& dgram, const dgram::ShapesData& data, int index, const Cell& cell);

 private:
  using Chunk = uint64_t __attribute__((vector_size(16)));
  struct Compared {
    Chunk wanted;
    Chunk mask;
    int64_t offset;
  };
  static constexpr size_t kMaxCompared = 16;

  // Adds these bytes to those compared. They begin 16 bytes into the datagram or later. Returns
  // false if they are too many.
  bool Compare(const uint8_t* dgram, int64_t begin, int64_t end);

  template <typename Same>
  int64_t Count(const uint8_t* at, const uint8_t* end, ServiceOf service, const Same& same) const;
  // CountFrom for a fixed number of chunks: unrolled, and in registers as far as they fit.
  template <bool kMasked, size_t... I>
  int64_t CountOf(std::index_sequence<I...> chunks, const uint8_t* at, const uint8_t* end,
                  ServiceOf service) const;
  // Calls CountOf for the actual number of chunks, up to a limit.
  template <bool kMasked, size_t... N>
  int64_t CountUpTo(std::index_sequence<N...> chunks, const uint8_t* at, const uint8_t* end,
                    ServiceOf service) const;

  std::array<Compared, kMaxCompared> compared_;
  size_t count_ = 0;     // how many; 0: no place is known
  bool masked_ = false;  // whether some bits in them are ignored
  Cell cell_;
  int64_t data_offset_ = 0;
  int64_t dgram_bytes_ = 0;
};

}  // namespace alkaid::columns::internal
