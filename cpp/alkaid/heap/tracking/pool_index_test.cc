#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/heap/tracking/pool_index_internal.h"

namespace alkaid::heap {
namespace {

// A pool with any name; nothing else is asked of it.
class NamedPool final : public ProxyMemoryPool {
 public:
  explicit NamedPool(std::string name)
      : ProxyMemoryPool(system_memory_pool()), name_(std::move(name)) {}
  std::string backend_name() const override { return name_; }

 private:
  const std::string name_;
};

class PoolIndexTest : public ::testing::Test {
 protected:
  PoolIndexTest() { index_.Clear(); }

  std::vector<TrackedPool> pools_ = std::vector<TrackedPool>(PoolIndex::kMaxPools);
  std::atomic<uint32_t> count_{0};
  const std::unique_ptr<PoolIndex> owner_ = std::make_unique<PoolIndex>(pools_.data(), &count_);
  PoolIndex& index_ = *owner_;
};

TEST_F(PoolIndexTest, APoolKeepsItsNumberAndItsName) {
  const NamedPool one("one");
  const NamedPool two("two");
  const uint16_t first = index_.Find(&one);
  const uint16_t second = index_.Find(&two);
  EXPECT_NE(first, second);
  EXPECT_EQ(index_.Find(&one), first);
  EXPECT_STREQ(pools_[first].name, "one");
  EXPECT_STREQ(pools_[second].name, "two");
  EXPECT_EQ(pools_[first].pool, reinterpret_cast<uint64_t>(&one));
  EXPECT_EQ(count_, second + 1u);
}

// A pool of another class.
class OtherPool final : public ProxyMemoryPool {
 public:
  OtherPool() : ProxyMemoryPool(system_memory_pool()) {}
  std::string backend_name() const override { return "other"; }
};

TEST_F(PoolIndexTest, APoolOfAnotherClassWhereOneDiedHasANumberOfItsOwn) {
  union Place {
    Place() {}
    ~Place() {}
    NamedPool named;
    OtherPool other;
  } place;
  new (&place.named) NamedPool("named");
  const uint16_t first = index_.Find(&place.named);
  place.named.~NamedPool();
  new (&place.other) OtherPool;
  const uint16_t second = index_.Find(&place.other);
  EXPECT_NE(second, first);
  EXPECT_STREQ(pools_[second].name, "other");
  EXPECT_STREQ(pools_[first].name, "named");
  EXPECT_EQ(index_.Find(&place.other), second);
  place.other.~OtherPool();
}

// A pool that at first has no memory for its name.
class PoorPool final : public ProxyMemoryPool {
 public:
  PoorPool() : ProxyMemoryPool(system_memory_pool()) {}
  std::string backend_name() const override {
    if (poor_) throw std::bad_alloc();
    return "poor";
  }
  bool poor_ = true;
};

TEST_F(PoolIndexTest, APoolThatCanNotSayItsNameIsUnknownUntilItCan) {
  PoorPool pool;
  EXPECT_EQ(index_.Find(&pool), PoolIndex::kUnknown);
  pool.poor_ = false;
  EXPECT_STREQ(pools_[index_.Find(&pool)].name, "poor");
}

TEST_F(PoolIndexTest, NumberZeroIsMalloc) {
  EXPECT_STREQ(pools_[PoolIndex::kMalloc].name, "malloc");
  EXPECT_EQ(pools_[PoolIndex::kMalloc].pool, 0u);
}

TEST_F(PoolIndexTest, ALongNameIsCutAndEnds) {
  const NamedPool pool(std::string(100, 'x'));
  EXPECT_EQ(pools_[index_.Find(&pool)].name, std::string(55, 'x'));
}

TEST_F(PoolIndexTest, MorePoolsThanEntriesAreFurtherPools) {
  std::vector<std::unique_ptr<NamedPool>> pools;
  for (uint32_t i = count_; i < PoolIndex::kMaxPools; ++i) {
    pools.push_back(std::make_unique<NamedPool>("p"));
    ASSERT_EQ(index_.Find(pools.back().get()), i);
  }
  const NamedPool one_more("q");
  EXPECT_EQ(index_.Find(&one_more), PoolIndex::kFurther);
  EXPECT_EQ(index_.Find(pools.front().get()), PoolIndex::kFurther + 1);
}

}  // namespace
}  // namespace alkaid::heap
