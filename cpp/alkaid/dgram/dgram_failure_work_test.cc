// How much work many declarations take, measured in bytes requested from operator new
// (dgram_failure_test.cc).
#include <gtest/gtest.h>

#include <cstdint>

#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/writer.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failing_new.h"

namespace alkaid::dgram {
namespace {

DetectorDefinition NumberedDefinition(uint32_t i) {
  return {.detector = "d",
          .segment = i,
          .algorithm = {"a", 1},
          .fields = {{"x", DataType::kUInt32, 0, {}}},
          .node_id = i / 256,
          .names_id = i % 256};
}

template <typename Work>
int64_t BytesOf(const Work& work) {
  const int64_t before = failing::new_bytes;
  work();
  return failing::new_bytes - before;
}

// Compares the work of `count` steps with that of 16 times as many.
template <typename Work>
void ExpectLinear(const Work& work) {
  constexpr uint32_t kFew = 1000;
  constexpr uint32_t kMany = 16'000;
  work(kFew);  // allocations of the first use
  const int64_t few = BytesOf([&] { work(kFew); });
  const int64_t many = BytesOf([&] { work(kMany); });
  EXPECT_GT(few, kFew);
  // A table that doubles may be half full in one case and full in the other.
  EXPECT_LT(many, 2 * few * (kMany / kFew));
}

TEST(DgramWork, DetectorsAreAddedInLinearTime) {
  ExpectLinear([](uint32_t count) {
    ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                                DgramEdit::Make(TransitionId::kConfigure, Timestamp(1, 0)));
    for (uint32_t i = 0; i < count; ++i) {
      ALKAID_ASSERT_OK(edit.AddDetector(NumberedDefinition(i)));
    }
    EXPECT_EQ(edit.configuration()->names().size(), count);
    for (uint32_t i = 0; i < count; ++i) {
      const Names* const names = edit.configuration()->Find(NamesId(i / 256, i % 256));
      ASSERT_NE(names, nullptr);
      EXPECT_EQ(names->segment(), i);
    }
  });
}

TEST(DgramWork, DetectorsAreDeclaredInLinearTime) {
  ExpectLinear([](uint32_t count) {
    DgramWriter writer;
    ALKAID_ASSERT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)));
    for (uint32_t i = 0; i < count; ++i) {
      ALKAID_ASSERT_OK(writer.Declare(NumberedDefinition(i)));
    }
    ALKAID_ASSERT_OK(writer.End());
  });
}

}  // namespace
}  // namespace alkaid::dgram
