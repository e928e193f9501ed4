#include "alkaid/dgram/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "alkaid/core/proxy_memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/crafted_dgrams.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Names Declared() {
  return Names::Make(NamesId(1, 5), "det", "type", "id", 2, {"raw", 0x010203},
                     {{"count", DataType::kUInt16, 0, {}},
                      {"text", DataType::kCharStr, 1, {}},
                      {"image", DataType::kFloat, 2, {}},
                      {"mode:modeEnum", DataType::kEnumVal, 0, {}}})
      .value();
}

Status WriteConfigure(DgramWriter& writer, const Names& names) {
  ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)));
  ALKAID_RETURN_NOT_OK(writer.Declare(names));
  return writer.End();
}

Status WriteEvent(DgramWriter& writer, const Names& names, uint16_t i) {
  const std::vector<float> pixels = {1, 2, 3, 4, 5, static_cast<float>(i)};
  ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(2, i), 0x040003, Damage(1)));
  ALKAID_RETURN_NOT_OK(writer.BeginData(names, Damage(2)));
  ALKAID_RETURN_NOT_OK(writer.Scalar<uint16_t>(i));
  ALKAID_RETURN_NOT_OK(writer.String("hello"));
  ALKAID_RETURN_NOT_OK(writer.Array<float>(pixels, {2, 3}));
  ALKAID_RETURN_NOT_OK(writer.Scalar<int32_t>(-1));
  ALKAID_RETURN_NOT_OK(writer.EndData());
  return writer.End();
}

TEST(DgramWriter, WhatItWritesIsReadBack) {
  const Names names = Declared();
  DgramWriter writer;
  ALKAID_ASSERT_OK(WriteConfigure(writer, names));
  ALKAID_ASSERT_OK(WriteEvent(writer, names, 7));
  EXPECT_EQ(writer.size(), 2);
  const int64_t length = writer.length();
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, writer.Finish());
  EXPECT_EQ(buffer->size(), length);
  EXPECT_EQ(writer.length(), 0);

  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(buffer));
  ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
  ASSERT_EQ(batch.size(), 2);
  DgramIterator it = batch.begin();
  const Names& read = it->configuration()->names()[0];
  EXPECT_EQ(read.ToString(), "det/2/raw");
  EXPECT_EQ(read.id(), names.id());
  EXPECT_EQ(read.detector_id(), "id");
  EXPECT_EQ(read.algorithm().version, 0x010203U);
  EXPECT_EQ(read.fields().size(), 4U);
  ++it;
  EXPECT_EQ(it->timestamp(), Timestamp(2, 7));
  EXPECT_EQ(it->header().env, 0x0c040003U);
  EXPECT_EQ(it->damage().value(), 1);
  ShapesDataWalk walk(*it);
  ASSERT_TRUE(walk.Next());
  const ShapesData& data = walk.shapes_data();
  EXPECT_EQ(data.damage().value(), 2);
  EXPECT_THAT(data.field(0)->Scalar<uint16_t>(), IsOkAndHolds(7));
  EXPECT_EQ(data.field(1)->nbytes(), 8);
  EXPECT_THAT(data.field(1)->String(), IsOkAndHolds(std::string_view("hello")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto image, data.field(2)->Array<float>());
  EXPECT_THAT(image.shape(), ElementsAre(2, 3));
  EXPECT_EQ(image(1, 2), 7.0F);
  EXPECT_THAT(data.field(3)->Scalar<int32_t>(), IsOkAndHolds(-1));
}

TEST(DgramWriter, MakesTheBytesOfTheFormat) {
  const Names names =
      Names::Make(NamesId(crafted::kSrc), "det", "", "", 0, {"raw", 0},
                  {{"count", DataType::kUInt16, 0, {}}, {"image", DataType::kUInt32, 2, {}}})
          .value();
  DgramWriter writer;
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 6), 0x040003));
  ALKAID_ASSERT_OK(writer.BeginData(names));
  ALKAID_ASSERT_OK(writer.Scalar<uint16_t>(3));
  ALKAID_ASSERT_OK(writer.Array<uint32_t>(std::vector<uint32_t>{8, 9}, {1, 2}));
  ALKAID_ASSERT_OK(writer.EndData());
  ALKAID_ASSERT_OK(writer.End());
  const std::string shapes = crafted::Bytes(std::vector<uint32_t>{1, 2, 0, 0, 0});
  const std::string data =
      crafted::Bytes(uint16_t{3}) + crafted::Bytes(std::vector<uint32_t>{8, 9});
  const std::string expected =
      crafted::Dgram(TransitionId::kL1Accept,
                     crafted::Xtc(crafted::kShapesData,
                                  crafted::Xtc(crafted::kShapes, shapes, crafted::kSrc) +
                                      crafted::Xtc(crafted::kData, data, crafted::kSrc),
                                  crafted::kSrc),
                     6);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, writer.Finish());
  EXPECT_EQ(buffer->ToString(), expected);
}

TEST(DgramWriter, EqualInputGivesEqualBytes) {
  const auto write = [] {
    const Names names = Declared();
    DgramWriter writer;
    EXPECT_THAT(WriteConfigure(writer, names), IsOk());
    EXPECT_THAT(WriteEvent(writer, names, 1), IsOk());
    return writer.Finish().value();
  };
  EXPECT_TRUE(write()->Equals(*write()));
}

TEST(DgramWriter, AFieldThatDisagreesWithItsDeclarationDropsTheDatagram) {
  const Names names = Declared();
  const auto attempt = [&](const std::function<Status(DgramWriter&)>& fields) {
    DgramWriter writer;
    EXPECT_THAT(WriteEvent(writer, names, 0), IsOk());
    const int64_t length = writer.length();
    EXPECT_THAT(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 1)), IsOk());
    EXPECT_THAT(writer.BeginData(names), IsOk());
    Status status = fields(writer);
    EXPECT_EQ(writer.length(), length);
    EXPECT_EQ(writer.Finish().value()->size(), length);
    return status;
  };
  EXPECT_THAT(attempt([](auto& w) { return w.template Scalar<int16_t>(1); }),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"count\""), HasSubstr("UINT16"), HasSubstr("INT16"))));
  EXPECT_THAT(
      attempt([](auto& w) { return w.template Array<uint16_t>(std::vector<uint16_t>{1}, {1}); }),
      StatusIs(StatusCode::kInvalidArgument, HasSubstr("rank")));
  EXPECT_THAT(attempt([](auto& w) -> Status {
                ALKAID_RETURN_NOT_OK(w.template Scalar<uint16_t>(1));
                ALKAID_RETURN_NOT_OK(w.String("x"));
                return w.template Array<float>(std::vector<float>{1, 2, 3}, {2, 2});
              }),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("12 bytes")));
  EXPECT_THAT(attempt([](auto& w) -> Status {
                ALKAID_RETURN_NOT_OK(w.template Scalar<uint16_t>(1));
                return w.EndData();
              }),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1 of the 4 fields")));
}

TEST(DgramWriter, DataInOneCallGiveTheBytesOfFieldByField) {
  const Names names = Declared();
  const std::vector<float> pixels = {1, 2, 3, 4, 5, 9};
  DgramWriter one;
  ALKAID_ASSERT_OK(one.Begin(TransitionId::kL1Accept, Timestamp(2, 9), 0x040003, Damage(1)));
  ALKAID_ASSERT_OK(
      one.Data(names,
               {FieldValue::Scalar<uint16_t>(9), FieldValue::String("hello"),
                FieldValue::Array<float>(pixels, {2, 3}), FieldValue::Scalar<int32_t>(-1)},
               Damage(2)));
  ALKAID_ASSERT_OK(one.End());
  DgramWriter other;
  ALKAID_ASSERT_OK(WriteEvent(other, names, 9));
  EXPECT_TRUE(one.Finish().value()->Equals(*other.Finish().value()));
}

TEST(DgramWriter, DataThatDisagreeWithTheirDeclarationDropTheDatagram) {
  const Names names = Declared();
  DgramWriter writer;
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 1)));
  EXPECT_THAT(writer.Data(names, {FieldValue::Scalar<uint16_t>(9)}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1 of the 4 fields of det/2/raw")));
  EXPECT_THAT(writer.End(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(writer.length(), 0);
}

TEST(DgramWriter, AWholeDatagramIsAppendedAsItIs) {
  const std::string event = crafted::Event(3);
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram dgram, Dgram::Make(crafted::AsBuffer(event)));
  DgramWriter writer;
  ALKAID_ASSERT_OK(writer.Append(dgram));
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kEnable, Timestamp(1, 0)));
  EXPECT_THAT(writer.Append(dgram), StatusIs(StatusCode::kFailedPrecondition));
  ALKAID_ASSERT_OK(writer.Append(dgram));
  EXPECT_EQ(writer.size(), 2);
  EXPECT_EQ(writer.Finish().value()->ToString(), event + event);
}

TEST(DgramWriter, CallsOutOfOrderAreRefused) {
  const Names names = Declared();
  DgramWriter writer;
  EXPECT_THAT(writer.End(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(writer.Scalar<uint16_t>(1), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(writer.BeginData(names), StatusIs(StatusCode::kFailedPrecondition));
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kEnable, Timestamp(1, 0)));
  EXPECT_THAT(writer.Declare(names),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("Configure")));
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kEnable, Timestamp(1, 0)));
  EXPECT_THAT(writer.Finish(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(writer.Begin(TransitionId::kEnable, Timestamp(1, 0), 1 << 24),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(writer.size(), 0);
}

TEST(DgramWriter, AtEveryAllocationPointThatFailsNothingIsLost) {
  ProxyMemoryPool pool(default_memory_pool());
  const Names names = Declared();
  const int64_t points =
      ForEachAllocationFailure(&pool, [&](FaultInjectingMemoryPool* failing) -> Status {
        DgramWriter writer(failing);
        ALKAID_RETURN_NOT_OK(WriteConfigure(writer, names));
        for (uint16_t i = 0; i < 100; ++i) ALKAID_RETURN_NOT_OK(WriteEvent(writer, names, i));
        return writer.Finish().status();
      });
  EXPECT_GT(points, 3);
}

}  // namespace
}  // namespace alkaid::dgram
