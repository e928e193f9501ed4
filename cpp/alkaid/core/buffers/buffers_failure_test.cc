// Memory runs out at every point of the functions of buffers (fixtures/failure_suite.h).
//
// buffers_failure_*_test.cc hold the rest of the program: builders, devices and streams in memory.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/core/buffers/bitmap_bits.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"
#include "fixtures/tried_buffers.h"

namespace alkaid {
namespace {

using failing::FailureSuite;
using failing::FilledBuffer;
using failing::kText;
using failing::Objects;
using failing::OutcomeOf;
using failing::TextOf;
using failing::TryWithBuffer;
using failing::TryWithPool;
using failing::TryWithSharedPool;
using enum failing::OutOfMemory;

constexpr int64_t kTooMuch = int64_t{1} << 47;

const uint8_t* Bitmap() { return reinterpret_cast<const uint8_t*>(kText); }

// A suite of this name runs before the others, whatever the order of their files.
TEST(BuffersFirstUseDeathTest, OfTheDefaultPool) {
  FailureSuite::TryInChildren("AllocateBuffer from the default pool at its first use", kStatus,
                              [] { return AllocateBuffer(100); });
}

TEST(BuffersOutOfMemory, AllocatingThem) {
  TryWithPool("AllocateBuffer", kStatus, [](auto* pool) { return AllocateBuffer(100, pool); });
  TryWithPool("AllocateBuffer, aligned", kStatus,
              [](auto* pool) { return AllocateBuffer(100, 4096, pool); });
  TryWithSharedPool("AllocateBuffer, pool shared",
                    [](const auto& pool) { return AllocateBuffer(100, pool); });
  TryWithSharedPool("AllocateBuffer, aligned, pool shared",
                    [](const auto& pool) { return AllocateBuffer(100, 4096, pool); });
  TryWithPool("AllocateResizableBuffer", kStatus,
              [](auto* pool) { return AllocateResizableBuffer(100, pool); });
  TryWithPool("AllocateResizableBuffer, aligned", kStatus,
              [](auto* pool) { return AllocateResizableBuffer(100, 4096, pool); });
  TryWithSharedPool("AllocateResizableBuffer, pool shared",
                    [](const auto& pool) { return AllocateResizableBuffer(100, pool); });
  TryWithSharedPool("AllocateResizableBuffer, aligned, pool shared",
                    [](const auto& pool) { return AllocateResizableBuffer(100, 4096, pool); });
  TryWithPool("AllocateBitmap", kStatus, [](auto* pool) { return AllocateBitmap(100, pool); });
  TryWithPool("AllocateEmptyBitmap", kStatus,
              [](auto* pool) { return AllocateEmptyBitmap(100, pool); });
  TryWithPool("AllocateEmptyBitmap, aligned", kStatus,
              [](auto* pool) { return AllocateEmptyBitmap(100, 4096, pool); });
  TryWithPool("CopyBitmap", kStatus,
              [](auto* pool) { return internal::CopyBitmap(pool, Bitmap(), 3, 100, 5); });
  TryWithPool("InvertBitmap", kStatus,
              [](auto* pool) { return internal::InvertBitmap(pool, Bitmap(), 3, 100); });
  TryWithPool("BitmapAnd", kStatus, [](auto* pool) {
    return internal::BitmapAnd(pool, Bitmap(), 3, Bitmap(), 7, 100, 1);
  });
  TryWithPool("BitmapAllButOne", kStatus,
              [](auto* pool) { return internal::BitmapAllButOne(pool, 100, 5); });
  TryWithPool("BytesToBits", kStatus, [](auto* pool) {
    return internal::BytesToBits({Bitmap(), 50}, pool);
  });
  TryWithPool("a bitmap of too much", kStatus,
              [](auto* pool) { return internal::CopyBitmap(pool, Bitmap(), 0, INT64_MAX, 100); });
  TryWithPool("AllocateBuffer of too much", kStatus,
              [](auto* pool) { return AllocateBuffer(INT64_MAX, pool); });
  TryWithPool("AllocateBuffer at a wrong alignment", kStatus,
              [](auto* pool) { return AllocateBuffer(1, 3, pool); });
  TryWithPool("Buffer::FromString", kThrows, [](auto*) { return Buffer::FromString(kText); });
  TryWithPool("Buffer::FromVector", kThrows, [](auto*) {
    return Buffer::FromVector(std::vector<int>{1, 2, 3});
  });
  TryWithPool("Buffer::TakeOwnership", kThrows, [](auto*) {
    return Buffer::TakeOwnership(std::vector<int>{1, 2, 3}, 12);
  });
  TryWithPool("Buffer::Wrap", kThrows, [](auto*) { return Buffer::Wrap(kText, 10); });
}

TEST(BuffersOutOfMemory, SlicingAndCopyingThem) {
  TryWithBuffer(
      "SliceBuffer", kThrows, [](auto& buffer, auto*) { return SliceBuffer(buffer, 3, 20); },
      OutcomeOf);
  TryWithBuffer(
      "SliceBuffer to the end", kThrows, [](auto& buffer, auto*) { return SliceBuffer(buffer, 3); },
      OutcomeOf);
  FailureSuite::Try(
      "SliceBuffer, taking over", kThrows,
      [](MemoryPool* pool) { return Objects(pool, FilledBuffer(pool)); },
      [](auto& objects) { return SliceBuffer(std::move(objects.value), 3, 20); },
      [](auto& objects, auto& slice) {
        return absl::StrCat(objects.value == nullptr, TextOf(*slice));
      });
  TryWithBuffer(
      "SliceMutableBuffer", kThrows,
      [](auto& buffer, auto*) { return SliceMutableBuffer(buffer, 3, 20); }, OutcomeOf);
  TryWithBuffer(
      "SliceBufferSafe", kStatus,
      [](auto& buffer, auto*) { return SliceBufferSafe(buffer, 3, 20); }, OutcomeOf);
  TryWithBuffer(
      "SliceBufferSafe to the end", kStatus,
      [](auto& buffer, auto*) { return SliceBufferSafe(buffer, 3); }, OutcomeOf);
  TryWithBuffer(
      "SliceBufferSafe, outside", kStatus,
      [](auto& buffer, auto*) { return SliceBufferSafe(buffer, 3, 200); }, OutcomeOf);
  TryWithBuffer(
      "SliceMutableBufferSafe", kStatus,
      [](auto& buffer, auto*) { return SliceMutableBufferSafe(buffer, 3, 20); }, OutcomeOf);
  TryWithBuffer(
      "SliceMutableBufferSafe to the end", kStatus,
      [](auto& buffer, auto*) { return SliceMutableBufferSafe(buffer, 3); }, OutcomeOf);
  TryWithBuffer(
      "Buffer::CopySlice", kStatus,
      [](auto& buffer, auto* pool) { return buffer->CopySlice(3, 20, pool); }, OutcomeOf);
  FailureSuite::Try(
      "Buffer::CompactIfBelow", kStatus,
      [](MemoryPool* pool) {
        return Objects(pool, SliceBuffer(FilledBuffer(pool, 10'000), 5000, 20));
      },
      [](auto& objects) { return Buffer::CompactIfBelow(&objects.value, 0.5, objects.pool); },
      [](auto& objects, const auto& done) {
        return absl::StrCat(static_cast<int>(done), TextOf(*objects.value));
      });
  FailureSuite::Try(
      "ConcatenateBuffers", kStatus,
      [](MemoryPool* pool) {
        return Objects(pool, BufferVector{FilledBuffer(pool), FilledBuffer(pool, 5)});
      },
      [](auto& objects) { return ConcatenateBuffers(objects.value, objects.pool); },
      [](auto&, auto& buffer) { return TextOf(*buffer); });
  TryWithBuffer(
      "Buffer::ToString", kThrows, [](auto& buffer, auto*) { return buffer->ToString(); },
      [](const auto& text) { return text; });
  TryWithBuffer(
      "Buffer::ToHexString", kThrows, [](auto& buffer, auto*) { return buffer->ToHexString(); },
      [](const auto& text) { return text; });
}

TEST(BuffersOutOfMemory, ResizingThem) {
  const auto make = [](MemoryPool* pool) {
    auto buffer = AllocateResizableBuffer(64, pool).value();
    std::memset(buffer->mutable_data(), 'x', 64);
    return Objects(pool, std::move(buffer));
  };
  const auto outcome = [](auto& objects) {
    return absl::StrCat(TextOf(*objects.value).substr(0, 60));
  };
  for (const int64_t size : {int64_t{20}, int64_t{64}, int64_t{1000}, kTooMuch, int64_t{-1}}) {
    const failing::OutOfMemory rule = size == 20 || size == 64 ? kNeedsNone : kStatus;
    FailureSuite::Try(
        absl::StrCat("ResizableBuffer::Resize to ", size), rule, make,
        [&](auto& objects) { return objects.value->Resize(size); },
        [&](auto& objects) {
          objects.value->ZeroPadding();
          return absl::StrCat(objects.value->size(), " ", objects.value->capacity(), " ",
                              objects.value->data()[19]);
        });
    FailureSuite::Try(
        absl::StrCat("ResizableBuffer::Reserve of ", size), rule, make,
        [&](auto& objects) { return objects.value->Reserve(size); }, outcome);
  }
}

TEST(BuffersOutOfMemory, ResizingThemInValues) {
  const auto make = [](MemoryPool* pool) {
    return Objects(pool, AllocateResizableBuffer(64, pool).value());
  };
  const auto outcome = [](auto& objects) {
    return absl::StrCat(objects.value->size(), " ", objects.value->capacity());
  };
  for (const int64_t length : {int64_t{100}, INT64_MAX}) {
    FailureSuite::Try(
        "ResizableBuffer::TypedResize", kStatus, make,
        [&](auto& objects) { return objects.value->template TypedResize<int64_t>(length); },
        outcome);
    FailureSuite::Try(
        "ResizableBuffer::TypedReserve", kStatus, make,
        [&](auto& objects) { return objects.value->template TypedReserve<int64_t>(length); },
        outcome);
  }
}

TEST(BuffersOutOfMemory, WhatNeedsNone) {
  struct State {
    std::shared_ptr<Buffer> buffer;
    std::shared_ptr<Buffer> slice;
    BufferBuilder builder;
  };
  FailureSuite::Try(
      "what looks at buffers and bits", kNeedsNone,
      [](MemoryPool* pool) {
        State state{FilledBuffer(pool), nullptr, BufferBuilder(pool)};
        state.slice = SliceBuffer(state.buffer, 1, 40);
        EXPECT_THAT(state.builder.Append(kText, 40), IsOk());
        return Objects(pool, std::move(state));
      },
      [](auto& objects) {
        Buffer& buffer = *objects.value.buffer;
        (void)buffer.Equals(*objects.value.slice, 20);
        (void)buffer.root_capacity();
        (void)buffer.template span_as<int>();
        buffer.ZeroPadding();
        bit_util::SetBitsTo(buffer.mutable_data(), 3, 70, true);
        bit_util::CopyBitmap(buffer.data(), 3, 70, buffer.mutable_data() + 32, 1);
        (void)bit_util::CountSetBits(buffer.data(), 0, 200);
        objects.value.builder.Rewind(3);
        BufferBuilder moved = std::move(objects.value.builder);
        moved.Reset();
      },
      [](auto& objects) {
        return absl::StrCat(bit_util::CountSetBits(objects.value.buffer->data(), 0, 512));
      });
}

TEST(BuffersOutOfMemory, ForeignOnes) {
  const auto make = [](MemoryPool* pool) { return Objects(pool, std::make_shared<int>(0)); };
  const auto outcome = [](auto&, auto& buffer) { return TextOf(*buffer); };
  FailureSuite::Try(
      "ForeignBuffer::Make", kStatus, make,
      [](auto& objects) { return ForeignBuffer::Make(kText, 10, objects.value); }, outcome);
  FailureSuite::Try(
      "ForeignBuffer::MakeMutable", kStatus, make,
      [](auto& objects) {
        return ForeignBuffer::MakeMutable(objects.value.get(), 4, objects.value);
      },
      [](auto& objects, auto& buffer) {
        return absl::StrCat(buffer->size(), objects.value.use_count());
      });
  // A callback is called once if a buffer was made, and never if none was.
  const auto make_count = [](MemoryPool* pool) { return Objects(pool, std::make_unique<int>(0)); };
  const auto released = [](auto& objects, auto& buffer) {
    EXPECT_EQ(*objects.value, 0);
    buffer.reset();
    return absl::StrCat(*objects.value);
  };
  FailureSuite::Try(
      "ForeignBuffer::Make with a callback", kStatus, make_count,
      [](auto& objects) {
        return ForeignBuffer::Make(kText, 10, [count = objects.value.get()] { ++*count; });
      },
      released);
  FailureSuite::Try(
      "ForeignBuffer::MakeMutable with a callback", kStatus, make_count,
      [](auto& objects) {
        return ForeignBuffer::MakeMutable(const_cast<char*>(kText), 10,
                                          [count = objects.value.get()] { ++*count; });
      },
      released);
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
