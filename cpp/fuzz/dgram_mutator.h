// Mutates sources of datagrams so that the changes reach deep code: bytes that are inserted,
// removed or wrapped are reflected in the enclosing extents, so that the code for that place meets
// the change, not the check of the first header. Some mutations leave extents alone, and some know
// nothing of datagrams.
//
// Ownership: the caller's bytes. Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace alkaid::dgram {

// A mutation of arbitrary bytes, such as LLVMFuzzerMutate.
using PlainMutation = size_t (*)(uint8_t* data, size_t size, size_t most);

// Changes `size` bytes in place, which may grow to `most`; returns their number. The same seed and
// bytes give the same result, as far as `plain` does.
size_t MutateDgrams(uint8_t* data, size_t size, size_t most, uint32_t seed, PlainMutation plain);

// Joins the first datagrams of one source and the last of another; returns the number of bytes, at
// most `most`.
size_t CrossDgrams(const uint8_t* a, size_t a_size, const uint8_t* b, size_t b_size, uint8_t* out,
                   size_t most, uint32_t seed);

}  // namespace alkaid::dgram
