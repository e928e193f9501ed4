// Blocks of heap snapshots and names of functions as text for people.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>
#include <string_view>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::tools {

// "65 87 00 |e..|"; empty where the bytes are not known.
std::string FirstBytesText(const heap::HeapBlock& block);
// "0x00005600d54a36f0 -> 0x00005600d54fa54f", first and last byte.
std::string RangeText(const heap::HeapBlock& block);

// A demangled function without parameters and return type, and its templates without default
// arguments: "std::vector<int>::push_back".
std::string ShortFunctionName(std::string_view demangled);

}  // namespace alkaid::tools
