// The checksum of zlib and gzip (CRC-32, polynomial 0xEDB88320 reflected), which every language's
// standard library offers.
//
// Ownership: none. Threads: a pure function. Allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// Of `size` bytes behind those of which it was `before`. Eight bytes at a time.
ALKAID_EXPORT uint32_t Crc32(const void* data, size_t size, uint32_t before = 0);

}  // namespace alkaid::heap
