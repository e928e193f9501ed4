#include "alkaid/columns/field_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fixtures/column_batches.h"

namespace alkaid::columns {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const dgram::Configuration> Declared(const std::string& names) {
  return samples::OneBatch(samples::fixtures::Dgram(dgram::TransitionId::kConfigure, names))
      .origin()
      ->configuration;
}
std::string Names(uint32_t src, uint32_t segment, const std::string& field) {
  return samples::fixtures::Names(src, "det", segment, "raw", {{field, 1, 1}, {"n", 2, 0}});
}

std::vector<std::string> Texts(const std::vector<FieldPath>& paths) {
  std::vector<std::string> texts;
  for (const FieldPath& path : paths) texts.push_back(path.ToString());
  return texts;
}

TEST(FieldPath, SegmentsAreInOrderWhereverTheyAreDeclared) {
  const auto declared =
      Declared(Names(0x102, 7, "a") + Names(0x101, 0, "a") + Names(0x103, 3, "b"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto paths, SegmentsOf(*declared, "det", "raw", "a"));
  EXPECT_THAT(Texts(paths), ElementsAre("det/0/raw/a", "det/7/raw/a"));
  EXPECT_THAT(SegmentsOf(*declared, "det", "fex", "a"),
              StatusIs(StatusCode::kNotFound,
                       AllOf(HasSubstr("\"a\" of algorithm \"fex\""), HasSubstr("det/3/raw"))));
}

TEST(FieldPath, AllFieldsAreNamedOnce) {
  const auto declared =
      Declared(Names(0x102, 0, "a") + Names(0x101, 0, "b") + Names(0x101, 0, "c"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto paths, AllFields(*declared));
  EXPECT_THAT(Texts(paths), ElementsAre("det/0/raw/a", "det/0/raw/n", "det/0/raw/c"));
}

TEST(FieldPath, AMessageNamesTheFirstOfManyDeclarations) {
  std::string names;
  for (uint32_t i = 0; i < 20; ++i) names += Names(0x100 + i, i, "a");
  EXPECT_THAT(SegmentsOf(*Declared(names), "det", "raw", "b").status().message(),
              AllOf(HasSubstr("det/15/raw and 4 more")));
}

}  // namespace
}  // namespace alkaid::columns
