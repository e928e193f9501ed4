// The version of Alkaid: of these headers at compile time, of the loaded library at run time.
//
// The build refuses to compile when these numbers differ from the build system's.
// Threads: any. Allocates nothing.
#pragma once

#include "alkaid/base/export.h"

#define ALKAID_VERSION_MAJOR 0
#define ALKAID_VERSION_MINOR 1
#define ALKAID_VERSION_PATCH 0
#define ALKAID_VERSION_STRING "0.1.0"

namespace alkaid {

// The version of libalkaid.so that this process loaded, as "major.minor.patch"; static storage.
// Differs from ALKAID_VERSION_STRING when a program runs against another library than it was
// compiled for.
ALKAID_EXPORT const char* Version() noexcept;

}  // namespace alkaid
