#include <sys/uio.h>

#include "alkaid/heap/reports/own_memory_internal.h"

namespace alkaid::heap {

uint64_t OwnMemory::ReadSome(uint64_t address, void* to, uint64_t size) {
  left_ -= std::min(left_, size);
  const iovec local = {to, size};
  const iovec remote = {reinterpret_cast<void*>(address), size};
  const ssize_t got = ::process_vm_readv(self_, &local, 1, &remote, 1, 0);
  return got < 0 ? 0 : static_cast<uint64_t>(got);
}

}  // namespace alkaid::heap
