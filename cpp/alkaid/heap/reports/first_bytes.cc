#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "alkaid/heap/reports/first_bytes_internal.h"

namespace alkaid::heap {
namespace {

constexpr size_t kBatch = IOV_MAX;

size_t Wanted(const HeapBlock& block) {
  return static_cast<size_t>(std::clamp<int64_t>(block.size, 0, kFirstBytes));
}

}  // namespace

std::string ReadFirstBytes(std::vector<HeapBlock>* blocks) {
  iovec from[kBatch];
  iovec to[kBatch];
  const pid_t self = ::getpid();
  for (size_t at = 0; at < blocks->size();) {
    size_t count = 0;
    size_t end = at;
    for (; end < blocks->size() && count < kBatch; ++end) {
      HeapBlock& block = (*blocks)[end];
      if (Wanted(block) == 0) continue;
      from[count] = {reinterpret_cast<void*>(block.address), Wanted(block)};
      to[count++] = {block.first.data(), Wanted(block)};
    }
    const ssize_t got = count == 0 ? 0 : ::process_vm_readv(self, to, count, from, count, 0);
    if (got < 0 && errno != EFAULT) {
      return std::string("process_vm_readv: ") + std::strerror(errno);
    }
    // The call stops at the first block that cannot be read, which is then left out.
    size_t rest = static_cast<size_t>(std::max<ssize_t>(got, 0));
    for (; at < end; ++at) {
      HeapBlock& block = (*blocks)[at];
      const size_t wanted = Wanted(block);
      if (wanted == 0) continue;
      if (rest < wanted) {
        block.first = {};
        ++at;
        break;
      }
      rest -= wanted;
      block.flags |= kHasFirstBytes;
    }
  }
  return "";
}

}  // namespace alkaid::heap
