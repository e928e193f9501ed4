#include "alkaid/interop/dlpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/interop/dlpack_abi_internal.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/vault_device.h"

namespace alkaid::interop {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInt16 = ElementType::Of<int16_t>();

std::vector<int64_t> List(const int64_t* numbers, int count) { return {numbers, numbers + count}; }

// A writable buffer of `size` bytes: 0, 1, 2, ...
std::shared_ptr<Buffer> Writable(int64_t size) {
  std::shared_ptr<Buffer> buffer = AllocateBuffer(size).value();
  for (int64_t i = 0; i < size; ++i) buffer->mutable_data()[i] = static_cast<uint8_t>(i);
  return buffer;
}

Tensor MakeTensor(std::shared_ptr<Buffer> buffer, std::vector<int64_t> shape,
                  std::vector<int64_t> strides = {}, int64_t offset = 0) {
  return Tensor::Make(std::move(buffer), kInt16, std::move(shape), std::move(strides), offset)
      .value();
}

TEST(ExportDLPack, PointsToTheElementsAndHoldsThemUntilDeleted) {
  auto buffer = Writable(16);
  const std::weak_ptr<Buffer> watch = buffer;
  const uint8_t* const data = buffer->data();
  ALKAID_ASSERT_OK_AND_ASSIGN(DLManagedTensorVersioned* const managed,
                              ExportDLPack(MakeTensor(std::move(buffer), {2, 3}, {}, 4)));
  EXPECT_EQ(managed->version.major, 1U);
  EXPECT_EQ(managed->flags, 0U);
  const DLTensor& tensor = managed->dl_tensor;
  EXPECT_EQ(tensor.data, data + 4);
  EXPECT_EQ(tensor.byte_offset, 0U);
  EXPECT_EQ(tensor.device.device_type, 1);
  EXPECT_EQ(tensor.device.device_id, 0);
  EXPECT_EQ(tensor.dtype.code, 0);
  EXPECT_EQ(tensor.dtype.bits, 16);
  EXPECT_EQ(tensor.dtype.lanes, 1);
  EXPECT_THAT(List(tensor.shape, tensor.ndim), ElementsAre(2, 3));
  EXPECT_THAT(List(tensor.strides, tensor.ndim), ElementsAre(3, 1));
  EXPECT_FALSE(watch.expired());
  std::thread([managed] { managed->deleter(managed); }).join();
  EXPECT_TRUE(watch.expired());
}

TEST(ExportDLPack, SaysThatMemoryIsReadOnly) {
  const Tensor tensor = MakeTensor(Buffer::FromString(std::string(16, 'a')), {8});
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* managed, ExportDLPack(tensor));
  EXPECT_EQ(managed->flags, kDLPackReadOnly);
  managed->deleter(managed);
  EXPECT_THAT(ExportLegacyDLPack(tensor),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("read-only")));
  EXPECT_THAT(ExportLegacyDLPack(tensor, {.copy = false}),
              StatusIs(StatusCode::kFailedPrecondition));
}

TEST(ExportDLPack, ACopyIsTheConsumersOwn) {
  const Tensor tensor = MakeTensor(Buffer::FromString("0123456789abcdef"), {2, 2}, {4, 1});
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* managed, ExportDLPack(tensor, {.copy = true}));
  EXPECT_EQ(managed->flags, kDLPackIsCopied);
  EXPECT_NE(managed->dl_tensor.data, tensor.data());
  EXPECT_EQ(std::memcmp(managed->dl_tensor.data, "012389ab", 8), 0);
  EXPECT_THAT(List(managed->dl_tensor.strides, 2), ElementsAre(2, 1));
  managed->deleter(managed);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* legacy, ExportLegacyDLPack(tensor, {.copy = true}));
  EXPECT_EQ(std::memcmp(legacy->dl_tensor.data, "012389ab", 8), 0);
  legacy->deleter(legacy);
}

TEST(ExportDLPack, MisalignedElementsAreCopiedOnlyWhereTheyMayBe) {
  const Tensor tensor = MakeTensor(Writable(16), {4}, {}, 1);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* managed, ExportDLPack(tensor));
  EXPECT_EQ(managed->flags, kDLPackIsCopied);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(managed->dl_tensor.data) % 64, 0U);
  EXPECT_EQ(std::memcmp(managed->dl_tensor.data, "\1\2\3\4\5\6\7\10", 8), 0);
  managed->deleter(managed);
  EXPECT_THAT(
      ExportDLPack(tensor, {.copy = false}),
      StatusIs(StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("misaligned"), HasSubstr(std::to_string(tensor.address())))));
}

TEST(ExportDLPack, CopiesAreAllocatedWhereTheOptionsSay) {
  ProxyMemoryPool pool(default_memory_pool());
  const Tensor tensor = MakeTensor(Writable(16), {4}, {}, 1);
  ALKAID_ASSERT_OK_AND_ASSIGN(
      auto* managed, ExportDLPack(tensor, {.memory_manager = CPUDevice::memory_manager(&pool)}));
  EXPECT_GE(pool.bytes_allocated(), 8);
  managed->deleter(managed);
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(ExportDLPack, ABufferIsExportedAsItsBytes) {
  const std::shared_ptr<Buffer> buffer = Writable(5);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* managed, ExportDLPack(buffer));
  EXPECT_EQ(managed->version.major, kDLPackVersion.major);
  EXPECT_EQ(managed->flags, 0U);
  const DLTensor& bytes = managed->dl_tensor;
  EXPECT_EQ(bytes.data, buffer->data());
  EXPECT_EQ(bytes.ndim, 1);
  EXPECT_EQ(bytes.shape[0], 5);
  EXPECT_EQ(bytes.strides[0], 1);
  EXPECT_EQ(bytes.dtype.bits, 8);
  EXPECT_EQ(buffer.use_count(), 2);
  managed->deleter(managed);
  EXPECT_EQ(buffer.use_count(), 1);

  ALKAID_ASSERT_OK_AND_ASSIGN(auto* copy, ExportDLPack(buffer, {.copy = true}));
  EXPECT_EQ(copy->flags, kDLPackIsCopied);
  EXPECT_NE(copy->dl_tensor.data, buffer->data());
  copy->deleter(copy);

  const auto constant = std::make_shared<Buffer>(buffer->data(), buffer->size());
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* readable, ExportDLPack(constant));
  EXPECT_EQ(readable->flags, kDLPackReadOnly);
  readable->deleter(readable);
  EXPECT_THAT(ExportLegacyDLPack(constant),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("read-only")));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* legacy, ExportLegacyDLPack(buffer));
  EXPECT_EQ(legacy->dl_tensor.data, buffer->data());
  legacy->deleter(legacy);
  EXPECT_THAT(ExportDLPack(std::shared_ptr<Buffer>()), StatusIs(StatusCode::kInvalidArgument));
}

TEST(ExportDLPack, TensorsOfManyDimensionsAreExported) {
  const Tensor tensor = MakeTensor(Writable(64), {1, 2, 1, 2, 1, 2, 1, 2});
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* managed, ExportDLPack(tensor));
  ASSERT_EQ(managed->dl_tensor.ndim, 8);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(managed->dl_tensor.shape[i], tensor.shape()[i]) << i;
    EXPECT_EQ(managed->dl_tensor.strides[i], tensor.strides()[i]) << i;
  }
  managed->deleter(managed);
}

TEST(ExportDLPack, TensorsOfNoElementAndOfOneAreExported) {
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* none, ExportDLPack(MakeTensor(Writable(0), {3, 0})));
  EXPECT_THAT(List(none->dl_tensor.shape, 2), ElementsAre(3, 0));
  none->deleter(none);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* scalar, ExportDLPack(MakeTensor(Writable(2), {})));
  EXPECT_EQ(scalar->dl_tensor.ndim, 0);
  scalar->deleter(scalar);
  EXPECT_THAT(ExportDLPack(Tensor()), StatusIs(StatusCode::kInvalidArgument));
}

TEST(ExportDLPack, OnAnotherDeviceIsAViewOrElseACopy) {
  const auto vault = VaultDevice::Make(7);
  const Tensor tensor = MakeTensor(Writable(16), {2, 2}, {-2, 1}, 8);
  ALKAID_ASSERT_OK_AND_ASSIGN(
      auto* view, ExportDLPack(tensor, {.memory_manager = vault->default_memory_manager()}));
  EXPECT_EQ(view->dl_tensor.device.device_type, 12);
  EXPECT_EQ(view->dl_tensor.device.device_id, 7);
  EXPECT_EQ(view->flags & kDLPackIsCopied, 0U);
  EXPECT_EQ(vault->HostBytes(reinterpret_cast<uintptr_t>(view->dl_tensor.data)), tensor.data());
  view->deleter(view);
  ALKAID_ASSERT_OK_AND_ASSIGN(
      auto* copy,
      ExportDLPack(tensor, {.copy = true, .memory_manager = vault->default_memory_manager()}));
  EXPECT_EQ(copy->flags & kDLPackIsCopied, kDLPackIsCopied);
  EXPECT_EQ(vault->Load(reinterpret_cast<uintptr_t>(copy->dl_tensor.data) - 4, 8),
            "\4\5\6\7\10\11\12\13");
  copy->deleter(copy);
  // And back: memory of the vault cannot be viewed.
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto inside,
                              Buffer::Copy(Writable(8), vault->default_memory_manager()));
  const Tensor there = MakeTensor(inside, {4});
  const auto cpu = CPUDevice::Instance()->default_memory_manager();
  EXPECT_THAT(ExportDLPack(there, {.copy = false, .memory_manager = cpu}),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("VaultDevice(7)")));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* back, ExportDLPack(there, {.memory_manager = cpu}));
  EXPECT_EQ(std::memcmp(back->dl_tensor.data, "\0\1\2\3\4\5\6\7", 8), 0);
  back->deleter(back);
}

// Another library's producer, which counts how often its deleter is called.
template <typename Managed>
struct Producer {
  Producer() {
    managed.manager_ctx = &deleted;
    managed.deleter = [](Managed* self) { ++*static_cast<int*>(self->manager_ctx); };
    DLTensor& tensor = managed.dl_tensor;
    tensor.data = bytes;
    tensor.device = {1, 0};
    tensor.ndim = 2;
    tensor.dtype = {0, 16, 1};
    tensor.shape = shape;
    if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) managed.version = {1, 0};
  }

  alignas(16) char bytes[17] = "0123456789abcdef";
  int64_t shape[2] = {2, 3};
  int64_t strides[2] = {3, 1};
  int deleted = 0;
  Managed managed{};
};

using Versioned = Producer<DLManagedTensorVersioned>;
using Legacy = Producer<DLManagedTensor>;

TEST(ImportDLPack, IsATensorThatDeletesWithItsLastSlice) {
  Versioned producer;
  std::shared_ptr<Buffer> slice;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor tensor, ImportDLPack(&producer.managed));
    EXPECT_EQ(tensor.type(), kInt16);
    EXPECT_THAT(tensor.shape(), ElementsAre(2, 3));
    EXPECT_THAT(tensor.strides(), ElementsAre(3, 1));  // which were null
    EXPECT_EQ(tensor.data(), reinterpret_cast<uint8_t*>(producer.bytes));
    EXPECT_EQ(tensor.buffer()->size(), 12);
    EXPECT_TRUE(tensor.buffer()->is_mutable());
    slice = SliceBuffer(tensor.buffer(), 2, 2);
  }
  EXPECT_EQ(producer.deleted, 0);
  slice.reset();
  EXPECT_EQ(producer.deleted, 1);
}

TEST(ImportDLPack, NegativeStridesAndOffsetsReachWhatTheyName) {
  Versioned producer;
  producer.managed.dl_tensor.strides = producer.strides;
  producer.managed.dl_tensor.byte_offset = 12;
  producer.strides[0] = -3;
  producer.strides[1] = -1;
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor tensor, ImportDLPack(&producer.managed));
  EXPECT_EQ(tensor.buffer()->data(), reinterpret_cast<uint8_t*>(producer.bytes) + 2);
  EXPECT_EQ(tensor.buffer()->size(), 12);
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor copy, tensor.Copy());
  EXPECT_EQ(copy.buffer()->ToString(), "cdab89674523");
}

TEST(ImportDLPack, WhatIsReadOnlyStaysSo) {
  Versioned producer;
  producer.managed.flags = kDLPackReadOnly;
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor tensor, ImportDLPack(&producer.managed));
  EXPECT_FALSE(tensor.buffer()->is_mutable());
  Legacy legacy;  // has no flag for it
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor older, ImportDLPack(&legacy.managed));
  EXPECT_FALSE(older.buffer()->is_mutable());
}

TEST(ImportDLPack, NoDeleterIsNoneToCall) {
  Legacy producer;
  producer.managed.deleter = nullptr;
  EXPECT_TRUE(ImportDLPack(&producer.managed).ok());
}

TEST(ImportDLPack, NullDataIsRightOfNoElementOnly) {
  Versioned producer;
  producer.managed.dl_tensor.data = nullptr;
  EXPECT_THAT(ImportDLPack(&producer.managed),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("12 bytes at address 0")));
  producer.shape[1] = 0;
  EXPECT_TRUE(ImportDLPack(&producer.managed).ok());
  EXPECT_EQ(producer.deleted, 1);
}

TEST(ImportDLPack, WhatIsRefusedIsTheCallersAsBefore) {
  using Change = void (*)(Versioned&);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const std::vector<std::pair<StatusCode, Change>> refused = {
      {StatusCode::kUnimplemented, [](Versioned& p) { p.managed.version.major = 2; }},
      {StatusCode::kUnimplemented, [](Versioned& p) { p.managed.version.major = 0; }},
      {StatusCode::kInvalidArgument, [](Versioned& p) { p.managed.dl_tensor.ndim = -1; }},
      {StatusCode::kInvalidArgument, [](Versioned& p) { p.managed.dl_tensor.ndim = 65; }},
      {StatusCode::kInvalidArgument, [](Versioned& p) { p.managed.dl_tensor.shape = nullptr; }},
      {StatusCode::kInvalidArgument, [](Versioned& p) { p.shape[1] = -1; }},
      {StatusCode::kOutOfRange, [](Versioned& p) { p.shape[1] = kMax; }},
      {StatusCode::kOutOfRange,
       [](Versioned& p) { p.managed.dl_tensor.byte_offset = uint64_t{0} - 1; }},
      {StatusCode::kOutOfRange,
       [](Versioned& p) {
         p.managed.dl_tensor.strides = p.strides;
         p.strides[0] = -(int64_t{1} << 62) / 2;
       }},
      {StatusCode::kUnimplemented, [](Versioned& p) { p.managed.dl_tensor.dtype.bits = 4; }},
      {StatusCode::kUnimplemented, [](Versioned& p) { p.managed.dl_tensor.dtype.lanes = 0; }},
      {StatusCode::kUnimplemented, [](Versioned& p) { p.managed.dl_tensor.dtype.code = 3; }},
      {StatusCode::kUnimplemented, [](Versioned& p) { p.managed.dl_tensor.dtype.code = 200; }},
      {StatusCode::kNotFound, [](Versioned& p) { p.managed.dl_tensor.device.device_type = 8; }},
      {StatusCode::kInvalidArgument,
       [](Versioned& p) { p.managed.dl_tensor.device.device_type = 0; }},
      {StatusCode::kInvalidArgument,
       [](Versioned& p) { p.managed.dl_tensor.device.device_type = 1000; }},
  };
  for (size_t i = 0; i < refused.size(); ++i) {
    Versioned producer;
    refused[i].second(producer);
    EXPECT_THAT(ImportDLPack(&producer.managed), StatusIs(refused[i].first)) << i;
    EXPECT_EQ(producer.deleted, 0) << i;
  }
  EXPECT_THAT(ImportDLPack(static_cast<DLManagedTensor*>(nullptr)),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ImportDLPack(static_cast<DLManagedTensorVersioned*>(nullptr)),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(ImportDLPack, TakesBackWhatWasExportedAtTheSameAddress) {
  const Tensor tensor = MakeTensor(Writable(64), {2, 3, 2}, {12, -4, 1}, 20);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto* managed, ExportDLPack(tensor));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor back, ImportDLPack(managed));
  EXPECT_EQ(back.address(), tensor.address());
  EXPECT_EQ(back.shape(), tensor.shape());
  EXPECT_EQ(back.strides(), tensor.strides());
}

}  // namespace
}  // namespace alkaid::interop
