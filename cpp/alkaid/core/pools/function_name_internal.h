// Names of functions in the running program, for the reports of faults.
//
// They come from the dynamic symbols that are in memory, then from the symbol table of the file, if
// it is still the one that was loaded. The file is opened, read and closed within the call: a
// program that closes all descriptors and opens its own takes nothing from a later report. Where no
// file can be opened, dynamic symbols are named all the same.
//
// Takes no lock. May be called in a signal handler, and takes up to 40 KiB of its stack.
//
// Ownership: a name is in the caller's memory. Threads: any; the object must stay loaded meanwhile.
// Out of memory: nothing is allocated.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "alkaid/base/export.h"

#if defined(DLFO_STRUCT_HAS_EH_DBASE)

namespace alkaid::internal {

// "Histogram::Fill()" of the code at that address in `object`, whose file is `path`; null: not to
// be opened. Empty where no symbol has the address. What is longer than `room` ends in "...".
ALKAID_EXPORT std::string_view FunctionNameAt(uint64_t address, const dl_find_object& object,
                                              const char* path, std::span<char> room);

}  // namespace alkaid::internal

#endif
