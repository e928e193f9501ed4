#include <alkaid/core/memory.h>

#include <iostream>

int main() {
  alkaid::TypedBufferBuilder<int32_t> builder;  // grows in the default pool
  for (int32_t i = 0; i < 1000; ++i) {
    if (!builder.Append(i * i).ok()) return 1;
  }
  std::shared_ptr<alkaid::Buffer> squares = builder.Finish().value();
  std::shared_ptr<alkaid::Buffer> tail = alkaid::SliceBuffer(squares, 998 * sizeof(int32_t));
  squares.reset();  // the slice keeps the bytes
  for (int32_t square : tail->span_as<int32_t>()) std::cout << square << "\n";
  std::cout << alkaid::default_memory_pool()->bytes_allocated() << " bytes live\n";
}
