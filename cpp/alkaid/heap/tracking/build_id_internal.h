// The GNU build-id of a mapped file: the bytes by which its linker identified it.
//
// Ownership: results point into the memory that was given. Threads: all functions, from any thread;
// nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// The build-id among a segment's notes, which are padded to `alignment`; empty if there is none.
ALKAID_EXPORT std::span<const uint8_t> BuildIdInNotes(std::span<const uint8_t> notes,
                                                      size_t alignment);

// The build-id of the file that the dynamic linker has mapped from `start` to `end`, at that bias.
// Empty if there is none, or if the program headers are not in the first page.
ALKAID_EXPORT std::span<const uint8_t> BuildIdOfMapped(uint64_t start, uint64_t end, uint64_t bias);

}  // namespace alkaid::heap
