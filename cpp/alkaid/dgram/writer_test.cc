#include "alkaid/dgram/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

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
      Names::Make(NamesId(fixtures::kSrc), "det", "", "", 0, {"raw", 0},
                  {{"count", DataType::kUInt16, 0, {}}, {"image", DataType::kUInt32, 2, {}}})
          .value();
  DgramWriter writer;
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 6), 0x040003));
  ALKAID_ASSERT_OK(writer.BeginData(names));
  ALKAID_ASSERT_OK(writer.Scalar<uint16_t>(3));
  ALKAID_ASSERT_OK(writer.Array<uint32_t>(std::vector<uint32_t>{8, 9}, {1, 2}));
  ALKAID_ASSERT_OK(writer.EndData());
  ALKAID_ASSERT_OK(writer.End());
  const std::string shapes = fixtures::Bytes(std::vector<uint32_t>{1, 2, 0, 0, 0});
  const std::string data =
      fixtures::Bytes(uint16_t{3}) + fixtures::Bytes(std::vector<uint32_t>{8, 9});
  const std::string expected =
      fixtures::Dgram(TransitionId::kL1Accept,
                      fixtures::Xtc(fixtures::kShapesData,
                                    fixtures::Xtc(fixtures::kShapes, shapes, fixtures::kSrc) +
                                        fixtures::Xtc(fixtures::kData, data, fixtures::kSrc),
                                    fixtures::kSrc),
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
  const std::string event = fixtures::Event(3);
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram dgram, Dgram::Make(fixtures::AsBuffer(event)));
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

TEST(DgramWriter, ADetectorIsDeclaredFromItsDefinitionAndGetsTheNextNumber) {
  const DetectorDefinition definition = {
      .detector = "hsd", .algorithm = {"raw", 0}, .fields = {{"x", DataType::kUInt16, 0, {}}}};
  DgramWriter writer;
  EXPECT_THAT(writer.Declare(definition), StatusIs(StatusCode::kFailedPrecondition));
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)));
  ALKAID_ASSERT_OK(writer.Declare(Declared()));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names hsd, writer.Declare(definition));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names next, writer.Declare(definition));
  EXPECT_EQ(hsd.id(), NamesId(1, 6));
  EXPECT_EQ(next.id(), NamesId(1, 7));
  ALKAID_ASSERT_OK(writer.End());
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 1)));
  ALKAID_ASSERT_OK(writer.Data(hsd, {FieldValue::Scalar<uint16_t>(5)}));
  ALKAID_ASSERT_OK(writer.Data(next, {FieldValue::Scalar<uint16_t>(6)}));
  ALKAID_ASSERT_OK(writer.End());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, writer.Finish());
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(buffer));
  ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
  DgramIterator it = batch.begin();
  EXPECT_EQ(it->configuration()->names().size(), 3U);
  ++it;
  ALKAID_EXPECT_OK(CheckDgram(*it));

  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(2, 0)));
  EXPECT_THAT(writer.Declare({.detector = "h s d", .algorithm = {"raw", 0}}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(writer.End(), StatusIs(StatusCode::kFailedPrecondition));
}

TEST(DgramWriter, ANamesIdIsDeclaredOnceInAConfigure) {
  DgramWriter writer;
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)));
  ALKAID_ASSERT_OK(writer.Declare(Declared()));
  EXPECT_THAT(writer.Declare(Declared()),
              StatusIs(StatusCode::kAlreadyExists, HasSubstr("NamesId 0x000105")));
  EXPECT_EQ(writer.length(), 0);
  // The Configure was dropped: the next one may declare the same.
  ALKAID_EXPECT_OK(WriteConfigure(writer, Declared()));
  ALKAID_EXPECT_OK(WriteConfigure(writer, Declared()));
}

TEST(DgramWriter, DataAreOfWhatTheLastConfigureDeclares) {
  const Names names = Declared();
  const auto with_fields = [](NamesId id, std::vector<Field> fields) {
    return Names::Make(id, "det", "type", "id", 2, {"raw", 0x010203}, std::move(fields)).value();
  };
  const Names other_id = with_fields(NamesId(1, 6), names.fields());
  std::vector<Field> fields = names.fields();
  fields[0].name = "counts";
  const Names other_fields = with_fields(names.id(), fields);
  const auto refused = StatusIs(StatusCode::kInvalidArgument, HasSubstr("does not declare"));
  DgramWriter writer;
  // Nothing is known of the file that this one continues.
  ALKAID_EXPECT_OK(WriteEvent(writer, other_id, 0));
  ALKAID_ASSERT_OK(WriteConfigure(writer, names));
  ALKAID_EXPECT_OK(WriteEvent(writer, names, 1));
  const int64_t length = writer.length();
  EXPECT_THAT(WriteEvent(writer, other_id, 2), refused);
  EXPECT_THAT(WriteEvent(writer, other_fields, 2), refused);
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(2, 2)));
  EXPECT_THAT(writer.Data(other_id, {}), refused);
  EXPECT_EQ(writer.length(), length);
  // A Configure that is dropped leaves the one before in force.
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(2, 0)));
  ALKAID_ASSERT_OK(writer.Declare(other_id));
  EXPECT_THAT(writer.Finish(), StatusIs(StatusCode::kFailedPrecondition));
  ALKAID_EXPECT_OK(WriteEvent(writer, names, 3));
  // An appended Configure counts, as it is or edited.
  DgramWriter another;
  ALKAID_ASSERT_OK(WriteConfigure(another, other_id));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, another.Finish());
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram configure, Dgram::Make(buffer));
  ALKAID_ASSERT_OK(writer.Append(configure));
  ALKAID_EXPECT_OK(WriteEvent(writer, other_id, 4));
  EXPECT_THAT(WriteEvent(writer, names, 5), refused);
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(configure));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names added,
                              edit.AddDetector({.detector = "fex", .algorithm = {"raw", 0}}));
  ALKAID_ASSERT_OK(writer.Append(edit));
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(2, 6)));
  ALKAID_EXPECT_OK(writer.Data(added, {}));
}

TEST(DgramWriter, ADatagramCarriesDataOfOneNamesIdOnce) {
  const Names names =
      Names::Make(NamesId(1, 5), "d", "", "", 0, {"raw", 0}, {{"x", DataType::kUInt16, 0, {}}})
          .value();
  const auto once = [&](DgramWriter& writer) {
    return writer.Data(names, {FieldValue::Scalar<uint16_t>(1)});
  };
  DgramWriter writer;
  for (uint32_t i = 0; i < 2; ++i) {
    ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, i)));
    ALKAID_ASSERT_OK(once(writer));
    ALKAID_ASSERT_OK(writer.End());
  }
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 2)));
  ALKAID_ASSERT_OK(once(writer));
  EXPECT_THAT(once(writer), StatusIs(StatusCode::kAlreadyExists, HasSubstr("carries already")));
  EXPECT_EQ(writer.size(), 2);
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 3)));
  ALKAID_ASSERT_OK(once(writer));
  EXPECT_THAT(writer.BeginData(names), StatusIs(StatusCode::kAlreadyExists));
}

TEST(DgramWriter, ADgramThatViewsNothingAndANullSinkAreRefused) {
  DgramWriter writer;
  EXPECT_THAT(writer.Append(Dgram()), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(writer.size(), 0);
  DgramWriter nowhere{std::shared_ptr<io::OutputStream>()};
  const auto refused = StatusIs(StatusCode::kInvalidArgument, HasSubstr("null sink"));
  EXPECT_THAT(nowhere.Begin(TransitionId::kL1Accept, Timestamp(1, 1)), refused);
  EXPECT_THAT(nowhere.Close(), refused);
  EXPECT_THAT(nowhere.Close(), refused);
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

TEST(DgramWriter, ADatagramAboveTheLimitIsDroppedNamingTheOptionThatReadersHaveToo) {
  EXPECT_EQ(DgramWriterOptions().max_dgram_bytes, BatchReaderOptions().max_dgram_bytes);
  const std::shared_ptr<Buffer> room = AllocateBuffer(10'000).value();
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto sink, io::FixedSizeBufferWriter::Make(room));
  DgramWriter writer(sink, {.max_dgram_bytes = 1000});
  const Names names =
      Names::Make(NamesId(0, 1), "d", "", "", 0, {"a", 1}, {{"image", DataType::kUInt8, 1, {}}})
          .value();
  const std::vector<uint8_t> pixels(1000);
  const auto write = [&](size_t count) -> Status {
    ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 1)));
    const std::span<const uint8_t> some = std::span(pixels).first(count);
    ALKAID_RETURN_NOT_OK(
        writer.Data(names, {FieldValue::Array<uint8_t>(some, {static_cast<uint32_t>(count)})}));
    return writer.End();
  };
  // Header, ShapesData, Shapes with one shape, Data.
  constexpr size_t kAround = 24 + 12 + 12 + 20 + 12;
  ALKAID_EXPECT_OK(write(1000 - kAround));
  EXPECT_THAT(write(1001 - kAround),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("datagram 1 of 1001 bytes"), HasSubstr("limit is 1000"),
                             HasSubstr("max_dgram_bytes"))));
  ALKAID_EXPECT_OK(write(10));
  EXPECT_EQ(writer.size(), 2);
}

TEST(DgramWriter, ThousandsOfDeclarationsAndTheirDataAreToldApart) {
  constexpr uint32_t kCount = 3000;
  DgramWriter writer;
  std::vector<Names> all;
  for (uint32_t i = 0; i < kCount; ++i) {
    ALKAID_ASSERT_OK_AND_ASSIGN(Names names,
                                Names::Make(NamesId(i / 256, i % 256), "d", "", "", i, {"a", 1},
                                            {{"x", DataType::kUInt32, 0, {}}}));
    all.push_back(std::move(names));
  }
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)));
  for (const Names& names : all) ALKAID_ASSERT_OK(writer.Declare(names));
  ALKAID_ASSERT_OK(writer.End());
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 1)));
  for (uint32_t i = 0; i < kCount; ++i) {
    ALKAID_ASSERT_OK(writer.Data(all[i], {FieldValue::Scalar<uint32_t>(i)}));
  }
  ALKAID_ASSERT_OK(writer.End());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, writer.Finish());
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(buffer));
  uint32_t fields = 0;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    for (const Dgram& dgram : batch) {
      ALKAID_ASSERT_OK(ForEachField(dgram, [&](const ShapesData& data, const FieldView& field) {
        EXPECT_EQ(data.names().segment(), fields);
        EXPECT_EQ(*field.Scalar<uint32_t>(), fields++);
      }));
    }
  }
  EXPECT_EQ(fields, kCount);
  // The last of them is written twice.
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(2, 0)));
  for (const Names& names : all) ALKAID_ASSERT_OK(writer.Declare(names));
  EXPECT_THAT(writer.Declare(all.back()), StatusIs(StatusCode::kAlreadyExists));
  ALKAID_ASSERT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(2, 1)));
  for (const Names& names : all) {
    ALKAID_ASSERT_OK(writer.Data(names, {FieldValue::Scalar<uint32_t>(0)}));
  }
  EXPECT_THAT(writer.Data(all.back(), {FieldValue::Scalar<uint32_t>(0)}),
              StatusIs(StatusCode::kAlreadyExists));
}

}  // namespace
}  // namespace alkaid::dgram
