#include "alkaid/dgram/dgram_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Detectors "a" (segments 0 and 1, algorithms raw and fex) and "b", with one UINT16 each; and two
// detectors whose names and algorithms join to the same text.
std::string SeveralConfigure() {
  const std::vector<fixtures::FieldSpec> fields = {{"value", 1, 0}};
  return fixtures::Dgram(
      TransitionId::kConfigure,
      fixtures::Names(1, "a", 0, "raw", fields) + fixtures::Names(2, "a", 1, "raw", fields) +
          fixtures::Names(3, "a", 0, "fex", fields) + fixtures::Names(4, "b", 0, "raw", fields) +
          fixtures::Names(5, "a_b", 0, "c", fields) + fixtures::Names(6, "a", 0, "b_c", fields));
}
std::string One(uint32_t src) {
  return fixtures::ShapesData(src, "", fixtures::Bytes(static_cast<uint16_t>(100 + src)));
}
std::string Several(const std::string& payload) {
  return fixtures::Dgram(TransitionId::kL1Accept, payload, 7);
}

Dgram MakeDgram(const std::string& bytes, std::shared_ptr<const Configuration> configuration = {}) {
  return Dgram::Make(fixtures::AsBuffer(bytes), 0, std::move(configuration), "run.xtc2", 3).value();
}
std::shared_ptr<const Configuration> ConfigurationOf(const std::string& configure) {
  return MakeDgram(configure).configuration();
}

std::string Saved(const DgramEdit& edit) {
  std::string bytes(static_cast<size_t>(edit.saved_size()), '\xee');
  const auto size =
      edit.Save(std::span<uint8_t>(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()));
  EXPECT_THAT(size, IsOkAndHolds(static_cast<int64_t>(bytes.size())));
  return bytes;
}

// The keys of the data that a datagram carries, in order.
std::vector<uint32_t> Carried(const std::string& bytes,
                              const std::shared_ptr<const Configuration>& configuration) {
  const Dgram dgram = MakeDgram(bytes, configuration);
  std::vector<uint32_t> keys;
  ShapesDataWalk walk(dgram);
  while (walk.Next()) {
    keys.push_back(walk.shapes_data().names().id().key());
    EXPECT_THAT(walk.shapes_data().field(0)->Scalar<uint16_t>(), IsOkAndHolds(100 + keys.back()));
  }
  EXPECT_THAT(walk.status(), IsOk());
  return keys;
}

DetectorDefinition Fex() {
  return {.detector = "fex",
          .detector_type = "type",
          .detector_id = "serial-1",
          .segment = 2,
          .algorithm = {"calib", 0x010203},
          .fields = {{"energy", DataType::kDouble, 0, {}},
                     {"image", DataType::kUInt16, 2, {}},
                     {"note", DataType::kCharStr, 1, {}},
                     {"mode:modeEnum", DataType::kEnumVal, 0, {}},
                     {"on:modeEnum", DataType::kEnumDict, 0, {}}}};
}
const std::vector<uint16_t> kImage = {1, 2, 3, 4, 5, 6};
std::vector<FieldValue> FexValues() {
  return {FieldValue::Scalar<double>(0.5), FieldValue::Array<uint16_t>(kImage, {2, 3}),
          FieldValue::String("hello"), FieldValue::Scalar<int32_t>(1),
          FieldValue::Scalar<int32_t>(1)};
}
constexpr int64_t kFexNeed = 12 + 12 + 2 * 20 + 12 + 8 + 12 + 8 + 4 + 4;

TEST(DgramEdit, WhatIsNotEditedIsSavedToTheByte) {
  const auto configuration = ConfigurationOf(fixtures::Configure());
  for (const std::string& bytes :
       {fixtures::Configure(), fixtures::Event(3), fixtures::Dgram(TransitionId::kBeginRun, "")}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramEdit edit,
                                DgramEdit::Make(MakeDgram(bytes, configuration)));
    EXPECT_EQ(edit.saved_size(), static_cast<int64_t>(bytes.size()));
    EXPECT_EQ(Saved(edit), bytes);
    EXPECT_EQ(Saved(edit), bytes);
  }
}

TEST(DgramEdit, ADetectorAndItsDataAreReadBackAndTheInputIsLeftAlone) {
  const std::string configure_bytes = fixtures::Configure();
  const std::string event_bytes = fixtures::Event(3);
  const Dgram configure = MakeDgram(configure_bytes);
  const Dgram event = MakeDgram(event_bytes, configure.configuration());

  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(configure));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names fex, edit.AddDetector(Fex()));
  EXPECT_EQ(fex.ToString(), "fex/2/calib");
  EXPECT_EQ(fex.id(), NamesId(1, 6));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram saved_configure, edit.Save());
  EXPECT_TRUE(saved_configure.owns_memory());
  // Parsed anew, not taken from the editor.
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto read, Configuration::FromDgram(saved_configure));
  ASSERT_EQ(read->names().size(), 2U);
  const Names& declared = read->names()[1];
  EXPECT_EQ(declared.id(), fex.id());
  EXPECT_EQ(declared.detector_id(), "serial-1");
  EXPECT_EQ(declared.detector_type(), "type");
  EXPECT_EQ(declared.algorithm().version, 0x010203U);
  EXPECT_EQ(declared.fields().size(), 5U);

  ALKAID_ASSERT_OK(edit.Reset(event));
  ALKAID_ASSERT_OK(edit.AddData(fex, FexValues(), Damage(2)));
  EXPECT_EQ(edit.saved_size(), event.size() + kFexNeed);
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram saved, edit.Save());
  EXPECT_EQ(saved.configuration(), edit.configuration());
  EXPECT_EQ(saved.source(), "run.xtc2");
  EXPECT_EQ(saved.index(), 3);
  EXPECT_EQ(saved.header().env, event.header().env);
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram reread, Dgram::Make(saved.buffer(), 0, read));
  ALKAID_ASSERT_OK(CheckDgram(reread));
  ShapesDataWalk walk(reread);
  ASSERT_TRUE(walk.Next());
  EXPECT_EQ(walk.shapes_data().names().detector(), "det");
  ASSERT_TRUE(walk.Next());
  const ShapesData& data = walk.shapes_data();
  EXPECT_EQ(data.names().detector(), "fex");
  EXPECT_EQ(data.damage(), Damage(2));
  EXPECT_THAT(data.field("energy")->Scalar<double>(), IsOkAndHolds(0.5));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto image, data.field("image")->Array<uint16_t>());
  EXPECT_THAT(image.shape(), ElementsAre(2, 3));
  EXPECT_EQ(image(1, 2), 6);
  EXPECT_THAT(data.field("note")->String(), IsOkAndHolds(std::string_view("hello")));
  EXPECT_THAT(data.EnumLabel(3), IsOkAndHolds(std::string_view("on")));
  EXPECT_FALSE(walk.Next());
  ALKAID_EXPECT_OK(walk.status());

  EXPECT_EQ(configure.buffer()->ToString(), configure_bytes);
  EXPECT_EQ(event.buffer()->ToString(), event_bytes);
}

TEST(DgramEdit, AConfigureCarriesDataOfWhatWasAddedToIt) {
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(MakeDgram(fixtures::Configure())));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names fex, edit.AddDetector(Fex()));
  ALKAID_ASSERT_OK(edit.AddData(fex, FexValues()));
  EXPECT_THAT(edit.AddData(fex, FexValues()), StatusIs(StatusCode::kAlreadyExists));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram saved, edit.Save());
  const Dgram reread = MakeDgram(saved.buffer()->ToString());
  ALKAID_EXPECT_OK(CheckDgram(reread));
  EXPECT_EQ(reread.configuration()->names().size(), 2U);
}

TEST(DgramEdit, DetectorsAreAddedToAConfigureOnly) {
  const auto configuration = ConfigurationOf(fixtures::Configure());
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(fixtures::Event(1), configuration)));
  EXPECT_THAT(edit.AddDetector(Fex()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("Configure")));
  EXPECT_EQ(edit.configuration(), configuration);
  EXPECT_EQ(Saved(edit), fixtures::Event(1));
}

TEST(DgramEdit, ANamesIdIsGivenOnce) {
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(MakeDgram(fixtures::Configure())));
  DetectorDefinition taken = Fex();
  taken.node_id = 1;
  taken.names_id = 5;
  const auto before = edit.configuration();
  EXPECT_THAT(edit.AddDetector(taken),
              StatusIs(StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("0x000105"), HasSubstr("fex"), HasSubstr("det/0/raw"))));
  EXPECT_EQ(edit.configuration(), before);
  EXPECT_EQ(Saved(edit), fixtures::Configure());
  taken.node_id = 4095;
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names fex, edit.AddDetector(taken));
  EXPECT_EQ(fex.id(), NamesId(4095, 5));
  // Takes the node of the declaration before.
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names next, edit.AddDetector(Fex()));
  EXPECT_EQ(next.id(), NamesId(4095, 6));
}

TEST(DgramEdit, DataOfManyDetectorsAreToldApart) {
  constexpr uint32_t kCount = 100;
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(TransitionId::kConfigure, Timestamp(1, 0)));
  for (uint32_t i = 0; i < kCount; ++i) {
    ALKAID_ASSERT_OK(edit.AddDetector({.detector = "d",
                                       .segment = i,
                                       .algorithm = {"a", 1},
                                       .fields = {{"x", DataType::kUInt32, 0, {}}}}));
  }
  const auto configuration = edit.configuration();
  const auto add = [&](DgramEdit& to, uint32_t i) {
    return to.AddData(configuration->names()[i], {FieldValue::Scalar<uint32_t>(i)});
  };
  ALKAID_ASSERT_OK(edit.Reset(TransitionId::kL1Accept, Timestamp(1, 1)));
  for (uint32_t i = 0; i < kCount; ++i) {
    ALKAID_ASSERT_OK(add(edit, i));
    EXPECT_THAT(add(edit, i / 2), StatusIs(StatusCode::kAlreadyExists));
  }
  // Data that were read are matched like data that were added, and what was removed may be added
  // again.
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram saved, edit.Save());
  ALKAID_ASSERT_OK(edit.Reset(saved));
  for (uint32_t i = 0; i < kCount; ++i) {
    EXPECT_THAT(add(edit, i), StatusIs(StatusCode::kAlreadyExists));
  }
  ALKAID_ASSERT_OK(edit.RemoveData("d", "a", 70));
  ALKAID_ASSERT_OK(add(edit, 70));
  DgramEdit moved = std::move(edit);
  for (uint32_t i = 0; i < kCount; ++i) {
    EXPECT_THAT(add(moved, i), StatusIs(StatusCode::kAlreadyExists));
  }
  ALKAID_ASSERT_OK(moved.Reset(TransitionId::kL1Accept, Timestamp(1, 2)));
  for (uint32_t i = 0; i < kCount; ++i) ALKAID_ASSERT_OK(add(moved, i));
}

TEST(DgramEdit, WhatWasDeclaredWhenItWasAskedStaysSoWhenMoreIsAdded) {
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(MakeDgram(fixtures::Configure())));
  ALKAID_ASSERT_OK(edit.AddDetector(Fex()));
  ALKAID_ASSERT_OK(edit.AddDetector(Fex()));
  const auto asked = edit.configuration();
  ALKAID_ASSERT_OK(edit.AddDetector(Fex()));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram saved, edit.Save());
  DgramEdit moved = std::move(edit);
  ALKAID_ASSERT_OK(moved.AddDetector(Fex()));
  EXPECT_EQ(asked->names().size(), 3U);
  EXPECT_EQ(saved.configuration()->names().size(), 4U);
  EXPECT_EQ(moved.configuration()->names().size(), 5U);
}

TEST(DgramEdit, RemovesTheDataOfADetectorAndAlgorithmAndKeepsTheOrderOfTheRest) {
  const auto configuration = ConfigurationOf(SeveralConfigure());
  const std::string bytes = Several(One(4) + One(1) + One(3) + One(2) + One(5) + One(6));
  const auto after = [&](auto remove) {
    DgramEdit edit = DgramEdit::Make(MakeDgram(bytes, configuration)).value();
    remove(edit);
    const std::string saved = Saved(edit);
    EXPECT_EQ(Saved(edit), saved);
    return Carried(saved, configuration);
  };
  EXPECT_THAT(after([](DgramEdit& e) { EXPECT_THAT(e.RemoveData("a", "raw"), IsOk()); }),
              ElementsAre(4, 3, 5, 6));
  EXPECT_THAT(after([](DgramEdit& e) { EXPECT_THAT(e.RemoveData("a", "raw", 1), IsOk()); }),
              ElementsAre(4, 1, 3, 5, 6));
  EXPECT_THAT(after([](DgramEdit& e) { EXPECT_THAT(e.RemoveData("a_b", "c"), IsOk()); }),
              ElementsAre(4, 1, 3, 2, 6));
  EXPECT_THAT(after([](DgramEdit& e) { EXPECT_THAT(e.RemoveData("a", "b_c"), IsOk()); }),
              ElementsAre(4, 1, 3, 2, 5));
  EXPECT_THAT(after([](DgramEdit& e) {
                for (const char* algorithm : {"raw", "raw", "fex", "b_c"}) {
                  EXPECT_THAT(e.RemoveData("a", algorithm), IsOk());
                }
                EXPECT_THAT(e.RemoveData("b", "raw"), IsOk());
                EXPECT_THAT(e.RemoveData("a_b", "c"), IsOk());
              }),
              IsEmpty());
}

TEST(DgramEdit, RemovingWhatIsNotDeclaredIsNotFoundAndWhatIsNotCarriedIsFine) {
  const auto configuration = ConfigurationOf(SeveralConfigure());
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(Several(One(1)), configuration)));
  ALKAID_EXPECT_OK(edit.RemoveData("b", "raw"));
  EXPECT_THAT(edit.RemoveData("c", "raw"),
              StatusIs(StatusCode::kNotFound, AllOf(HasSubstr("\"c\""), HasSubstr("\"raw\""))));
  EXPECT_THAT(edit.RemoveData("a", "none"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(edit.RemoveData("a", "raw", 2),
              StatusIs(StatusCode::kNotFound, HasSubstr("segment 2")));
  EXPECT_EQ(Saved(edit), Several(One(1)));
}

TEST(DgramEdit, NothingIsRemovedFromAConfigure) {
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(MakeDgram(SeveralConfigure())));
  EXPECT_THAT(edit.RemoveData("a", "raw"), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(Saved(edit), SeveralConfigure());
}

TEST(DgramEdit, WhatWasAddedBeforeARemovalGoesAndWhatIsAddedLaterStays) {
  const auto configuration = ConfigurationOf(SeveralConfigure());
  const auto value = [](uint32_t key) {
    return FieldValue::Scalar(static_cast<uint16_t>(100 + key));
  };
  const auto names = [&](uint32_t key) -> const Names& {
    return *configuration->Find(NamesId(key));
  };
  DgramEditOptions options;
  options.room = 3 * 38;
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(Several(One(4)), configuration), options));
  ALKAID_ASSERT_OK(edit.AddData(names(1), {value(1)}));
  ALKAID_ASSERT_OK(edit.AddData(names(3), {value(3)}));
  ALKAID_ASSERT_OK(edit.AddData(names(2), {value(2)}));
  EXPECT_THAT(edit.AddData(names(1), {value(1)}), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(edit.AddData(names(4), {value(4)}),
              StatusIs(StatusCode::kAlreadyExists, HasSubstr("b/0/raw")));
  EXPECT_THAT(edit.AddData(names(5), {value(5)}), StatusIs(StatusCode::kResourceExhausted));
  ALKAID_ASSERT_OK(edit.RemoveData("a", "raw"));
  EXPECT_THAT(Carried(Saved(edit), configuration), ElementsAre(4, 3));
  // The room is free again, and so is the NamesId.
  ALKAID_ASSERT_OK(edit.AddData(names(1), {value(1)}));
  ALKAID_ASSERT_OK(edit.RemoveData("b", "raw"));
  ALKAID_ASSERT_OK(edit.AddData(names(4), {value(4)}));
  EXPECT_THAT(Carried(Saved(edit), configuration), ElementsAre(3, 1, 4));
  ALKAID_ASSERT_OK(edit.RemoveData("a", "fex"));
  EXPECT_THAT(Carried(Saved(edit), configuration), ElementsAre(1, 4));
}

TEST(DgramEdit, ParentsInParentsKeepTheirOrderAndGetSmallerExtents) {
  const auto configuration = ConfigurationOf(SeveralConfigure());
  const auto parent = [](const std::string& payload, uint16_t damage = 0) {
    return fixtures::Xtc(fixtures::kParent, payload, 0x77, damage);
  };
  const auto dgram = [&](const std::string& removed, const std::string& last) {
    return Several(parent(removed + One(4) + parent(parent(removed) + One(3))) +
                   parent(One(1), 0x8) + parent("") + last);
  };
  ALKAID_ASSERT_OK_AND_ASSIGN(
      DgramEdit edit, DgramEdit::Make(MakeDgram(dgram(One(1) + One(2), One(2)), configuration)));
  EXPECT_EQ(Saved(edit), dgram(One(1) + One(2), One(2)));
  ALKAID_ASSERT_OK(edit.RemoveData("a", "raw"));
  // The content of a corrupted Parent is not parsed, and stays.
  EXPECT_EQ(Saved(edit), dgram("", ""));
  EXPECT_EQ(Saved(edit), dgram("", ""));
  EXPECT_THAT(Carried(Saved(edit), configuration), ElementsAre(4, 3));
}

TEST(DgramEdit, ParentsNestAsDeepAsAWalkGoes) {
  const auto configuration = ConfigurationOf(SeveralConfigure());
  const auto nested = [](std::string payload) {
    for (int i = 0; i < 64; ++i) payload = fixtures::Xtc(fixtures::kParent, payload);
    return Several(payload);
  };
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(nested(One(1) + One(3)), configuration)));
  ALKAID_ASSERT_OK(edit.RemoveData("a", "raw"));
  EXPECT_EQ(Saved(edit), nested(One(3)));
  ALKAID_ASSERT_OK(edit.RemoveData("a", "fex"));
  EXPECT_EQ(Saved(edit), nested(""));
}

TEST(DgramEdit, WhatItDoesNotKnowIsKept) {
  const auto configuration = ConfigurationOf(SeveralConfigure());
  const auto dgram = [](const std::string& removed) {
    return Several(fixtures::Xtc(77, "unknown", 0x123, 0x4) + removed +
                   fixtures::Names(9, "late", 0, "raw", {}) + One(0x999) +
                   fixtures::Xtc(fixtures::kData, "alone"));
  };
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(dgram(One(1)), configuration)));
  ALKAID_ASSERT_OK(edit.RemoveData("a", "raw"));
  EXPECT_EQ(Saved(edit), dgram(""));
}

TEST(DgramEdit, TheHeaderIsUpdatedAndItsOtherBitsStay) {
  const auto configuration = ConfigurationOf(fixtures::Configure());
  std::string bytes = fixtures::Event(3);
  const uint32_t env = 0x3c4b0003;
  bytes.replace(8, 4, fixtures::Bytes(env));
  const Dgram event = MakeDgram(bytes, configuration);
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(event));
  edit.UpdateTimestamp(Timestamp(9, 8));
  ALKAID_ASSERT_OK(edit.UpdateService(TransitionId::kSlowUpdate));
  edit.UpdateDamage(Damage(0x2005));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram saved, edit.Save());
  EXPECT_EQ(saved.timestamp(), Timestamp(9, 8));
  EXPECT_EQ(saved.service(), TransitionId::kSlowUpdate);
  EXPECT_EQ(saved.header().env, 0x3a4b0003U);
  EXPECT_EQ(saved.damage(), Damage(0x2005));
  EXPECT_EQ(saved.buffer()->ToString().substr(18), bytes.substr(18));
  EXPECT_EQ(event.buffer()->ToString(), bytes);
  EXPECT_THAT(edit.UpdateService(static_cast<TransitionId>(16)),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(Saved(edit), saved.buffer()->ToString());
}

TEST(DgramEdit, ACorruptedDatagramKeepsItsPayloadAndTakesANewHeaderOnly) {
  const auto configuration = ConfigurationOf(SeveralConfigure());
  // Its payload would not be valid as Xtcs.
  const std::string bytes = fixtures::Dgram(TransitionId::kL1Accept, "rubbish", 7, 0x8);
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(MakeDgram(bytes, configuration)));
  const Status status = edit.RemoveData("a", "raw");
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("corrupted"), HasSubstr("run.xtc2"))));
  const Names& names = configuration->names()[0];
  EXPECT_THAT(edit.AddData(names, {FieldValue::Scalar<uint16_t>(1)}),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(Saved(edit), bytes);
  edit.UpdateTimestamp(Timestamp(1, 8));
  EXPECT_EQ(Saved(edit), fixtures::Dgram(TransitionId::kL1Accept, "rubbish", 8, 0x8));
}

TEST(DgramEdit, ANewTransitionHoldsWhatIsAddedToIt) {
  const auto configuration = ConfigurationOf(SeveralConfigure());
  ALKAID_ASSERT_OK_AND_ASSIGN(
      DgramEdit edit, DgramEdit::Make(TransitionId::kSlowUpdate, Timestamp(1, 7), configuration));
  EXPECT_EQ(Saved(edit).size(), 24U);
  ALKAID_ASSERT_OK(edit.AddData(configuration->names()[3], {FieldValue::Scalar<uint16_t>(104)}));
  const std::string saved = Saved(edit);
  EXPECT_THAT(Carried(saved, configuration), ElementsAre(4));
  EXPECT_EQ(MakeDgram(saved, configuration).header().env, 0x0a000000U);

  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit first,
                              DgramEdit::Make(TransitionId::kConfigure, Timestamp(1, 0)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names fex, first.AddDetector(Fex()));
  EXPECT_EQ(fex.id(), NamesId(0, 1));
  ALKAID_ASSERT_OK(first.Reset(TransitionId::kL1Accept, Timestamp(1, 1)));
  ALKAID_ASSERT_OK(first.AddData(fex, FexValues()));
  EXPECT_EQ(first.saved_size(), 24 + kFexNeed);
  EXPECT_THAT(first.Reset(static_cast<TransitionId>(16), Timestamp()),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(first.saved_size(), 24 + kFexNeed);
}

TEST(DgramEdit, ValuesAreMovedFromAnotherDatagram) {
  const auto configuration = ConfigurationOf(fixtures::Configure());
  const Dgram from = MakeDgram(fixtures::Event(5), configuration);
  ShapesDataWalk walk(from);
  ASSERT_TRUE(walk.Next());
  std::vector<FieldValue> values;
  FieldWalk fields(walk.shapes_data());
  while (fields.Next()) values.emplace_back(fields.field());
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(fixtures::Event(1), configuration)));
  ALKAID_ASSERT_OK(edit.RemoveData("det", "raw"));
  ALKAID_ASSERT_OK(edit.AddData(configuration->names()[0], values));
  const Dgram saved = MakeDgram(Saved(edit), configuration);
  EXPECT_EQ(saved.timestamp(), Timestamp(1, 1));
  ShapesDataWalk moved(saved);
  ASSERT_TRUE(moved.Next());
  EXPECT_THAT(moved.shapes_data().field(0)->Scalar<uint16_t>(), IsOkAndHolds(5));
  EXPECT_THAT(moved.shapes_data().field(1)->String(), IsOkAndHolds(std::string_view("hello")));
  EXPECT_EQ(moved.shapes_data().field(2)->Array<uint32_t>()->operator()(1, 2), 10U);
}

TEST(DgramEdit, GoesFromDatagramToDatagramOfAStream) {
  const std::string run = fixtures::Run(3) + fixtures::Run(2);
  DgramWriter writer;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, BatchReader::Open(fixtures::AsBuffer(run)));
    ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                                DgramEdit::Make(TransitionId::kEnable, Timestamp()));
    for (DgramBatch batch = reader->Next().value(); !batch.empty();
         batch = reader->Next().value()) {
      for (const Dgram& dgram : batch) {
        ALKAID_ASSERT_OK(edit.Reset(dgram));
        if (dgram.service() == TransitionId::kConfigure) {
          ALKAID_ASSERT_OK(edit.AddDetector(Fex()));
        }
        if (dgram.is_l1_accept()) {
          ALKAID_ASSERT_OK(edit.AddData(edit.configuration()->names().back(), FexValues()));
        }
        ALKAID_ASSERT_OK(writer.Append(edit));
      }
    }
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto edited, writer.Finish());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, BatchReader::Open(edited));
  int64_t dgrams = 0;
  int64_t added = 0;
  for (DgramBatch batch = reader->Next().value(); !batch.empty(); batch = reader->Next().value()) {
    for (const Dgram& dgram : batch) {
      ++dgrams;
      ALKAID_ASSERT_OK(CheckDgram(dgram));
      ShapesDataWalk walk(dgram);
      while (walk.Next()) added += walk.shapes_data().names().detector() == "fex";
    }
  }
  EXPECT_EQ(dgrams, 3 + 3 + 3 + 2);
  EXPECT_EQ(added, 3 + 2);
}

// A stream whose Configure the editor was not given.
TEST(DgramEdit, ADatagramReadUnderAnotherConfigurationBringsItsOwn) {
  const auto first = ConfigurationOf(fixtures::Configure());
  const auto second = ConfigurationOf(SeveralConfigure());
  const auto mine = ConfigurationOf(SeveralConfigure());
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(MakeDgram(fixtures::Event(1), first),
                                                              {.configuration = mine}));
  EXPECT_EQ(edit.configuration(), mine);
  ALKAID_ASSERT_OK(edit.Reset(MakeDgram(fixtures::Event(2), first)));
  EXPECT_EQ(edit.configuration(), mine);
  ALKAID_ASSERT_OK(edit.Reset(MakeDgram(Several(One(1)), second)));
  EXPECT_EQ(edit.configuration(), second);
}

TEST(DgramEdit, AfterANewConfigureDatagramsOfTheStreamBeforeBringTheirDeclarations) {
  const auto configuration = ConfigurationOf(fixtures::Configure());
  const Dgram event = MakeDgram(fixtures::Event(1), configuration);
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(event));
  ALKAID_ASSERT_OK(edit.Reset(TransitionId::kConfigure, Timestamp(1, 0)));
  EXPECT_THAT(edit.configuration()->names(), IsEmpty());
  ALKAID_ASSERT_OK(edit.Reset(event));
  EXPECT_EQ(edit.configuration(), configuration);
  ALKAID_EXPECT_OK(edit.RemoveData("det", "raw"));
}

TEST(DgramEdit, OutlivesBatchAndReader) {
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(TransitionId::kEnable, Timestamp()));
  {
    const auto file = std::make_shared<io::BufferReader>(fixtures::AsBuffer(fixtures::Run(2)));
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, BatchReader::Open(file));
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
    DgramIterator it = batch.begin();
    ++it;
    ++it;
    ALKAID_ASSERT_OK(edit.Reset(*it));
  }
  EXPECT_EQ(Saved(edit), fixtures::Event(0));
}

TEST(DgramEdit, SavesToAStreamAndToABufferTheSameBytes) {
  const auto configuration = ConfigurationOf(SeveralConfigure());
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(Several(One(1) + One(4)), configuration)));
  ALKAID_ASSERT_OK(edit.RemoveData("a", "raw"));
  ALKAID_ASSERT_OK(edit.AddData(configuration->names()[2], {FieldValue::Scalar<uint16_t>(103)}));
  const std::string bytes = Saved(edit);
  EXPECT_EQ(edit.Save().value().buffer()->ToString(), bytes);
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Buffer> streamed,
                              AllocateBuffer(edit.saved_size()));
  io::FixedSizeBufferWriter stream(streamed);
  ALKAID_ASSERT_OK(edit.Save(stream));
  EXPECT_EQ(streamed->ToString(), bytes);
  DgramWriter writer;
  ALKAID_ASSERT_OK(writer.Append(edit));
  EXPECT_EQ(writer.Finish().value()->ToString(), bytes);
}

}  // namespace
}  // namespace alkaid::dgram
