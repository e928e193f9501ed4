#include <alkaid/core/memory.h>

#include <iostream>

namespace arrow = alkaid;

// A program written for Arrow.
arrow::Status Build(arrow::MemoryPool* pool, std::shared_ptr<arrow::Buffer>* out) {
  arrow::TypedBufferBuilder<int32_t> builder(pool);
  for (int32_t i = 0; i < 4; ++i) {
    const arrow::Status status = builder.Append(i * i);
    if (!status.ok()) return status;
  }
  return builder.Finish(out);
}

int main() {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  std::shared_ptr<arrow::Buffer> squares;
  const arrow::Status status = Build(&pool, &squares);
  if (!status.ok()) return 1;
  std::cout << squares->size() << " bytes, the last value is " << squares->data_as<int32_t>()[3]
            << "\n";
  return 0;
}
