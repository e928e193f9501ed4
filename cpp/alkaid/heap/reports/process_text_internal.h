// The texts that the kernel makes of a process, under /proc/self.
//
// Streams of the C++ library would end early, without a word, where there is no memory.
//
// Ownership: results are copies. Threads: any. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// Empty where the file cannot be read.
ALKAID_EXPORT std::string ProcessText(const char* path);

}  // namespace alkaid::heap
