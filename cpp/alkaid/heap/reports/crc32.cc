#include <array>
#include <cstring>

#include "alkaid/heap/reports/crc32_internal.h"

namespace alkaid::heap {
namespace {

constexpr uint32_t kPolynomial = 0xEDB88320;
using CrcTable = std::array<uint32_t, 256>;

// tables[k][b]: the remainder of byte b followed by k zero bytes.
constexpr std::array<CrcTable, 8> MakeTables() {
  std::array<CrcTable, 8> tables = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = value;
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t value = tables[k - 1][byte];
      tables[k][byte] = (value >> 8) ^ tables[0][value & 0xff];
    }
  }
  return tables;
}

constexpr std::array<CrcTable, 8> kTables = MakeTables();

}  // namespace

uint32_t Crc32(const void* data, size_t size, uint32_t before) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  uint32_t crc = ~before;
  for (; size >= 8; size -= 8, bytes += 8) {
    uint64_t word;
    std::memcpy(&word, bytes, sizeof(word));
    word ^= crc;
    crc = 0;
    for (size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][(word >> (8 * k)) & 0xff];
  }
  for (; size > 0; --size, ++bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ *bytes) & 0xff];
  return ~crc;
}

}  // namespace alkaid::heap
