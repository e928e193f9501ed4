#include "alkaid/core/buffers/buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/vault_device.h"

namespace alkaid {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Buffer, IsNineWordsAtMost) { EXPECT_LE(sizeof(Buffer), 72u); }

TEST(Buffer, BorrowsThePlainBytesItIsGiven) {
  const std::array<uint8_t, 4> bytes = {1, 2, 3, 4};
  const Buffer buffer(bytes.data(), bytes.size());
  EXPECT_EQ(buffer.data(), bytes.data());
  EXPECT_EQ(buffer.size(), 4);
  EXPECT_EQ(buffer.capacity(), 4);
  EXPECT_EQ(buffer[2], 3);
  EXPECT_TRUE(buffer.is_cpu());
  EXPECT_FALSE(buffer.is_mutable());
  EXPECT_EQ(buffer.device_type(), DeviceAllocationType::kCPU);
  EXPECT_EQ(buffer.parent(), nullptr);
  EXPECT_EQ(buffer.device_sync_event(), nullptr);
  EXPECT_EQ(buffer.memory_manager(), default_cpu_memory_manager());
  EXPECT_EQ(buffer.device(), CPUDevice::Instance());
}

TEST(Buffer, SpansHoldOnlyWholeValues) {
  const std::vector<int32_t> values = {7, 8, 9};
  const auto buffer = Buffer::Wrap(values);
  EXPECT_THAT(buffer->span_as<int32_t>(), ElementsAre(7, 8, 9));
  EXPECT_EQ(buffer->span_as<int64_t>().size(), 1u);
  EXPECT_EQ(buffer->data_as<int32_t>()[1], 8);
}

TEST(Buffer, ShowsItsBytesInHexadecimalAndAsText) {
  EXPECT_EQ(Buffer(std::string_view("\x00\xa0\x0f\xff", 4)).ToHexString(), "00A00FFF");
  EXPECT_EQ(Buffer(std::string_view()).ToHexString(), "");
  const Buffer text("hello");
  EXPECT_EQ(text.ToString(), "hello");
  EXPECT_EQ(static_cast<std::string_view>(text), "hello");
}

TEST(Buffer, EqualityIsThatOfTheBytes) {
  const std::string same = "abcd";
  const Buffer a("abcd"), b(same), longer("abcde"), other("abcx");
  EXPECT_TRUE(a.Equals(a));
  EXPECT_TRUE(a.Equals(b));
  EXPECT_FALSE(a.Equals(longer));
  EXPECT_FALSE(a.Equals(other));
  EXPECT_TRUE(a.Equals(longer, 4));
  EXPECT_TRUE(a.Equals(other, 3));
  EXPECT_FALSE(a.Equals(longer, 5));
  EXPECT_FALSE(a.Equals(a, -1));
  EXPECT_TRUE(Buffer(nullptr, 0).Equals(Buffer(std::string_view())));
}

TEST(Buffer, TakesOverAStringWithoutCopyingIt) {
  std::string text(1000, 'x');
  const auto where = reinterpret_cast<uintptr_t>(text.data());
  const auto buffer = Buffer::FromString(std::move(text));
  EXPECT_EQ(buffer->address(), where);
  EXPECT_EQ(buffer->size(), 1000);
  EXPECT_EQ(buffer->ToString(), std::string(1000, 'x'));
  EXPECT_EQ(Buffer::FromString("short")->ToString(), "short");
}

TEST(Buffer, TakesOverAVectorWithoutCopyingIt) {
  std::vector<int64_t> values = {1, 2, 3};
  const void* const where = values.data();
  const auto buffer = Buffer::FromVector(std::move(values));
  EXPECT_EQ(buffer->data(), where);
  EXPECT_THAT(buffer->span_as<int64_t>(), ElementsAre(1, 2, 3));
}

TEST(Buffer, CopySliceTakesItsBytesFromTheGivenPool) {
  ProxyMemoryPool pool(default_memory_pool());
  const Buffer source("hello world");
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto copy, source.CopySlice(6, 5, &pool));
    EXPECT_EQ(copy->ToString(), "world");
    EXPECT_NE(copy->data(), source.data() + 6);
    EXPECT_EQ(pool.bytes_allocated(), 64);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto nothing, source.CopySlice(11, 0));
  EXPECT_EQ(nothing->size(), 0);
}

TEST(Buffer, CopySliceOutsideIsRefusedWithItsNumbers) {
  const Buffer source("hello");
  for (const auto& [start, length] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 1}, {0, -1}, {6, 0}, {0, 6}, {5, 1}, {1, INT64_MAX}, {INT64_MAX, INT64_MAX}}) {
    EXPECT_THAT(source.CopySlice(start, length),
                StatusIs(StatusCode::kOutOfRange,
                         AllOf(HasSubstr(std::to_string(start)), HasSubstr(std::to_string(length)),
                               HasSubstr("buffer of 5"))));
  }
}

TEST(Buffer, ZeroPaddingClearsWhatLiesBetweenSizeAndCapacity) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(10));
  std::memset(buffer->mutable_data(), 0xff, static_cast<size_t>(buffer->capacity()));
  buffer->ZeroPadding();
  EXPECT_EQ(buffer->mutable_data()[9], 0xff);
  for (int64_t i = 10; i < buffer->capacity(); ++i) EXPECT_EQ(buffer->mutable_data()[i], 0) << i;
}

TEST(Buffer, AViewOfForeignMemoryWithAParentIsARoot) {
  auto parent = Buffer::FromString("0123456789");
  const std::weak_ptr<Buffer> watch = parent;
  auto view = std::make_shared<Buffer>(parent->data() + 2, 5, default_cpu_memory_manager(), parent);
  const auto slice = SliceBuffer(view, 1, 3);
  EXPECT_EQ(view->parent(), parent);
  EXPECT_EQ(slice->parent(), view);
  EXPECT_EQ(slice->ToString(), "345");
  parent.reset();
  view.reset();
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(slice->ToString(), "345");
}

TEST(Buffer, TheDeviceTypeCanBeOverridden) {
  const Buffer buffer("abc");
  const Buffer pinned(buffer.data(), 3, default_cpu_memory_manager(), nullptr,
                      DeviceAllocationType::kCUDA_HOST);
  EXPECT_EQ(pinned.device_type(), DeviceAllocationType::kCUDA_HOST);
  EXPECT_TRUE(pinned.is_cpu());
}

TEST(BufferCompactIfBelow, ASmallSliceOfABigRootIsCopiedAndTheRootGoes) {
  ProxyMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> buffer, AllocateBuffer(1 << 20, &pool));
  std::memcpy(buffer->mutable_data() + 5000, "hello", 5);
  buffer = SliceBuffer(std::move(buffer), 5000, 5);
  EXPECT_EQ(buffer->root_capacity(), 1 << 20);
  EXPECT_THAT(Buffer::CompactIfBelow(&buffer, 0.5, &pool), IsOkAndHolds(true));
  EXPECT_EQ(buffer->ToString(), "hello");
  EXPECT_EQ(buffer->parent(), nullptr);
  EXPECT_TRUE(buffer->is_mutable());
  EXPECT_EQ(pool.bytes_allocated(), 64);
  // A copy of the copy would hold as much.
  EXPECT_THAT(Buffer::CompactIfBelow(&buffer, 1, &pool), IsOkAndHolds(false));
}

TEST(BufferCompactIfBelow, WhatKeepsABigRootAsItsParentIsCopiedAndTheRootGoes) {
  ProxyMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> big, AllocateBuffer(1 << 20, &pool));
  auto small = std::make_shared<Buffer>(big->data() + 64, 10, nullptr, SliceBuffer(big, 64, 10));
  big.reset();
  EXPECT_EQ(small->root_capacity(), 1 << 20);
  std::shared_ptr<Buffer> slice = SliceBuffer(small, 2, 5);
  EXPECT_EQ(slice->root_capacity(), 1 << 20);
  small.reset();
  EXPECT_THAT(Buffer::CompactIfBelow(&slice, 0.5), IsOkAndHolds(true));
  EXPECT_EQ(slice->size(), 5);
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(BufferCompactIfBelow, ASmallParentTakesNothingFromWhatItsChildHolds) {
  auto parent = Buffer::FromString("0123456789");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto memory, AllocateBuffer(4096));
  const Buffer root(memory->data(), 4096, nullptr, parent);
  EXPECT_EQ(root.root_capacity(), 4096);
}

TEST(BufferCompactIfBelow, WhatShowsEnoughStaysAsItIs) {
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> root, AllocateBuffer(1024));
  std::shared_ptr<Buffer> half = SliceBuffer(root, 512, 512);
  const Buffer* const before = half.get();
  for (const double ratio : {0.0, 0.25, 0.5}) {
    EXPECT_THAT(Buffer::CompactIfBelow(&half, ratio), IsOkAndHolds(false)) << ratio;
    EXPECT_EQ(half.get(), before);
  }
  EXPECT_THAT(Buffer::CompactIfBelow(&half, 0.51), IsOkAndHolds(true));
  EXPECT_EQ(half->root_capacity(), 512);
  // A root whose size is its capacity, no matter who owns it.
  EXPECT_THAT(Buffer::CompactIfBelow(&root, 1), IsOkAndHolds(false));
  auto borrowed = std::make_shared<Buffer>("some bytes");
  EXPECT_THAT(Buffer::CompactIfBelow(&borrowed, 1), IsOkAndHolds(false));
}

TEST(BufferCompactIfBelow, ARootWithFarMoreRoomThanBytesIsCopiedToo) {
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<ResizableBuffer> root, AllocateResizableBuffer(100));
  ALKAID_ASSERT_OK(root->Reserve(1 << 16));
  std::shared_ptr<Buffer> buffer = std::move(root);
  EXPECT_THAT(Buffer::CompactIfBelow(&buffer, 0.5), IsOkAndHolds(true));
  EXPECT_EQ(buffer->size(), 100);
  EXPECT_EQ(buffer->capacity(), 128);
}

TEST(BufferCompactIfBelow, AnEmptySliceLetsItsRootGo) {
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> root, AllocateBuffer(1024));
  const std::weak_ptr<Buffer> alive = root;
  std::shared_ptr<Buffer> empty = SliceBuffer(std::move(root), 7, 0);
  EXPECT_THAT(Buffer::CompactIfBelow(&empty, 0.01), IsOkAndHolds(true));
  EXPECT_EQ(empty->size(), 0);
  EXPECT_TRUE(alive.expired());
}

TEST(BufferCompactIfBelow, MemoryOfADeviceIsCopiedThere) {
  const auto device = VaultDevice::Make(3);
  const auto manager = device->default_memory_manager();
  auto host = std::make_shared<Buffer>(
      "what the vault holds and a good deal of other things that "
      "nobody has asked for in a long time");
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> there, Buffer::Copy(host, manager));
  auto slice = SliceBuffer(std::move(there), 5, 9);
  const uintptr_t before = slice->address();
  EXPECT_THAT(Buffer::CompactIfBelow(&slice, 0.5), IsOkAndHolds(true));
  EXPECT_NE(slice->address(), before);
  EXPECT_TRUE(slice->device()->Equals(*device));
  EXPECT_EQ(slice->parent(), nullptr);
  EXPECT_EQ(device->Peek(*slice), "the vault");
}

TEST(BufferCompactIfBelow, WhatIsNoRatioAndNoBufferIsRefused) {
  auto buffer = std::make_shared<Buffer>("abc");
  for (const double ratio : {-0.1, 1.1, std::nan(""), HUGE_VAL}) {
    EXPECT_THAT(Buffer::CompactIfBelow(&buffer, ratio),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("must be from 0 to 1")));
  }
  std::shared_ptr<Buffer> none;
  EXPECT_THAT(Buffer::CompactIfBelow(&none, 0.5), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Buffer::CompactIfBelow(nullptr, 0.5), StatusIs(StatusCode::kInvalidArgument));
}

TEST(BufferCompactIfBelow, WithoutMemoryForTheCopyTheBufferStays) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> root, AllocateBuffer(1024));
  std::shared_ptr<Buffer> slice = SliceBuffer(std::move(root), 7, 10);
  const Buffer* const before = slice.get();
  pool.fail_after(1);
  EXPECT_THAT(Buffer::CompactIfBelow(&slice, 0.5, &pool), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(slice.get(), before);
  EXPECT_EQ(slice->root_capacity(), 1024);
}

}  // namespace
}  // namespace alkaid
