// A program written for Apache Arrow C++ compiles here after `namespace arrow = alkaid` and a
// change of includes; only Status and Result are Abseil's.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/core/memory.h"

namespace arrow = alkaid;

namespace {

arrow::Result<std::shared_ptr<arrow::Buffer>> BuildOffsets(arrow::MemoryPool* pool) {
  arrow::TypedBufferBuilder<int32_t> builder(pool, arrow::kDefaultBufferAlignment);
  if (auto status = builder.Reserve(3); !status.ok()) return status;
  builder.UnsafeAppend(0);
  builder.UnsafeAppend(int64_t{1}, 5);
  const std::vector<int32_t> rest = {9};
  builder.UnsafeAppend(rest.begin(), rest.end());
  std::shared_ptr<arrow::Buffer> out;
  if (auto status = builder.Finish(&out, /*shrink_to_fit=*/true); !status.ok()) return status;
  return out;
}

TEST(ArrowNames, BuildersAndBuffers) {
  const auto offsets = BuildOffsets(arrow::default_memory_pool()).value();
  const auto slice = arrow::SliceBufferSafe(offsets, 4).value();
  EXPECT_EQ(slice->data_as<int32_t>()[1], 9);
  const auto& manager = slice->memory_manager();
  const auto& device = slice->device();
  EXPECT_EQ(manager->device(), device);
  std::shared_ptr<arrow::Buffer> parent = slice->parent();
  EXPECT_EQ(parent, offsets);

  arrow::MutableBuffer window(offsets, 0, 4);
  EXPECT_TRUE(window.is_mutable());
  arrow::Buffer typed(offsets->address(), offsets->size(), manager, offsets,
                      std::optional(arrow::DeviceAllocationType::kCPU));
  EXPECT_TRUE(typed.Equals(*offsets));
  const std::string_view text(arrow::Buffer(std::string("text")));
  EXPECT_EQ(text.size(), 4u);
  EXPECT_EQ(arrow::Buffer::FromVector(std::vector<int16_t>{1, 2})->size(), 4);
  EXPECT_EQ(arrow::Buffer::FromString("00")->ToHexString(), "3030");

  std::shared_ptr<arrow::ResizableBuffer> resizable =
      arrow::AllocateResizableBuffer(10, arrow::default_memory_pool()).value();
  EXPECT_TRUE(resizable->TypedResize<int32_t>(20, /*shrink_to_fit=*/false).ok());
  arrow::BufferBuilder builder(resizable, arrow::default_memory_pool());
  EXPECT_TRUE(builder.Advance(3).ok());
  EXPECT_EQ(arrow::BufferBuilder::GrowByFactor(100, 101), 200);
  arrow::BufferVector pieces = {offsets, slice};
  EXPECT_EQ(arrow::ConcatenateBuffers(pieces, arrow::default_memory_pool()).value()->size(), 20);
}

TEST(ArrowNames, Bitmaps) {
  arrow::TypedBufferBuilder<bool> builder;
  EXPECT_TRUE(builder.Append(true).ok());
  EXPECT_TRUE(builder.Append(3, false).ok());
  EXPECT_TRUE(builder.Reserve(8).ok());
  builder.UnsafeAppend<true>(2, [] { return true; });
  EXPECT_EQ(builder.false_count(), 3);
  const auto bits = builder.FinishWithLength(6).value();
  EXPECT_TRUE(arrow::bit_util::GetBit(bits->data(), 5));
  EXPECT_EQ(arrow::AllocateEmptyBitmap(9).value()->size(), 2);
  EXPECT_EQ(arrow::bit_util::BytesForBits(9), 2);
}

TEST(ArrowNames, PoolsDevicesAndIO) {
  arrow::ProxyMemoryPool proxy(arrow::default_memory_pool());
  std::shared_ptr<arrow::MemoryManager> manager = arrow::CPUDevice::memory_manager(&proxy);
  std::unique_ptr<arrow::Buffer> allocated = manager->AllocateBuffer(16).value();
  EXPECT_EQ(proxy.bytes_allocated(), 64);
  std::shared_ptr<arrow::Buffer> shared = std::move(allocated);
  std::shared_ptr<arrow::io::OutputStream> writer = arrow::Buffer::GetWriter(shared).value();
  EXPECT_TRUE(writer->Write("0123456789abcdef", 16).ok());
  std::shared_ptr<arrow::io::RandomAccessFile> reader = arrow::Buffer::GetReader(shared).value();
  EXPECT_EQ(reader->GetSize().value(), 16);
  EXPECT_EQ(reader->ReadAt(10, 6).value()->ToString(), "abcdef");
  EXPECT_TRUE(arrow::CPUDevice::Instance()->Equals(*manager->device()));
  const arrow::DeviceMapper mapper =
      arrow::GetDeviceMapper(arrow::DeviceAllocationType::kCPU).value();
  EXPECT_EQ(mapper(-1).value(), arrow::default_cpu_memory_manager());
  std::vector<int, arrow::stl::allocator<int>> values{arrow::stl::allocator<int>(&proxy)};
  values.push_back(1);
  EXPECT_EQ(proxy.bytes_allocated(), 64 + 4);
}

}  // namespace
