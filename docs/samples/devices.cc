// Bytes where a given memory manager wants them: seen there when that can be, else copied.
#include <alkaid/core/memory.h>

#include <iostream>

using alkaid::Buffer;
using alkaid::Status;

Status Run() {
  std::shared_ptr<Buffer> source = Buffer::FromString("host bytes");
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> seen,
                         Buffer::ViewOrCopy(source, alkaid::default_cpu_memory_manager()));
  std::cout << "same bytes: " << (seen->address() == source->address()) << "\n";

  // A copy in another pool.
  alkaid::ProxyMemoryPool pool(alkaid::system_memory_pool());
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> copy,
                         Buffer::Copy(source, alkaid::CPUDevice::memory_manager(&pool)));
  std::cout << pool.bytes_allocated() << " bytes for " << copy->ToString() << " on "
            << copy->device()->ToString() << "\n";

  // The manager for a kind of device that data from outside names.
  const Status none = alkaid::GetDeviceMapper(alkaid::DeviceAllocationType::kVULKAN).status();
  std::cout << none.ToString() << "\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
