// Programs in the style of Apache Arrow C++ users around memory pools and standard containers. All
// but the uses of Status also run on Arrow, with the same figures.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "alkaid/core/memory.h"

namespace arrow = alkaid;

namespace {

// The program's own pool, whose first member is a MemoryPoolStats.
class TrackingPool : public arrow::MemoryPool {
 public:
  explicit TrackingPool(arrow::MemoryPool* pool) : pool_(pool) {}

  using arrow::MemoryPool::Allocate;
  using arrow::MemoryPool::Free;
  using arrow::MemoryPool::Reallocate;

  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    auto status = pool_->Allocate(size, alignment, out);
    if (status.ok()) stats_.DidAllocateBytes(size);
    return status;
  }
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                           uint8_t** ptr) override {
    auto status = pool_->Reallocate(old_size, new_size, alignment, ptr);
    if (status.ok()) stats_.DidReallocateBytes(old_size, new_size);
    return status;
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    pool_->Free(buffer, size, alignment);
    stats_.DidFreeBytes(size);
  }
  int64_t bytes_allocated() const override { return stats_.bytes_allocated(); }
  int64_t max_memory() const override { return stats_.max_memory(); }
  int64_t total_bytes_allocated() const override { return stats_.total_bytes_allocated(); }
  int64_t num_allocations() const override { return stats_.num_allocations(); }
  std::string backend_name() const override { return "tracking"; }

 private:
  arrow::MemoryPool* pool_;
  arrow::internal::MemoryPoolStats stats_;
};

TEST(ArrowPoolClients, AnOwnTrackingPoolCountsWhatBuffersAndBuildersTake) {
  TrackingPool pool(arrow::default_memory_pool());
  {
    std::unique_ptr<arrow::Buffer> one = arrow::AllocateBuffer(100, &pool).value();
    EXPECT_EQ(pool.bytes_allocated(), 128);
    auto grown = arrow::AllocateResizableBuffer(10, &pool).value();
    ASSERT_TRUE(grown->Resize(1000).ok());
    EXPECT_EQ(pool.bytes_allocated(), 128 + 1024);
    EXPECT_EQ(pool.num_allocations(), 3);
    ASSERT_TRUE(grown->Resize(10).ok());
    EXPECT_EQ(pool.bytes_allocated(), 128 + 64);
    EXPECT_EQ(pool.max_memory(), 128 + 1024);
    std::vector<int, arrow::stl::allocator<int>> values{arrow::stl::allocator<int>(&pool)};
    values.resize(33);
    EXPECT_EQ(pool.bytes_allocated(), 128 + 64 + 132);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(pool.total_bytes_allocated(), 128 + 1024 + 132);
  EXPECT_EQ(pool.backend_name(), "tracking");
}

TEST(ArrowPoolClients, ACapIsOnWhatTheProxyBelowHas) {
  arrow::ProxyMemoryPool proxy(arrow::system_memory_pool());
  arrow::CappedMemoryPool capped(&proxy, 1000);
  uint8_t* of_others = nullptr;
  uint8_t* block = nullptr;
  ASSERT_TRUE(proxy.Allocate(600, &of_others).ok());
  EXPECT_EQ(capped.bytes_allocated(), 600);
  EXPECT_FALSE(capped.Allocate(500, &block).ok());
  ASSERT_TRUE(capped.Allocate(400, &block).ok());
  EXPECT_EQ(proxy.bytes_allocated(), 1000);
  EXPECT_FALSE(capped.Reallocate(400, 401, &block).ok());
  proxy.Free(of_others, 600);
  ASSERT_TRUE(capped.Reallocate(400, 1000, &block).ok());
  capped.Free(block, 1000);
  arrow::CappedMemoryPool outer(&capped, 10000);
  EXPECT_FALSE(arrow::AllocateBuffer(2000, &outer).ok());
}

class CountingCappedPool : public arrow::CappedMemoryPool {
 public:
  CountingCappedPool(arrow::MemoryPool* pool, int64_t limit) : CappedMemoryPool(pool, limit) {}
  using arrow::CappedMemoryPool::Allocate;
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ++calls;
    return CappedMemoryPool::Allocate(size, alignment, out);
  }
  int calls = 0;
};

class NamedStlPool : public arrow::stl::STLMemoryPool<std::allocator<uint8_t>> {
 public:
  NamedStlPool() : STLMemoryPool(std::allocator<uint8_t>()) {}
  std::string backend_name() const override { return "named"; }
};

TEST(ArrowPoolClients, PoolsAreDerivedFrom) {
  NamedStlPool stl;
  CountingCappedPool pool(&stl, 100);
  uint8_t* block = nullptr;
  uint8_t* more = nullptr;
  ASSERT_TRUE(pool.Allocate(64, 64, &block).ok());
  EXPECT_FALSE(pool.Allocate(64, 64, &more).ok());
  EXPECT_EQ(pool.calls, 2);
  EXPECT_EQ(pool.backend_name(), "named");
  pool.Free(block, 64);
  EXPECT_EQ(stl.bytes_allocated(), 0);
}

template <typename T>
using Allocator = arrow::stl::allocator<T>;

struct Node {
  int value = 0;
  std::vector<Node, Allocator<Node>> children;
};
struct Tree {
  std::map<int, Tree, std::less<>, Allocator<std::pair<const int, Tree>>> branches;
};

TEST(ArrowPoolClients, ContainersOfATypeThatHoldsThem) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  Node root{1, std::vector<Node, Allocator<Node>>(Allocator<Node>(&pool))};
  root.children.reserve(2);
  root.children.push_back(Node{2, {}});
  root.children.push_back(Node{3, {}});
  EXPECT_EQ(pool.bytes_allocated(), static_cast<int64_t>(2 * sizeof(Node)));
  Tree tree;
  tree.branches[1].branches[2];
  EXPECT_EQ(tree.branches[1].branches.size(), 1u);
}

TEST(ArrowPoolClients, StandardContainersTakeFromAPool) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  {
    std::vector<int, Allocator<int>> vector(&pool);
    vector.assign(10, 3);
    std::list<int, Allocator<int>> list(Allocator<int>{&pool});
    list.push_back(4);
    std::deque<int, Allocator<int>> deque(Allocator<int>{&pool});
    deque.push_front(4);
    using Pair = std::pair<const int, int>;
    std::unordered_map<int, int, std::hash<int>, std::equal_to<>, Allocator<Pair>> map(
        8, std::hash<int>(), std::equal_to<>(), Allocator<Pair>(&pool));
    map[4] = 1;
    const auto shared = std::allocate_shared<int>(Allocator<int>(&pool), 5);
    EXPECT_GE(pool.num_allocations(), 6);
    EXPECT_TRUE(vector.get_allocator() == Allocator<int>(&pool));
    EXPECT_TRUE(vector.get_allocator() != Allocator<int>());
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
  arrow::CappedMemoryPool capped(&pool, 100);
  std::vector<int, Allocator<int>> values(&capped);
  EXPECT_THROW(values.resize(1000), arrow::stl::BadAlloc);
  EXPECT_THROW(values.resize(1000), std::bad_alloc);
  arrow::stl::STLMemoryPool<Allocator<uint8_t>> over{Allocator<uint8_t>(&pool)};
  EXPECT_EQ(arrow::AllocateBuffer(100, &over).value()->size(), 100);
  EXPECT_EQ(over.backend_name(), "stl");
}

// At most four blocks are live at once, and four fit: none is refused.
TEST(ArrowPoolClients, ACapThatHasRoomRefusesNoThread) {
  arrow::ProxyMemoryPool proxy(arrow::default_memory_pool());
  arrow::CappedMemoryPool capped(&proxy, 4 * 64);
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&capped, &refused] {
      for (int i = 0; i < 2000; ++i) {
        uint8_t* block = nullptr;
        if (capped.Allocate(64, &block).ok()) {
          capped.Free(block, 64);
        } else {
          ++refused;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(capped.bytes_allocated(), 0);
}

}  // namespace
