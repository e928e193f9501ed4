// Programs in the style of Apache Arrow C++ users around buffers, builders and bitmaps: their own
// buffers over mapped files and strings, buffers that grow in their own way, bits written through a
// kept pointer.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <list>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/memory.h"

namespace arrow = alkaid;

namespace {

class MappedBuffer : public arrow::MutableBuffer {
 public:
  MappedBuffer(void* data, int64_t size, int* unmapped)
      : MutableBuffer(static_cast<uint8_t*>(data), size), unmapped_(unmapped) {}
  ~MappedBuffer() override {
    ::munmap(const_cast<uint8_t*>(data_), static_cast<std::size_t>(size_));
    ++*unmapped_;
  }

 private:
  int* unmapped_;
};

TEST(ArrowBufferClients, AMappingLivesAsLongAsItsSlices) {
  int unmapped = 0;
  std::shared_ptr<arrow::Buffer> slice;
  {
    void* const data =
        ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(data, MAP_FAILED);
    const auto buffer = std::make_shared<MappedBuffer>(data, 8192, &unmapped);
    std::memset(buffer->mutable_data(), 7, 8192);
    slice = arrow::SliceBuffer(arrow::SliceBuffer(buffer, 100, 50), 10);
    arrow::SliceMutableBuffer(buffer, 110, 4)->mutable_data()[0] = 9;
  }
  EXPECT_EQ(unmapped, 0);
  EXPECT_EQ((*slice)[0], 9);
  EXPECT_EQ((*slice)[1], 7);
  slice.reset();
  EXPECT_EQ(unmapped, 1);
}

class StringBuffer : public arrow::Buffer {
 public:
  explicit StringBuffer(std::string text) : Buffer(nullptr, 0), text_(std::move(text)) {
    data_ = reinterpret_cast<const uint8_t*>(text_.data());
    size_ = capacity_ = static_cast<int64_t>(text_.size());
  }

 private:
  std::string text_;
};

class LateBuffer : public arrow::Buffer {
 public:
  explicit LateBuffer(std::vector<int32_t> values) : values_(std::move(values)) {
    SetMemoryManager(arrow::default_cpu_memory_manager());
    data_ = reinterpret_cast<const uint8_t*>(values_.data());
    size_ = capacity_ = static_cast<int64_t>(values_.size() * sizeof(int32_t));
  }

 private:
  std::vector<int32_t> values_;
};

TEST(ArrowBufferClients, ABufferSaysInItsConstructorWhereTheBytesAre) {
  const std::shared_ptr<arrow::Buffer> text = std::make_shared<StringBuffer>("hello foreign");
  const auto part = std::make_shared<arrow::Buffer>(text, 6, 7);
  EXPECT_EQ(std::string_view(*part), "foreign");
  EXPECT_EQ(part->parent(), text);
  const LateBuffer late({1, 2, 3});
  EXPECT_TRUE(late.is_cpu());
  EXPECT_EQ(late.span_as<int32_t>().back(), 3);
}

TEST(ArrowBufferClients, BuffersTakeOverAnyContainer) {
  const auto values = arrow::Buffer::TakeOwnership(std::vector<int32_t>{1, 2, 3}, 12);
  values->mutable_data_as<int32_t>()[0] = 7;
  EXPECT_EQ(values->span_as<int32_t>()[0], 7);
  const auto text = arrow::Buffer::TakeOwnership(
      std::string("short"), 5, [](const std::string& container) { return container.data(); });
  EXPECT_EQ(text->ToString(), "short");
  EXPECT_FALSE(text->is_mutable());
  const std::shared_ptr<arrow::Buffer> array =
      arrow::Buffer::TakeOwnership(std::array<uint8_t, 4>{1, 2, 3, 4}, 4);
  EXPECT_EQ(arrow::SliceBuffer(array, 2)->ToHexString(), "0304");
  std::vector<int16_t> own = {1, 2, 3};
  auto wrapped = arrow::MutableBuffer::Wrap(own.data(), own.size());
  wrapped = arrow::SliceBuffer(wrapped, 2);
  EXPECT_EQ(wrapped->size(), 4);
}

class VectorBuffer : public arrow::ResizableBuffer {
 public:
  VectorBuffer() : ResizableBuffer(nullptr, 0) {}
  using arrow::ResizableBuffer::Resize;
  arrow::Status Resize(const int64_t new_size, bool shrink_to_fit) override {
    if (shrink_to_fit || new_size > capacity_) {
      bytes_.resize(static_cast<std::size_t>(new_size));
      ShowBytes();
    }
    size_ = new_size;
    return absl::OkStatus();
  }
  arrow::Status Reserve(const int64_t new_capacity) override {
    if (new_capacity > capacity_) bytes_.resize(static_cast<std::size_t>(new_capacity));
    ShowBytes();
    return absl::OkStatus();
  }

 private:
  void ShowBytes() {
    data_ = bytes_.data();
    capacity_ = static_cast<int64_t>(bytes_.size());
  }
  std::vector<uint8_t> bytes_;
};

TEST(ArrowBufferClients, ABuilderGrowsABufferThatResizesItsOwnWay) {
  const auto own = std::make_shared<VectorBuffer>();
  arrow::BufferBuilder builder(own);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(builder.Append("abcdefgh", 8).ok());
  const std::shared_ptr<arrow::Buffer> out = builder.Finish().value();
  EXPECT_EQ(out, own);
  EXPECT_EQ(out->size(), 80);
  EXPECT_EQ(arrow::SliceBuffer(out, 72)->ToString(), "abcdefgh");
}

TEST(ArrowBufferClients, BitsWrittenThroughAKeptPointerStay) {
  arrow::TypedBufferBuilder<bool> builder;
  ASSERT_TRUE(builder.Reserve(300).ok());
  uint8_t* const kept = builder.mutable_data();
  std::vector<bool> expected;
  for (int i = 0; i < 100; ++i) {
    builder.UnsafeAppend(i % 3 == 0);
    expected.push_back(i % 3 == 0);
    if (i < 2) continue;
    arrow::bit_util::SetBitTo(kept, i - 2, i % 2 != 0);
    expected[i - 2] = i % 2 != 0;
  }
  ASSERT_TRUE(builder.Append(5, true).ok());
  expected.insert(expected.end(), 5, true);
  arrow::bit_util::ClearBit(kept, 101);
  expected[101] = false;
  const uint8_t bytes[] = {1, 0, 2, 0, 0};
  ASSERT_TRUE(builder.Append(bytes, 5).ok());
  expected.insert(expected.end(), {true, false, true, false, false});
  arrow::bit_util::SetBit(kept, 106);
  expected[106] = true;
  builder.UnsafeAppend<true>(4, [] { return false; });
  expected.insert(expected.end(), 4, false);
  // Set past the end, and then included by Advance.
  arrow::bit_util::SetBit(kept, 117);
  ASSERT_TRUE(builder.Advance(6).ok());
  expected.insert(expected.end(), {false, false, false, true, false, false});
  ASSERT_EQ(builder.length(), static_cast<int64_t>(expected.size()));
  const auto out = builder.Finish().value();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(arrow::bit_util::GetBit(out->data(), static_cast<int64_t>(i)), expected[i]) << i;
  }
}

TEST(ArrowBufferClients, ThePointerMayBeTakenFromTheBuilderOfBytes) {
  arrow::TypedBufferBuilder<bool> builder;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(builder.Append(false).ok());
  uint8_t* const kept = builder.bytes_builder()->mutable_data();
  ASSERT_TRUE(builder.Append(true).ok());
  arrow::bit_util::SetBit(kept, 3);
  ASSERT_TRUE(builder.Append(true).ok());
  EXPECT_EQ(builder.false_count(), 10);
  EXPECT_EQ(builder.Finish().value()->ToHexString(), "080C");
}

// Neither default-constructible nor known to std::iterator_traits.
class Steps {
 public:
  explicit Steps(int at) : at_(at) {}
  int operator*() const { return at_; }
  Steps& operator++() {
    at_ += 2;
    return *this;
  }
  bool operator!=(const Steps& other) const { return at_ != other.at_; }

 private:
  int at_;
};

TEST(ArrowBufferClients, BuildersTakeWhatIteratorsThereAre) {
  arrow::TypedBufferBuilder<int64_t> builder;
  ASSERT_TRUE(builder.Reserve(100).ok());
  builder.UnsafeAppend(Steps(0), Steps(6));
  std::istringstream once("11 12 13");
  builder.UnsafeAppend(std::istream_iterator<int>(once), std::istream_iterator<int>());
  const std::list<int> list = {7, 8};
  builder.UnsafeAppend(list.begin(), list.end());
  const std::vector<bool> bits = {true, false};
  builder.UnsafeAppend(bits.begin(), bits.end());
  builder.UnsafeAppend(2, 9);
  const auto out = builder.Finish().value();
  const auto values = out->span_as<int64_t>();
  EXPECT_EQ(std::vector<int64_t>(values.begin(), values.end()),
            (std::vector<int64_t>{0, 2, 4, 11, 12, 13, 7, 8, 1, 0, 9, 9}));
  arrow::TypedBufferBuilder<std::pair<int16_t, int16_t>> pairs;
  ASSERT_TRUE(pairs.Append(2, {1, 2}).ok());
  EXPECT_EQ(pairs.Finish().value()->ToHexString(), "0100020001000200");
}

TEST(ArrowBufferClients, BitmapsAreCopiedCountedAndCombinedUnderArrowsNames) {
  namespace internal = arrow::internal;
  arrow::MemoryPool* const pool = arrow::default_memory_pool();
  const uint8_t left[] = {0b10110100, 0b00000111};
  const uint8_t right[] = {0b11110000, 0b00000101};
  EXPECT_EQ(internal::CountSetBits(left, 2, 9), 7);
  EXPECT_EQ(internal::CountAndSetBits(left, 0, right, 0, 16), 5);
  const auto copy = internal::CopyBitmap(pool, left, 2, 9).value();
  EXPECT_TRUE(internal::BitmapEquals(copy->data(), 0, left, 2, 9));
  EXPECT_EQ(internal::InvertBitmap(pool, left, 0, 11).value()->ToHexString(), "4B00");
  EXPECT_EQ(internal::BitmapAnd(pool, left, 0, right, 0, 11, 0).value()->ToHexString(), "B005");
  uint8_t out[3] = {};
  internal::BitmapOr(left, 0, right, 0, 11, 4, out);
  EXPECT_TRUE(internal::BitmapEquals(out, 4, std::vector<uint8_t>{0xf4, 0x07}.data(), 0, 11));
  int calls = 0;
  internal::GenerateBitsUnrolled(out, 0, 8, [&calls]() -> bool { return ++calls % 2 == 0; });
  EXPECT_EQ(out[0], 0xaa);
  EXPECT_EQ(arrow::bit_util::RoundUpToMultipleOf64(65), 128);
}

}  // namespace
