// WhyNotXtc2: tells a file of another kind from a malformed XTC2 file.
//
// XTC2 has no magic number: a file begins with the header of a datagram. A file of another kind
// shows when its beginning is read as one. This is called only after the beginning of a file was
// found at fault, and so never refuses what can be read.
//
// Ownership: none. Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>

#include "alkaid/base/export.h"

namespace alkaid::dgram::internal {

// "not an XTC2 file: it begins with ..., where the header of a datagram would have ..." for the
// first `nbytes` bytes of a file, of which it looks at 24; "" where they may be a datagram's.
ALKAID_EXPORT std::string WhyNotXtc2(const uint8_t* bytes, int64_t nbytes);

}  // namespace alkaid::dgram::internal
