#include "alkaid/dgram/block_recycler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/observers/memory_events.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"

namespace alkaid::dgram {
namespace {

class BlockRecyclerTest : public ::testing::Test {
 protected:
  std::shared_ptr<Buffer> Take(int64_t nbytes) { return recycler_->Take(nbytes).value(); }

  ProxyMemoryPool pool_{default_memory_pool()};
  std::shared_ptr<BlockRecycler> recycler_ =
      std::make_shared<BlockRecycler>(&pool_, Label::Intern("recycler_test.block"));
};

TEST_F(BlockRecyclerTest, ABlockThatCameBackIsUsedAgain) {
  const uint8_t* const first = Take(1024)->data();
  const auto again = Take(512);
  EXPECT_EQ(again->data(), first);
  EXPECT_EQ(again->size(), 512);
  EXPECT_TRUE(again->is_mutable());
  EXPECT_EQ(pool_.num_allocations(), 1);
}

// Records the labels of the blocks that a pool allocates.
class LabelsOfBlocks : public MemoryObserver {
 public:
  LabelsOfBlocks() { AddMemoryObserver(this, MemoryEventKinds::kBlocks); }
  ~LabelsOfBlocks() override { RemoveMemoryObserver(this); }
  void OnAllocate(MemoryPool*, const void*, int64_t, int64_t) override {
    labels.emplace_back(Label::Current().name());
  }
  std::vector<std::string> labels;
};

TEST_F(BlockRecyclerTest, BlocksCarryItsLabelWhereTheReadingThreadHasNone) {
  LabelsOfBlocks seen;
  const auto first = Take(1024);
  const ScopedLabel users("recycler_test.users");
  const auto second = Take(1024);
  EXPECT_EQ(seen.labels, (std::vector<std::string>{"recycler_test.block", "recycler_test.users"}));
}

TEST_F(BlockRecyclerTest, ALargerBlockReplacesOneThatIsTooSmall) {
  Take(1024);
  Take(5120);
  EXPECT_EQ(pool_.num_allocations(), 2);
  EXPECT_EQ(pool_.max_memory(), 5120);
}

TEST_F(BlockRecyclerTest, KeepsNoMoreThanTwoIdleBlocks) {
  std::vector<std::shared_ptr<Buffer>> held;
  for (int i = 0; i < 5; ++i) held.push_back(Take(1024));
  EXPECT_EQ(pool_.bytes_allocated(), 5120);
  held.clear();
  EXPECT_EQ(pool_.bytes_allocated(), 2048);
}

TEST_F(BlockRecyclerTest, OnceClosedBlocksGoBackToThePool) {
  auto held = Take(1024);
  Take(2048);
  recycler_->Close();
  EXPECT_EQ(pool_.bytes_allocated(), 1024);
  held.reset();
  EXPECT_EQ(pool_.bytes_allocated(), 0);
}

TEST_F(BlockRecyclerTest, BlocksMayOutliveWhoeverTookThem) {
  const auto held = Take(1024);
  recycler_.reset();
  held->mutable_data()[1023] = 1;
  EXPECT_EQ(pool_.bytes_allocated(), 1024);
}

TEST_F(BlockRecyclerTest, TheSliceOfABlockKeepsItOnLoan) {
  auto slice = SliceBuffer(Take(1024), 10, 20);
  const uint8_t* const data = slice->data();
  EXPECT_NE(Take(1024)->data() + 10, data);
  slice.reset();
  EXPECT_EQ(pool_.num_allocations(), 2);
}

TEST_F(BlockRecyclerTest, AFailingPoolIsReportedAndNothingIsLost) {
  FaultInjectingMemoryPool failing(&pool_);
  auto recycler = std::make_shared<BlockRecycler>(&failing, Label());
  failing.fail_after(1);
  EXPECT_THAT(recycler->Take(1024), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(pool_.bytes_allocated(), 0);
  ALKAID_EXPECT_OK(recycler->Take(1024));
}

TEST_F(BlockRecyclerTest, AHugeBlockIsAlignedToAHugePage) {
  const auto block = Take(int64_t{8} << 20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block->data()) % (2 << 20), 0U);
  block->mutable_data()[block->size() - 1] = 1;
}

TEST_F(BlockRecyclerTest, BlocksMayBeDroppedOnAnyThread) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        auto block = Take(100);
        block->mutable_data()[0] = 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  recycler_->Close();
  EXPECT_EQ(pool_.bytes_allocated(), 0);
}

TEST_F(BlockRecyclerTest, AForkedChildCanDropItsBlocksWhileAnotherThreadWasGivingOneBack) {
  if (!::alkaid::internal::kForkedChildHasMalloc) {
    GTEST_SKIP() << ::alkaid::internal::kNoMallocInForkedChild;
  }
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) Take(1024);
  });
  for (int i = 0; i < 200; ++i) {
    auto held = Take(2048);
    const int code = ::alkaid::internal::RunInChild([&held] {
      held.reset();  // a lock left held would hang here
      return 0;
    });
    ASSERT_EQ(code, 0);
  }
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace alkaid::dgram
