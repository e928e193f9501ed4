// ProcessText: the text of a file under /proc/self, which the kernel makes of this process.
//
// C++ streams would end early, without an error, when memory runs out.
//
// Ownership: results are copies. Threads: any. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// Empty if the file cannot be read.
ALKAID_EXPORT std::string ProcessText(const char* path);

}  // namespace alkaid::heap
