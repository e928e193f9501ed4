// The standard library's containers over a pool.
#include <alkaid/core/memory.h>

#include <iostream>
#include <memory_resource>
#include <vector>

int main() {
  alkaid::ProxyMemoryPool pool(alkaid::default_memory_pool());
  {
    std::vector<double, alkaid::stl::allocator<double>> samples(1000, 0.5, &pool);
    std::cout << pool.bytes_allocated() << " bytes in std::vector\n";
  }
  {
    alkaid::PoolMemoryResource resource(&pool);
    std::pmr::vector<double> samples(1000, 0.5, &resource);
    std::cout << pool.bytes_allocated() << " bytes in std::pmr::vector\n";
  }
  {
    std::pmr::monotonic_buffer_resource arena;
    alkaid::MemoryResourcePool arena_pool(&arena);
    auto buffer = alkaid::AllocateBuffer(100, &arena_pool);
    std::cout << arena_pool.bytes_allocated() << " bytes in " << arena_pool.backend_name() << "\n";
  }
}
