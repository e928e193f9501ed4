#include "alkaid/core/buffers/cpu_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

TEST(CPUDevice, IsOneAndIsTheCPU) {
  const auto device = CPUDevice::Instance();
  EXPECT_EQ(device, CPUDevice::Instance());
  EXPECT_TRUE(device->is_cpu());
  EXPECT_EQ(device->device_id(), -1);
  EXPECT_EQ(device->device_type(), DeviceAllocationType::kCPU);
  EXPECT_EQ(device->ToString(), "CPUDevice()");
  EXPECT_TRUE(*device == *CPUDevice::Instance());
  EXPECT_EQ(device->default_memory_manager(), default_cpu_memory_manager());
  EXPECT_EQ(default_cpu_memory_manager()->device(), device);
  EXPECT_TRUE(default_cpu_memory_manager()->is_cpu());
}

TEST(CPUDevice, HandsOutOneManagerPerPoolWhileItLives) {
  ProxyMemoryPool pool(default_memory_pool()), other(default_memory_pool());
  const auto manager = CPUDevice::memory_manager(&pool);
  EXPECT_EQ(CPUDevice::memory_manager(&pool), manager);
  EXPECT_NE(CPUDevice::memory_manager(&other), manager);
  EXPECT_EQ(CPUDevice::memory_manager(default_memory_pool()), default_cpu_memory_manager());
  EXPECT_EQ(CPUDevice::memory_manager(static_cast<MemoryPool*>(nullptr)),
            default_cpu_memory_manager());
}

TEST(CPUDevice, ManyThreadsGetTheSameManager) {
  ProxyMemoryPool pool(default_memory_pool());
  const auto manager = CPUDevice::memory_manager(&pool);
  std::vector<std::thread> threads;
  std::vector<int> same(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, &manager, &same, t] {
      for (int i = 0; i < 1000; ++i) same[t] += CPUDevice::memory_manager(&pool) == manager;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(same, std::vector<int>(4, 1000));
}

TEST(CPUMemoryManager, AllocatesFromItsPool) {
  ProxyMemoryPool pool(default_memory_pool());
  const auto manager = CPUDevice::memory_manager(&pool);
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, manager->AllocateBuffer(100));
    EXPECT_TRUE(buffer->is_mutable());
    EXPECT_EQ(buffer->memory_manager(), manager);
    EXPECT_EQ(pool.bytes_allocated(), 128);
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto copy, Buffer::Copy(Buffer::FromString("abc"), manager));
    EXPECT_EQ(copy->ToString(), "abc");
    EXPECT_EQ(pool.bytes_allocated(), 192);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_THAT(manager->AllocateBuffer(-7), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-7")));
}

TEST(CPUMemoryManager, ASharedPoolLivesAsLongAsItsManager) {
  auto pool = std::make_shared<ProxyMemoryPool>(default_memory_pool());
  const std::weak_ptr<MemoryPool> watch = pool;
  auto manager = CPUDevice::memory_manager(std::shared_ptr<MemoryPool>(std::move(pool)));
  EXPECT_FALSE(watch.expired());
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, manager->AllocateBuffer(10));
  manager.reset();
  EXPECT_FALSE(watch.expired());
  buffer.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(CPUMemoryManager, ReadersDoNotCopyAndWritersNeedMutableBuffers) {
  const auto buffer = Buffer::FromString("0123456789");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, Buffer::GetReader(buffer));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto part, reader->ReadAt(3, 4));
  EXPECT_EQ(part->data(), buffer->data() + 3);
  EXPECT_EQ(part->parent(), buffer);
  EXPECT_THAT(Buffer::GetWriter(buffer),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not mutable")));
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> target, AllocateBuffer(5));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto writer, Buffer::GetWriter(target));
  ALKAID_ASSERT_OK(writer->Write("hello"));
  EXPECT_EQ(target->ToString(), "hello");
}

TEST(CPUDevice, APoolThatIsOnlyBorrowedDoesNotStandForOneThatIsShared) {
  std::shared_ptr<MemoryPool> owned = MemoryPool::CreateDefault();
  const std::shared_ptr<MemoryPool> borrowed(std::shared_ptr<void>(), owned.get());
  const auto borrowing = CPUDevice::memory_manager(borrowed);
  const auto sharing = CPUDevice::memory_manager(owned);
  EXPECT_NE(borrowing, sharing);
  EXPECT_EQ(owned.use_count(), 2);
}

}  // namespace
}  // namespace alkaid
