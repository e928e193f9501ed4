// Adaptors over a pool: one that counts on its own, over one that keeps a limit.
#include <alkaid/core/memory.h>

#include <iostream>

using alkaid::Status;

Status Run() {
  auto capped = std::make_shared<alkaid::CappedMemoryPool>(alkaid::system_memory_pool(), 10000);
  alkaid::ProxyMemoryPool pool(capped);

  ALKAID_ASSIGN_OR_RAISE(auto first, alkaid::AllocateBuffer(6400, &pool));
  const Status refused = alkaid::AllocateBuffer(6400, &pool).status();
  std::cout << refused.message() << "\n";
  std::cout << pool.bytes_allocated() << " bytes live\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
