// A stack trace through a growing builder on jemalloc must name the functions that users know.
//
// This program's own mmap takes precedence over the C library's, so jemalloc's request for more
// memory, made inside its reallocation, comes here. The stack is then the one that a profiler with
// a probe on the allocator sees. addr2line names the frames, inlined ones included. Exit code 77,
// with the reason, where the build has no jemalloc or the machine no addr2line.
#include <dlfcn.h>
#include <execinfo.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/pools/memory_pool.h"

namespace {

constexpr int kSkipped = 77;

// The deepest stack that requested memory while `watching`.
struct Watch {
  bool watching = false;
  std::array<void*, 64> frames;
  int depth = 0;
};
Watch watch;

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// A sanitizer's runtime calls mmap before anything of this program may run.
extern "C" __attribute__((visibility("default"))) void* mmap(void* addr, size_t length, int prot,
                                                             int flags, int fd,
                                                             off_t offset) noexcept {
  if (watch.watching) {
    watch.watching = false;
    watch.depth = backtrace(watch.frames.data(), static_cast<int>(watch.frames.size()));
  }
  return reinterpret_cast<void*>(syscall(SYS_mmap, addr, length, prot, flags, fd, offset));
}
#endif

namespace {

// The functions of the code at `address`, innermost first, by addr2line.
std::vector<std::string> FunctionsAt(void* address) {
  std::vector<std::string> functions;
  Dl_info info;
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return functions;
  // The call itself, not the instruction after it.
  const auto offset =
      reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(info.dli_fbase) - 1;
  std::string file = info.dli_fname;
  Dl_info own;
  if (dladdr(reinterpret_cast<void*>(&mmap), &own) != 0 && own.dli_fbase == info.dli_fbase) {
    // The program may have been started by a path relative to another directory.
    std::array<char, 4096> link{};
    if (readlink("/proc/self/exe", link.data(), link.size() - 1) > 0) file = link.data();
  }
  char where[32];
  std::snprintf(where, sizeof(where), "' 0x%lx", static_cast<unsigned long>(offset));
  const std::string command = "addr2line -f -C -i -e '" + file + where;
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return functions;
  std::array<char, 8192> line;
  for (bool is_function = true; std::fgets(line.data(), line.size(), pipe) != nullptr;
       is_function = !is_function) {
    std::string text(line.data());
    text.erase(text.find_last_not_of('\n') + 1);
    if (is_function) functions.push_back(text);
  }
  pclose(pipe);
  return functions;
}

int Skip(const char* reason) {
  std::printf("SKIPPED: %s\n", reason);
  return kSkipped;
}

int Fail(const std::string& what) {
  std::printf("FAILED: %s\n", what.c_str());
  return 1;
}

// Grows a builder in FinishWithLength until jemalloc asks the system for memory.
alkaid::Status Grow(alkaid::MemoryPool* pool) {
  for (int64_t length = 1 << 20; watch.depth == 0 && length <= (1 << 26); length *= 2) {
    alkaid::TypedBufferBuilder<int32_t> builder(pool);
    ALKAID_RETURN_NOT_OK(builder.Append(1));
    watch.watching = true;
    const auto buffer = builder.FinishWithLength(length);
    watch.watching = false;
    ALKAID_RETURN_NOT_OK(buffer);
  }
  return absl::OkStatus();
}

int Run() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return Skip("a sanitizer's runtime stands before mmap as well");
#endif
  alkaid::MemoryPool* pool = nullptr;
  if (!alkaid::jemalloc_memory_pool(&pool).ok()) return Skip("built without jemalloc");
  if (std::system("addr2line --version > /dev/null 2>&1") != 0) {
    return Skip("addr2line (package binutils) is not installed");
  }
  // The first call loads the unwinder.
  std::array<void*, 4> warm_up;
  backtrace(warm_up.data(), static_cast<int>(warm_up.size()));

  const alkaid::Status grown = Grow(pool);
  if (!grown.ok()) return Fail(grown.ToString());
  if (watch.depth == 0) return Fail("jemalloc never asked for memory");

  std::vector<std::string> stack;
  for (int i = 0; i < watch.depth; ++i) {
    for (auto& function : FunctionsAt(watch.frames[static_cast<size_t>(i)])) {
      std::printf("#%-2d %s\n", i, function.c_str());
      stack.push_back(std::move(function));
    }
  }
  // In this order, innermost first.
  const char* const wanted[] = {
      "JemallocAllocator::ReallocateAligned(",
      "alkaid::BaseMemoryPoolImpl<alkaid::(anonymous namespace)::JemallocAllocator>::Reallocate(",
      "alkaid::PoolBuffer::Resize(",
      "alkaid::BufferBuilder::Resize(",
      "alkaid::BufferBuilder::Finish(",
      "alkaid::BufferBuilder::FinishWithLength(",
      "alkaid::TypedBufferBuilder<int, void>::FinishWithLength(",
  };
  auto from = stack.begin();
  for (const char* name : wanted) {
    from = std::find_if(from, stack.end(), [name](const std::string& function) {
      return function.find(name) != std::string::npos;
    });
    if (from == stack.end()) return Fail(std::string("no frame, or none in its place: ") + name);
    ++from;
  }
  std::printf("all %zu frames are there\n", std::size(wanted));
  return 0;
}

}  // namespace

int main() { return Run(); }
