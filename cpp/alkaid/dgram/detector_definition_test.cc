#include "alkaid/dgram/detector_definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alkaid/testing/matchers.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<Names> With(const std::vector<uint32_t>& numbers, uint32_t node = 1) {
  std::vector<Names> names;
  for (const uint32_t number : numbers) {
    names.push_back(
        Names::Make(NamesId(node, number), "det", "", "", number, {"raw", 0}, {}).value());
  }
  return names;
}

DetectorDefinition Fex() {
  return {.detector = "fex", .algorithm = {"raw", 0}, .fields = {{"x", DataType::kFloat, 1, {}}}};
}

Result<uint32_t> NumberBehind(const std::vector<uint32_t>& numbers) {
  ALKAID_ASSIGN_OR_RAISE(const Names names, MakeDeclaration(Fex(), With(numbers)));
  return names.id().names_id();
}

TEST(DetectorDefinition, GetsTheNumberAboveTheLowerGroup) {
  EXPECT_THAT(NumberBehind({}), IsOkAndHolds(1));
  EXPECT_THAT(NumberBehind({0}), IsOkAndHolds(1));
  EXPECT_THAT(NumberBehind({0, 1, 2, 255}), IsOkAndHolds(3));
  EXPECT_THAT(NumberBehind({255, 254, 2, 1}), IsOkAndHolds(3));
  // 127 is equally near to 0 and to 254, and so is low; 128 is nearer to 255.
  EXPECT_THAT(NumberBehind({254, 127}), IsOkAndHolds(128));
  EXPECT_THAT(NumberBehind({128}), IsOkAndHolds(1));
  // Each number extends its group before the next one is assigned.
  EXPECT_THAT(NumberBehind({100, 160}), IsOkAndHolds(161));
  EXPECT_THAT(NumberBehind({160, 100}), IsOkAndHolds(1));
}

TEST(DetectorDefinition, IsRefusedWhenTheGroupsMeet) {
  EXPECT_THAT(NumberBehind({127, 191, 223, 239, 247, 251, 253}), IsOkAndHolds(254));
  EXPECT_THAT(NumberBehind({127, 191, 223, 239, 247, 251, 253, 254}),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("254")));
}

TEST(DetectorDefinition, GetsTheNodeOfTheLastDeclaration) {
  std::vector<Names> there = With({3}, 7);
  there.push_back(With({4}, 9)[0]);
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names names, MakeDeclaration(Fex(), there));
  EXPECT_EQ(names.id(), NamesId(9, 5));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names first, MakeDeclaration(Fex(), {}));
  EXPECT_EQ(first.id(), NamesId(0, 1));
}

TEST(DetectorDefinition, MayNameItsNumbers) {
  DetectorDefinition definition = Fex();
  definition.node_id = 4095;
  definition.names_id = 255;
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names names, MakeDeclaration(definition, With({3})));
  EXPECT_EQ(names.id(), NamesId(4095, 255));
  definition.names_id = 256;
  EXPECT_THAT(MakeDeclaration(definition, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("256")));
  definition.names_id = 1;
  definition.node_id = 4096;
  EXPECT_THAT(MakeDeclaration(definition, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("4096")));
}

TEST(DetectorDefinition, NamesThatAreNotLegalAreRefused) {
  for (const std::string name : {"", "a b", "a.b", "a:b", "a-b", "\xc3\xa9"}) {
    DetectorDefinition detector = Fex();
    detector.detector = name;
    EXPECT_THAT(MakeDeclaration(detector, {}),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("detector \"" + name + "\"")));
    DetectorDefinition algorithm = Fex();
    algorithm.algorithm.name = name;
    EXPECT_THAT(MakeDeclaration(algorithm, {}),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("algorithm \"" + name + "\"")));
  }
  const auto field = [](const std::string& name, DataType type = DataType::kFloat) {
    DetectorDefinition definition = Fex();
    definition.fields = {{name, type, 0, {}}};
    return MakeDeclaration(definition, {});
  };
  ALKAID_EXPECT_OK(field("a.b:C_9"));
  for (const std::string name : {"", "a b", "a/b"}) {
    EXPECT_THAT(field(name), StatusIs(StatusCode::kInvalidArgument,
                                      AllOf(HasSubstr("\"" + name + "\" of fex/0/raw"))));
  }
  // Text that is too long for its place.
  EXPECT_THAT(field(std::string(256, 'x')), StatusIs(StatusCode::kInvalidArgument));
}

TEST(DetectorDefinition, AnEnumerationsNameHasTwoHalves) {
  const auto field = [](const std::string& name, DataType type) {
    DetectorDefinition definition = Fex();
    definition.fields = {{name, type, 0, {}}};
    return MakeDeclaration(definition, {});
  };
  ALKAID_EXPECT_OK(field("mode:modeEnum", DataType::kEnumVal));
  for (const char* name : {"mode", ":modeEnum", "mode:", "a:b:c"}) {
    for (const DataType type : {DataType::kEnumVal, DataType::kEnumDict}) {
      EXPECT_THAT(field(name, type),
                  StatusIs(StatusCode::kInvalidArgument, HasSubstr("enumeration")));
    }
  }
}

TEST(DetectorDefinition, AFieldIsGivenOnce) {
  DetectorDefinition definition = Fex();
  definition.fields.push_back({"x", DataType::kDouble, 0, {}});
  EXPECT_THAT(
      MakeDeclaration(definition, {}),
      StatusIs(StatusCode::kInvalidArgument, AllOf(HasSubstr("\"x\""), HasSubstr("given twice"))));
}

}  // namespace
}  // namespace alkaid::dgram
