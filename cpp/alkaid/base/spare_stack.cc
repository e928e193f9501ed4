#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "alkaid/base/spare_stack_internal.h"

namespace alkaid::internal {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

int CallOnSpareStack(void (*call)(void* argument), void* argument) {
  call(argument);
  return 0;
}

#else

namespace {

constexpr size_t kBytes = size_t{256} << 10;

// At the lower end of the mapping, with an inaccessible page between it and the stack.
struct Switch {
  ucontext_t from;
  ucontext_t to;
  void (*call)(void* argument);
  void* argument;
};

// makecontext passes only 32-bit numbers.
void Run(unsigned high, unsigned low) {
  const auto* const place =
      reinterpret_cast<const Switch*>(static_cast<uint64_t>(high) << 32 | uint64_t{low});
  place->call(place->argument);
}

}  // namespace

int CallOnSpareStack(void (*call)(void* argument), void* argument) {
  const auto page = static_cast<size_t>(::getpagesize());
  const size_t first = (sizeof(Switch) + page - 1) / page * page;
  const size_t bytes = first + page + kBytes;
  void* const mapping =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return errno;
  auto* const place = static_cast<Switch*>(mapping);
  char* const guard = static_cast<char*>(mapping) + first;
  place->call = call;
  place->argument = argument;
  bool called = ::mprotect(guard, page, PROT_NONE) == 0 && ::getcontext(&place->to) == 0;
  if (called) {
    place->to.uc_stack.ss_sp = guard + page;
    place->to.uc_stack.ss_size = kBytes;
    place->to.uc_link = &place->from;
    const auto address = reinterpret_cast<uint64_t>(place);
    ::makecontext(&place->to, reinterpret_cast<void (*)()>(Run), 2,
                  static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
    called = ::swapcontext(&place->from, &place->to) == 0;
  }
  ::munmap(mapping, bytes);
  if (!called) call(argument);
  return 0;
}

#endif

}  // namespace alkaid::internal
