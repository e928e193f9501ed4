// Guard bytes: a pattern in places where nobody may write, around a block and in one that was
// freed.
//
// The value follows from the address. So guarded bytes that are copied to another place are
// detected, and a run of equal bytes is detected at its second byte at the latest. All values are
// from 0x80 to 0xbf: no zero, no ASCII text, no small number, and eight of them are no valid
// address.
//
// Ownership: none. Threads: as the bytes. Nothing here allocates.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::internal {

ALKAID_EXPORT void PlantGuard(uint8_t* begin, const uint8_t* end);

// The first and the last byte that differ from the pattern; null if none does.
struct BrokenGuard {
  const uint8_t* first = nullptr;
  const uint8_t* last = nullptr;

  explicit operator bool() const { return first != nullptr; }
};
ALKAID_EXPORT BrokenGuard CheckGuard(const uint8_t* begin, const uint8_t* end);

}  // namespace alkaid::internal
