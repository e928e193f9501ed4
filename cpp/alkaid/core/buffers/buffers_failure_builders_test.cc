// Memory runs out in builders of buffers (buffers_failure_test.cc).
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/core/buffers/bitmap_builder.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/buffers/typed_buffer_builder.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/tried_buffers.h"

namespace alkaid {
namespace {

using failing::FailureSuite;
using failing::kText;
using failing::Objects;
using failing::TextOf;
using enum failing::OutOfMemory;

// Makes a builder that holds something, and tries one call on it.
template <typename Builder, typename Make, typename Call>
void TryBuilder(const std::string& name, const Make& make, const Call& call,
                failing::OutOfMemory rule = kStatus) {
  FailureSuite::Try(
      name, rule, [&](MemoryPool* pool) { return Objects(pool, make(pool)); },
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
  const auto try_call = [&](const char* name, const auto& call, failing::OutOfMemory rule = kStatus,
                            failing::OutOfMemory empty_rule = kStatus) {
    TryBuilder<BufferBuilder>(absl::StrCat("BufferBuilder::", name), make, call, rule);
    TryBuilder<BufferBuilder>(
        absl::StrCat("BufferBuilder::", name, ", empty"),
        [](MemoryPool* pool) { return BufferBuilder(pool); }, call, empty_rule);
  };
  try_call("Append", [](auto& builder) { return builder.Append(kText, sizeof(kText)); });
  try_call("Append of copies", [](auto& builder) { return builder.Append(100, uint8_t{3}); });
  try_call("Append, far", [](auto& builder) { return builder.Append(10'000, uint8_t{3}); });
  try_call("Advance", [](auto& builder) { return builder.Advance(200); });
  try_call("Reserve", [](auto& builder) { return builder.Reserve(200); });
  try_call("Reserve of too much", [](auto& builder) { return builder.Reserve(INT64_MAX); });
  try_call("Resize", [](auto& builder) { return builder.Resize(200); });
  try_call(
      "Resize, smaller", [](auto& builder) { return builder.Resize(20); }, kNeedsNone);
  try_call(
      "SetReservation", [](auto& builder) { return builder.SetReservation(1000); }, kNeedsNone,
      kNeedsNone);
  try_call("SetReservation, negative", [](auto& builder) { return builder.SetReservation(-1); });
  for (const bool shrink : {false, true}) {
    FailureSuite::Try(
        "BufferBuilder::Finish", kNeedsNone,
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
    // The builder grows at the 17th element.
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
  TryBuilder<Bits>(
      "TypedBufferBuilder<bool>::Resize, smaller", bits,
      [](auto& builder) { return builder.Resize(10); }, kNeedsNone);
  TryBuilder<Bits>("TypedBufferBuilder<bool>::Reserve", bits,
                   [](auto& builder) { return builder.Reserve(5000); });
  TryBuilder<Bits>("TypedBufferBuilder<bool>::Advance", bits,
                   [](auto& builder) { return builder.Advance(5000); });
  TryBuilder<Bits>("TypedBufferBuilder<bool>::SetReservation", bits,
                   [](auto& builder) { return builder.SetReservation(-1); });
  FailureSuite::Try(
      "TypedBufferBuilder<bool>::FinishWithLength", kNeedsNone,
      [&](MemoryPool* pool) { return Objects(pool, bits(pool)); },
      [](auto& objects) { return objects.value.FinishWithLength(50); },
      [](auto& objects, auto& buffer) {
        return absl::StrCat(objects.value.length(), " ", TextOf(*buffer));
      });
}

}  // namespace
}  // namespace alkaid
