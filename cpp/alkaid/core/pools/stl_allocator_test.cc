#include "alkaid/core/pools/stl_allocator.h"

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

bool IsAligned(const void* ptr, size_t alignment) {
  return reinterpret_cast<uintptr_t>(ptr) % alignment == 0;
}

TEST(StlAllocator, ContainersTakeFromThePoolAndGiveBack) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  {
    std::vector<int64_t, stl::allocator<int64_t>> values{stl::allocator<int64_t>(pool.get())};
    for (int64_t i = 0; i < 1000; ++i) values.push_back(i);
    EXPECT_EQ(values[999], 999);
    EXPECT_GE(pool->bytes_allocated(), 8000);
    std::map<int, std::string, std::less<int>, stl::allocator<std::pair<const int, std::string>>>
        names{std::less<int>(), pool.get()};
    names.emplace(1, "one");
    EXPECT_EQ(names.at(1), "one");
    std::list<double, stl::allocator<double>> numbers(3, 0.5, pool.get());
    EXPECT_EQ(numbers.size(), 3u);
  }
  EXPECT_EQ(pool->bytes_allocated(), 0);
  EXPECT_GT(pool->num_allocations(), 0);
}

TEST(StlAllocator, IsOverTheDefaultPoolWhenNotToldOtherwise) {
  EXPECT_EQ(stl::allocator<int>().pool(), default_memory_pool());
}

// Each of these sizes, multiplied in 64 bits, wraps to a small one or to zero.
TEST(StlAllocator, ThrowsWhereTheSizeOverflows) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  stl::allocator<int64_t> values(pool.get());
  for (const size_t n :
       {size_t{1} << 61, (size_t{1} << 61) + 1, size_t{1} << 60, ~size_t{0}, ~size_t{0} / 8 + 2}) {
    EXPECT_THROW(values.allocate(n), stl::BadAlloc) << n;
  }
  EXPECT_EQ(pool->num_allocations(), 0);
  EXPECT_EQ(values.max_size(), (size_t{1} << 60) - 1);
}

TEST(StlAllocator, ThrowsWithThePoolsReason) {
  CappedMemoryPool pool(system_memory_pool(), 100);
  stl::allocator<int64_t> values(&pool);
  try {
    values.allocate(100);
    FAIL() << "800 bytes from a pool of 100";
  } catch (const std::bad_alloc& caught) {
    EXPECT_THAT(caught.what(), HasSubstr("800 bytes requested"));
    EXPECT_THAT(dynamic_cast<const stl::BadAlloc&>(caught).status(),
                StatusIs(StatusCode::kResourceExhausted));
  }
}

TEST(StlAllocator, TheReasonOutlivesTheExceptionItWasCopiedFrom) {
  static_assert(std::is_nothrow_copy_constructible_v<stl::BadAlloc>);
  auto first = std::make_unique<stl::BadAlloc>(status::OutOfMemory("all 12 bytes are gone"));
  const stl::BadAlloc second = *first;
  first.reset();
  EXPECT_THAT(second.what(), HasSubstr("all 12 bytes are gone"));
}

struct alignas(1024) Page {
  char bytes[1024];
};

TEST(StlAllocator, AlignsTo64OrToTheTypeWhereThatIsMore) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  stl::allocator<char> chars(pool.get());
  char* one = chars.allocate(1);
  EXPECT_TRUE(IsAligned(one, 64));
  chars.deallocate(one, 1);
  std::vector<Page, stl::allocator<Page>> pages(3, Page{}, pool.get());
  pages.resize(50);
  EXPECT_TRUE(IsAligned(pages.data(), 1024));
}

TEST(StlAllocator, IsEqualWhenThePoolIs) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  const stl::allocator<int> ints(pool.get());
  EXPECT_TRUE(ints == stl::allocator<int>(pool.get()));
  EXPECT_TRUE(ints == stl::allocator<double>(ints));
  EXPECT_TRUE(ints != stl::allocator<int>(system_memory_pool()));
}

TEST(StlAllocator, NothingIsABlockToo) {
  stl::allocator<int> ints(system_memory_pool());
  int* none = ints.allocate(0);
  EXPECT_NE(none, nullptr);
  ints.deallocate(none, 0);
}

// Records what is out, and refuses when told to. Copies and rebinds share the ledger.
struct Ledger {
  int64_t live = 0;
  int64_t blocks = 0;
  bool refuse = false;
};
template <typename T>
struct LedgerAllocator {
  using value_type = T;
  explicit LedgerAllocator(Ledger* its_ledger) : ledger(its_ledger) {}
  template <typename U>
  explicit LedgerAllocator(const LedgerAllocator<U>& other) : ledger(other.ledger) {}
  T* allocate(size_t n) {
    if (ledger->refuse) throw std::length_error("the ledger says no");
    ledger->live += static_cast<int64_t>(n);
    ++ledger->blocks;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* ptr, size_t n) {
    ledger->live -= static_cast<int64_t>(n);
    --ledger->blocks;
    std::allocator<T>().deallocate(ptr, n);
  }
  Ledger* ledger;
};

TEST(StlPool, GivesTheAllocatorBackExactlyWhatItTook) {
  Ledger ledger;
  stl::STLMemoryPool<LedgerAllocator<double>> pool{LedgerAllocator<double>(&ledger)};
  for (const int64_t alignment : {1, 2, 64, 4096, 1 << 21}) {
    uint8_t* block = nullptr;
    ASSERT_THAT(pool.Allocate(100, alignment, &block), IsOk());
    EXPECT_TRUE(IsAligned(block, alignment));
    EXPECT_GE(ledger.live, 100);
    ASSERT_THAT(pool.Reallocate(100, 1000, alignment, &block), IsOk());
    EXPECT_EQ(ledger.blocks, 1);
    pool.Free(block, 1000, alignment);
    EXPECT_EQ(ledger.live, 0);
    EXPECT_EQ(ledger.blocks, 0);
  }
}

TEST(StlPool, TurnsTheAllocatorsExceptionIntoAStatus) {
  Ledger ledger;
  stl::STLMemoryPool<LedgerAllocator<uint8_t>> pool{LedgerAllocator<uint8_t>(&ledger)};
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(100, &block), IsOk());
  block[99] = 42;
  ledger.refuse = true;
  uint8_t* other = nullptr;
  EXPECT_THAT(pool.Allocate(100, &other),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("the ledger says no")));
  EXPECT_THAT(pool.Reallocate(100, 200, &block), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(block[99], 42);
  EXPECT_EQ(pool.bytes_allocated(), 100);
  pool.Free(block, 100);
}

TEST(StlPool, IsCalledStl) { EXPECT_EQ(stl::STLMemoryPool<>().backend_name(), "stl"); }

}  // namespace
}  // namespace alkaid
