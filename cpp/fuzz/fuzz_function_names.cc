// Any bytes, as the symbol of a Rust function and as the demangled name of a C++ function: both are
// made readable, and neither may grow without bound.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tools/heap/heap_text.h"
#include "tools/heap/rust_names.h"

namespace {

using alkaid::tools::RustName;
using alkaid::tools::ShortFunctionName;

void Require(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void CheckRustName(const std::string& symbol) {
  constexpr size_t kMaxNameLength = 4096;
  Require(RustName(symbol).size() <= std::max(kMaxNameLength, 2 * symbol.size()),
          "a name grew without bound");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  CheckRustName(text);
  // Mutations would soon destroy the prefix of a symbol.
  CheckRustName("_R" + text);
  CheckRustName("_ZN" + text);
  Require(ShortFunctionName(text).size() <= size, "a short name is longer than the whole");
  return 0;
}
