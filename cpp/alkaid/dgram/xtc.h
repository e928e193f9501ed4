// The headers of XTC2, read byte by byte: datagram, Xtc, and the small words inside them.
//
// An XTC2 file is a plain sequence of datagrams. An Xtc is a header of 12 bytes and what it
// contains; its extent counts both. The header of a datagram ends in that of its root Xtc:
//
//   byte 0             8      12     16       18         20       24
//        | nanoseconds | env  | src  | damage | contains | extent | payload: Xtcs
//        | seconds     |      |<---- header of the root Xtc ----->|
//
// Everything is little-endian, packed and unaligned, so every read goes through memcpy. Nothing
// here checks a length: that is done where bytes are walked (dgram.h).
//
// Ownership: plain values; they keep no pointer.
// Threads: free of state. Out of memory: allocates nothing, but for ToString, which throws
// std::bad_alloc.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "alkaid/base/export.h"

namespace alkaid::dgram {

static_assert(std::endian::native == std::endian::little, "XTC2 is read as little-endian words");

// Bytes.
inline constexpr int64_t kXtcHeaderBytes = 12;
inline constexpr int64_t kDgramHeaderBytes = 24;
// The largest datagram that readers accept and writers make by default. A header can state 4 GiB.
inline constexpr int64_t kMaxDgramBytes = int64_t{256} << 20;
// The most dimensions of a field, and the bytes of each array's shape: five words, whatever its
// rank.
inline constexpr int kMaxRank = 5;
inline constexpr int64_t kShapeBytes = 20;

// Reads a T at `bytes`, whatever its alignment.
template <typename T>
T LoadUnaligned(const void* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

// What a datagram announces: four bits of its header. The values 13 to 15 have no meaning, and are
// kept as they are.
enum class TransitionId : uint8_t {
  kClearReadout = 0,
  kReset = 1,
  kConfigure = 2,
  kUnconfigure = 3,
  kBeginRun = 4,
  kEndRun = 5,
  kBeginStep = 6,
  kEndStep = 7,
  kEnable = 8,
  kDisable = 9,
  kSlowUpdate = 10,
  kL1AcceptEndOfBatch = 11,
  kL1Accept = 12,
};
// "L1Accept" and so on, in the spelling of the data acquisition; static storage. "Invalid_13" to
// "Invalid_15" for the others.
ALKAID_EXPORT const char* TransitionName(TransitionId id);

// What an Xtc contains. Xtcs with other values are skipped by their extent.
enum class TypeId : uint16_t {
  kParent = 0,
  kShapesData = 1,
  kShapes = 2,
  kData = 3,
  kNames = 4,
};

// Seconds and nanoseconds in one word that sorts by time. It is no count of nanoseconds; to add or
// subtract, use total_nanoseconds().
class Timestamp {
 public:
  constexpr Timestamp() = default;
  constexpr explicit Timestamp(uint64_t value) : value_(value) {}
  constexpr Timestamp(uint32_t seconds, uint32_t nanoseconds)
      : value_(uint64_t{seconds} << 32 | nanoseconds) {}

  constexpr uint64_t value() const { return value_; }
  constexpr uint32_t seconds() const { return static_cast<uint32_t>(value_ >> 32); }
  constexpr uint32_t nanoseconds() const { return static_cast<uint32_t>(value_); }
  constexpr uint64_t total_nanoseconds() const {
    return uint64_t{seconds()} * 1'000'000'000 + nanoseconds();
  }
  friend constexpr bool operator==(Timestamp, Timestamp) = default;
  friend constexpr std::strong_ordering operator<=>(Timestamp a, Timestamp b) {
    return a.value_ <=> b.value_;
  }

 private:
  uint64_t value_ = 0;
};

// What went wrong with a contribution, as the data acquisition recorded it. Damage is data: it
// never makes a datagram malformed. But a Parent or a datagram that is `corrupted` is not parsed.
class Damage {
 public:
  constexpr Damage() = default;
  constexpr explicit Damage(uint16_t value) : value_(value) {}

  constexpr uint16_t value() const { return value_; }
  constexpr uint16_t bits() const { return value_ & 0x0fff; }
  constexpr uint16_t user_bits() const { return value_ >> 12; }
  constexpr bool corrupted() const { return (value_ & 0x8) != 0; }
  // "Truncated|Corrupted", "user:0x3", "" for none.
  ALKAID_EXPORT std::string ToString() const;
  friend constexpr bool operator==(Damage, Damage) = default;

 private:
  uint16_t value_ = 0;
};

// Links data to the declaration of its fields: the source word of an Xtc without its level.
class NamesId {
 public:
  constexpr NamesId() = default;
  constexpr explicit NamesId(uint32_t src) : key_(src & 0x0fffffff) {}
  constexpr NamesId(uint32_t node_id, uint32_t names_id)
      : key_((node_id & 0xfff) << 8 | (names_id & 0xff)) {}

  constexpr uint32_t key() const { return key_; }
  constexpr uint32_t names_id() const { return key_ & 0xff; }
  constexpr uint32_t node_id() const { return key_ >> 8 & 0xfff; }
  // "0x000105".
  ALKAID_EXPORT std::string ToString() const;
  friend constexpr bool operator==(NamesId, NamesId) = default;
  friend constexpr std::strong_ordering operator<=>(NamesId a, NamesId b) {
    return a.key_ <=> b.key_;
  }

 private:
  uint32_t key_ = 0;
};

// The header of an Xtc: 12 bytes.
struct Xtc {
  uint32_t src = 0;
  Damage damage;
  uint16_t contains = 0;
  // Bytes, these 12 included.
  uint32_t extent = 0;

  static Xtc Read(const uint8_t* bytes) {
    return {LoadUnaligned<uint32_t>(bytes), Damage(LoadUnaligned<uint16_t>(bytes + 4)),
            LoadUnaligned<uint16_t>(bytes + 6), LoadUnaligned<uint32_t>(bytes + 8)};
  }
  TypeId type() const { return static_cast<TypeId>(contains & 0x0fff); }
  int version() const { return contains >> 12; }
};

// The header of a datagram: 24 bytes.
struct DgramHeader {
  // The largest size of a datagram that a header can state, in bytes.
  static constexpr int64_t kMaxBytes =
      int64_t{std::numeric_limits<uint32_t>::max()} + kDgramHeaderBytes - kXtcHeaderBytes;

  Timestamp timestamp;
  uint32_t env = 0;
  Xtc root;

  static DgramHeader Read(const uint8_t* bytes) {
    return {Timestamp(LoadUnaligned<uint64_t>(bytes)), LoadUnaligned<uint32_t>(bytes + 8),
            Xtc::Read(bytes + 12)};
  }
  // The size of a datagram of which only the first 24 bytes need be there. At least 24 if the
  // datagram is sound.
  static int64_t SizeOf(const uint8_t* bytes) {
    return int64_t{LoadUnaligned<uint32_t>(bytes + 20)} + kDgramHeaderBytes - kXtcHeaderBytes;
  }
  static TransitionId ServiceOf(const uint8_t* bytes) {
    return static_cast<TransitionId>(bytes[11] & 0x0f);
  }

  TransitionId service() const { return static_cast<TransitionId>(env >> 24 & 0x0f); }
  // 0 Event, 1 Occurrence, 2 Marker.
  int type() const { return static_cast<int>(env >> 28 & 0x03); }
  uint16_t readout_groups() const { return static_cast<uint16_t>(env); }
  int64_t size() const { return int64_t{root.extent} + kDgramHeaderBytes - kXtcHeaderBytes; }
};

}  // namespace alkaid::dgram
