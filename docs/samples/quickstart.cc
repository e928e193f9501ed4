#include <alkaid/core/memory.h>

#include <cstring>
#include <iostream>

using alkaid::Buffer;
using alkaid::MemoryPool;
using alkaid::Status;

Status Run() {
  MemoryPool* pool = alkaid::default_memory_pool();

  // 4096 bytes from the pool, aligned to 64, not initialised.
  ALKAID_ASSIGN_OR_RAISE(std::unique_ptr<Buffer> page, alkaid::AllocateBuffer(4096, pool));
  std::memcpy(page->mutable_data(), "hello", 5);

  // A buffer built piece by piece.
  alkaid::BufferBuilder builder(pool);
  ALKAID_RETURN_NOT_OK(builder.Append("hello "));
  ALKAID_RETURN_NOT_OK(builder.Append("world"));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> text, builder.Finish());

  // A slice copies nothing and keeps the bytes alive.
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> word, alkaid::SliceBufferSafe(text, 6, 5));
  text.reset();
  std::cout << word->ToString() << "\n";

  // What can fail says so, with the request, the limit and the place.
  const Status refused = alkaid::SliceBufferSafe(word, 3, 8).status();
  std::cout << refused.ToString() << "\n";

  std::cout << pool->bytes_allocated() << " bytes live\n";
  page.reset();
  word.reset();
  std::cout << pool->bytes_allocated() << " bytes live\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
