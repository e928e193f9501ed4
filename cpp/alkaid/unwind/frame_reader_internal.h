// The numbers of call frame information, read one after another.
//
// Ownership: borrows the bytes. Threads: one. Out of memory: nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace alkaid::unwind {

// Reads the numbers of a table. `ok` becomes false at anything not understood or past the end.
struct FrameReader {
  const uint8_t* at;
  const uint8_t* end;
  bool ok = true;

  template <typename T>
  T Read() {
    T value{};
    if (static_cast<size_t>(end - at) < sizeof(T)) {
      ok = false;
      at = end;
      return value;
    }
    std::memcpy(&value, at, sizeof(T));
    at += sizeof(T);
    return value;
  }
  uint64_t Unsigned() {  // ULEB128
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = Read<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0 || !ok) return value;
    }
  }
  int64_t Signed() {  // SLEB128
    uint64_t value = 0;
    for (int shift = 0;;) {
      const auto byte = Read<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if ((byte & 0x80) != 0 && ok) continue;
      if ((byte & 0x40) != 0 && shift < 64) value |= ~uint64_t{0} << shift;
      return static_cast<int64_t>(value);
    }
  }
  void Skip(uint64_t bytes) {
    if (bytes > static_cast<uint64_t>(end - at)) {
      ok = false;
      at = end;
    } else {
      at += bytes;
    }
  }
  uint64_t Pointer(uint8_t encoding) {
    const auto here = reinterpret_cast<uint64_t>(at);
    uint64_t value = 0;
    switch (encoding & 0x0f) {
      case 0x00:
      case 0x04:
      case 0x0c:
        value = Read<uint64_t>();
        break;
      case 0x01:
        value = Unsigned();
        break;
      case 0x09:
        value = static_cast<uint64_t>(Signed());
        break;
      case 0x02:
        value = Read<uint16_t>();
        break;
      case 0x0a:
        value = static_cast<uint64_t>(int64_t{Read<int16_t>()});
        break;
      case 0x03:
        value = Read<uint32_t>();
        break;
      case 0x0b:
        value = static_cast<uint64_t>(int64_t{Read<int32_t>()});
        break;
      default:
        ok = false;
    }
    switch (encoding & 0x70) {
      case 0x00:
        return value;
      case 0x10:  // relative to its own address
        return here + value;
      default:
        ok = false;
        return 0;
    }
  }
};

}  // namespace alkaid::unwind
