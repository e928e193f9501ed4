#include "alkaid/core/pools/labelled_memory_pool.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/observers/memory_events.h"

namespace alkaid {
namespace {

// Records the label of every (re)allocation of one pool.
class LabelWatch : public MemoryObserver {
 public:
  explicit LabelWatch(const MemoryPool* pool) : pool_(pool) { AddMemoryObserver(this); }
  ~LabelWatch() override { RemoveMemoryObserver(this); }
  void OnAllocate(MemoryPool* pool, const void*, int64_t, int64_t) override {
    if (pool == pool_) labels.emplace_back(Label::Current().name());
  }
  void OnReallocate(MemoryPool* pool, const void*, const void*, int64_t, int64_t,
                    int64_t) override {
    if (pool == pool_) labels.emplace_back(Label::Current().name());
  }
  std::vector<std::string> labels;

 private:
  const MemoryPool* pool_;
};

using Labels = std::vector<std::string>;

TEST(LabelledPool, ItsBlocksCarryItsLabelAndFreedOnesEndInThePoolBelow) {
  auto below = MemoryPool::CreateDefault();
  LabelledMemoryPool pool(below.get(), Label::Intern("pool_test.pool"));
  LabelWatch watch(below.get());
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool.Allocate(100, &block).ok());
  ASSERT_TRUE(pool.Reallocate(100, 5000, &block).ok());
  EXPECT_EQ(below->bytes_allocated(), 5000);
  EXPECT_EQ(pool.bytes_allocated(), 5000);
  pool.Free(block, 5000);
  EXPECT_EQ(below->bytes_allocated(), 0);
  EXPECT_EQ(watch.labels, (Labels{"pool_test.pool", "pool_test.pool"}));
  EXPECT_EQ(pool.backend_name(), below->backend_name());
}

TEST(LabelledPool, AScopeOverridesThePoolAndABuildersOwnOverridesTheScope) {
  auto below = MemoryPool::CreateDefault();
  LabelledMemoryPool pool(below.get(), Label::Intern("pool_test.pool"));
  LabelWatch watch(below.get());
  const ScopedLabel scope("pool_test.scope");
  BufferBuilder plain(&pool);
  ASSERT_TRUE(plain.Resize(100).ok());
  BufferBuilder labelled(&pool);
  labelled.SetLabel(Label::Intern("pool_test.builder"));
  ASSERT_TRUE(labelled.Resize(100).ok());
  ASSERT_TRUE(labelled.Append(100, uint8_t{1}).ok());
  ASSERT_TRUE(labelled.Resize(10000).ok());
  BufferBuilder moved = std::move(labelled);
  ASSERT_TRUE(moved.Finish().ok());  // shrinks
  EXPECT_EQ(watch.labels, (Labels{"pool_test.scope", "pool_test.builder", "pool_test.builder",
                                  "pool_test.builder"}));
  EXPECT_STREQ(Label::Current().name(), "pool_test.scope");
}

TEST(LabelledPool, CanOutliveTheHandleOnThePoolThatItShares) {
  std::shared_ptr<MemoryPool> below = MemoryPool::CreateDefault();
  MemoryPool* const raw = below.get();
  LabelledMemoryPool pool(std::move(below), Label::Intern("pool_test.shared"));
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool.Allocate(64, &block).ok());
  EXPECT_EQ(raw->bytes_allocated(), 64);
  pool.Free(block, 64);
}

}  // namespace
}  // namespace alkaid
