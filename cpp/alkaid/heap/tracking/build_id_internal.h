// The GNU build-id of a file that is mapped: the bytes by which its linker has named it.
//
// Ownership: points into what was given. Threads: all functions, from any thread; nothing is
// allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// Among the notes of a segment, which are padded to `alignment`; empty where there is none.
ALKAID_EXPORT std::span<const uint8_t> BuildIdInNotes(std::span<const uint8_t> notes,
                                                      size_t alignment);

// Of the file that the dynamic linker has mapped from `start` to `end`, at that bias. Empty where
// there is none, or the program headers are not in the first page.
ALKAID_EXPORT std::span<const uint8_t> BuildIdOfMapped(uint64_t start, uint64_t end, uint64_t bias);

}  // namespace alkaid::heap
