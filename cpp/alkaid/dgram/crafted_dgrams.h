// Datagrams made byte by byte, sound or not, for the tests of this room.
//
// Independent of DgramWriter, so that a mistake there can not hide one in the readers. Not
// installed.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/buffer.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram::crafted {

template <typename T>
std::string Bytes(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(T));
}
template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

inline constexpr uint16_t kParent = 0, kShapesData = 1, kShapes = 2, kData = 3, kNames = 4;

// An Xtc around `payload`; `extent` -1 is the true one.
inline std::string Xtc(uint16_t type, const std::string& payload, uint32_t src = 0,
                       uint16_t damage = 0, int64_t extent = -1) {
  if (extent < 0) extent = kXtcHeaderBytes + static_cast<int64_t>(payload.size());
  return Bytes(src) + Bytes(damage) + Bytes(type) + Bytes(static_cast<uint32_t>(extent)) + payload;
}

inline std::string Dgram(TransitionId service, const std::string& payload, uint32_t nanoseconds = 0,
                         uint16_t damage = 0, int64_t extent = -1) {
  return Bytes(nanoseconds) + Bytes(uint32_t{1}) +
         Bytes(static_cast<uint32_t>(service) << 24 | 0x40003U) +
         Xtc(kParent, payload, 0, damage, extent);
}

// 256 bytes of which the unused ones are not zero: readers must not care.
inline std::string Text(const std::string& text) {
  std::string field(256, '\xee');
  field.replace(0, text.size() + 1, text.c_str(), text.size() + 1);
  return field;
}

struct FieldSpec {
  std::string name;
  uint32_t type;
  uint32_t rank;
};

inline std::string NamesPayload(const std::string& detector, uint32_t segment,
                                const std::string& algorithm,
                                const std::vector<FieldSpec>& fields) {
  uint32_t arrays = 0;
  for (const FieldSpec& field : fields) arrays += field.rank > 0;
  std::string payload = Bytes(arrays) + Text("type") + Text(detector) + Text("id") +
                        Text(algorithm) + Bytes(uint32_t{0x010203}) + Bytes(segment);
  for (const FieldSpec& field : fields) {
    payload +=
        Text("") + Bytes(uint32_t{0}) + Text(field.name) + Bytes(field.type) + Bytes(field.rank);
  }
  return payload;
}

inline std::string Names(uint32_t src, const std::string& detector, uint32_t segment,
                         const std::string& algorithm, const std::vector<FieldSpec>& fields) {
  return Xtc(kNames, NamesPayload(detector, segment, algorithm, fields), src);
}

// The five words of one array's shape; those beyond its rank are not zero.
inline std::string Shape(std::vector<uint32_t> dimensions) {
  dimensions.resize(5, 0xdeadbeef);
  return Bytes(dimensions);
}

inline std::string ShapesData(uint32_t src, const std::string& shapes, const std::string& data,
                              uint16_t damage = 0) {
  return Xtc(kShapesData, Xtc(kShapes, shapes) + Xtc(kData, data), src, damage);
}

inline std::shared_ptr<Buffer> AsBuffer(std::string bytes) {
  return Buffer::FromString(std::move(bytes));
}

// One detector with one field of each kind that matters: scalar, text, array, scalar.
inline constexpr uint32_t kSrc = 0x105;
inline std::string Configure() {
  return Dgram(TransitionId::kConfigure,
               Names(kSrc, "det", 0, "raw",
                     {{"count", 1, 0}, {"text", 10, 1}, {"image", 2, 2}, {"last", 9, 0}}));
}
// Its event number `i`: UINT16 i, CHARSTR "hello" in 8 bytes, UINT32 2x3 counting up from i, DOUBLE
// i + 0.5.
inline std::string EventPayload(uint32_t i) {
  return ShapesData(kSrc, Shape({8}) + Shape({2, 3}),
                    Bytes(static_cast<uint16_t>(i)) + std::string("hello\0\xee\xee", 8) +
                        Bytes(std::vector<uint32_t>{i, i + 1, i + 2, i + 3, i + 4, i + 5}) +
                        Bytes(i + 0.5));
}
inline std::string Event(uint32_t i) { return Dgram(TransitionId::kL1Accept, EventPayload(i), i); }
inline std::string Run(uint32_t events) {
  std::string run = Configure() + Dgram(TransitionId::kBeginRun, "");
  for (uint32_t i = 0; i < events; ++i) run += Event(i);
  return run + Dgram(TransitionId::kEndRun, "");
}

}  // namespace alkaid::dgram::crafted
