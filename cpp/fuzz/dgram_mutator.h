// Changes sources of datagrams so that they stay deep: what is inserted, removed or wrapped is made
// up for in the extents around it, so that the change is met by what reads there and not by what
// reads the first header. Some changes leave extents alone, and some know nothing of datagrams.
//
// Ownership: the caller's bytes. Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace alkaid::dgram {

// What changes bytes that mean nothing in particular, as LLVMFuzzerMutate.
using PlainMutation = size_t (*)(uint8_t* data, size_t size, size_t most);

// Changes `size` bytes, which may become `most`, in place; returns how many there are. The same
// seed makes the same of the same bytes, as far as `plain` does.
size_t MutateDgrams(uint8_t* data, size_t size, size_t most, uint32_t seed, PlainMutation plain);

// The first datagrams of one source before the last of another; returns how many bytes there are,
// at most `most`.
size_t CrossDgrams(const uint8_t* a, size_t a_size, const uint8_t* b, size_t b_size, uint8_t* out,
                   size_t most, uint32_t seed);

}  // namespace alkaid::dgram
