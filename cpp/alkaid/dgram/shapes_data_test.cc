#include "alkaid/dgram/shapes_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using fixtures::Bytes;
using fixtures::Shape;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Everything about the fields of one Names, in one small file.
class Case {
 public:
  explicit Case(const std::vector<fixtures::FieldSpec>& fields)
      : configuration_(Dgram::Make(fixtures::AsBuffer(fixtures::Dgram(
                                       TransitionId::kConfigure,
                                       fixtures::Names(fixtures::kSrc, "det", 0, "raw", fields))))
                           .value()
                           .configuration()) {}

  Dgram Event(const std::string& payload, uint16_t damage = 0) const {
    const std::string bytes = fixtures::Dgram(TransitionId::kL1Accept, payload, 1, damage);
    return Dgram::Make(fixtures::AsBuffer(bytes), 0, configuration_, "made").value();
  }
  Dgram Data(const std::string& shapes, const std::string& data) const {
    return Event(fixtures::ShapesData(fixtures::kSrc, shapes, data));
  }
  const std::shared_ptr<const Configuration>& configuration() const { return configuration_; }

 private:
  std::shared_ptr<const Configuration> configuration_;
};

struct Met {
  std::string name;
  int64_t offset;
  int64_t nbytes;
  friend bool operator==(const Met&, const Met&) = default;
};

std::pair<std::vector<Met>, Status> Walk(const Dgram& dgram) {
  std::vector<Met> met;
  Status status = ForEachField(dgram, [&](const ShapesData& data, const FieldView& field) {
    met.push_back({field.name(), field.data() - data.dgram().data(), field.nbytes()});
  });
  return {met, status};
}

const std::vector<fixtures::FieldSpec> kMixed = {
    {"a", 1, 0}, {"b", 0, 1}, {"c", 9, 0}, {"d", 2, 2}};
std::string MixedShapes() { return Shape({3}) + Shape({2, 1}); }
std::string MixedData() { return std::string(2 + 3 + 8 + 8, 'x'); }

TEST(ForEachField, LocatesScalarsAndArraysBackToBack) {
  const auto [met, status] = Walk(Case(kMixed).Data(MixedShapes(), MixedData()));
  ALKAID_EXPECT_OK(status);
  const int64_t at = 24 + 12 + 12 + 40 + 12;
  EXPECT_THAT(met, ElementsAre(Met{"a", at, 2}, Met{"b", at + 2, 3}, Met{"c", at + 5, 8},
                               Met{"d", at + 13, 8}));
}

TEST(ForEachField, TakesDataBeforeShapes) {
  const std::string children =
      fixtures::Xtc(fixtures::kData, MixedData()) + fixtures::Xtc(fixtures::kShapes, MixedShapes());
  const auto [met, status] =
      Walk(Case(kMixed).Event(fixtures::Xtc(fixtures::kShapesData, children, fixtures::kSrc)));
  ALKAID_EXPECT_OK(status);
  ASSERT_EQ(met.size(), 4U);
  EXPECT_EQ(met[0].offset, 24 + 12 + 12);
}

TEST(ForEachField, AcceptsSlackBehindShapesAndData) {
  const auto [met, status] = Walk(Case(kMixed).Data(MixedShapes() + "junk", MixedData() + "slack"));
  ALKAID_EXPECT_OK(status);
  EXPECT_EQ(met.size(), 4U);
}

TEST(ForEachField, ScalarsNeedNoShapes) {
  const Case scalars({{"a", 3, 0}, {"b", 3, 0}});
  const std::string data = fixtures::Xtc(fixtures::kData, std::string(16, 'x'));
  ALKAID_EXPECT_OK(
      Walk(scalars.Event(fixtures::Xtc(fixtures::kShapesData, data, fixtures::kSrc))).second);
  ALKAID_EXPECT_OK(Walk(scalars.Data("", std::string(16, 'x'))).second);
}

TEST(ForEachField, SkipsUnknownXtcsAroundAndInside) {
  const std::string children = fixtures::Xtc(99, "??") +
                               fixtures::Xtc(fixtures::kShapes, MixedShapes()) +
                               fixtures::Xtc(fixtures::kData, MixedData()) + fixtures::Xtc(98, "");
  const auto [met, status] = Walk(Case(kMixed).Event(
      fixtures::Xtc(77, "?") + fixtures::Xtc(fixtures::kShapesData, children, fixtures::kSrc)));
  ALKAID_EXPECT_OK(status);
  EXPECT_EQ(met.size(), 4U);
}

TEST(ForEachField, DamagedDataAreStillLocated) {
  const Case mixed(kMixed);
  const std::string data = fixtures::ShapesData(fixtures::kSrc, MixedShapes(), MixedData(), 0x1fff);
  const Dgram dgram = mixed.Event(data, 0x0001);
  ShapesDataWalk walk(dgram);
  ASSERT_TRUE(walk.Next());
  EXPECT_EQ(walk.shapes_data().damage().value(), 0x1fff);
  EXPECT_EQ(Walk(dgram).first.size(), 4U);
  // But a corrupted datagram is not parsed.
  EXPECT_THAT(Walk(mixed.Event(data, 0x0008)).first, IsEmpty());
}

TEST(ForEachField, TwoFieldsOfOneNameKeepTheirOwnShapes) {
  const Case twins({{"same", 0, 1}, {"same", 0, 1}});
  const auto [met, status] = Walk(twins.Data(Shape({1}) + Shape({4}), "xxxxx"));
  ALKAID_EXPECT_OK(status);
  EXPECT_EQ(met[0].nbytes, 1);
  EXPECT_EQ(met[1].nbytes, 4);
}

TEST(ForEachField, AnEmptyArrayTakesNoBytes) {
  const Case arrays({{"none", 9, 3}, {"one", 0, 1}});
  const auto [met, status] = Walk(arrays.Data(Shape({4, 0, 5}) + Shape({1}), "x"));
  ALKAID_EXPECT_OK(status);
  EXPECT_EQ(met[0].nbytes, 0);
  EXPECT_EQ(met[1].nbytes, 1);
}

TEST(ForEachField, StopsWithTheStatusOfTheVisitor) {
  int calls = 0;
  const Dgram dgram = Case(kMixed).Data(MixedShapes(), MixedData());
  const Status status = ForEachField(dgram, [&](const ShapesData&, const FieldView&) -> Status {
    return ++calls == 2 ? absl::CancelledError("enough") : absl::OkStatus();
  });
  EXPECT_EQ(status.code(), StatusCode::kCancelled);
  EXPECT_EQ(calls, 2);
}

TEST(ForEachField, DataThatEndTooEarlyAreAFaultAfterTheFieldsBefore) {
  const std::string whole = MixedData();
  const std::vector<size_t> ends = {2, 5, 13, 21};
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto [met, status] = Walk(Case(kMixed).Data(MixedShapes(), whole.substr(0, size)));
    EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss, HasSubstr("made: byte ")));
    size_t complete = 0;
    while (ends[complete] <= size) ++complete;
    EXPECT_EQ(met.size(), complete) << size;
  }
}

TEST(ForEachField, TheFaultOfAFieldNamesItAndWhereItStarts) {
  const auto [met, status] = Walk(Case(kMixed).Data(Shape({3}) + Shape({200, 300}), MixedData()));
  const int64_t at = 24 + 12 + 12 + 40 + 12 + 13;
  EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss,
                               AllOf(HasSubstr("byte " + std::to_string(at) + " "),
                                     HasSubstr("\"d\""), HasSubstr("200x300"),
                                     HasSubstr("240000 bytes"), HasSubstr("8 left"))));
}

TEST(ForEachField, ProductsThatPassSixtyFourBitsAreAFault) {
  const Case cube({{"cube", 9, 5}});
  for (const auto& shape :
       {Shape({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
        // 2^64 and 2^32 bytes, which would wrap to 0.
        Shape({0x80000000, 0x40000000, 1, 1, 1}), Shape({0x20000000, 1, 1, 1, 1})}) {
    const auto [met, status] = Walk(cube.Data(shape, "12345678"));
    EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss, HasSubstr("cube")));
    EXPECT_THAT(met, IsEmpty());
  }
}

TEST(ShapesDataWalk, AnUnknownNamesIdIsAFaultNamingIt) {
  const auto [met, status] =
      Walk(Case(kMixed).Event(fixtures::ShapesData(0x999, MixedShapes(), MixedData())));
  EXPECT_THAT(status,
              StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr("byte 24 "), HasSubstr("0x000999"))));
}

TEST(ShapesDataWalk, DataBeforeAnyConfigureAreAFault) {
  const auto buffer = fixtures::AsBuffer(fixtures::Event(0));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram dgram, Dgram::Make(buffer));
  EXPECT_THAT(Walk(dgram).second,
              StatusIs(StatusCode::kDataLoss, HasSubstr("before any Configure")));
  EXPECT_THAT(CheckDgram(dgram),
              StatusIs(StatusCode::kDataLoss, HasSubstr("L1Accept before any Configure")));
}

TEST(ShapesDataWalk, DataAndWhereNeededShapesMustBeThere) {
  const Case mixed(kMixed);
  const auto fault = [&](const std::string& children) {
    return Walk(mixed.Event(fixtures::Xtc(fixtures::kShapesData, children, fixtures::kSrc))).second;
  };
  const std::string shapes = fixtures::Xtc(fixtures::kShapes, MixedShapes());
  const std::string data = fixtures::Xtc(fixtures::kData, MixedData());
  EXPECT_THAT(fault(""), StatusIs(StatusCode::kDataLoss, HasSubstr("without Data")));
  EXPECT_THAT(fault(shapes), StatusIs(StatusCode::kDataLoss, HasSubstr("without Data")));
  EXPECT_THAT(fault(data), StatusIs(StatusCode::kDataLoss, HasSubstr("0 bytes of Shapes")));
  EXPECT_THAT(fault(fixtures::Xtc(fixtures::kShapes, MixedShapes().substr(1)) + data),
              StatusIs(StatusCode::kDataLoss, HasSubstr("39 bytes of Shapes for 2 arrays")));
  EXPECT_THAT(fault(shapes + shapes + data), StatusIs(StatusCode::kDataLoss, HasSubstr("second")));
  EXPECT_THAT(fault(shapes + data + data), StatusIs(StatusCode::kDataLoss, HasSubstr("second")));
}

TEST(ShapesDataWalk, ItsChildrenMustFillItExactly) {
  const Case mixed(kMixed);
  const std::string shapes = fixtures::Xtc(fixtures::kShapes, MixedShapes());
  const auto fault = [&](const std::string& children) {
    // Followed by bytes that a child's extent must not reach into.
    return Walk(mixed.Event(fixtures::Xtc(fixtures::kShapesData, children, fixtures::kSrc) +
                            fixtures::Xtc(77, std::string(100, 'x'))))
        .second;
  };
  for (size_t slack = 1; slack < 12; ++slack) {
    EXPECT_THAT(
        fault(shapes + fixtures::Xtc(fixtures::kData, MixedData()) + std::string(slack, 'x')),
        StatusIs(StatusCode::kDataLoss, HasSubstr("left over")));
  }
  for (const int64_t extent : {0, 11, 34, 0x7fffffff}) {
    EXPECT_THAT(
        fault(shapes + fixtures::Xtc(fixtures::kData, MixedData(), 0, 0, extent)),
        StatusIs(StatusCode::kDataLoss,
                 AllOf(HasSubstr("byte 88 "), HasSubstr("extent " + std::to_string(extent)))));
  }
}

TEST(ShapesData, FindsAFieldByPositionOrName) {
  const Dgram dgram = Case(kMixed).Data(MixedShapes(), MixedData());
  ShapesDataWalk walk(dgram);
  ASSERT_TRUE(walk.Next());
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView by_index, walk.shapes_data().field(3));
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView by_name, walk.shapes_data().field("d"));
  EXPECT_EQ(by_index.data(), by_name.data());
  EXPECT_THAT(walk.shapes_data().field(4), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(walk.shapes_data().field(-1), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(walk.shapes_data().field("e"), StatusIs(StatusCode::kNotFound, HasSubstr("\"e\"")));
}

TEST(ShapesData, AnEnumerationsValueHasTheLabelOfItsOwnEnumeration) {
  const Case enums({{"mode:modeEnum", 11, 0},
                    {"other:otherEnum", 12, 0},
                    {"off:modeEnum", 12, 0},
                    {"on:modeEnum", 12, 0},
                    {"x", 6, 0}});
  const auto label = [&](int32_t value) -> Result<std::string> {
    const Dgram dgram = enums.Data("", Bytes(std::vector<int32_t>{value, 1, 0, 1, 1}));
    ShapesDataWalk walk(dgram);
    EXPECT_TRUE(walk.Next());
    ALKAID_ASSIGN_OR_RAISE(const std::string_view text, walk.shapes_data().EnumLabel(0));
    return std::string(text);
  };
  EXPECT_THAT(label(1), IsOkAndHolds(std::string("on")));
  EXPECT_THAT(label(0), IsOkAndHolds(std::string("off")));
  EXPECT_THAT(label(-7), StatusIs(StatusCode::kNotFound, HasSubstr("-7")));
  const Dgram dgram = enums.Data("", std::string(20, '\0'));
  ShapesDataWalk walk(dgram);
  ASSERT_TRUE(walk.Next());
  EXPECT_THAT(walk.shapes_data().EnumLabel(4), StatusIs(StatusCode::kInvalidArgument));
}

TEST(FindField, FindsTheFieldInWhicheverNamesIdIsThere) {
  const auto configure = fixtures::Dgram(TransitionId::kConfigure,
                                         fixtures::Names(1, "det", 0, "config", {{"x", 1, 0}}) +
                                             fixtures::Names(2, "det", 0, "config", {{"x", 1, 0}}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram first, Dgram::Make(fixtures::AsBuffer(configure)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldHandle handle,
                              first.configuration()->Find("det", 0, "config", "x"));
  const auto event = [&](const std::string& payload) {
    return Dgram::Make(fixtures::AsBuffer(fixtures::Dgram(TransitionId::kL1Accept, payload)), 0,
                       first.configuration())
        .value();
  };
  const Dgram second = event(fixtures::ShapesData(2, "", Bytes(uint16_t{42})));
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeldField field, FindField(second, handle));
  EXPECT_THAT(field.Scalar<uint16_t>(), IsOkAndHolds(42));
  EXPECT_THAT(FindField(event(""), handle), StatusIs(StatusCode::kNotFound));
}

TEST(FindField, GivesAFieldThatOutlivesEverythingElse) {
  std::weak_ptr<Buffer> watch;
  HeldField field;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram configure,
                                Dgram::Make(fixtures::AsBuffer(fixtures::Configure())));
    const auto buffer = fixtures::AsBuffer(fixtures::Event(7));
    watch = buffer;
    ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram dgram,
                                Dgram::Make(buffer, 0, configure.configuration()));
    ALKAID_ASSERT_OK_AND_ASSIGN(const FieldHandle handle,
                                configure.configuration()->Find("det", 0, "raw", "text"));
    ALKAID_ASSERT_OK_AND_ASSIGN(field, FindField(dgram, handle));
  }
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(field.name(), "text");
  EXPECT_THAT(field.String(), IsOkAndHolds(std::string_view("hello")));
  field = HeldField();
  EXPECT_TRUE(watch.expired());
}

TEST(FindField, RefusesAHandleOfAnotherConfiguration) {
  const Case mixed(kMixed);
  const Case replaced(kMixed);
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldHandle handle,
                              mixed.configuration()->Find("det", 0, "raw", "a"));
  const Dgram dgram = replaced.Data(MixedShapes(), MixedData());
  EXPECT_THAT(FindField(dgram, handle), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(FindField(dgram, FieldHandle()), StatusIs(StatusCode::kFailedPrecondition));
}

TEST(CheckDgram, PassesAWholeSoundRun) {
  const Case event({{"count", 1, 0}, {"text", 10, 1}, {"image", 2, 2}, {"last", 9, 0}});
  ALKAID_EXPECT_OK(CheckDgram(event.Event(fixtures::EventPayload(5))));
}

}  // namespace
}  // namespace alkaid::dgram
