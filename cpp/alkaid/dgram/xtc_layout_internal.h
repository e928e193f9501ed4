// The bytes of headers, Names and ShapesData, as writers and editors store them.
//
// Sizes are computed before anything is written, so that a caller can first refuse and then write
// without failing. Every stored byte is written; unused ones are zero.
//
// Threads: free of state. Allocates only messages.
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
// The same in a field's record.
inline constexpr int64_t kFieldAlgorithmVersionAt = 256;
inline constexpr int64_t kFieldNameAt = 260;
inline constexpr int64_t kFieldTypeAt = 516;
inline constexpr int64_t kFieldRankAt = 520;
}  // namespace names_layout

// Bytes. The largest extent that the header of an Xtc can state.
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

// A datagram without payload: kDgramHeaderBytes. The upper eight bits of `env_bits` are 0.
void StoreDgramHeader(uint8_t* bytes, TransitionId service, Timestamp timestamp, uint32_t env_bits,
                      Damage damage);

// Whether data of one are data of the other: detector, segment, algorithm and fields agree.
bool SameDeclaration(const Names& a, const Names& b);

// The extent of a declaration; StoreNames stores it.
inline int64_t NamesExtent(const Names& names) {
  return Names::kHeaderBytes + static_cast<int64_t>(names.fields().size()) * Names::kFieldBytes;
}
void StoreNames(uint8_t* bytes, const Names& names);

// The start of the Data in a ShapesData that has its Shapes first, in bytes from its start.
inline int64_t DataOffset(const Names& names) { return kXtcHeaderBytes + names.shapes_extent(); }
// Checks each value against its declaration and returns the extent of their ShapesData.
// kInvalidArgument where one disagrees, is missing or too many, or the extent exceeds kMaxExtent.
Result<int64_t> ShapesDataExtent(const Names& names, std::span<const FieldValue> values);
// Stores the ShapesData: Xtc, Shapes, and Data. Values and extent must have been checked.
void StoreShapesData(uint8_t* bytes, const Names& names, std::span<const FieldValue> values,
                     Damage damage, int64_t extent);

}  // namespace alkaid::dgram::internal
