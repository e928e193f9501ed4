// A library that a script calls. It keeps a small slice of a large buffer.
#include <memory>
#include <vector>

#include "alkaid/core/memory.h"

extern "C" [[gnu::visibility("default")]] int keep_a_view() {
  static auto* const kept = new std::vector<std::shared_ptr<alkaid::Buffer>>;
  auto root = alkaid::AllocateBuffer(1 << 20);
  if (!root.ok()) return 1;
  kept->push_back(alkaid::SliceBuffer(*std::move(root), 100, 200));
  return 0;
}
