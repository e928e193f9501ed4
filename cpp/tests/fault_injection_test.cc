// Every allocation of buffers and builders fails once: the failure arrives as a status, the pool
// keeps nothing, and what was there before is unchanged.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <memory_resource>
#include <numeric>
#include <string>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/buffers/device.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/pmr.h"
#include "alkaid/core/pools/stl_allocator.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

class FaultInjection : public ::testing::Test {
 protected:
  ~FaultInjection() override { EXPECT_EQ(pool_->bytes_allocated(), 0); }

  // Fails each allocation of `code` once; returns their number.
  int64_t PointsOf(const std::function<Status(FaultInjectingMemoryPool*)>& code) {
    return ForEachAllocationFailure(pool_.get(), code);
  }

  std::unique_ptr<MemoryPool> pool_ = MemoryPool::CreateDefault();
};

std::shared_ptr<Buffer> SomeBytes(int64_t size) {
  std::string bytes(static_cast<size_t>(size), '\0');
  std::iota(bytes.begin(), bytes.end(), '\1');
  return Buffer::FromString(std::move(bytes));
}

TEST_F(FaultInjection, AllocateBuffer) {
  for (const int64_t size : {0, 1, 64, 1000}) {
    EXPECT_EQ(PointsOf([&](MemoryPool* pool) { return AllocateBuffer(size, pool).status(); }), 1);
    EXPECT_EQ(PointsOf([&](MemoryPool* pool) { return AllocateBuffer(size, 4096, pool).status(); }),
              1);
  }
}

TEST_F(FaultInjection, Bitmaps) {
  EXPECT_EQ(PointsOf([](MemoryPool* pool) { return AllocateBitmap(1000, pool).status(); }), 1);
  EXPECT_EQ(PointsOf([](MemoryPool* pool) { return AllocateEmptyBitmap(1000, pool).status(); }), 1);
}

// Allocation, growth, reserve and shrinking: four points. A buffer that could not change is
// unchanged.
TEST_F(FaultInjection, ResizableBuffer) {
  const int64_t points = PointsOf([](MemoryPool* pool) -> Status {
    ALKAID_ASSIGN_OR_RAISE(auto buffer, AllocateResizableBuffer(100, pool));
    std::fill_n(buffer->mutable_data(), 100, uint8_t{7});
    for (const auto& step : std::vector<std::function<Status()>>{
             [&] { return buffer->Resize(5000); }, [&] { return buffer->Reserve(20'000); },
             [&] { return buffer->Resize(200, /*shrink_to_fit=*/true); }}) {
      const int64_t size = buffer->size();
      const int64_t capacity = buffer->capacity();
      const uint8_t* data = buffer->data();
      const Status status = step();
      if (!status.ok()) {
        EXPECT_EQ(buffer->size(), size);
        EXPECT_EQ(buffer->capacity(), capacity);
        EXPECT_EQ(buffer->data(), data);
      }
      EXPECT_EQ(std::count(buffer->data(), buffer->data() + 100, 7), 100);
      ALKAID_RETURN_NOT_OK(status);
    }
    return absl::OkStatus();
  });
  EXPECT_EQ(points, 4);
}

// Appends until there are `size` bytes. After a failure the builder must hold what it held, and the
// append is repeated.
Status AppendAll(BufferBuilder* builder, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    const auto value = static_cast<uint8_t>(i);
    const Status status = builder->Append(&value, 1);
    if (!status.ok()) {
      EXPECT_EQ(builder->length(), i);
      for (int64_t j = 0; j < i; ++j) EXPECT_EQ(builder->data()[j], static_cast<uint8_t>(j));
      return status;
    }
  }
  return absl::OkStatus();
}

TEST_F(FaultInjection, BufferBuilder) {
  const int64_t points = PointsOf([](MemoryPool* pool) -> Status {
    BufferBuilder builder(pool);
    ALKAID_RETURN_NOT_OK(AppendAll(&builder, 1000));
    ALKAID_RETURN_NOT_OK(builder.Append(5000, uint8_t{1}));
    ALKAID_RETURN_NOT_OK(builder.Advance(5000));
    const int64_t length = builder.length();
    const Result<std::shared_ptr<Buffer>> finished = builder.Finish();
    EXPECT_EQ(builder.length(), finished.ok() ? 0 : length);
    ALKAID_RETURN_NOT_OK(finished);
    EXPECT_EQ((*finished)->size(), 11'000);
    return absl::OkStatus();
  });
  // 64, 128, ... 1024 bytes, twice more for the long appends, and the shrinking at the end.
  EXPECT_EQ(points, 8);
}

TEST_F(FaultInjection, ABuilderThatFailedCanBeTriedAgain) {
  FaultInjectingMemoryPool faulty(pool_.get());
  // 64, 128, ... 1024 bytes, and the shrinking at the end.
  for (int64_t n = 1; n <= 6; ++n) {
    BufferBuilder builder(&faulty);
    faulty.fail_after(n);
    int failures = 0;
    for (int i = 0; i < 900; ++i) {
      while (!builder.Append(std::string_view("x")).ok()) ++failures;
    }
    Result<std::shared_ptr<Buffer>> finished = builder.Finish();
    if (!finished.ok()) {
      ++failures;
      finished = builder.Finish();
    }
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, std::move(finished));
    EXPECT_EQ(failures, 1) << "with failure " << n;
    EXPECT_EQ(buffer->ToString(), std::string(900, 'x'));
  }
}

TEST_F(FaultInjection, TypedBufferBuilder) {
  const int64_t points = PointsOf([](MemoryPool* pool) -> Status {
    TypedBufferBuilder<int32_t> builder(pool);
    for (int32_t i = 0; i < 1000; ++i) ALKAID_RETURN_NOT_OK(builder.Append(i));
    ALKAID_RETURN_NOT_OK(builder.Append(3000, -1));
    ALKAID_RETURN_NOT_OK(builder.Resize(10'000));
    ALKAID_ASSIGN_OR_RAISE(const auto buffer, builder.Finish());
    EXPECT_EQ(buffer->span_as<int32_t>()[999], 999);
    return absl::OkStatus();
  });
  EXPECT_GE(points, 8);
}

TEST_F(FaultInjection, BitBuilder) {
  const int64_t points = PointsOf([](MemoryPool* pool) -> Status {
    TypedBufferBuilder<bool> builder(pool);
    for (int i = 0; i < 5000; ++i) {
      const Status status = builder.Append(i % 3 == 0);
      if (!status.ok()) {
        EXPECT_EQ(builder.length(), i);
        EXPECT_EQ(builder.false_count(), i - (i + 2) / 3);
        return status;
      }
    }
    ALKAID_ASSIGN_OR_RAISE(const auto buffer, builder.Finish());
    EXPECT_EQ(buffer->size(), 625);
    return absl::OkStatus();
  });
  EXPECT_GE(points, 4);
}

TEST_F(FaultInjection, ConcatenateBuffers) {
  const BufferVector parts = {SomeBytes(100), SomeBytes(0), SomeBytes(1000)};
  EXPECT_EQ(PointsOf([&](MemoryPool* pool) { return ConcatenateBuffers(parts, pool).status(); }),
            1);
}

TEST_F(FaultInjection, CopiesOfBuffers) {
  const std::shared_ptr<Buffer> source = SomeBytes(1000);
  EXPECT_EQ(PointsOf([&](MemoryPool* pool) { return source->CopySlice(10, 100, pool).status(); }),
            1);
  EXPECT_EQ(PointsOf([&](MemoryPool* pool) {
              return Buffer::Copy(source, CPUDevice::memory_manager(pool)).status();
            }),
            1);
  EXPECT_EQ(PointsOf([&](MemoryPool* pool) {
              return Buffer::CopyNonOwned(*source, CPUDevice::memory_manager(pool)).status();
            }),
            1);
}

// A view of host memory from the host is the buffer itself: there is nothing to allocate.
TEST_F(FaultInjection, AViewAllocatesNothing) {
  const std::shared_ptr<Buffer> source = SomeBytes(1000);
  EXPECT_EQ(PointsOf([&](MemoryPool* pool) {
              return Buffer::ViewOrCopy(source, CPUDevice::memory_manager(pool)).status();
            }),
            0);
}

TEST_F(FaultInjection, MemoryManagersAllocateBuffer) {
  EXPECT_EQ(PointsOf([](MemoryPool* pool) {
              return CPUDevice::memory_manager(pool)->AllocateBuffer(100).status();
            }),
            1);
}

TEST_F(FaultInjection, SlicesTakeNothingFromThePool) {
  EXPECT_EQ(PointsOf([](MemoryPool* pool) -> Status {
              ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, AllocateBuffer(1000, pool));
              const std::shared_ptr<Buffer> slice = SliceBuffer(SliceBuffer(buffer, 10), 10, 100);
              ALKAID_ASSIGN_OR_RAISE(const auto mutable_slice, SliceMutableBufferSafe(buffer, 100));
              return SliceBufferSafe(mutable_slice, 10, 10).status();
            }),
            1);
}

TEST_F(FaultInjection, ReadingAFileIntoBuffers) {
  const int fd = memfd_create("ten digits", 0);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(write(fd, "0123456789", 10), 10);
  const int64_t points = PointsOf([&](MemoryPool* pool) -> Status {
    ALKAID_ASSIGN_OR_RAISE(const auto file, io::ReadableFile::OpenFd(dup(fd), pool));
    ALKAID_ASSIGN_OR_RAISE(const auto whole, file->ReadAt(0, 10));
    EXPECT_EQ(whole->ToString(), "0123456789");
    const Result<std::shared_ptr<Buffer>> part = file->Read(4);
    // A failed read does not advance the position.
    EXPECT_THAT(file->Tell(), IsOkAndHolds(part.ok() ? 4 : 0));
    ALKAID_RETURN_NOT_OK(part);
    return absl::OkStatus();
  });
  close(fd);
  EXPECT_GE(points, 2);
}

// Standard containers turn the exception back into a failure without a loss.
TEST_F(FaultInjection, ContainersOverThePool) {
  const int64_t points = PointsOf([](MemoryPool* pool) -> Status {
    std::vector<int64_t, stl::allocator<int64_t>> values{stl::allocator<int64_t>(pool)};
    try {
      for (int64_t i = 0; i < 100; ++i) values.push_back(i);
    } catch (const stl::BadAlloc& caught) {
      for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], static_cast<int64_t>(i));
      return caught.status();
    }
    return absl::OkStatus();
  });
  EXPECT_EQ(points, 8);
}

TEST_F(FaultInjection, PmrContainersOverThePool) {
  const int64_t points = PointsOf([](MemoryPool* pool) -> Status {
    PoolMemoryResource resource(pool);
    try {
      std::pmr::vector<std::pmr::string> texts(&resource);
      for (int i = 0; i < 5; ++i) texts.emplace_back("a text that is too long to be kept within");
    } catch (const stl::BadAlloc& caught) {
      return caught.status();
    }
    return absl::OkStatus();
  });
  EXPECT_EQ(points, 5 + 4);
}

}  // namespace
}  // namespace alkaid
