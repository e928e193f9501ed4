#include "alkaid/core/buffers/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/vault_device.h"

namespace alkaid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class DeviceTest : public ::testing::Test {
 protected:
  const std::shared_ptr<MemoryManager> cpu = default_cpu_memory_manager();
  const std::shared_ptr<VaultDevice> device = VaultDevice::Make(1);
  const std::shared_ptr<MemoryManager> vault = device->default_memory_manager();
};

TEST_F(DeviceTest, ABufferOnItIsNotForTheCPU) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, vault->AllocateBuffer(100));
  EXPECT_FALSE(buffer->is_cpu());
  EXPECT_EQ(buffer->data(), nullptr);
  EXPECT_EQ(buffer->mutable_data(), nullptr);
  EXPECT_NE(buffer->address(), 0u);
  EXPECT_EQ(buffer->mutable_address(), buffer->address());
  EXPECT_TRUE(buffer->span_as<int>().empty());
  EXPECT_TRUE(buffer->mutable_span_as<int>().empty());
  EXPECT_EQ(buffer->ToString(), "");
  EXPECT_EQ(buffer->ToHexString(), "");
  EXPECT_EQ(static_cast<std::string_view>(*buffer), "");
  EXPECT_EQ(buffer->device(), device);
  EXPECT_EQ(buffer->device_type(), DeviceAllocationType::kEXT_DEV);
  EXPECT_THAT(buffer->CopySlice(0, 1),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("VaultDevice(1)")));
  const std::shared_ptr<Buffer> shared = std::make_shared<Buffer>(buffer->address(), 10, vault);
  EXPECT_THAT(ConcatenateBuffers({shared}), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(DeviceTest, EqualityOfItsBuffersIsThatOfTheRange) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto a, vault->AllocateBuffer(10));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto b, vault->AllocateBuffer(10));
  EXPECT_TRUE(a->Equals(Buffer(a->address(), 10, vault)));
  EXPECT_FALSE(a->Equals(*b));
  EXPECT_FALSE(a->Equals(Buffer("0123456789")));
}

TEST_F(DeviceTest, CopyGoesThereAndBack) {
  const auto source = Buffer::FromString("hello vault");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto there, Buffer::Copy(source, vault));
  EXPECT_FALSE(there->is_cpu());
  EXPECT_EQ(device->Peek(*there), "hello vault");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto back, Buffer::Copy(there, cpu));
  EXPECT_TRUE(back->is_cpu());
  EXPECT_EQ(back->ToString(), "hello vault");
}

TEST_F(DeviceTest, CopyNonOwnedGoesThereAndBack) {
  const Buffer source("not shared");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto there, Buffer::CopyNonOwned(source, vault));
  EXPECT_EQ(device->Peek(*there), "not shared");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto back, Buffer::CopyNonOwned(*there, cpu));
  EXPECT_EQ(back->ToString(), "not shared");
}

TEST_F(DeviceTest, CopyBetweenTwoDevicesGoesThroughTheCPU) {
  const auto other = VaultDevice::Make(2);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto first, Buffer::Copy(Buffer::FromString("far"), vault));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto second,
                              Buffer::Copy(first, other->default_memory_manager()));
  EXPECT_EQ(second->device(), other);
  EXPECT_EQ(other->Peek(*second), "far");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto third,
                              Buffer::CopyNonOwned(*second, device->default_memory_manager()));
  EXPECT_EQ(device->Peek(*third), "far");
}

TEST_F(DeviceTest, CopyOnOneCPUGoesIntoTheOtherManagersPool) {
  const auto source = Buffer::FromString("here");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto copy, Buffer::Copy(source, cpu));
  EXPECT_NE(copy->data(), source->data());
  EXPECT_TRUE(copy->Equals(*source));
}

TEST_F(DeviceTest, AViewOfHostMemoryIsMadeWithoutACopyAndKeepsIt) {
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> host, AllocateBuffer(5));
  std::memcpy(host->mutable_data(), "start", 5);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto view, Buffer::View(host, vault));
  EXPECT_FALSE(view->is_cpu());
  EXPECT_EQ(view->parent(), host);
  std::memcpy(host->mutable_data(), "later", 5);
  EXPECT_EQ(device->Peek(*view), "later");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto back, Buffer::View(view, cpu));
  EXPECT_EQ(back->data(), host->data());
  const std::weak_ptr<Buffer> watch = host;
  host.reset();
  view.reset();
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(back->ToString(), "later");
}

TEST_F(DeviceTest, AViewOnTheSameDeviceIsTheBufferItself) {
  const auto host = Buffer::FromString("x");
  EXPECT_THAT(Buffer::View(host, cpu), IsOkAndHolds(host));
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> there, vault->AllocateBuffer(4));
  EXPECT_THAT(Buffer::View(there, VaultDevice::Make(1)->default_memory_manager()),
              IsOkAndHolds(there));
}

TEST_F(DeviceTest, AViewThatCanNotBeNamesBothDevices) {
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> there, vault->AllocateBuffer(4));
  EXPECT_THAT(Buffer::View(there, cpu),
              StatusIs(StatusCode::kUnimplemented,
                       AllOf(HasSubstr("VaultDevice(1)"), HasSubstr("CPUDevice()"))));
}

TEST_F(DeviceTest, ViewOrCopyCopiesWhatCanNotBeViewed) {
  const auto host = Buffer::FromString("either way");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto copied, Buffer::Copy(host, vault));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto back, Buffer::ViewOrCopy(copied, cpu));
  EXPECT_EQ(back->ToString(), "either way");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto viewed, Buffer::ViewOrCopy(host, vault));
  EXPECT_EQ(viewed->parent(), host);
}

TEST_F(DeviceTest, SlicesOfItsBuffersStayOnIt) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto there,
                              Buffer::Copy(Buffer::FromString("0123456789"), vault));
  const auto slice = SliceBuffer(SliceBuffer(there, 2, 6), 1, 4);
  EXPECT_FALSE(slice->is_cpu());
  EXPECT_EQ(slice->memory_manager(), vault);
  EXPECT_EQ(slice->device_type(), DeviceAllocationType::kEXT_DEV);
  EXPECT_EQ(slice->address(), there->address() + 3);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto back, Buffer::ViewOrCopy(slice, cpu));
  EXPECT_EQ(back->ToString(), "3456");
  const auto writable = SliceMutableBuffer(there, 4, 2);
  EXPECT_EQ(writable->memory_manager(), vault);
  EXPECT_EQ(writable->mutable_address(), there->address() + 4);
}

TEST_F(DeviceTest, CopyBufferSliceToCPUReadsFromEveryDevice) {
  const auto host = Buffer::FromString("0123456789");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto there, Buffer::Copy(host, vault));
  for (const auto& buffer : {host, there}) {
    char out[5] = {};
    ALKAID_ASSERT_OK(
        MemoryManager::CopyBufferSliceToCPU(buffer, 3, 4, reinterpret_cast<uint8_t*>(out)));
    EXPECT_STREQ(out, "3456");
    ALKAID_EXPECT_OK(MemoryManager::CopyBufferSliceToCPU(buffer, 10, 0, nullptr));
    EXPECT_THAT(MemoryManager::CopyBufferSliceToCPU(buffer, 3, 4, nullptr),
                StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(MemoryManager::CopyBufferSliceToCPU(buffer, 8, 4, reinterpret_cast<uint8_t*>(out)),
                StatusIs(StatusCode::kOutOfRange, HasSubstr("4 bytes from offset 8")));
  }
}

TEST_F(DeviceTest, ReadersAndWritersWorkOnItsBuffers) {
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> there, vault->AllocateBuffer(11));
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto writer, Buffer::GetWriter(there));
    ALKAID_ASSERT_OK(writer->Write("hello "));
    ALKAID_ASSERT_OK(writer->Write(Buffer::FromString("vault")));
    EXPECT_THAT(writer->Write("!"), StatusIs(StatusCode::kOutOfRange));
  }
  EXPECT_EQ(device->Peek(*there), "hello vault");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, Buffer::GetReader(there));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto tail, reader->ReadAt(6, 100));
  EXPECT_EQ(tail->ToString(), "vault");
  EXPECT_THAT(reader->GetSize(), IsOkAndHolds(11));
}

TEST_F(DeviceTest, NullBuffersAndManagersAreRefused) {
  const auto host = Buffer::FromString("x");
  EXPECT_THAT(Buffer::Copy(nullptr, cpu), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Buffer::Copy(host, nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Buffer::CopyNonOwned(*host, nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Buffer::View(nullptr, cpu), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Buffer::View(host, nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Buffer::ViewOrCopy(nullptr, cpu), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Buffer::GetReader(nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Buffer::GetWriter(nullptr), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(DeviceTest, AFailingTransferIsPassedOn) {
  device->FailNextTransfer();
  EXPECT_THAT(Buffer::Copy(Buffer::FromString("x"), vault),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("vault is full")));
}

TEST_F(DeviceTest, ADeviceWithoutStreamsOrEventsAnswersNull) {
  EXPECT_THAT(device->MakeStream(), IsOkAndHolds(nullptr));
  EXPECT_THAT(device->MakeStream(1u), IsOkAndHolds(nullptr));
  EXPECT_THAT(device->WrapStream(nullptr, nullptr), IsOkAndHolds(nullptr));
  EXPECT_THAT(vault->MakeDeviceSyncEvent(), IsOkAndHolds(nullptr));
  EXPECT_THAT(vault->WrapDeviceSyncEvent(nullptr, nullptr), IsOkAndHolds(nullptr));
}

TEST(DeviceStream, ReleasesItsRawStreamOnce) {
  class CountedStream final : public Device::Stream {
   public:
    CountedStream(void* raw, release_fn_t release) : Stream(raw, std::move(release)) {}
    Status WaitEvent(const Device::SyncEvent&) override { return absl::OkStatus(); }
    Status Synchronize() const override { return absl::OkStatus(); }
  };
  class CountedEvent final : public Device::SyncEvent {
   public:
    CountedEvent(void* raw, release_fn_t release) : SyncEvent(raw, std::move(release)) {}
    Status Wait() override { return absl::OkStatus(); }
    Status Record(const Device::Stream&) override { return absl::OkStatus(); }
  };
  int raw = 0;
  const auto release = [&raw](void* stream) {
    EXPECT_EQ(stream, &raw);
    ++raw;
  };
  {
    CountedStream stream(&raw, release);
    EXPECT_EQ(stream.get_raw(), &raw);
    CountedEvent event(&raw, release);
    EXPECT_EQ(event.get_raw(), &raw);
    EXPECT_EQ(raw, 0);
  }
  EXPECT_EQ(raw, 2);
  { CountedStream borrowed(&raw, nullptr); }
  EXPECT_EQ(raw, 2);
}

TEST(DeviceMapper, FindsTheDeviceThatWasRegistered) {
  EXPECT_THAT(GetDeviceMapper(DeviceAllocationType::kEXT_DEV),
              StatusIs(StatusCode::kNotFound, HasSubstr("12")));
  const auto device = VaultDevice::Make(5);
  ALKAID_ASSERT_OK(
      RegisterDeviceMapper(DeviceAllocationType::kEXT_DEV,
                           [device](int64_t id) -> Result<std::shared_ptr<MemoryManager>> {
                             if (id != device->device_id())
                               return status::KeyError("no vault ", id);
                             return device->default_memory_manager();
                           }));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto mapper, GetDeviceMapper(DeviceAllocationType::kEXT_DEV));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto manager, mapper(5));
  EXPECT_EQ(manager->device(), device);
  EXPECT_THAT(mapper(6), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(RegisterDeviceMapper(DeviceAllocationType::kEXT_DEV, mapper),
              StatusIs(StatusCode::kAlreadyExists, HasSubstr("12")));
}

TEST(DeviceMapper, KnowsTheCPUFromTheStart) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto mapper, GetDeviceMapper(DeviceAllocationType::kCPU));
  EXPECT_THAT(mapper(-1), IsOkAndHolds(default_cpu_memory_manager()));
  EXPECT_THAT(RegisterDeviceMapper(DeviceAllocationType::kCPU, mapper),
              StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(RegisterDeviceMapper(DeviceAllocationType::kMETAL, nullptr),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(DeviceAllocationType, IsNumberedAsTheCDeviceInterface) {
  EXPECT_EQ(static_cast<int>(DeviceAllocationType::kCPU), 1);
  EXPECT_EQ(static_cast<int>(DeviceAllocationType::kCUDA), 2);
  EXPECT_EQ(static_cast<int>(DeviceAllocationType::kCUDA_HOST), 3);
  EXPECT_EQ(static_cast<int>(DeviceAllocationType::kVULKAN), 7);
  EXPECT_EQ(static_cast<int>(DeviceAllocationType::kROCM), 10);
  EXPECT_EQ(static_cast<int>(DeviceAllocationType::kEXT_DEV), 12);
  EXPECT_EQ(static_cast<int>(DeviceAllocationType::kCUDA_MANAGED), 13);
  EXPECT_EQ(static_cast<int>(DeviceAllocationType::kHEXAGON), 16);
}

}  // namespace
}  // namespace alkaid
