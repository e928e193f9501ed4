// A program as a user would write it: exits 0 when the installed library serves it, and the
// process's malloc is still the C library's.
#include <alkaid/base/version.h>
#include <alkaid/core/memory.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

// The file that the name is served from, as the dynamic linker resolves it for this process.
std::string_view ServedFrom(const char* name) {
  Dl_info info;
  void* function = dlsym(RTLD_DEFAULT, name);
  return function != nullptr && dladdr(function, &info) != 0 ? info.dli_fname : "nowhere";
}

bool MallocIsOfTheCLibrary() {
  for (const char* name : {"malloc", "free", "calloc", "realloc", "aligned_alloc"}) {
    const std::string_view file = ServedFrom(name);
    if (file.find("/libc.so") == std::string_view::npos) {
      std::fprintf(stderr, "%s is served from %s\n", name, file.data());
      return false;
    }
  }
  return true;
}

bool BufferHolds(alkaid::MemoryPool* pool, std::string_view text) {
  alkaid::Result<std::unique_ptr<alkaid::Buffer>> buffer =
      alkaid::AllocateBuffer(static_cast<int64_t>(text.size()), pool);
  if (!buffer.ok()) {
    std::fprintf(stderr, "%s\n", buffer.status().ToString().c_str());
    return false;
  }
  std::memcpy((*buffer)->mutable_data(), text.data(), text.size());
  return std::memcmp((*buffer)->data(), text.data(), text.size()) == 0 &&
         pool->bytes_allocated() > 0;
}

}  // namespace

int main() {
  alkaid::MemoryPool* pool = alkaid::default_memory_pool();
  const bool holds = BufferHolds(pool, "hello world") && pool->bytes_allocated() == 0;
  const bool same = std::string_view(alkaid::Version()) == ALKAID_VERSION_STRING;
  std::printf("alkaid %s, backend %s\n", alkaid::Version(), pool->backend_name().c_str());
  return holds && same && MallocIsOfTheCLibrary() ? EXIT_SUCCESS : EXIT_FAILURE;
}
