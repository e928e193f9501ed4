// Names of functions in the running program, for the reports of faults.
//
// They come from the dynamic symbols in memory, then from the file's symbol table, if it is still
// the file that was loaded. The file is opened, read and closed within the call: no descriptor is
// kept that a program which closes all descriptors could break. If no file can be opened, dynamic
// symbols are still named.
//
// Takes no lock. May be called in a signal handler; takes up to 40 KiB of its stack.
//
// Ownership: a name is in the caller's memory. Threads: any; the object must stay loaded during the
// call. Out of memory: nothing is allocated.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "alkaid/base/export.h"

#if defined(DLFO_STRUCT_HAS_EH_DBASE)

namespace alkaid::internal {

// The function at `address` in `object`, as "Histogram::Fill()". `path`: the object's file; null if
// it must not be opened. Empty if no symbol has the address. A name longer than `room` ends in
// "...".
ALKAID_EXPORT std::string_view FunctionNameAt(uint64_t address, const dl_find_object& object,
                                              const char* path, std::span<char> room);

}  // namespace alkaid::internal

#endif
