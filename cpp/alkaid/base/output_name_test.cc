#include "alkaid/base/output_name.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <span>
#include <string>

#include "alkaid/base/environment.h"

namespace alkaid::internal {
namespace {

uint32_t Self() { return static_cast<uint32_t>(::getpid()); }

TEST(OutputName, NamesArePatterns) {
  EXPECT_EQ(OutputName("alkaid-heap.%p.%n", 42, 3), "alkaid-heap.42.3");
  EXPECT_EQ(OutputName("100%%.%p%", 42, 3), "100%.42%");
  EXPECT_EQ(OutputName("%q %%p", 42, 3), "%q %p");
  EXPECT_EQ(OutputName("%p%p", 42, 3), "4242");
  EXPECT_EQ(OutputName("%%%n%%%%", 42, 3), "%3%%");
  EXPECT_EQ(OutputName("", 42, 3), "");
  EXPECT_EQ(OutputName("%", 42, 3), "%");
}

TEST(OutputName, TakesAnyNumberAndAnyLength) {
  EXPECT_EQ(OutputName("%p.%n", 0, 0), "0.0");
  EXPECT_EQ(OutputName("%p.%n", UINT32_MAX, UINT64_MAX), "4294967295.18446744073709551615");
  const std::string folder(10'000, 'x');
  EXPECT_EQ(OutputName(folder + "/%n", 42, 3), folder + "/3");
  EXPECT_EQ(OutputName("\xff%n\xe2\x82", 42, 3), "\xff\x33\xe2\x82");
}

TEST(OwnOutputName, IsThePlainNameForTheOwner) {
  EXPECT_EQ(OwnOutputName("a.heap", Self(), 1), "a.heap");
  EXPECT_EQ(OwnOutputName("a.%n.heap", Self(), 7), "a.7.heap");
}

TEST(OwnOutputName, HasTheProcessBehindItForOthers) {
  const std::string self = std::to_string(Self());
  EXPECT_EQ(OwnOutputName("a.heap", Self() + 1, 1), "a.heap." + self);
  EXPECT_EQ(OwnOutputName("a.heap", 0, 1), "a.heap." + self);
  // This does not name the process, though it looks as if it did.
  EXPECT_EQ(OwnOutputName("a.%%p.heap", Self() + 1, 1), "a.%p.heap." + self);
}

TEST(OwnOutputName, HasTheProcessInItOnce) {
  const std::string self = std::to_string(Self());
  EXPECT_EQ(OwnOutputName("a.%p.heap", Self(), 1), "a." + self + ".heap");
  EXPECT_EQ(OwnOutputName("a.%p.heap", Self() + 1, 1), "a." + self + ".heap");
}

TEST(OwnOutputName, IsTheSameInMemoryThatIsGivenAndCutAtItsEnd) {
  std::array<char, 100> room;
  for (const char* pattern : {"a.heap", "a.%p.heap", "%n%%%p", ""}) {
    for (const uint32_t owner : {Self(), Self() + 1}) {
      EXPECT_EQ(OwnOutputName(pattern, owner, 7, room), OwnOutputName(pattern, owner, 7));
    }
  }
  const std::string whole = OwnOutputName("abc.%p.%n", Self(), 123456);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(OwnOutputName("abc.%p.%n", Self(), 123456, std::span(room).first(size)),
              whole.substr(0, size));
  }
}

class NamedOwner : public ::testing::Test {
 protected:
  void SetUp() override { was_ = GetEnvironment(kHeapOwnerVariable); }
  void TearDown() override {
    was_.empty() ? ::unsetenv(kHeapOwnerVariable) : ::setenv(kHeapOwnerVariable, was_.c_str(), 1);
  }

  static void Name(const std::string& owner) { ::setenv(kHeapOwnerVariable, owner.c_str(), 1); }

 private:
  std::string was_;
};

TEST_F(NamedOwner, IsThisProcessWhereNoneIsNamed) {
  ::unsetenv(kHeapOwnerVariable);
  EXPECT_EQ(OutputOwner(), Self());
  EXPECT_FALSE(IsOutputOwner());
}

TEST_F(NamedOwner, IsTheProcessThatIsNamed) {
  Name(std::to_string(Self()));
  EXPECT_EQ(OutputOwner(), Self());
  EXPECT_TRUE(IsOutputOwner());
  Name(std::to_string(Self() + 1));
  EXPECT_EQ(OutputOwner(), Self() + 1);
  EXPECT_FALSE(IsOutputOwner());
  Name("4294967295");
  EXPECT_EQ(OutputOwner(), 4294967295u);
  EXPECT_FALSE(IsOutputOwner());
}

TEST_F(NamedOwner, ThatIsNoProcessIsNoneAtAll) {
  for (const char* none : {"", "0", "12x", " 12", "+12", "-1", "4294967296", "99999999999999",
                           "99999999999999999999999", "\xff"}) {
    Name(none);
    EXPECT_EQ(OutputOwner(), Self()) << none;
    EXPECT_FALSE(IsOutputOwner()) << none;
  }
}

}  // namespace
}  // namespace alkaid::internal
