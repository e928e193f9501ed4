// What the library has to say to people where no caller takes a Status: lines on stderr.
//
// Ownership: nothing is kept. Threads: any; a line is written in one piece, whatever others write.
// Out of memory: std::bad_alloc.
#pragma once

#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::internal {

// "alkaid: ", the text, and the end of the line.
ALKAID_EXPORT void Notice(const std::string& text);

// The message of a status without its code.
ALKAID_EXPORT std::string MessageOf(const Status& status);

}  // namespace alkaid::internal
