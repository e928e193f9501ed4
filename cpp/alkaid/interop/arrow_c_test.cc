#include "alkaid/interop/arrow_c.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/vault_device.h"

namespace alkaid::interop {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

template <typename T>
std::shared_ptr<Buffer> Values(std::vector<T> values) {
  return Buffer::FromVector(std::move(values));
}

ArrayData Make(int64_t length, std::vector<std::shared_ptr<Buffer>> buffers,
               std::vector<ArrayData> children = {}, int64_t offset = 0) {
  ArrayData array;
  array.length = length;
  array.offset = offset;
  array.buffers = std::move(buffers);
  array.children = std::move(children);
  return array;
}

Field Named(std::string format, std::string name = "", std::vector<Field> children = {}) {
  Field field;
  field.format = std::move(format);
  field.name = std::move(name);
  field.children = std::move(children);
  return field;
}

struct Column {
  Field field;
  ArrayData array;
};

// A view of 12 bytes of text or less, and one of more.
std::string ShortView(const std::string& text) {
  const auto size = static_cast<int32_t>(text.size());
  std::string view(16, '\0');
  std::memcpy(view.data(), &size, 4);
  text.copy(view.data() + 4, 12);
  return view;
}
std::string LongView(int32_t size, int32_t buffer, int32_t offset) {
  std::string view(16, '\0');
  std::memcpy(view.data(), &size, 4);
  std::memcpy(view.data() + 8, &buffer, 4);
  std::memcpy(view.data() + 12, &offset, 4);
  return view;
}

Column Numbers() { return {Named("i", "n"), MakeFixedWidth(3, Values<int32_t>({7, 8, 9}))}; }
Column Text() {
  return {Named("u", "text"),
          Make(2, {nullptr, Values<int32_t>({0, 1, 6}), Buffer::FromString("ahello")})};
}
Column TextViews() {
  return {Named("vu", "text"),
          Make(2, {nullptr, Buffer::FromString(ShortView("short") + LongView(20, 0, 3)),
                   Buffer::FromString("..." + std::string(20, 'x'))})};
}
Column Images() {
  Field field = Named("+vl", "image", {Named("s", "item")});
  return {field, Make(3, {nullptr, Values<int32_t>({4, 0, 2}), Values<int32_t>({2, 4, 0})},
                      {MakeFixedWidth(6, Values<int16_t>({0, 1, 2, 3, 4, 5}))})};
}

std::vector<Column> AllLayouts() {
  std::vector<Column> columns = {Numbers(), Text(), TextViews(), Images()};
  columns.push_back({Named("n"), Make(5, {})});
  columns.push_back({Named("b"), Make(9, {Values<uint8_t>({0xff, 1}), Values<uint8_t>({5, 1})})});
  columns.push_back({Named("d:10,2"), Make(1, {nullptr, Values<uint64_t>({1, 0})})});
  columns.push_back({Named("tsn:UTC"), Make(1, {nullptr, Values<int64_t>({1})})});
  columns.push_back({Named("w:3"), Make(2, {nullptr, Buffer::FromString("abcdef")})});
  columns.push_back(
      {Named("Z"), Make(1, {nullptr, Values<int64_t>({2, 4}), Buffer::FromString("abcd")})});
  columns.push_back({Named("u"), Make(0, {nullptr, nullptr, nullptr})});
  columns.push_back(
      {Named("+l", "", {Named("C")}), Make(2, {nullptr, Values<int32_t>({0, 2, 3})},
                                           {MakeFixedWidth(3, Values<uint8_t>({1, 2, 3}))})});
  columns.push_back({Named("+w:2", "", {Named("C")}),
                     Make(2, {nullptr}, {MakeFixedWidth(4, Values<uint8_t>({1, 2, 3, 4}))})});
  columns.push_back({Named("+s", "", {Named("i", "a"), Named("u", "b")}),
                     Make(2, {nullptr}, {Numbers().array, Text().array})});
  return columns;
}

void ExpectSame(const ArrayData& a, const ArrayData& b) {
  EXPECT_EQ(a.length, b.length);
  EXPECT_EQ(a.offset, b.offset);
  EXPECT_EQ(a.null_count, b.null_count);
  ASSERT_EQ(a.buffers.size(), b.buffers.size());
  for (size_t i = 0; i < a.buffers.size(); ++i) {
    ASSERT_EQ(a.buffers[i] == nullptr, b.buffers[i] == nullptr);
    if (a.buffers[i] == nullptr) continue;
    EXPECT_EQ(a.buffers[i]->address(), b.buffers[i]->address());
    EXPECT_LE(a.buffers[i]->size(), b.buffers[i]->size());
  }
  ASSERT_EQ(a.children.size(), b.children.size());
  for (size_t i = 0; i < a.children.size(); ++i) ExpectSame(a.children[i], b.children[i]);
}

void ExpectSame(const Field& a, const Field& b) {
  EXPECT_EQ(a.format, b.format);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.metadata, b.metadata);
  EXPECT_EQ(a.nullable, b.nullable);
  ASSERT_EQ(a.children.size(), b.children.size());
  for (size_t i = 0; i < a.children.size(); ++i) ExpectSame(a.children[i], b.children[i]);
}

TEST(ArrowC, EveryLayoutComesBackAsItWasAtTheSameAddresses) {
  for (const Column& column : AllLayouts()) {
    SCOPED_TRACE(column.field.format);
    ArrowSchema schema{};
    ArrowArray array{};
    ALKAID_ASSERT_OK(ExportField(column.field, &schema));
    ALKAID_ASSERT_OK(ExportArray(column.field, column.array, &array));
    ALKAID_ASSERT_OK_AND_ASSIGN(const Field field, ImportField(&schema));
    EXPECT_EQ(schema.release, nullptr);
    ExpectSame(field, column.field);
    ALKAID_ASSERT_OK_AND_ASSIGN(const ArrayData back, ImportArray(&array, field));
    EXPECT_EQ(array.release, nullptr);
    ExpectSame(back, column.array);
  }
}

TEST(ArrowC, MetadataAndNamesComeBack) {
  Field field = Named("i", "näme");
  field.metadata = {{"shape", "[2,3]"}, {"", std::string("a\0b", 3)}};
  field.nullable = false;
  ArrowSchema schema{};
  ALKAID_ASSERT_OK(ExportField(field, &schema));
  EXPECT_EQ(schema.flags, 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const Field back, ImportField(&schema));
  ExpectSame(back, field);
  EXPECT_THAT(back.metadata, ElementsAre(Pair("shape", "[2,3]"), Pair("", std::string("a\0b", 3))));
  EXPECT_THAT(ExportField(Named("i", std::string("a\0b", 3)), &schema),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("\"a\"")));
}

TEST(ArrowC, AnExportHoldsItsBuffersUntilItIsReleasedOnAnyThread) {
  Column column = Images();
  const std::weak_ptr<Buffer> offsets = column.array.buffers[1];
  const std::weak_ptr<Buffer> pixels = column.array.children[0].buffers[1];
  ArrowArray array{};
  ALKAID_ASSERT_OK(ExportArray(column.field, column.array, &array));
  column.array = {};
  // The consumer moves the child away and lets the rest go.
  ArrowArray child = std::exchange(*array.children[0], {});
  EXPECT_FALSE(offsets.expired());
  std::thread([&array] { array.release(&array); }).join();
  EXPECT_EQ(array.release, nullptr);
  EXPECT_TRUE(offsets.expired());
  EXPECT_FALSE(pixels.expired());
  EXPECT_EQ(static_cast<const int16_t*>(child.buffers[1])[5], 5);
  child.release(&child);
  EXPECT_TRUE(pixels.expired());
}

TEST(ArrowC, AnImportReleasesOnceWithItsLastBuffer) {
  static int released;
  released = 0;
  const Column column = Images();
  ArrowArray array{};
  ALKAID_ASSERT_OK(ExportArray(column.field, column.array, &array));
  static void (*release)(ArrowArray*);
  release = array.release;
  array.release = [](ArrowArray* self) {
    ++released;
    release(self);
  };
  ALKAID_ASSERT_OK_AND_ASSIGN(ArrayData data, ImportArray(&array, column.field));
  auto slice = SliceBuffer(data.children[0].buffers[1], 2, 2);
  EXPECT_FALSE(slice->is_mutable());
  data = {};
  EXPECT_EQ(released, 0);
  slice.reset();
  EXPECT_EQ(released, 1);
  // One without a buffer is released at once.
  ArrowArray nulls{};
  ALKAID_ASSERT_OK(ExportArray(Named("n"), Make(5, {}), &nulls));
  release = nulls.release;
  nulls.release = array.release;
  nulls.release = [](ArrowArray* self) {
    ++released;
    release(self);
  };
  ALKAID_ASSERT_OK(ImportArray(&nulls, Named("n")).status());
  EXPECT_EQ(released, 2);
}

TEST(ArrowC, WhatIsRefusedIsTheCallersAsBefore) {
  using Change = std::function<void(ArrowArray*)>;
  const std::vector<std::pair<StatusCode, Change>> refused = {
      {StatusCode::kInvalidArgument, [](auto* a) { a->length = -1; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->offset = -1; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->length = INT64_MAX; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->offset = INT64_MAX - 2; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->null_count = 4; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->null_count = 1; }},  // and no bitmap
      {StatusCode::kInvalidArgument, [](auto* a) { a->n_buffers = 2; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->n_buffers = 4; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->buffers = nullptr; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->n_children = 0; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->children = nullptr; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->children[0]->length = 5; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->children[0]->release = nullptr; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->buffers[1] = nullptr; }},
      {StatusCode::kUnimplemented, [](auto* a) { a->dictionary = a; }},
  };
  for (size_t i = 0; i < refused.size(); ++i) {
    const Column column = Images();
    ArrowArray array{};
    ALKAID_ASSERT_OK(ExportArray(column.field, column.array, &array));
    const ArrowArray before = array;
    const ArrowArray child = *array.children[0];
    const void* buffers[] = {array.buffers[0], array.buffers[1], array.buffers[2]};
    refused[i].second(&array);
    EXPECT_THAT(ImportArray(&array, column.field), StatusIs(refused[i].first)) << i;
    ASSERT_NE(array.release, nullptr) << i;
    array = before;
    *array.children[0] = child;
    std::copy(buffers, buffers + 3, array.buffers);
    array.release(&array);
  }
  EXPECT_THAT(ImportArray(nullptr, Named("i")), StatusIs(StatusCode::kInvalidArgument));
  ArrowArray released{};
  EXPECT_THAT(ImportArray(&released, Named("i")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("released")));
}

TEST(ArrowC, SchemasThatAreNotSupportedAreNamedAndLeftAlone) {
  const auto import = [](const std::function<void(ArrowSchema*)>& change) {
    ArrowSchema schema{};
    EXPECT_TRUE(ExportField(Images().field, &schema).ok());
    const ArrowSchema before = schema;
    change(&schema);
    const Status status = ImportField(&schema).status();
    EXPECT_NE(schema.private_data, nullptr);
    schema = before;
    schema.release(&schema);
    return status;
  };
  EXPECT_THAT(import([](auto* s) { s->format = "+us:1,2"; }),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("+us:1,2")));
  EXPECT_THAT(import([](auto* s) { s->format = "hello"; }),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("hello")));
  EXPECT_THAT(import([](auto* s) { s->format = nullptr; }), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(import([](auto* s) { s->release = nullptr; }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(import([](auto* s) { s->dictionary = s; }), StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(import([](auto* s) { s->n_children = -1; }), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(import([](auto* s) { s->children = nullptr; }),
              StatusIs(StatusCode::kInvalidArgument));
  const int32_t negative[] = {1, -1};
  EXPECT_THAT(import([&](auto* s) { s->metadata = reinterpret_cast<const char*>(negative); }),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("metadata")));
  EXPECT_THAT(ImportField(nullptr), StatusIs(StatusCode::kInvalidArgument));
}

TEST(ArrowC, DeviceArraysNameTheirDevice) {
  const Column column = Numbers();
  ArrowDeviceArray host{};
  ALKAID_ASSERT_OK(ExportDeviceArray(column.field, column.array, &host));
  EXPECT_EQ(host.device_type, ARROW_DEVICE_CPU);
  EXPECT_EQ(host.device_id, -1);
  EXPECT_EQ(host.sync_event, nullptr);
  ALKAID_ASSERT_OK_AND_ASSIGN(const ArrayData back, ImportDeviceArray(&host, column.field));
  ExpectSame(back, column.array);

  const auto vault = VaultDevice::Make(3)->default_memory_manager();
  ALKAID_ASSERT_OK_AND_ASSIGN(auto inside, Buffer::Copy(column.array.buffers[1], vault));
  const ArrayData there = MakeFixedWidth(3, inside);
  ArrowArray plain{};
  EXPECT_THAT(ExportArray(column.field, there, &plain),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("VaultDevice(3)")));
  ArrowDeviceArray array{};
  ALKAID_ASSERT_OK(ExportDeviceArray(column.field, there, &array));
  EXPECT_EQ(array.device_type, ARROW_DEVICE_EXT_DEV);
  EXPECT_EQ(array.device_id, 3);
  EXPECT_EQ(array.array.buffers[1], reinterpret_cast<const void*>(inside->address()));
  EXPECT_THAT(ImportDeviceArray(&array, column.field), StatusIs(StatusCode::kNotFound));
  array.array.release(&array.array);
  const ArrayData both = MakeFixedWidth(3, inside, Values<uint8_t>({7}));
  EXPECT_THAT(ExportDeviceArray(column.field, both, &array),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("VaultDevice(3)"), HasSubstr("CPUDevice"))));
}

}  // namespace
}  // namespace alkaid::interop
