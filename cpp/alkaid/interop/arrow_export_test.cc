#include "alkaid/interop/arrow_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "alkaid/interop/arrow_import.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/arrow_columns.h"
#include "fixtures/vault_device.h"

namespace alkaid::interop {
namespace {

using samples::Column;
using samples::ExpectSame;
using samples::Images;
using samples::Named;
using samples::Numbers;
using samples::Values;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(ArrowExport, MetadataAndNamesComeBack) {
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

TEST(ArrowExport, AnExportHoldsItsBuffersUntilItIsReleasedOnAnyThread) {
  Column column = Images();
  const std::weak_ptr<Buffer> offsets = column.array.buffers[1];
  const std::weak_ptr<Buffer> pixels = column.array.children[0].buffers[1];
  ArrowArray array{};
  ALKAID_ASSERT_OK(ExportArray(column.field, column.array, &array));
  column.array = {};
  // The consumer moves the child away and releases the rest.
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

TEST(ArrowExport, DeviceArraysNameTheirDevice) {
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
