// What objects of Python say, read through the kernel: texts of str, line tables of code.
//
// Every address may be wrong. What cannot be read, or is not of the type that it should be, is
// said to be none.
//
// Ownership: copies. Threads: any, inside malloc too. Allocates nothing; errno stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/python_layout_internal.h"

namespace alkaid::heap {

// Whether the kernel can read the word at this address, a multiple of its size. It is asked by a
// call of sigprocmask that it refuses, for the one reason or the other.
ALKAID_EXPORT bool IsReadable(uint64_t address);
// Copies bytes of this process that may not be there. False where one is not.
ALKAID_EXPORT bool ReadOwnMemory(uint64_t address, void* to, uint64_t size);
// A str, in UTF-8: its first characters or its last, where there are many.
class ALKAID_EXPORT PythonText {
 public:
  bool Read(uint64_t object, uint64_t unicode_type, const PythonLayout& layout, bool last);
  std::string_view text() const { return {bytes_, size_}; }

 private:
  void Add(uint32_t character);

  size_t size_ = 0;
  char bytes_[2 * kMostPythonText];
};

// The line of a unit of instructions by a code's table, which is a bytes; 0 where it has none.
ALKAID_EXPORT uint32_t PythonLineOf(uint64_t table, uint64_t unit, int32_t first_line);

}  // namespace alkaid::heap
