#include "alkaid/c/exchange.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/c/dgrams_internal.h"
#include "alkaid/interop.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::c {
namespace {

namespace fixtures = dgram::fixtures;

// The array of an event; the event begins `shift` bytes past an aligned place.
alkaid_field* Image(int shift, const char* name = "image") {
  const auto configure = dgram::Dgram::Make(Buffer::FromString(fixtures::Configure())).value();
  // 24 of the datagram, 12 of the ShapesData, 12 and 40 of the Shapes, 12 of the Data; 2 and 8
  // of the fields before it.
  std::shared_ptr<Buffer> bytes =
      Buffer::FromString(std::string(static_cast<size_t>(2 + shift), 'x') + fixtures::Event(1));
  alkaid_dgram dgram;
  dgram.dgram = dgram::Dgram::Make(std::move(bytes), 2 + shift, configure.configuration()).value();
  alkaid_field* field = nullptr;
  EXPECT_EQ(alkaid_dgram_find(&dgram, "det", 0, "raw", name, &field), ALKAID_OK)
      << alkaid_last_error();
  return field;
}

TEST(CExchange, AnAlignedFieldIsNotCopied) {
  alkaid_field* const field = Image(0);
  const uint8_t* const data = alkaid_field_data(field);
  DLManagedTensorVersioned* managed = nullptr;
  ArrowSchema schema;
  ArrowArray array;
  ASSERT_EQ(alkaid_field_to_dlpack(field, ALKAID_COPY_NEVER, &managed), ALKAID_OK)
      << alkaid_last_error();
  ASSERT_EQ(alkaid_field_to_arrow(field, ALKAID_COPY_NEVER, &schema, &array), ALKAID_OK)
      << alkaid_last_error();
  alkaid_field_release(field);
  const auto tensor = interop::ImportDLPack(managed).value();
  EXPECT_EQ(tensor.data(), data);
  EXPECT_EQ(tensor.shape(), (std::vector<int64_t>{2, 3}));
  const auto type = interop::ImportField(&schema).value();
  const auto column = interop::ImportArray(&array, type).value();
  EXPECT_TRUE(interop::Validate(type, column).ok());
  EXPECT_EQ(type.format, "+w:3");
  EXPECT_EQ(type.children[0].format, "I");
  EXPECT_EQ(column.length, 2);
  EXPECT_EQ(column.children[0].buffers[1]->data(), data);
}

TEST(CExchange, AMisalignedFieldIsCopiedOrRefused) {
  alkaid_field* const field = Image(1);
  DLManagedTensorVersioned* managed = nullptr;
  ArrowSchema schema = {};
  ArrowArray array = {};
  EXPECT_EQ(alkaid_field_to_dlpack(field, ALKAID_COPY_NEVER, &managed), ALKAID_FAILED_PRECONDITION);
  EXPECT_EQ(managed, nullptr);
  EXPECT_EQ(alkaid_field_to_arrow(field, ALKAID_COPY_NEVER, &schema, &array),
            ALKAID_FAILED_PRECONDITION);
  EXPECT_NE(std::string(alkaid_last_error()).find("uint32 at address "), std::string::npos)
      << alkaid_last_error();
  EXPECT_EQ(schema.release, nullptr);
  ASSERT_EQ(alkaid_field_to_dlpack(field, ALKAID_COPY_IF_NEEDED, &managed), ALKAID_OK);
  ASSERT_EQ(alkaid_field_to_arrow(field, ALKAID_COPY_IF_NEEDED, &schema, &array), ALKAID_OK);
  EXPECT_NE(interop::ImportDLPack(managed).value().data(), alkaid_field_data(field));
  const auto type = interop::ImportField(&schema).value();
  const auto column = interop::ImportArray(&array, type).value();
  EXPECT_EQ(column.children[0].buffers[1]->span_as<uint32_t>()[5], 6U);
  alkaid_field_release(field);
}

TEST(CExchange, AScalarHasOneRow) {
  alkaid_field* const field = Image(0, "count");
  DLManagedTensorVersioned* managed = nullptr;
  ArrowSchema schema;
  ArrowArray array;
  ASSERT_EQ(alkaid_field_to_dlpack(field, ALKAID_COPY_ALWAYS, &managed), ALKAID_OK);
  ASSERT_EQ(alkaid_field_to_arrow(field, ALKAID_COPY_ALWAYS, &schema, &array), ALKAID_OK);
  alkaid_field_release(field);
  EXPECT_EQ(interop::ImportDLPack(managed).value().rank(), 0);
  EXPECT_STREQ(schema.name, "count");
  EXPECT_STREQ(schema.format, "S");
  EXPECT_EQ(array.length, 1);
  schema.release(&schema);
  array.release(&array);
}

TEST(CExchange, AnUnknownWishForACopyIsRefused) {
  alkaid_field* const field = Image(0);
  DLManagedTensorVersioned* managed = nullptr;
  EXPECT_EQ(alkaid_field_to_dlpack(field, 3, &managed), ALKAID_INVALID);
  EXPECT_STREQ(alkaid_last_error(),
               "alkaid_field_to_dlpack: argument 'copy' is 3, which is not an ALKAID_COPY_ value");
  alkaid_field_release(field);
}

}  // namespace
}  // namespace alkaid::c
