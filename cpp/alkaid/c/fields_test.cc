#include "alkaid/c/fields.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "alkaid/c/dgrams_internal.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::c {
namespace {

using dgram::TransitionId;
namespace fixtures = dgram::fixtures;
using fixtures::Bytes;

template <typename T>
using Held = std::unique_ptr<T, void (*)(T*)>;

Held<alkaid_dgram> DgramOf(const std::string& bytes, const std::string& configure) {
  const auto configured = dgram::Dgram::Make(Buffer::FromString(configure)).value();
  auto handle = std::make_unique<alkaid_dgram>();
  handle->dgram =
      dgram::Dgram::Make(Buffer::FromString(bytes), 0, configured.configuration()).value();
  return {handle.release(), alkaid_dgram_release};
}
Held<alkaid_dgram> Event(uint32_t i) { return DgramOf(fixtures::Event(i), fixtures::Configure()); }

Held<alkaid_field> Find(const Held<alkaid_dgram>& dgram, const char* name) {
  alkaid_field* field = nullptr;
  EXPECT_EQ(alkaid_dgram_find(dgram.get(), "det", 0, "raw", name, &field), ALKAID_OK)
      << alkaid_last_error();
  return {field, alkaid_field_release};
}

// Each type of scalar, with its largest or smallest value.
Held<alkaid_dgram> Scalars() {
  constexpr uint32_t kSrc = 0x201;
  const std::string configure =
      fixtures::Dgram(TransitionId::kConfigure, fixtures::Names(kSrc, "det", 0, "raw",
                                                                {{"u8", 0, 0},
                                                                 {"u64", 3, 0},
                                                                 {"i8", 4, 0},
                                                                 {"i64", 7, 0},
                                                                 {"f", 8, 0},
                                                                 {"d", 9, 0},
                                                                 {"on:state", 11, 0},
                                                                 {"label:state", 12, 0}}));
  const std::string data = Bytes(uint8_t{255}) + Bytes(std::numeric_limits<uint64_t>::max()) +
                           Bytes(int8_t{-128}) + Bytes(std::numeric_limits<int64_t>::min()) +
                           Bytes(1.5F) + Bytes(2.5) + Bytes(int32_t{-3}) + Bytes(int32_t{4});
  return DgramOf(fixtures::Dgram(TransitionId::kL1Accept, fixtures::ShapesData(kSrc, "", data)),
                 configure);
}

TEST(CFields, IntegersOfEveryWidthAreReadWhereTheyFit) {
  const auto dgram = Scalars();
  const auto int64 = [&](const char* name, alkaid_status expected) {
    int64_t value = 0;
    EXPECT_EQ(alkaid_field_get_int64(Find(dgram, name).get(), &value), expected) << name;
    return value;
  };
  const auto uint64 = [&](const char* name, alkaid_status expected) {
    uint64_t value = 0;
    EXPECT_EQ(alkaid_field_get_uint64(Find(dgram, name).get(), &value), expected) << name;
    return value;
  };
  EXPECT_EQ(int64("u8", ALKAID_OK), 255);
  EXPECT_EQ(int64("i8", ALKAID_OK), -128);
  EXPECT_EQ(int64("i64", ALKAID_OK), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(int64("on:state", ALKAID_OK), -3);
  EXPECT_EQ(int64("label:state", ALKAID_OK), 4);
  int64("u64", ALKAID_OUT_OF_RANGE);
  EXPECT_STREQ(alkaid_last_error(),
               "alkaid_field_get_int64: field 'u64' is 18446744073709551615, which does not fit");
  EXPECT_EQ(uint64("u64", ALKAID_OK), std::numeric_limits<uint64_t>::max());
  uint64("i8", ALKAID_OUT_OF_RANGE);
  int64("d", ALKAID_INVALID);
  EXPECT_STREQ(alkaid_last_error(), "alkaid_field_get_int64: field 'd' is DOUBLE, not an integer");
}

TEST(CFields, RealNumbersAreReadWhereADoubleHoldsThem) {
  const auto dgram = Scalars();
  const auto real = [&](const char* name, alkaid_status expected) {
    double value = 0;
    EXPECT_EQ(alkaid_field_get_double(Find(dgram, name).get(), &value), expected) << name;
    return value;
  };
  EXPECT_EQ(real("f", ALKAID_OK), 1.5);
  EXPECT_EQ(real("d", ALKAID_OK), 2.5);
  EXPECT_EQ(real("i8", ALKAID_OK), -128);
  real("i64", ALKAID_INVALID);
}

TEST(CFields, AnArrayIsNoScalarAndANumberNoText) {
  const auto dgram = Event(1);
  int64_t number = 0;
  const char* text = nullptr;
  EXPECT_EQ(alkaid_field_get_int64(Find(dgram, "image").get(), &number), ALKAID_INVALID);
  EXPECT_EQ(alkaid_field_get_int64(Find(dgram, "text").get(), &number), ALKAID_INVALID);
  EXPECT_EQ(alkaid_field_get_text(Find(dgram, "count").get(), &text, &number), ALKAID_INVALID);
}

TEST(CFields, AFieldIsWhatItIsAfterAllElseIsGone) {
  auto dgram = Event(7);
  auto field = Find(dgram, "image");
  dgram.reset();
  alkaid_field_declaration declaration = {};
  declaration.struct_size = sizeof(declaration);
  ASSERT_EQ(alkaid_field_get_declaration(field.get(), &declaration), ALKAID_OK);
  EXPECT_STREQ(declaration.detector, "det");
  EXPECT_STREQ(declaration.name, "image");
  EXPECT_EQ(declaration.algorithm_version, 0x010203U);
  EXPECT_EQ(dgram::LoadUnaligned<uint32_t>(alkaid_field_data(field.get()) + 20), 12U);
  alkaid_buffer* bytes = nullptr;
  ASSERT_EQ(alkaid_field_buffer(field.get(), &bytes), ALKAID_OK);
  field.reset();
  EXPECT_EQ(dgram::LoadUnaligned<uint32_t>(alkaid_buffer_data(bytes) + 20), 12U);
  EXPECT_EQ(alkaid_buffer_size(bytes), 24);
  alkaid_buffer_release(bytes);
}

TEST(CFields, AWalkUsesOneHandleUnlessOneIsKept) {
  const auto dgram = Event(1);
  alkaid_field* field = nullptr;
  alkaid_field* first = nullptr;
  Held<alkaid_field> kept(nullptr, alkaid_field_release);
  std::string names;
  while (alkaid_dgram_next_field(dgram.get(), &field) == ALKAID_OK && field != nullptr) {
    alkaid_field_declaration declaration = {};
    declaration.struct_size = sizeof(declaration);
    ASSERT_EQ(alkaid_field_get_declaration(field, &declaration), ALKAID_OK);
    names += std::string(declaration.name) + " ";
    if (first == nullptr) first = field;
    if (std::string(declaration.name) == "text") {
      EXPECT_EQ(field, first);
      alkaid_field_retain(field);
      kept.reset(field);
    }
  }
  EXPECT_EQ(names, "count text image last ");
  EXPECT_EQ(alkaid_field_type(kept.get()), ALKAID_CHAR_STRING);
  // The walk has gone on without it.
  alkaid_field* before = kept.get();
  EXPECT_EQ(alkaid_dgram_next_field(dgram.get(), &before), ALKAID_INVALID);
}

TEST(CFields, AWalkEndsAtItsFault) {
  const std::string event = fixtures::Dgram(
      TransitionId::kL1Accept,
      fixtures::ShapesData(fixtures::kSrc, fixtures::Shape({8}) + fixtures::Shape({200, 3}),
                           std::string(10, 'x')));
  const auto dgram = DgramOf(event, fixtures::Configure());
  alkaid_field* field = nullptr;
  ASSERT_EQ(alkaid_dgram_next_field(dgram.get(), &field), ALKAID_OK);
  ASSERT_EQ(alkaid_dgram_next_field(dgram.get(), &field), ALKAID_OK);
  alkaid_field* const before = field;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(alkaid_dgram_next_field(dgram.get(), &field), ALKAID_DATA_LOSS);
    EXPECT_EQ(field, before);
    EXPECT_EQ(alkaid_field_type(field), ALKAID_CHAR_STRING);
  }
  alkaid_field_release(field);
}

TEST(CFields, AFieldThatWasFoundOrIsOfAnotherDatagramIsNoWalk) {
  const auto dgram = Event(1);
  const auto other = Event(2);
  const auto found = Find(dgram, "image");
  alkaid_field* field = found.get();
  EXPECT_EQ(alkaid_dgram_next_field(dgram.get(), &field), ALKAID_INVALID);
  field = nullptr;
  ASSERT_EQ(alkaid_dgram_next_field(dgram.get(), &field), ALKAID_OK);
  EXPECT_EQ(alkaid_dgram_next_field(other.get(), &field), ALKAID_INVALID);
  EXPECT_STREQ(alkaid_last_error(),
               "alkaid_dgram_next_field: argument 'field' is not from a walk over this datagram");
  alkaid_field_release(field);
}

TEST(CFields, AKeyIsForOneConfiguration) {
  const auto dgram = Event(1);
  const auto other = Scalars();
  alkaid_configuration* configuration = nullptr;
  alkaid_configuration* others = nullptr;
  alkaid_field_key* key = nullptr;
  alkaid_field* field = nullptr;
  ASSERT_EQ(alkaid_dgram_configuration(dgram.get(), &configuration), ALKAID_OK);
  ASSERT_EQ(alkaid_dgram_configuration(other.get(), &others), ALKAID_OK);
  EXPECT_EQ(alkaid_configuration_equals(configuration, others), 0);
  ASSERT_EQ(alkaid_configuration_find(configuration, "det", 0, "raw", "last", &key), ALKAID_OK);
  EXPECT_EQ(alkaid_dgram_get_field(other.get(), key, &field), ALKAID_FAILED_PRECONDITION);
  alkaid_field_key_release(key);
  EXPECT_EQ(alkaid_configuration_find(configuration, "det", 0, "raw", "first", &key),
            ALKAID_NOT_FOUND);
  EXPECT_EQ(key, nullptr);
  alkaid_configuration_release(configuration);
  alkaid_configuration_release(others);
}

TEST(CFields, TypesHaveNamesAndSizes) {
  for (int32_t type = ALKAID_UINT8; type <= ALKAID_ENUM_LABEL; ++type) {
    EXPECT_STREQ(alkaid_type_name(type), DataTypeName(static_cast<dgram::DataType>(type)));
    EXPECT_EQ(alkaid_type_size(type), DataTypeSize(static_cast<dgram::DataType>(type)));
  }
  EXPECT_EQ(alkaid_type_name(13), nullptr);
  EXPECT_EQ(alkaid_type_size(-1), -1);
}

TEST(CFields, ADimensionThatThereIsNotIsRefused) {
  const auto dgram = Event(1);
  const auto field = Find(dgram, "image");
  EXPECT_EQ(alkaid_field_dim(field.get(), 2), -1);
  EXPECT_EQ(alkaid_field_dim(field.get(), -1), -1);
  EXPECT_STREQ(alkaid_last_error(), "alkaid_field_dim: dimension -1 of field 'image' of rank 2");
}

}  // namespace
}  // namespace alkaid::c
