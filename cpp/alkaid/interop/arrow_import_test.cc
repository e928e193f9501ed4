#include "alkaid/interop/arrow_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/interop/arrow_export.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/arrow_columns.h"

namespace alkaid::interop {
namespace {

using samples::AllLayouts;
using samples::Column;
using samples::ExpectSame;
using samples::Images;
using samples::Make;
using samples::Named;
using ::testing::HasSubstr;

TEST(ArrowImport, EveryLayoutComesBackAsItWasAtTheSameAddresses) {
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

TEST(ArrowImport, AnImportReleasesOnceWithItsLastBuffer) {
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
  // An array without buffers is released at once.
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

TEST(ArrowImport, WhatIsRefusedIsTheCallersAsBefore) {
  using Change = std::function<void(ArrowArray*)>;
  const std::vector<std::pair<StatusCode, Change>> refused = {
      {StatusCode::kInvalidArgument, [](auto* a) { a->length = -1; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->offset = -1; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->length = INT64_MAX; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->offset = INT64_MAX - 2; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->null_count = 4; }},
      {StatusCode::kInvalidArgument, [](auto* a) { a->null_count = 1; }},  // and there is no bitmap
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

TEST(ArrowImport, SchemasThatAreNotSupportedAreNamedAndLeftAlone) {
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

}  // namespace
}  // namespace alkaid::interop
