// Text and line numbers of Python objects, read through the kernel: str objects, line tables.
//
// Any address may be wrong. An object that cannot be read, or has the wrong type, counts as absent.
//
// Ownership: copies. Threads: any, inside malloc too. Allocates nothing; errno is unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/python_layout_internal.h"

namespace alkaid::heap {

// Whether the kernel can read the word at this address, which must be aligned. Asked by a call of
// rt_sigprocmask that always fails: EINVAL if the word can be read, EFAULT otherwise.
ALKAID_EXPORT bool IsReadable(uint64_t address);
// Copies bytes of this process that may not be mapped. False if any cannot be read.
ALKAID_EXPORT bool ReadOwnMemory(uint64_t address, void* to, uint64_t size);
// The text of a str, in UTF-8. A long text is cut: `last` keeps its last characters, otherwise the
// first are kept.
class ALKAID_EXPORT PythonText {
 public:
  bool Read(uint64_t object, uint64_t unicode_type, const PythonLayout& layout, bool last);
  std::string_view text() const { return {bytes_, size_}; }

 private:
  void Add(uint32_t character);

  size_t size_ = 0;
  char bytes_[2 * kMaxPythonText];
};

// The line of an instruction unit, by the line table of its code (a bytes object); 0 if it has
// none.
ALKAID_EXPORT uint32_t PythonLineOf(uint64_t table, uint64_t unit, int32_t first_line);

}  // namespace alkaid::heap
