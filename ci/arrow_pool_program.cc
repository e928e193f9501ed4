// Arrow's own builders and kernels on a pool of Alkaid's, and Alkaid's buffers on Arrow's. Compiled
// against both libraries by ci/check_arrow_programs.sh.
#include <alkaid/core/memory.h>
#include <alkaid/heap.h>
#include <alkaid/interop/arrow_pool.h>
#include <alkaid/testing/pool_contract.h>
#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace {

using alkaid::interop::ArrowMemoryPool;
using alkaid::interop::MemoryPoolOverArrow;
using ::testing::HasSubstr;

class Tracked {
 public:
  Tracked() { EXPECT_TRUE(alkaid::heap::StartTracking({.max_frames = 16}).ok()); }
  ~Tracked() { alkaid::heap::StopTracking(); }
};

// Bytes of the blocks that are listed as the pool's with that label.
int64_t ListedBytes(const std::string& label) {
  const auto snapshot = alkaid::heap::HeapSnapshot::Take("now").value();
  int64_t bytes = 0;
  for (const auto& block : snapshot.blocks()) {
    if (snapshot.contents().labels[block.label] == label) bytes += block.size;
  }
  return bytes;
}

std::shared_ptr<arrow::Array> Numbers(int64_t count, arrow::MemoryPool* pool) {
  arrow::Int64Builder builder(pool);
  for (int64_t i = 0; i < count; ++i) EXPECT_TRUE(builder.Append(i).ok());
  return builder.Finish().ValueOrDie();
}

TEST(RealArrow, BuildersAndKernelsHaveTheLabelInTheTableOfLiveBlocks) {
  const Tracked tracked;
  alkaid::ProxyMemoryPool below(alkaid::default_memory_pool());
  alkaid::LabelledMemoryPool labelled(&below, alkaid::Label::Intern("arrow tables"));
  ArrowMemoryPool pool(&labelled);
  {
    const auto numbers = Numbers(10'000, &pool);
    arrow::compute::ExecContext context(&pool);
    const auto sum = arrow::compute::CallFunction("add", {numbers, numbers}, &context).ValueOrDie();
    EXPECT_EQ(sum.length(), 10'000);
    const auto texts =
        arrow::compute::Cast(*numbers, arrow::utf8(), arrow::compute::CastOptions::Safe(), &context)
            .ValueOrDie();
    EXPECT_EQ(texts->length(), 10'000);

    EXPECT_GE(pool.bytes_allocated(), 2 * 80'000 + 5 * 10'000);
    EXPECT_EQ(pool.bytes_allocated(), below.bytes_allocated());
    EXPECT_EQ(ListedBytes("arrow tables"), below.bytes_allocated());
    const auto labels = alkaid::heap::GetLabelStatistics();
    EXPECT_TRUE(std::ranges::any_of(labels, [&](const auto& label) {
      return label.label == "arrow tables" && label.live_bytes == below.bytes_allocated();
    }));
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(ListedBytes("arrow tables"), 0);
}

TEST(RealArrow, ABuilderPastTheCapSaysOutOfMemoryWithTheText) {
  alkaid::ProxyMemoryPool below(alkaid::default_memory_pool());
  alkaid::CappedMemoryPool capped(&below, 100'000);
  ArrowMemoryPool pool(&capped);
  {
    arrow::Int64Builder builder(&pool);
    arrow::Status status;
    for (int64_t i = 0; i < 100'000 && status.ok(); ++i) status = builder.Append(i);
    EXPECT_TRUE(status.IsOutOfMemory()) << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr("100000"));
    EXPECT_LE(pool.bytes_allocated(), 100'000);
    const auto kept = builder.Finish();
    EXPECT_TRUE(kept.ok());
    EXPECT_GT((*kept)->length(), 1000);
  }
  EXPECT_EQ(below.bytes_allocated(), 0);
}

TEST(RealArrow, BuffersOfAlkaidsOnItsPoolAreCountedOnBothSides) {
  const Tracked tracked;
  arrow::ProxyMemoryPool arrows(arrow::default_memory_pool());
  MemoryPoolOverArrow pool(&arrows);
  EXPECT_EQ(pool.backend_name(), "arrow:" + arrow::default_memory_pool()->backend_name());
  {
    const alkaid::ScopedLabel label("from arrow");
    const auto buffer = alkaid::AllocateBuffer(100'000, &pool).value();
    alkaid::BufferBuilder builder(&pool);
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(builder.Append(buffer->data(), 100).ok());
    EXPECT_EQ(pool.bytes_allocated(), arrows.bytes_allocated());
    EXPECT_EQ(ListedBytes("from arrow"), arrows.bytes_allocated());
  }
  EXPECT_EQ(arrows.bytes_allocated(), 0);
  EXPECT_EQ(pool.total_bytes_allocated(), arrows.total_bytes_allocated());
}

TEST(RealArrow, WhatItRefusesKeepsItsText) {
  arrow::ProxyMemoryPool below(arrow::default_memory_pool());
  arrow::CappedMemoryPool arrows(&below, 1000);
  MemoryPoolOverArrow pool(&arrows);
  const auto refused = alkaid::AllocateBuffer(5000, &pool);
  EXPECT_EQ(refused.status().code(), alkaid::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("limit"));
}

TEST(RealArrow, APoolWrappedThereAndBackListsEachBlockOnce) {
  const Tracked tracked;
  ArrowMemoryPool there(alkaid::system_memory_pool());
  MemoryPoolOverArrow back(&there);
  const alkaid::ScopedLabel label("there and back");
  {
    const auto buffer = alkaid::AllocateBuffer(1000, &back).value();
    EXPECT_EQ(ListedBytes("there and back"), back.bytes_allocated());
  }
  EXPECT_EQ(ListedBytes("there and back"), 0);
}

TEST(RealArrow, IsABackendWhereItIsRegistered) {
  const auto pool = alkaid::CreateMemoryPool("arrow").value();
  const auto buffer = alkaid::AllocateBuffer(1000, pool.get()).value();
  EXPECT_GE(arrow::default_memory_pool()->bytes_allocated(), 1000);
}

ALKAID_INSTANTIATE_POOL_CONTRACT(ArrowsDefaultPool, [] {
  return std::make_shared<MemoryPoolOverArrow>(arrow::default_memory_pool());
});

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (!arrow::compute::Initialize().ok()) return 1;
  const auto over_arrow = [] {
    return std::make_unique<MemoryPoolOverArrow>(arrow::default_memory_pool());
  };
  if (!alkaid::RegisterMemoryBackend("arrow", over_arrow).ok()) return 1;
  return RUN_ALL_TESTS();
}
