// Who serves malloc in this process, asked of the dynamic linker.
//
// For the tests that show that libalkaid.so leaves the process's allocator alone.
// Threads: any. Out of memory: std::bad_alloc.
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <string>

namespace alkaid::internal {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kMallocIsSanitizers = true;
#else
inline constexpr bool kMallocIsSanitizers = false;
#endif

// AddressSanitizer's malloc takes no care of forks: where a process with threads forks, the child can
// find it locked for ever.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kForkedChildHasMalloc = false;
#else
inline constexpr bool kForkedChildHasMalloc = true;
#endif
inline constexpr const char* kNoMallocInForkedChild =
    "AddressSanitizer's malloc can be locked for ever in a child of a process with threads";

inline constexpr const char* kAllocatorFunctions[] = {
    "malloc",        "calloc", "realloc", "free",         "posix_memalign",     "memalign",
    "aligned_alloc", "valloc", "pvalloc", "reallocarray", "malloc_usable_size", "malloc_trim"};
inline constexpr const char* kAllocatorOperators[] = {
    "_Znwm",  "_Znam",   "_ZnwmSt11align_val_t", "_ZdlPv",
    "_ZdaPv", "_ZdlPvm", "_ZdlPvSt11align_val_t"};

// The file name of the library that `function` resolves to, without its folder; "" where nothing
// defines it.
inline std::string ProviderOf(const char* function) {
  void* address = dlsym(RTLD_DEFAULT, function);
  Dl_info info = {};
  if (address == nullptr || dladdr(address, &info) == 0 || info.dli_fname == nullptr) return "";
  const std::string path = info.dli_fname;
  return path.substr(path.rfind('/') + 1);
}

// Prints each function that is not the C or C++ library's own; true when there is none.
inline bool MallocIsLibcs(const char* when) {
  bool all = true;
  for (const char* function : kAllocatorFunctions) {
    const std::string provider = ProviderOf(function);
    if (provider.starts_with("libc.so.") || provider.starts_with("libc-")) continue;
    std::printf("%s: %s is served by '%s'\n", when, function, provider.c_str());
    all = false;
  }
  for (const char* function : kAllocatorOperators) {
    const std::string provider = ProviderOf(function);
    if (provider.starts_with("libstdc++.so.") || provider.starts_with("libc++")) continue;
    std::printf("%s: %s is served by '%s'\n", when, function, provider.c_str());
    all = false;
  }
  return all;
}

}  // namespace alkaid::internal
