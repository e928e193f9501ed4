// Guarded sampling of any pool: here every block stands on pages of its own.
#include <alkaid/core/memory.h>

#include <iostream>

using alkaid::Status;

Status Run() {
  alkaid::GuardedMemoryPool pool(alkaid::system_memory_pool(), {.blocks = 1});  // every block

  uint8_t* block = nullptr;
  ALKAID_RETURN_NOT_OK(pool.Allocate(100, &block));
  std::cout << alkaid::GetGuardedStatistics().live_blocks << " guarded block, "
            << alkaid::system_memory_pool()->bytes_allocated() << " bytes in the pool below\n";
  pool.Free(block, 100);
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
