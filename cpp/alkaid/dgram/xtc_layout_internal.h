// The bytes of headers, Names and ShapesData, as those who make datagrams write them.
//
// Sizes are told before anything is written, so that a caller can refuse first and then write
// without a way to fail. Every byte of what is stored is written; unused ones are zero.
//
// Threads: free of state. Allocates nothing, but for messages.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "alkaid/base/status.h"
#include "alkaid/dgram/field_value.h"
#include "alkaid/dgram/names.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram::internal {

// Where things lie in a Names Xtc, in bytes from its start.
namespace names_layout {
inline constexpr int64_t kArrayCountAt = 12;
inline constexpr int64_t kDetectorTypeAt = 16;
inline constexpr int64_t kDetectorNameAt = 272;
inline constexpr int64_t kDetectorIdAt = 528;
inline constexpr int64_t kAlgorithmAt = 784;
inline constexpr int64_t kAlgorithmVersionAt = 1040;
inline constexpr int64_t kSegmentAt = 1044;
// And in a field's record.
inline constexpr int64_t kFieldAlgorithmVersionAt = 256;
inline constexpr int64_t kFieldNameAt = 260;
inline constexpr int64_t kFieldTypeAt = 516;
inline constexpr int64_t kFieldRankAt = 520;
}  // namespace names_layout

// Bytes. The most that the header of an Xtc can state.
inline constexpr int64_t kMaxExtent = std::numeric_limits<uint32_t>::max();

template <typename T>
void StoreUnaligned(uint8_t* bytes, T value) {
  std::memcpy(bytes, &value, sizeof(T));
}

// `extent` is at most kMaxExtent.
inline void StoreXtc(uint8_t* bytes, uint32_t src, Damage damage, TypeId type, int64_t extent) {
  StoreUnaligned(bytes, src);
  StoreUnaligned(bytes + 4, damage.value());
  StoreUnaligned(bytes + 6, static_cast<uint16_t>(type));
  StoreUnaligned(bytes + 8, static_cast<uint32_t>(extent));
}

// A datagram without payload: kDgramHeaderBytes. `env_bits` has its upper eight bits free.
void StoreDgramHeader(uint8_t* bytes, TransitionId service, Timestamp timestamp, uint32_t env_bits,
                      Damage damage);

// Whether data of the one are data of the other: detector, segment, algorithm and fields agree.
bool SameDeclaration(const Names& a, const Names& b);

// The extent of a declaration, and its bytes.
inline int64_t NamesExtent(const Names& names) {
  return Names::kHeaderBytes + static_cast<int64_t>(names.fields().size()) * Names::kFieldBytes;
}
void StoreNames(uint8_t* bytes, const Names& names);

// Where the Data of a ShapesData starts that has its Shapes before it, in bytes from its start.
inline int64_t DataOffset(const Names& names) { return kXtcHeaderBytes + names.shapes_extent(); }
// The extent of a ShapesData of these values, once each was checked against its declaration.
// kInvalidArgument where one disagrees, is missing or too many, or the extent passes kMaxExtent.
Result<int64_t> ShapesDataExtent(const Names& names, std::span<const FieldValue> values);
// Its bytes: the Xtc, Shapes, and Data. Values and extent were checked.
void StoreShapesData(uint8_t* bytes, const Names& names, std::span<const FieldValue> values,
                     Damage damage, int64_t extent);

}  // namespace alkaid::dgram::internal
