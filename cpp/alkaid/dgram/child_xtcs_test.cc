#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/child_xtcs_internal.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram::internal {
namespace {

struct Met {
  // The src and the start of each child.
  std::vector<std::pair<uint32_t, int64_t>> children;
  bool broken = false;
  int64_t at = 0;
  std::string why;
};

Met Walk(const std::string& bytes, int64_t begin, int64_t end) {
  Met met;
  ChildXtcs children(reinterpret_cast<const uint8_t*>(bytes.data()), begin, end);
  while (children.Next()) met.children.emplace_back(children.xtc().src, children.offset());
  met.broken = children.broken();
  met.at = children.offset();
  if (met.broken) met.why = children.Why("Parent");
  return met;
}

Met Walk(const std::string& bytes) { return Walk(bytes, 0, static_cast<int64_t>(bytes.size())); }

using Children = std::vector<std::pair<uint32_t, int64_t>>;

TEST(ChildXtcs, AreMetInOrderAndNotDescendedInto) {
  const std::string bytes = fixtures::Xtc(77, "abc", 1) +
                            fixtures::Xtc(fixtures::kParent, fixtures::Xtc(77, "", 9), 2) +
                            fixtures::Xtc(77, "", 3);
  const Met met = Walk(bytes);
  EXPECT_FALSE(met.broken) << met.why;
  EXPECT_EQ(met.children, (Children{{1, 0}, {2, 15}, {3, 39}}));
  EXPECT_EQ(met.at, static_cast<int64_t>(bytes.size()));
}

TEST(ChildXtcs, OfNoBytesAreNone) {
  const Met met = Walk("");
  EXPECT_FALSE(met.broken);
  EXPECT_TRUE(met.children.empty());
}

TEST(ChildXtcs, AreThoseBetweenBeginAndEnd) {
  const std::string bytes =
      fixtures::Xtc(77, "", 1) + fixtures::Xtc(77, "payload", 2) + fixtures::Xtc(77, "", 3);
  EXPECT_EQ(Walk(bytes, 12, 31).children, (Children{{2, 12}}));
  const Met cut = Walk(bytes, 12, 30);
  EXPECT_TRUE(cut.children.empty());
  EXPECT_TRUE(cut.broken);
}

TEST(ChildXtcs, EndBeforeBytesThatAreTooFewForAHeader) {
  for (size_t slack = 1; slack < 12; ++slack) {
    const Met met = Walk(fixtures::Xtc(77, "abc", 1) + std::string(slack, '\0'));
    EXPECT_EQ(met.children, (Children{{1, 0}}));
    EXPECT_TRUE(met.broken);
    EXPECT_EQ(met.at, 15);
    EXPECT_EQ(met.why, std::to_string(slack) +
                           " bytes are left over in the enclosing Parent, a header has 12");
  }
}

TEST(ChildXtcs, EndBeforeAnExtentBelowTwelveOrBeyondTheEnd) {
  for (const uint32_t extent : {0U, 11U, 16U, 0xffffffffU}) {
    const Met met = Walk(fixtures::Xtc(77, "", 1) + fixtures::Xtc(77, "abc", 2, 0, extent));
    EXPECT_EQ(met.children, (Children{{1, 0}}));
    EXPECT_TRUE(met.broken);
    EXPECT_EQ(met.at, 12);
    EXPECT_EQ(met.why, "Xtc of type 77 and extent " + std::to_string(extent) +
                           ", the least is 12 and the enclosing Parent has 15 left");
  }
}

TEST(ChildXtcs, StayWhereTheyBreak) {
  const std::string bytes = fixtures::Xtc(77, "", 1) + "slack";
  ChildXtcs children(reinterpret_cast<const uint8_t*>(bytes.data()), 0, 17);
  EXPECT_TRUE(children.Next());
  EXPECT_EQ(children.end(), 12);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(children.Next());
    EXPECT_TRUE(children.broken());
    EXPECT_FALSE(children.has_header());
    EXPECT_EQ(children.offset(), 12);
  }
}

}  // namespace
}  // namespace alkaid::dgram::internal
