// The ways to make a buffer.
#include <alkaid/core/memory.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

using alkaid::Buffer;
using alkaid::Status;

Status Run() {
  // From a pool: null stands for the default one.
  ALKAID_ASSIGN_OR_RAISE(std::unique_ptr<Buffer> plain, alkaid::AllocateBuffer(100));
  std::cout << plain->size() << " bytes, " << plain->capacity() << " there\n";

  // At another alignment, from a pool that the buffer keeps alive.
  auto pool = std::make_shared<alkaid::ProxyMemoryPool>(alkaid::system_memory_pool());
  ALKAID_ASSIGN_OR_RAISE(std::unique_ptr<Buffer> page, alkaid::AllocateBuffer(100, 4096, pool));
  pool.reset();
  std::cout << "aligned to 4096: " << (page->address() % 4096 == 0) << "\n";

  // One that can be resized.
  ALKAID_ASSIGN_OR_RAISE(auto growing, alkaid::AllocateResizableBuffer(0));
  ALKAID_RETURN_NOT_OK(growing->Reserve(1000));
  ALKAID_RETURN_NOT_OK(growing->TypedResize<double>(50));
  std::cout << growing->size() << " bytes, " << growing->capacity() << " there\n";

  // Taking a container over, without a copy.
  std::shared_ptr<Buffer> taken = Buffer::FromVector(std::vector<int32_t>{1, 2, 3});
  std::cout << taken->span_as<int32_t>().back() << "\n";

  // Borrowing: the bytes must outlive the buffer and its slices.
  const double values[] = {0.5, 1.5};
  std::shared_ptr<Buffer> borrowed = Buffer::Wrap(values, 2);
  std::cout << borrowed->size() << " bytes borrowed\n";

  // Memory that something else owns: the callback runs once, when the last slice is gone.
  auto* array = new uint16_t[8]{};
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> foreign,
                         alkaid::ForeignBuffer::Make(array, 8 * sizeof(uint16_t), [array] {
                           delete[] array;
                           std::cout << "released\n";
                         }));
  std::shared_ptr<Buffer> part = alkaid::SliceBuffer(std::move(foreign), 4, 4);
  part.reset();
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
