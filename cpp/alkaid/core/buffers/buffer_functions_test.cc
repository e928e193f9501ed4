#include "alkaid/core/buffers/buffer_functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/bitmap_bits.h"
#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Records slices and roots.
class SliceWatch final : public MemoryObserver {
 public:
  SliceWatch() { AddMemoryObserver(this); }
  ~SliceWatch() override { RemoveMemoryObserver(this); }

  void OnSlice(const Buffer* slice, const Buffer* root, int64_t offset, int64_t size) override {
    slices.push_back({slice, root, offset, size});
  }
  void OnSliceRelease(const Buffer* slice, const Buffer* root) override {
    slice_releases.push_back({slice, root});
  }
  void OnRootRelease(const Buffer* root, const void* data, int64_t size) override {
    roots.push_back({root, data, size});
    order += "root ";
  }
  void OnFree(MemoryPool*, const void*, int64_t) override { order += "free "; }

  std::vector<std::tuple<const Buffer*, const Buffer*, int64_t, int64_t>> slices;
  std::vector<std::pair<const Buffer*, const Buffer*>> slice_releases;
  std::vector<std::tuple<const Buffer*, const void*, int64_t>> roots;
  std::string order;
};

TEST(SliceBuffer, SeesItsPartOfTheParentWithoutACopy) {
  const auto parent = Buffer::FromString("hello world");
  const auto slice = SliceBuffer(parent, 6, 5);
  EXPECT_EQ(slice->data(), parent->data() + 6);
  EXPECT_EQ(slice->ToString(), "world");
  EXPECT_EQ(slice->parent(), parent);
  EXPECT_EQ(SliceBuffer(parent, 6)->ToString(), "world");
  EXPECT_EQ(SliceBuffer(parent, 11)->size(), 0);
}

TEST(SliceBuffer, IsReadOnlyEvenOfAMutableParent) {
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> parent, AllocateBuffer(16));
  EXPECT_FALSE(SliceBuffer(parent, 0, 8)->is_mutable());
  EXPECT_EQ(SliceBuffer(parent, 0, 8)->mutable_data(), nullptr);
}

TEST(SliceBuffer, OfASliceRefersToTheRootAndLetsTheMiddleDie) {
  const auto root = Buffer::FromString("0123456789");
  auto first = SliceBuffer(root, 1, 8);
  auto second = SliceBuffer(first, 1, 6);
  const auto third = SliceBuffer(second, 1, 4);
  EXPECT_EQ(third->ToString(), "3456");
  EXPECT_EQ(second->parent(), root);
  EXPECT_EQ(third->parent(), root);
  const std::weak_ptr<Buffer> watch_first = first, watch_second = second;
  first.reset();
  second.reset();
  EXPECT_TRUE(watch_first.expired());
  EXPECT_TRUE(watch_second.expired());
  EXPECT_EQ(root.use_count(), 2);
  EXPECT_EQ(third->ToString(), "3456");
}

TEST(SliceBuffer, KeepsTheRootAlive) {
  auto root = Buffer::FromString("0123456789");
  const std::weak_ptr<Buffer> watch = root;
  auto slice = SliceBuffer(root, 2, 3);
  root.reset();
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(slice->ToString(), "234");
  slice.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(SliceBuffer, OfAnRvalueTakesTheReferenceOver) {
  auto root = Buffer::FromString("0123456789");
  Buffer* const address = root.get();
  auto slice = SliceBuffer(std::move(root), 2, 3);
  EXPECT_EQ(root, nullptr);
  EXPECT_EQ(slice->parent().get(), address);
  EXPECT_EQ(slice->parent().use_count(), 1);
  const auto inner = SliceBuffer(std::move(slice), 1, 1);
  EXPECT_EQ(inner->parent().get(), address);
  EXPECT_EQ(inner->ToString(), "3");
}

TEST(SliceBuffer, OfAUniquePointerMakesTheRootShared) {
  ALKAID_ASSERT_OK_AND_ASSIGN(auto unique, AllocateBuffer(100));
  const uint8_t* const data = unique->data();
  const auto slice = SliceBuffer(std::move(unique), 10, 20);
  EXPECT_EQ(slice->data(), data + 10);
}

TEST(SliceBuffer, AnswersTheRootsDeviceAndManager) {
  ProxyMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> root, AllocateBuffer(64, &pool));
  const auto slice = SliceBuffer(SliceBuffer(root, 8), 8);
  EXPECT_EQ(slice->memory_manager(), root->memory_manager());
  EXPECT_EQ(slice->memory_manager(), CPUDevice::memory_manager(&pool));
  EXPECT_EQ(slice->device_type(), DeviceAllocationType::kCPU);
}

TEST(SliceBuffer, ManyThreadsSliceOneRootAndDropTheSlices) {
  const auto root = Buffer::FromString(std::string(4096, 'x'));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&root] {
      std::vector<std::shared_ptr<Buffer>> kept;
      for (int i = 0; i < 3000; ++i) {
        kept.push_back(SliceBuffer(root, i, 64));
        if (kept.size() == 500) kept.clear();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(root.use_count(), 1);
}

TEST(SliceBuffer, SlicesMadeInOneThreadCanDieInAnother) {
  auto root = Buffer::FromString(std::string(4096, 'x'));
  const std::weak_ptr<Buffer> watch = root;
  std::vector<std::shared_ptr<Buffer>> slices;
  for (int i = 0; i < 3000; ++i) slices.push_back(SliceBuffer(root, i, 64));
  root.reset();
  std::thread([slices = std::move(slices)]() mutable { slices.clear(); }).join();
  EXPECT_TRUE(watch.expired());
}

TEST(SliceBuffer, TellsObserversOfEachSliceAndOfTheRootsEnd) {
  SliceWatch watch;
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> root, AllocateBuffer(100));
  const Buffer* const root_address = root.get();
  const void* const data = root->data();
  auto outer = SliceBuffer(root, 10, 50);
  auto inner = SliceBuffer(outer, 5, 7);
  EXPECT_THAT(watch.slices,
              ElementsAre(std::tuple(outer.get(), root_address, int64_t{10}, int64_t{50}),
                          std::tuple(inner.get(), root_address, int64_t{15}, int64_t{7})));
  const Buffer* const inner_address = inner.get();
  inner.reset();
  EXPECT_THAT(watch.slice_releases, ElementsAre(std::pair(inner_address, root_address)));
  root.reset();
  EXPECT_TRUE(watch.roots.empty());
  outer.reset();
  EXPECT_THAT(watch.roots, ElementsAre(std::tuple(root_address, data, int64_t{100})));
  EXPECT_EQ(watch.order, "root free ") << "the root's end is told before its memory is given back";
}

TEST(SliceBufferSafe, AcceptsEveryRangeInside) {
  const auto parent = Buffer::FromString("abc");
  for (int64_t offset = 0; offset <= 3; ++offset) {
    for (int64_t length = 0; offset + length <= 3; ++length) {
      ALKAID_ASSERT_OK_AND_ASSIGN(const auto slice, SliceBufferSafe(parent, offset, length));
      EXPECT_EQ(slice->ToString(), std::string("abc").substr(offset, length));
    }
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto rest, SliceBufferSafe(parent, 1));
  EXPECT_EQ(rest->ToString(), "bc");
}

TEST(SliceBufferSafe, RefusesEveryRangeOutsideWithItsNumbers) {
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> parent, AllocateBuffer(3));
  for (const auto& [offset, length] :
       std::vector<std::pair<int64_t, int64_t>>{{-1, 1},
                                                {0, -1},
                                                {4, 0},
                                                {0, 4},
                                                {3, 1},
                                                {1, INT64_MAX},
                                                {INT64_MAX, 1},
                                                {INT64_MAX, INT64_MAX},
                                                {INT64_MIN, 1},
                                                {1, INT64_MIN}}) {
    const auto refused = StatusIs(StatusCode::kOutOfRange, AllOf(HasSubstr(std::to_string(offset)),
                                                                 HasSubstr(std::to_string(length)),
                                                                 HasSubstr("buffer of 3")));
    EXPECT_THAT(SliceBufferSafe(parent, offset, length), refused);
    EXPECT_THAT(SliceMutableBufferSafe(parent, offset, length), refused);
  }
  for (const int64_t offset : {int64_t{-1}, int64_t{4}, INT64_MIN, INT64_MAX}) {
    EXPECT_THAT(SliceBufferSafe(parent, offset), StatusIs(StatusCode::kOutOfRange));
    EXPECT_THAT(SliceMutableBufferSafe(parent, offset), StatusIs(StatusCode::kOutOfRange));
  }
  EXPECT_THAT(SliceBufferSafe(nullptr, 0), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(SliceMutableBufferSafe(nullptr, 0, 0), StatusIs(StatusCode::kInvalidArgument));
}

TEST(SliceMutableBuffer, WritesReachTheParentAndTheManagerIsTheParents) {
  ProxyMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> parent, AllocateBuffer(8, &pool));
  std::memset(parent->mutable_data(), 0, 8);
  const auto slice = SliceMutableBuffer(parent, 2, 3);
  ASSERT_TRUE(slice->is_mutable());
  slice->mutable_data()[0] = 7;
  SliceMutableBuffer(slice, 1)->mutable_data()[1] = 9;
  EXPECT_EQ(parent->ToHexString(), "0000070009000000");
  EXPECT_EQ(slice->memory_manager(), CPUDevice::memory_manager(&pool));
}

TEST(SliceMutableBuffer, OfAReadOnlyBufferIsRefused) {
  const auto fixed = Buffer::FromString("abc");
  EXPECT_THAT(SliceMutableBufferSafe(fixed, 0, 2),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not mutable")));
  EXPECT_THAT(SliceMutableBufferSafe(fixed, 0), StatusIs(StatusCode::kInvalidArgument));
}

TEST(AllocateBitmap, HasAByteForEveryEightBitsStarted) {
  for (const auto& [bits, bytes] :
       std::vector<std::pair<int64_t, int64_t>>{{0, 0}, {1, 1}, {8, 1}, {9, 2}, {1000, 125}}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto bitmap, AllocateBitmap(bits));
    EXPECT_EQ(bitmap->size(), bytes);
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto empty, AllocateEmptyBitmap(bits));
    EXPECT_EQ(empty->size(), bytes);
    EXPECT_EQ(bit_util::CountSetBits(empty->data(), 0, bytes * 8), 0);
  }
}

TEST(AllocateBitmap, NegativeLengthsAndAbsurdOnesAreRefused) {
  EXPECT_THAT(AllocateBitmap(-1), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_THAT(AllocateEmptyBitmap(-8), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-8")));
  EXPECT_THAT(AllocateBitmap(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(AllocateEmptyBitmap(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
}

TEST(AllocateBitmap, AnEmptyBitmapTakesAnAlignment) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto bitmap, AllocateEmptyBitmap(100, int64_t{4096}));
  EXPECT_EQ(bitmap->address() % 4096, 0u);
}

TEST(ConcatenateBuffers, JoinsTheBytesInOrder) {
  ProxyMemoryPool pool(default_memory_pool());
  const auto a = Buffer::FromString("hello "), none = Buffer::FromString(""),
             b = Buffer::FromString("world");
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto joined, ConcatenateBuffers({a, none, b}, &pool));
    EXPECT_EQ(joined->ToString(), "hello world");
    EXPECT_EQ(pool.bytes_allocated(), 64);
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto nothing, ConcatenateBuffers({}));
  EXPECT_EQ(nothing->size(), 0);
}

TEST(ConcatenateBuffers, RefusesNullBuffersAndSumsThatPassInt64) {
  const auto a = Buffer::FromString("a");
  EXPECT_THAT(ConcatenateBuffers({a, nullptr}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("buffer 1 is null")));
  const auto huge = std::make_shared<Buffer>(a->data(), INT64_MAX);
  EXPECT_THAT(ConcatenateBuffers({a, huge}),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("first 2 buffers")));
}

TEST(BufferFunctions, LeaveNothingBehindWhenTheirAllocationFails) {
  const auto source = Buffer::FromString("0123456789");
  const int64_t tried = ForEachAllocationFailure(default_memory_pool(), [&](MemoryPool* pool) {
    ALKAID_RETURN_NOT_OK(AllocateBuffer(100, pool));
    ALKAID_RETURN_NOT_OK(AllocateResizableBuffer(100, pool));
    ALKAID_RETURN_NOT_OK(AllocateBitmap(100, pool));
    ALKAID_RETURN_NOT_OK(AllocateEmptyBitmap(100, pool));
    ALKAID_RETURN_NOT_OK(source->CopySlice(1, 5, pool));
    return ConcatenateBuffers({source, source}, pool).status();
  });
  EXPECT_EQ(tried, 6);
}

TEST(SliceBuffer, AnRvalueSliceIsTakenOverAndItsMiddleDies) {
  auto root = std::shared_ptr<Buffer>(AllocateBuffer(100).value());
  auto middle = SliceBuffer(root, 10, 50);
  const std::weak_ptr<Buffer> watch = middle;
  auto slice = SliceBuffer(std::move(middle), 5, 20);
  EXPECT_EQ(middle, nullptr);
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(slice->data(), root->data() + 15);
}

}  // namespace
}  // namespace alkaid
