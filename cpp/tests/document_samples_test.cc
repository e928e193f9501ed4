// The code samples of the user's guide to memory, unchanged but for namespaces and the handling of
// a Result.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "alkaid/core/memory.h"
#include "alkaid/testing/matchers.h"

namespace {

using alkaid::Buffer;
using alkaid::BufferBuilder;
using alkaid::TypedBufferBuilder;

TEST(DocumentSamples, AllocateABufferAndFillIt) {
  alkaid::Result<std::unique_ptr<Buffer>> maybe_buffer = alkaid::AllocateBuffer(4096);
  if (!maybe_buffer.ok()) {
    FAIL() << maybe_buffer.status();
  }
  std::shared_ptr<alkaid::Buffer> buffer = *std::move(maybe_buffer);
  uint8_t* buffer_data = buffer->mutable_data();
  // NOLINTNEXTLINE(bugprone-not-null-terminated-result): as the guide has it
  memcpy(buffer_data, "hello world", 11);

  EXPECT_EQ(buffer->size(), 4096);
  EXPECT_EQ(buffer->address() % 64, 0u);
  EXPECT_EQ(alkaid::SliceBuffer(buffer, 0, 11)->ToString(), "hello world");
}

TEST(DocumentSamples, BuildABufferFromPieces) {
  BufferBuilder builder;
  ALKAID_ASSERT_OK(builder.Resize(11));  // reserve enough space for 11 bytes
  ALKAID_ASSERT_OK(builder.Append("hello ", 6));
  ALKAID_ASSERT_OK(builder.Append("world", 5));
  auto maybe_buffer = builder.Finish();
  if (!maybe_buffer.ok()) {
    FAIL() << maybe_buffer.status();
  }
  std::shared_ptr<alkaid::Buffer> buffer = *maybe_buffer;

  EXPECT_EQ(buffer->ToString(), "hello world");
}

TEST(DocumentSamples, BuildABufferOfValues) {
  TypedBufferBuilder<int32_t> builder;
  ALKAID_ASSERT_OK(builder.Reserve(2));  // reserve enough space for two int32_t values
  ALKAID_ASSERT_OK(builder.Append(0x12345678));
  ALKAID_ASSERT_OK(builder.Append(-0x76543210));
  auto maybe_buffer = builder.Finish();
  if (!maybe_buffer.ok()) {
    FAIL() << maybe_buffer.status();
  }
  std::shared_ptr<alkaid::Buffer> buffer = *maybe_buffer;

  ASSERT_EQ(buffer->size(), 8);
  EXPECT_EQ(buffer->data_as<int32_t>()[0], 0x12345678);
  EXPECT_EQ(buffer->data_as<int32_t>()[1], -0x76543210);
}

TEST(DocumentSamples, GetACPUViewOrCopyOfAnyBuffer) {
  std::shared_ptr<alkaid::Buffer> arbitrary_buffer = Buffer::FromString("somewhere");
  ALKAID_ASSERT_OK_AND_ASSIGN(
      std::shared_ptr<alkaid::Buffer> cpu_buffer,
      alkaid::Buffer::ViewOrCopy(arbitrary_buffer, alkaid::default_cpu_memory_manager()));

  EXPECT_TRUE(cpu_buffer->is_cpu());
  EXPECT_EQ(cpu_buffer->ToString(), "somewhere");
}

TEST(DocumentSamples, PassAPoolToEachOfTheseCalls) {
  alkaid::ProxyMemoryPool pool(alkaid::default_memory_pool());
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(auto allocated, alkaid::AllocateBuffer(4096, &pool));
    EXPECT_EQ(pool.bytes_allocated(), 4096);
    ALKAID_ASSERT_OK_AND_ASSIGN(auto resizable, alkaid::AllocateResizableBuffer(4096, &pool));
    EXPECT_EQ(pool.bytes_allocated(), 8192);
    BufferBuilder builder(&pool);
    ALKAID_ASSERT_OK(builder.Append("hello world", 11));
    EXPECT_EQ(pool.bytes_allocated(), 8256);
    TypedBufferBuilder<int32_t> typed_builder(&pool);
    ALKAID_ASSERT_OK(typed_builder.Append(0x12345678));
    EXPECT_EQ(pool.bytes_allocated(), 8320);
    ALKAID_ASSERT_OK_AND_ASSIGN(auto copy,
                                Buffer::Copy(std::shared_ptr<Buffer>(std::move(allocated)),
                                             alkaid::CPUDevice::memory_manager(&pool)));
    EXPECT_EQ(pool.bytes_allocated(), 8320);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

}  // namespace
