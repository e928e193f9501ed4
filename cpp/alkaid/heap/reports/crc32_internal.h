// Crc32: the checksum of zlib and gzip (CRC-32, reflected polynomial 0xEDB88320), which most
// languages have in their standard library.
//
// Ownership: none. Threads: a pure function. Allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// The checksum of `size` bytes that follow bytes with the checksum `before`. Eight bytes at a time.
ALKAID_EXPORT uint32_t Crc32(const void* data, size_t size, uint32_t before = 0);

}  // namespace alkaid::heap
