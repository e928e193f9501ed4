#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "alkaid/heap/reports/memory_reserve_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::heap {
namespace {

TEST(MemoryReserve, IsSetAsideOnceAndLetGo) {
  static MemoryReserve reserve;
  EXPECT_EQ(reserve.bytes(), 0U);
  reserve.LetGo();
  reserve.SetAside();
  reserve.SetAside();
  EXPECT_EQ(reserve.bytes(), MemoryReserve::kBytes);
  reserve.LetGo();
  EXPECT_EQ(reserve.bytes(), 0U);
}

size_t AddressSpace() {
  size_t pages = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%zu", &pages) != 1) ::_exit(99);
  std::fclose(file);
  return pages * static_cast<size_t>(::getpagesize());
}

void* Map(size_t bytes) {
  return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

// Returns 0, or the number of the check that failed. `room` bytes are left below the limit.
int UnderALimit(size_t room, size_t expected) {
  static MemoryReserve reserve;
  const size_t limit = AddressSpace() + room;
  const rlimit bound = {limit, limit};
  if (::setrlimit(RLIMIT_AS, &bound) != 0) return 1;
  reserve.SetAside();
  if (reserve.bytes() != expected) return 2;
  if (expected == 0) return 0;
  while (Map(size_t{64} << 10) != MAP_FAILED) {
  }
  reserve.LetGo();
  return Map(expected) != MAP_FAILED ? 0 : 3;
}

TEST(MemoryReserve, ThereIsRoomForAsMuchWhenItIsLetGoAndLessIsSetAsideWhereThereIsLess) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes more address space than any limit";
#endif
  struct Case {
    size_t room;
    size_t expected;
  };
  constexpr size_t kMib = size_t{1} << 20;
  for (const Case& one :
       {Case{2 * MemoryReserve::kBytes + 4 * kMib, MemoryReserve::kBytes},
        Case{MemoryReserve::kBytes + kMib, MemoryReserve::kBytes / 2}, Case{kMib, 0}}) {
    EXPECT_EQ(internal::RunInChild([&one] { return UnderALimit(one.room, one.expected); }), 0)
        << one.room;
  }
}

}  // namespace
}  // namespace alkaid::heap
