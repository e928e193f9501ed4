// A pool called directly, and what it counts.
#include <alkaid/core/memory.h>

#include <cstdio>
#include <iostream>

using alkaid::Status;

Status Run() {
  std::unique_ptr<alkaid::MemoryPool> pool = alkaid::MemoryPool::CreateDefault();

  uint8_t* block = nullptr;
  ALKAID_RETURN_NOT_OK(pool->Allocate(1000, /*alignment=*/4096, &block));
  ALKAID_RETURN_NOT_OK(pool->Reallocate(1000, 3000, /*alignment=*/4096, &block));
  pool->Free(block, 3000, /*alignment=*/4096);

  std::printf("%lld live, %lld at the peak, %lld in all, %lld allocations\n",
              static_cast<long long>(pool->bytes_allocated()),
              static_cast<long long>(pool->max_memory()),
              static_cast<long long>(pool->total_bytes_allocated()),
              static_cast<long long>(pool->num_allocations()));

  std::cout << pool->Allocate(100, /*alignment=*/48, &block).ToString() << "\n";
  std::cout << pool->Allocate(-1, &block).ToString() << "\n";
  std::cout << pool->Allocate(INT64_MAX, &block).ToString() << "\n";
  return absl::OkStatus();
}

int main() { return Run().ok() ? 0 : 1; }
