#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <string>
#include <vector>

#include "alkaid/heap/tracking/python_text_internal.h"
#include "fixtures/made_python.h"

namespace alkaid::heap {
namespace {

using Made = MadePython<PythonLayout>;

class PythonTextTest : public ::testing::TestWithParam<PythonLayout> {
 protected:
  std::string Text(uint64_t object, bool last = false) {
    PythonText text;
    if (!text.Read(object, Made::kUnicodeType, GetParam(), last)) return "<none>";
    return std::string(text.text());
  }

  Made python_{GetParam()};
};

TEST_P(PythonTextTest, ReadsEveryWidthOfCharacters) {
  EXPECT_EQ(Text(python_.Str(U"")), "");
  EXPECT_EQ(Text(python_.Str(U"/home/a/run.py")), "/home/a/run.py");
  EXPECT_EQ(Text(python_.Str(U"größe", 1, false)), "größe");
  EXPECT_EQ(Text(python_.Str(U"Δx", 2, false)), "Δx");
  EXPECT_EQ(Text(python_.Str(U"測𝄞", 4, false)), "測𝄞");
}

TEST_P(PythonTextTest, KeepsTheFirstOrTheLastOfManyCharacters) {
  const std::u32string many(5000, U'd');
  const std::string last = Text(python_.Str(many + U"/end.py"), true);
  EXPECT_EQ(last.size(), kMaxPythonText);
  EXPECT_THAT(last, ::testing::EndsWith("d/end.py"));
  const std::string first = Text(python_.Str(U"begin" + many));
  EXPECT_EQ(first.size(), kMaxPythonText);
  EXPECT_THAT(first, ::testing::StartsWith("begind"));
  EXPECT_EQ(Text(python_.Str(std::u32string(5000, U'𝄞'), 4, false)).size(), 2 * kMaxPythonText);
}

TEST_P(PythonTextTest, IsNoneWhereThereIsNoStr) {
  EXPECT_EQ(Text(0), "<none>");
  EXPECT_EQ(Text(8), "<none>");
  EXPECT_EQ(Text(~uint64_t{7}), "<none>");
  EXPECT_EQ(Text(python_.Bytes({1, 2, 3})), "<none>");
  const uint64_t text = python_.Str(U"text");
  Made::Set<int64_t>(text, 16, int64_t{1} << 62);
  EXPECT_EQ(Text(text), "<none>");
  const uint64_t wide = python_.Str(U"text");
  Made::Set<uint32_t>(wide, 32, 3u << 2 | 1u << 5);
  EXPECT_EQ(Text(wide), "<none>");

  void* const page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  EXPECT_EQ(Text(reinterpret_cast<uint64_t>(page)), "<none>");
  ::munmap(page, 4096);
}

INSTANTIATE_TEST_SUITE_P(AllVersions, PythonTextTest, ::testing::ValuesIn(kPythonLayouts));

class PythonLineTest : public ::testing::Test {
 protected:
  uint32_t Line(const std::vector<uint8_t>& table, uint64_t unit, int32_t first = 100) {
    return PythonLineOf(python_.Bytes(table), unit, first);
  }

  Made python_{kPythonLayouts[0]};
};

// The first byte of an entry of `units` in this form.
uint8_t Head(int form, int units) { return static_cast<uint8_t>(0x80 | form << 3 | (units - 1)); }

TEST_F(PythonLineTest, FollowsEveryFormOfEntry) {
  const std::vector<uint8_t> sound = {
      Head(0, 1),  0x11,                 // the same line
      Head(11, 2), 1,    2,              // one more
      Head(12, 8), 1,    2,              // two more
      Head(13, 1), 0x03,                 // one back
      Head(14, 1), 0x50, 0x00, 1, 2, 3,  // eight on, as a number of two pieces
      Head(15, 1),                       // nowhere
      Head(10, 1), 1,    2,              // the same
  };
  EXPECT_EQ(Line(sound, 0), 100u);
  EXPECT_EQ(Line(sound, 1), 101u);
  EXPECT_EQ(Line(sound, 2), 101u);
  EXPECT_EQ(Line(sound, 3), 103u);
  EXPECT_EQ(Line(sound, 10), 103u);
  EXPECT_EQ(Line(sound, 11), 102u);
  EXPECT_EQ(Line(sound, 12), 110u);
  EXPECT_EQ(Line(sound, 13), 0u);
  EXPECT_EQ(Line(sound, 14), 110u);
  EXPECT_EQ(Line(sound, 15), 0u);
}

TEST_F(PythonLineTest, HasNoLineWhereTheTableIsDamaged) {
  EXPECT_EQ(PythonLineOf(0, 0, 1), 0u);
  EXPECT_EQ(Line({}, 0), 0u);
  EXPECT_EQ(Line({0x11}, 0), 0u);
  EXPECT_EQ(Line({Head(14, 1), 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40}, 0), 0u);
  EXPECT_EQ(Line({Head(11, 1)}, 0), 0u);
  EXPECT_EQ(Line({Head(13, 1), 0x03}, 0, 1), 0u);  // before the first line
  const uint64_t table = python_.Bytes({Head(10, 1), 0, 0});
  Made::Set<int64_t>(table, 16, int64_t{1} << 40);
  EXPECT_EQ(PythonLineOf(table, 0, 1), 0u);
}

TEST_F(PythonLineTest, ReadsTablesLongerThanAPiece) {
  std::vector<uint8_t> table;
  for (int i = 0; i < 1000; ++i) table.insert(table.end(), {Head(11, 1), 0, 0});
  EXPECT_EQ(Line(table, 0), 101u);
  EXPECT_EQ(Line(table, 999), 1100u);
  EXPECT_EQ(Line(table, 1000), 0u);
}

}  // namespace
}  // namespace alkaid::heap
