#include <dlfcn.h>
#include <sys/auxv.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>

#include "alkaid/unwind/interrupted_code_internal.h"
#include "alkaid/unwind/stack_trace.h"

namespace alkaid::unwind {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

struct Range {
  std::atomic<uint64_t> begin{0};
  std::atomic<uint64_t> end{0};

  bool Holds(uint64_t address) const { return begin.load() <= address && address < end.load(); }
  void Set(uint64_t first, uint64_t after) {
    begin.store(first);
    end.store(after);
  }
};

enum Place { kLibcsMalloc, kMalloc, kNextMalloc, kAlkaid, kNotEntered };
constinit std::array<Range, kNotEntered> not_entered;

enum Passed { kLibc, kLoader, kUnwinder, kRuntime, kVdso, kPassed };
constinit std::array<Range, kPassed> passed;

bool IsIn(std::span<const Range> ranges, uint64_t address) {
  return std::ranges::any_of(ranges, [&](const Range& range) { return range.Holds(address); });
}

uint64_t AddressOf(const void* function) { return reinterpret_cast<uint64_t>(function); }

// The range of the library that holds `function`.
void SetToLibrary(const void* function, Range* range) {
  dl_find_object object;
  if (_dl_find_object(const_cast<void*>(function), &object) != 0) return;
  range->Set(AddressOf(object.dlfo_map_start), AddressOf(object.dlfo_map_end));
}

// Leaves out an allocator that is linked into the program itself, whose code cannot be told from
// the rest of it, and the C library, which contains more than malloc.
void SetToAllocator(const void* function, Range* range) {
  if (function == nullptr || passed[kLibc].Holds(AddressOf(function))) return;
  Range library;
  SetToLibrary(function, &library);
  const bool is_programs = library.Holds(::getauxval(AT_PHDR));
  if (!is_programs) range->Set(library.begin.load(), library.end.load());
}

// The C library's malloc functions are adjacent. A function that is not in its symbol table was
// called by one that is.
void FindLibcsMalloc() {
  void* const libc = ::dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (libc == nullptr) return;
  uint64_t first = UINT64_MAX;
  uint64_t last = 0;
  for (const char* name : {"malloc", "calloc", "realloc", "free", "memalign", "aligned_alloc",
                           "posix_memalign", "valloc", "pvalloc", "malloc_trim", "mallinfo2",
                           "malloc_usable_size", "malloc_info", "malloc_stats", "mallopt"}) {
    const uint64_t address = AddressOf(::dlsym(libc, name));
    if (address == 0) continue;
    first = std::min(first, address);
    last = std::max(last, address);
  }
  constexpr uint64_t kLastFunction = 1024;  // bytes that the last of them may have
  if (last != 0) {
    not_entered[kLibcsMalloc].Set(first, last + kLastFunction);
    SetToLibrary(reinterpret_cast<const void*>(first), &passed[kLibc]);
  }
  ::dlclose(libc);
}

void Learn() {
  FindLibcsMalloc();
  // In a C library of 2.41 _dl_find_object is not the loader's any more.
  SetToLibrary(::dlsym(RTLD_DEFAULT, "__tls_get_addr"), &passed[kLoader]);
  SetToLibrary(reinterpret_cast<const void*>(&_Unwind_Backtrace), &passed[kUnwinder]);
  SetToLibrary(reinterpret_cast<const void*>(&std::terminate), &passed[kRuntime]);
  SetToLibrary(reinterpret_cast<const void*>(::getauxval(AT_SYSINFO_EHDR)), &passed[kVdso]);
  SetToAllocator(reinterpret_cast<const void*>(&HasInterruptedMalloc), &not_entered[kAlkaid]);
  SetToAllocator(::dlsym(RTLD_DEFAULT, "malloc"), &not_entered[kMalloc]);
}

// The C library's code that a signal handler returns to: mov $15, %rax; syscall.
bool IsReturnFromSignal(uint64_t pc) {
  constexpr std::array<uint8_t, 9> kCode = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
  return passed[kLibc].Holds(pc) &&
         std::memcmp(reinterpret_cast<const void*>(pc), kCode.data(), kCode.size()) == 0;
}

}  // namespace

void LearnWhereMallocIs() {
  if (!kSanitized) Learn();
}

void LearnOfAllocator(const void* function) {
  if (!kSanitized) SetToAllocator(function, &not_entered[kNextMalloc]);
}

bool HasInterruptedMalloc() {
  if (kSanitized) return false;
  bool interrupted = false;  // by a signal, with only library code seen since
  const auto look = [](void* seen, uint64_t pc) {
    bool* const is_interrupted = static_cast<bool*>(seen);
    if (IsReturnFromSignal(pc)) {
      *is_interrupted = true;
    } else if (*is_interrupted) {
      // The first address may be the first instruction of its function; the others are return
      // addresses.
      if (IsIn(not_entered, pc) || IsIn(not_entered, pc - 1)) return false;
      *is_interrupted = IsIn(passed, pc) || IsIn(passed, pc - 1);
    }
    return true;
  };
  VisitStack(look, &interrupted);
  // If none of the program's code was seen, it is not known who called the libraries.
  return interrupted;
}

}  // namespace alkaid::unwind
