// Memory runs out at every point of the functions of buffers, builders, devices and streams in memory
// (fixtures/failure_suite.h).
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/core/buffers/bitmap_bits.h"
#include "alkaid/core/buffers/bitmap_builder.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/buffers/cpu_device.h"
#include "alkaid/core/buffers/device.h"
#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/buffers/mutable_buffer.h"
#include "alkaid/core/buffers/typed_buffer_builder.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/vault_device.h"

namespace alkaid {
namespace {

using failing::FailureSuite;
using failing::WithoutNew;
using enum failing::OutOfMemory;

constexpr int64_t kTooMuch = int64_t{1} << 47;
constexpr char kText[] = "bytes of a buffer, more than a std::string keeps in itself";

// Slices and buffers come from a store of each thread. Emptied, they come from operator new.
std::vector<std::shared_ptr<Buffer>> EmptyTheStore() {
  static const auto root = std::make_shared<Buffer>(std::string_view(kText));
  std::vector<std::shared_ptr<Buffer>> held;
  for (int i = 0; i < 300; ++i) held.push_back(SliceBuffer(root, 0, 1));
  return held;
}

// The objects of a test, with the thread's store empty.
template <typename T>
struct Objects {
  std::vector<std::shared_ptr<Buffer>> held = EmptyTheStore();
  MemoryPool* pool = nullptr;
  T value;

  Objects(MemoryPool* of, T made) : pool(of), value(std::move(made)) {}
};
template <typename T>
Objects(MemoryPool*, T) -> Objects<T>;

std::string TextOf(const Buffer& buffer) {
  return absl::StrCat(buffer.size(), " of ", buffer.capacity(), ": ", buffer.ToString());
}

template <typename T>
std::shared_ptr<Buffer> FilledBuffer(T* pool, int64_t size = 64) {
  std::shared_ptr<Buffer> buffer = AllocateBuffer(size, pool).value();
  std::memset(buffer->mutable_data(), 'x', static_cast<size_t>(size));
  return buffer;
}

// Calls that need a pool alone.
template <typename Call>
void TryWithPool(std::string_view name, failing::OutOfMemory rule, const Call& call) {
  FailureSuite::Try(
      name, rule, [](MemoryPool* pool) { return Objects(pool, 0); },
      [&](auto& objects) { return call(objects.pool); },
      [](auto&, const auto& buffer) {
        return absl::StrCat(buffer->size(), " ", buffer->capacity());
      });
}

// Calls that need a shared one.
template <typename Call>
void TryWithSharedPool(std::string_view name, const Call& call) {
  FailureSuite::Try(
      name, kStatus,
      [](MemoryPool* pool) {
        return Objects(pool, std::shared_ptr<MemoryPool>(std::make_shared<ProxyMemoryPool>(pool)));
      },
      [&](auto& objects) { return call(objects.value); },
      [](auto& objects, const auto& buffer) {
        return absl::StrCat(buffer->size(), " ", buffer->capacity(), " ",
                            objects.value.use_count());
      });
}

// Calls that look at a buffer, which stays as it is.
template <typename Call, typename Outcome>
void TryWithBuffer(std::string_view name, failing::OutOfMemory rule, const Call& call,
                   const Outcome& outcome) {
  FailureSuite::Try(
      name, rule, [](MemoryPool* pool) { return Objects(pool, FilledBuffer(pool)); },
      [&](auto& objects) { return call(objects.value, objects.pool); },
      [&](auto& objects, auto& value) {
        return absl::StrCat(outcome(value), "; ", TextOf(*objects.value));
      });
}

std::string OutcomeOf(const std::shared_ptr<Buffer>& buffer) { return TextOf(*buffer); }
std::string OutcomeOfUnique(const std::unique_ptr<Buffer>& buffer) { return TextOf(*buffer); }

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
  TryWithPool("AllocateBuffer of too much", kStatus,
              [](auto* pool) { return AllocateBuffer(INT64_MAX, pool); });
  TryWithPool("AllocateBuffer at a wrong alignment", kStatus,
              [](auto* pool) { return AllocateBuffer(1, 3, pool); });
  TryWithPool("Buffer::FromString", kThrows, [](auto*) { return Buffer::FromString(kText); });
  TryWithPool("Buffer::FromVector", kThrows, [](auto*) {
    return Buffer::FromVector(std::vector<int>{1, 2, 3});
  });
  TryWithPool("Buffer::Wrap", kThrows, [](auto*) { return Buffer::Wrap(kText, 10); });
  FailureSuite::TryInChildren("AllocateBuffer from the default pool at its first use", kStatus,
                              [] { return AllocateBuffer(100); });
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
    FailureSuite::Try(
        absl::StrCat("ResizableBuffer::Resize to ", size), kStatus, make,
        [&](auto& objects) { return objects.value->Resize(size); },
        [&](auto& objects) {
          objects.value->ZeroPadding();
          return absl::StrCat(objects.value->size(), " ", objects.value->capacity(), " ",
                              objects.value->data()[19]);
        });
    FailureSuite::Try(
        absl::StrCat("ResizableBuffer::Reserve of ", size), kStatus, make,
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
      "what looks at buffers and bits", kGoesOn,
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
  // A callback is called once where there was a buffer, and never where there was none.
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

// Makes a builder that holds something, and tries one call of it.
template <typename Builder, typename Make, typename Call>
void TryBuilder(const std::string& name, const Make& make, const Call& call) {
  FailureSuite::Try(
      name, kStatus, [&](MemoryPool* pool) { return Objects(pool, make(pool)); },
      [&](auto& objects) { return call(objects.value); },
      [&](auto& objects, auto&&...) {
        Builder& builder = objects.value;
        const int64_t length = builder.length();
        auto finished = builder.Finish();
        if (!finished.ok()) return std::string("not finished");
        return absl::StrCat(length, " ", TextOf(**finished));
      });
}

TEST(BuffersOutOfMemory, Building) {
  const auto make = [](MemoryPool* pool) {
    BufferBuilder builder(pool);
    EXPECT_THAT(builder.Append(kText, 40), IsOk());
    return builder;
  };
  const auto try_call = [&](const char* name, const auto& call) {
    TryBuilder<BufferBuilder>(absl::StrCat("BufferBuilder::", name), make, call);
    TryBuilder<BufferBuilder>(
        absl::StrCat("BufferBuilder::", name, ", empty"),
        [](MemoryPool* pool) { return BufferBuilder(pool); }, call);
  };
  try_call("Append", [](auto& builder) { return builder.Append(kText, sizeof(kText)); });
  try_call("Append of copies", [](auto& builder) { return builder.Append(100, uint8_t{3}); });
  try_call("Append, far", [](auto& builder) { return builder.Append(10'000, uint8_t{3}); });
  try_call("Advance", [](auto& builder) { return builder.Advance(200); });
  try_call("Reserve", [](auto& builder) { return builder.Reserve(200); });
  try_call("Reserve of too much", [](auto& builder) { return builder.Reserve(INT64_MAX); });
  try_call("Resize", [](auto& builder) { return builder.Resize(200); });
  try_call("Resize, smaller", [](auto& builder) { return builder.Resize(20); });
  try_call("SetReservation", [](auto& builder) { return builder.SetReservation(1000); });
  try_call("SetReservation, negative", [](auto& builder) { return builder.SetReservation(-1); });
  for (const bool shrink : {false, true}) {
    FailureSuite::Try(
        "BufferBuilder::Finish", kStatus,
        [&](MemoryPool* pool) { return Objects(pool, make(pool)); },
        [&](auto& objects) { return objects.value.Finish(shrink); },
        [](auto& objects, auto& buffer) {
          return absl::StrCat(objects.value.length(), " ", TextOf(*buffer));
        });
    FailureSuite::Try(
        "BufferBuilder::Finish of nothing", kStatus,
        [](MemoryPool* pool) { return Objects(pool, BufferBuilder(pool)); },
        [&](auto& objects) { return objects.value.Finish(shrink); },
        [](auto&, auto& buffer) { return TextOf(*buffer); });
    FailureSuite::Try(
        "BufferBuilder::FinishWithLength", kStatus,
        [&](MemoryPool* pool) { return Objects(pool, make(pool)); },
        [&](auto& objects) { return objects.value.FinishWithLength(500, shrink); },
        [](auto& objects, auto& buffer) {
          return absl::StrCat(objects.value.length(), " ", buffer->size());
        });
  }
  FailureSuite::Try(
      "a reservation that cannot be had", kStatus,
      [](MemoryPool* pool) {
        BufferBuilder builder(pool);
        EXPECT_THAT(builder.SetReservation(int64_t{1} << 20), IsOk());
        return Objects(pool, std::move(builder));
      },
      [](auto& objects) { return objects.value.Append(kText, 40); },
      [](auto& objects) {
        return std::string(reinterpret_cast<const char*>(objects.value.data()), 40);
      });
}

TEST(BuffersOutOfMemory, BuildingValuesAndBits) {
  using Values = TypedBufferBuilder<int32_t>;
  const auto values = [](MemoryPool* pool) {
    Values builder(pool);
    EXPECT_THAT(builder.Append(10, 7), IsOk());
    return builder;
  };
  TryBuilder<Values>("TypedBufferBuilder::Append", values,
                     [](auto& builder) { return builder.Append(100, 9); });
  TryBuilder<Values>("TypedBufferBuilder::Append of values", values, [](auto& builder) {
    static const std::vector<int32_t> more(100, 3);
    return builder.Append(more.data(), 100);
  });
  TryBuilder<Values>("TypedBufferBuilder::Append of one", values, [](auto& builder) -> Status {
    // The growth comes with the 17th.
    while (builder.length() < 40) ALKAID_RETURN_NOT_OK(builder.Append(5));
    return absl::OkStatus();
  });
  TryBuilder<Values>("TypedBufferBuilder::Resize", values,
                     [](auto& builder) { return builder.Resize(100); });
  TryBuilder<Values>("TypedBufferBuilder::Reserve", values,
                     [](auto& builder) { return builder.Reserve(100); });
  TryBuilder<Values>("TypedBufferBuilder::Reserve, negative", values,
                     [](auto& builder) { return builder.Reserve(-1); });
  TryBuilder<Values>("TypedBufferBuilder::Advance", values,
                     [](auto& builder) { return builder.Advance(100); });
  TryBuilder<Values>("TypedBufferBuilder::SetReservation", values,
                     [](auto& builder) { return builder.SetReservation(INT64_MAX); });
  FailureSuite::Try(
      "TypedBufferBuilder::FinishWithLength", kStatus,
      [&](MemoryPool* pool) { return Objects(pool, values(pool)); },
      [](auto& objects) { return objects.value.FinishWithLength(50); },
      [](auto& objects, auto& buffer) {
        return absl::StrCat(objects.value.length(), " ", buffer->size());
      });

  using Bits = TypedBufferBuilder<bool>;
  const auto bits = [](MemoryPool* pool) {
    Bits builder(pool);
    EXPECT_THAT(builder.Append(70, true), IsOk());
    return builder;
  };
  TryBuilder<Bits>("TypedBufferBuilder<bool>::Append", bits,
                   [](auto& builder) { return builder.Append(5000, true); });
  TryBuilder<Bits>("TypedBufferBuilder<bool>::Append of one", bits, [](auto& builder) -> Status {
    while (builder.length() < 2000) {
      ALKAID_RETURN_NOT_OK(builder.Append(builder.length() % 3 == 0));
    }
    return absl::OkStatus();
  });
  TryBuilder<Bits>("TypedBufferBuilder<bool>::Append of bits", bits, [](auto& builder) {
    static const std::vector<uint8_t> more(3000, 1);
    return builder.Append(more.data(), 3000);
  });
  TryBuilder<Bits>("TypedBufferBuilder<bool>::Resize", bits,
                   [](auto& builder) { return builder.Resize(5000); });
  TryBuilder<Bits>("TypedBufferBuilder<bool>::Resize, smaller", bits,
                   [](auto& builder) { return builder.Resize(10); });
  TryBuilder<Bits>("TypedBufferBuilder<bool>::Reserve", bits,
                   [](auto& builder) { return builder.Reserve(5000); });
  TryBuilder<Bits>("TypedBufferBuilder<bool>::Advance", bits,
                   [](auto& builder) { return builder.Advance(5000); });
  TryBuilder<Bits>("TypedBufferBuilder<bool>::SetReservation", bits,
                   [](auto& builder) { return builder.SetReservation(-1); });
  FailureSuite::Try(
      "TypedBufferBuilder<bool>::FinishWithLength", kStatus,
      [&](MemoryPool* pool) { return Objects(pool, bits(pool)); },
      [](auto& objects) { return objects.value.FinishWithLength(50); },
      [](auto& objects, auto& buffer) {
        return absl::StrCat(objects.value.length(), " ", TextOf(*buffer));
      });
}

TEST(BuffersOutOfMemory, Devices) {
  TryWithBuffer(
      "Buffer::memory_manager", kThrows,
      [](auto& buffer, auto*) { return buffer->memory_manager(); },
      [](const auto& manager) { return manager->device()->ToString(); });
  TryWithBuffer(
      "Buffer::device", kThrows, [](auto& buffer, auto*) { return buffer->device(); },
      [](const auto& device) { return device->ToString(); });
  TryWithBuffer(
      "CPUDevice::memory_manager", kThrows,
      [](auto&, auto* pool) { return CPUDevice::memory_manager(pool); },
      [](const auto& manager) { return manager->device()->ToString(); });
  TryWithBuffer(
      "CPUDevice::memory_manager, pool shared", kThrows,
      [](auto&, auto* pool) {
        return CPUDevice::memory_manager(
            std::shared_ptr<MemoryPool>(std::make_shared<ProxyMemoryPool>(pool)));
      },
      [](const auto& manager) { return manager->device()->ToString(); });
  FailureSuite::TryInChildren("default_cpu_memory_manager", kThrows,
                              [] { return default_cpu_memory_manager(); });
  TryWithBuffer(
      "CPUMemoryManager::AllocateBuffer", kStatus,
      [](auto&, auto* pool) -> Result<std::unique_ptr<Buffer>> {
        try {
          return CPUDevice::memory_manager(pool)->AllocateBuffer(0);
        } catch (const std::bad_alloc&) {
          return status::NoMemory();
        }
      },
      OutcomeOfUnique);
  FailureSuite::Try(
      "Device::MakeStream and others that a device may lack", kStatus,
      [](MemoryPool* pool) { return Objects(pool, CPUDevice::memory_manager(pool)); },
      [](auto& objects) -> Status {
        const std::shared_ptr<Device>& device = objects.value->device();
        ALKAID_RETURN_NOT_OK(device->MakeStream());
        ALKAID_RETURN_NOT_OK(device->WrapStream(nullptr, nullptr));
        ALKAID_RETURN_NOT_OK(objects.value->MakeDeviceSyncEvent());
        return objects.value->WrapDeviceSyncEvent(nullptr, nullptr).status();
      },
      [](auto&) { return ""; });
  TryWithPool("MutableBuffer::Wrap", kThrows, [](auto*) {
    static uint8_t bytes[10];
    return MutableBuffer::Wrap(bytes, 10);
  });
  struct Vault {
    std::shared_ptr<Buffer> host;
    std::shared_ptr<MemoryManager> cpu;
    std::shared_ptr<MemoryManager> vault;
    std::shared_ptr<Buffer> in_vault;
  };
  const auto make = [](MemoryPool* pool) {
    Vault state;
    state.host = FilledBuffer(pool);
    state.cpu = CPUDevice::memory_manager(pool);
    state.vault = VaultDevice::Make(1)->default_memory_manager();
    state.in_vault = Buffer::Copy(state.host, state.vault).value();
    return Objects(pool, std::move(state));
  };
  const auto size = [](auto&, auto& buffer) { return absl::StrCat(buffer->size()); };
  const auto text = [](auto&, auto& buffer) { return TextOf(*buffer); };
  FailureSuite::Try(
      "Buffer::Copy on the CPU", kStatus, make,
      [](auto& objects) { return Buffer::Copy(objects.value.host, objects.value.cpu); }, text);
  FailureSuite::Try(
      "Buffer::Copy to a device", kStatus, make,
      [](auto& objects) { return Buffer::Copy(objects.value.host, objects.value.vault); }, size);
  FailureSuite::Try(
      "Buffer::Copy from a device", kStatus, make,
      [](auto& objects) { return Buffer::Copy(objects.value.in_vault, objects.value.cpu); }, text);
  FailureSuite::Try(
      "Buffer::CopyNonOwned", kStatus, make,
      [](auto& objects) {
        return Buffer::CopyNonOwned(*objects.value.in_vault, objects.value.cpu);
      },
      text);
  FailureSuite::Try(
      "Buffer::View", kStatus, make,
      [](auto& objects) { return Buffer::View(objects.value.in_vault, objects.value.cpu); }, size);
  FailureSuite::Try(
      "Buffer::ViewOrCopy", kStatus, make,
      [](auto& objects) { return Buffer::ViewOrCopy(objects.value.in_vault, objects.value.cpu); },
      size);
  FailureSuite::Try(
      "MemoryManager::CopyBufferSliceToCPU", kStatus, make,
      [](auto& objects) {
        uint8_t bytes[20];
        return MemoryManager::CopyBufferSliceToCPU(objects.value.in_vault, 3, 20, bytes);
      },
      [](auto&) { return ""; });
  FailureSuite::Try(
      "Buffer::GetReader", kStatus, make,
      [](auto& objects) { return Buffer::GetReader(objects.value.host); },
      [](auto&, auto& reader) { return absl::StrCat(*reader->GetSize()); });
  FailureSuite::Try(
      "Buffer::GetWriter", kStatus, make,
      [](auto& objects) { return Buffer::GetWriter(objects.value.host); },
      [](auto&, auto& writer) { return absl::StrCat(*writer->Tell()); });
  FailureSuite::TryInChildren("RegisterDeviceMapper", kStatus, [] {
    return RegisterDeviceMapper(DeviceAllocationType::kVPI,
                                [](int64_t) { return default_cpu_memory_manager(); });
  });
  FailureSuite::Try(
      "GetDeviceMapper", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return GetDeviceMapper(DeviceAllocationType::kCPU); },
      [](int&, auto& mapper) { return mapper ? "a mapper" : "none"; });
  FailureSuite::Try(
      "GetDeviceMapper of none", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return GetDeviceMapper(DeviceAllocationType::kMETAL); },
      [](int&, auto&) { return ""; });
}

TEST(BuffersOutOfMemory, StreamsInMemory) {
  const auto make = [](MemoryPool* pool) { return Objects(pool, FilledBuffer(pool)); };
  FailureSuite::Try(
      "BufferReader::Make", kStatus, make,
      [](auto& objects) { return io::BufferReader::Make(objects.value); },
      [](auto&, auto& reader) { return absl::StrCat(*reader->GetSize()); });
  FailureSuite::Try(
      "FixedSizeBufferWriter::Make", kStatus, make,
      [](auto& objects) { return io::FixedSizeBufferWriter::Make(objects.value); },
      [](auto&, auto& writer) { return absl::StrCat(*writer->Tell()); });
  const auto reader = [](MemoryPool* pool) {
    return Objects(pool, std::make_unique<io::BufferReader>(FilledBuffer(pool)));
  };
  const auto try_reader = [&](const char* name, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("BufferReader::", name), kStatus, reader,
        [&](auto& objects) { return call(*objects.value); },
        [](auto& objects, auto&&...) {
          return objects.value->closed() ? "closed" : absl::StrCat(*objects.value->Tell());
        });
  };
  try_reader("Read", [](io::BufferReader& file) { return file.Read(10); });
  try_reader("ReadAt", [](io::BufferReader& file) { return file.ReadAt(3, 10); });
  try_reader("ReadAt, negative", [](io::BufferReader& file) { return file.ReadAt(-3, 10); });
  try_reader("Read to memory", [](io::BufferReader& file) {
    char bytes[10];
    return file.Read(10, bytes);
  });
  try_reader("Seek", [](io::BufferReader& file) { return file.Seek(100); });
  try_reader("Advance", [](io::BufferReader& file) { return file.Advance(10); });
  try_reader("Tell", [](io::BufferReader& file) { return file.Tell(); });
  try_reader("GetSize", [](io::BufferReader& file) { return file.GetSize(); });
  try_reader("Close", [](io::BufferReader& file) { return file.Close(); });
  const auto try_writer = [&](const char* name, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("FixedSizeBufferWriter::", name), kStatus,
        [](MemoryPool* pool) {
          return Objects(pool, std::make_unique<io::FixedSizeBufferWriter>(FilledBuffer(pool)));
        },
        [&](auto& objects) { return call(*objects.value); },
        [](auto& objects, auto&&...) {
          return objects.value->closed() ? "closed" : absl::StrCat(*objects.value->Tell());
        });
  };
  try_writer("Write", [](io::FixedSizeBufferWriter& file) { return file.Write(kText, 10); });
  try_writer("Write past the end",
             [](io::FixedSizeBufferWriter& file) { return file.Write(kText, 65); });
  try_writer("Write of a buffer", [](io::FixedSizeBufferWriter& file) {
    static const auto bytes = std::make_shared<Buffer>(std::string_view(kText));
    return file.Write(bytes);
  });
  try_writer("WriteAt", [](io::FixedSizeBufferWriter& file) { return file.WriteAt(3, kText, 10); });
  try_writer("Seek", [](io::FixedSizeBufferWriter& file) { return file.Seek(-1); });
  try_writer("Flush", [](io::FixedSizeBufferWriter& file) { return file.Flush(); });
  try_writer("Close", [](io::FixedSizeBufferWriter& file) { return file.Close(); });
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
