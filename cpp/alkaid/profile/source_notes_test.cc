#include <gtest/gtest.h>

#include <vector>

#include "alkaid/profile/source_notes_internal.h"

namespace alkaid::profile {
namespace {

class SourceNotesTest : public ::testing::Test {
 protected:
  SourceNotesTest() { SourceNotes::Get().Clear(); }
  ~SourceNotesTest() override { SourceNotes::Get().Clear(); }

  static const char* At(uint64_t address) { return reinterpret_cast<const char*>(address); }
  static void Add(uint64_t address, int64_t size, const char* source,
                  std::vector<SourceTime> times = {}) {
    SourceNotes::Get().Add({At(address), size, source, 70, times});
  }
  static HeapContents Contents() {
    HeapContents contents;
    SourceNotes::Get().CopyTo(&contents);
    return contents;
  }
};

TEST_F(SourceNotesTest, ANoteIsKeptUntilARootOverItsBytesIsReleased) {
  Add(0x2000, 100, "b.xtc2");
  Add(0x1000, 100, "a.xtc2", {{0, 5}, {40, 6}});
  const HeapContents contents = Contents();
  ASSERT_EQ(contents.sources.size(), 2U);
  EXPECT_EQ(contents.sources[0].name, "a.xtc2");
  EXPECT_EQ(contents.sources[0].offset, 70);
  EXPECT_EQ(contents.sources[0].time_count, 2U);
  EXPECT_EQ(contents.times[1].address, 0x1000U + 40);
  EXPECT_EQ(contents.times[1].time_ns, 6U);
  EXPECT_EQ(contents.sources[1].address, 0x2000U);

  SourceNotes::Get().Release(At(0xf00), 0x200);
  ASSERT_EQ(Contents().sources.size(), 1U);
  EXPECT_EQ(Contents().sources[0].name, "b.xtc2");
}

TEST_F(SourceNotesTest, ARootBesideItLeavesANoteAlone) {
  Add(0x1000, 100, "a.xtc2");
  SourceNotes::Get().Release(At(0x1000 + 100), 100);
  SourceNotes::Get().Release(At(0x1000 - 100), 100);
  SourceNotes::Get().Release(At(0x1000), 0);
  EXPECT_EQ(Contents().sources.size(), 1U);
}

TEST_F(SourceNotesTest, ALaterNoteOverItsBytesTakesItsPlace) {
  Add(0x1000, 100, "old.xtc2");
  Add(0x1040, 10, "new.xtc2");
  ASSERT_EQ(Contents().sources.size(), 1U);
  EXPECT_EQ(Contents().sources[0].name, "new.xtc2");
}

}  // namespace
}  // namespace alkaid::profile
