// Code whose headers reopen `namespace arrow`, which is impossible for an alias: it is compiled
// with -Darrow=alkaid instead.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "alkaid/core/memory.h"

namespace arrow {

namespace internal {
class StatsHolder {
 public:
  MemoryPoolStats stats;
};
inline int64_t SetInBoth(const uint8_t* left, const uint8_t* right, int64_t length) {
  return CountAndSetBits(left, 0, right, 0, length);
}
}  // namespace internal

class OneByteBuffer : public Buffer {
 public:
  OneByteBuffer() : Buffer(&byte_, 1) {}

 private:
  uint8_t byte_ = '!';
};

inline Result<std::shared_ptr<Buffer>> Twice(const std::shared_ptr<Buffer>& buffer,
                                             MemoryPool* pool = default_memory_pool()) {
  return ConcatenateBuffers({buffer, buffer}, pool);
}

template <typename T>
using PoolVector = std::vector<T, stl::allocator<T>>;

class HostManager : public MemoryManager {
 public:
  explicit HostManager(const std::shared_ptr<Device>& device) : MemoryManager(device) {}
  Result<std::shared_ptr<io::RandomAccessFile>> GetBufferReader(
      std::shared_ptr<Buffer> buffer) override {
    return Buffer::GetReader(std::move(buffer));
  }
  Result<std::shared_ptr<io::OutputStream>> GetBufferWriter(
      std::shared_ptr<Buffer> buffer) override {
    return Buffer::GetWriter(std::move(buffer));
  }
  Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size) override {
    return ::arrow::AllocateBuffer(size);
  }
};

class OffsetsBuilder : public TypedBufferBuilder<int32_t> {
 public:
  using TypedBufferBuilder<int32_t>::TypedBufferBuilder;
};

}  // namespace arrow

namespace {

TEST(ArrowReopened, HeadersMayAddToTheNamespace) {
  const uint8_t left = 0xff;
  const uint8_t right = 0x0f;
  EXPECT_EQ(arrow::internal::SetInBoth(&left, &right, 8), 4);
  arrow::internal::StatsHolder holder;
  holder.stats.DidAllocateBytes(5);
  EXPECT_EQ(holder.stats.bytes_allocated(), 5);
  EXPECT_EQ(arrow::Twice(std::make_shared<arrow::OneByteBuffer>()).value()->ToString(), "!!");
  const auto manager = std::make_shared<arrow::HostManager>(arrow::CPUDevice::Instance());
  EXPECT_EQ(manager->AllocateBuffer(5).value()->size(), 5);
  arrow::OffsetsBuilder offsets(arrow::default_memory_pool());
  ASSERT_TRUE(offsets.Append(3).ok());
  EXPECT_EQ(offsets.length(), 1);
  arrow::PoolVector<int> values = {1, 2};
  EXPECT_EQ(values.get_allocator().pool(), ::alkaid::default_memory_pool());
}

}  // namespace
