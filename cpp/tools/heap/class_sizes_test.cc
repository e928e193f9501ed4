// How many bytes the classes of a program have.

#if ALKAID_HAVE_LIBDW

#include "tools/heap/class_sizes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace alkaid::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ClassSizes, AreThoseOfClassesWithVirtualFunctions) {
  const int file = ::open(ALKAID_PLANTED_CONTENTS, O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  ::Dwarf* const dwarf = ::dwarf_begin(file, DWARF_C_READ);
  ASSERT_NE(dwarf, nullptr);
  const ClassSizes sizes(dwarf);
  EXPECT_THAT(sizes.Of("planted::Shape"), ElementsAre(16));
  EXPECT_THAT(sizes.Of("planted::Square"), ElementsAre(32));
  EXPECT_THAT(sizes.Of("planted::Triangle"), ElementsAre(24));
  EXPECT_THAT(sizes.Of("(anonymous namespace)::Boxed<long>"), ElementsAre(24));
  for (const char* const none : {"Shape", "planted", "planted::", "(anonymous namespace)::Triple",
                                 "(anonymous namespace)::Boxed<int>", ""}) {
    EXPECT_THAT(sizes.Of(none), IsEmpty()) << none;
  }
  ::dwarf_end(dwarf);
  ::close(file);
}

TEST(ClassSizes, NamesAreComparedWhateverCompilersCallTypes) {
  const std::vector<std::vector<std::string>> alike = {
      {"A<long>", "A<long int>"},
      {"A<unsigned long, 3ul>", "A<long unsigned int, 3>", "A<unsigned long,3u>"},
      {"A<unsigned short, B<long long> >", "A<short unsigned int, B<long long int>>"},
      {"(anonymous namespace)::A", "{anonymous}::A"},
      {"A<(B)2>", "A<(B)2u>"},
      {"A3ul", "A3ul"},
      {"A<-1l>", "A<-1>"},
  };
  for (size_t i = 0; i < alike.size(); ++i) {
    for (size_t j = 0; j < alike.size(); ++j) {
      for (const std::string& one : alike[i]) {
        for (const std::string& other : alike[j]) {
          EXPECT_EQ(ComparableClassName(one) == ComparableClassName(other), i == j)
              << one << " " << other;
        }
      }
    }
  }
  EXPECT_NE(ComparableClassName("A3ul"), ComparableClassName("A3"));
}

}  // namespace
}  // namespace alkaid::tools

#endif
