#include <gtest/gtest.h>

#include <cstdlib>

#include "alkaid/unwind/call_frame_info_internal.h"

namespace alkaid::unwind {
namespace {

TEST(UnwindRule, FillsOneWordWithBothOffsetsOfEitherSign) {
  for (int32_t cfa : {0, 8, -8, 300016, (1 << 27) - 1, -(1 << 27)}) {
    for (int32_t rbp : {0, -16, 24, (1 << 23) - 1, -(1 << 23)}) {
      const UnwindRule rule = {UnwindRule::kDerefRbp, UnwindRule::kAtRbp, cfa, rbp};
      const UnwindRule again = UnwindRule::Unpack(rule.Pack());
      EXPECT_EQ(again.kind, rule.kind);
      EXPECT_EQ(again.saved_rbp, rule.saved_rbp);
      EXPECT_EQ(again.cfa_offset, cfa);
      EXPECT_EQ(again.rbp_offset, rbp);
    }
  }
}

#if defined(__x86_64__)
TEST(UnwindRule, RightAtAFunctionsEntryTheFrameIsTheReturnAddressAlone) {
  // A rule is looked up by return address, which is one past the call: here one past the entry.
  const auto entry = reinterpret_cast<uint64_t>(&std::abort);
  uint64_t function = 0;
  const UnwindRule rule = FindUnwindRule(entry + 1, &function);
  EXPECT_EQ(function, entry);
  EXPECT_EQ(rule.kind, UnwindRule::kFromRsp);
  EXPECT_EQ(rule.cfa_offset, 8);
  EXPECT_EQ(rule.saved_rbp, UnwindRule::kUnchanged);
}
#endif

TEST(UnwindRule, AnAddressThatIsNoCodeHasNone) {
  const int here = 0;
  uint64_t function = 0;
  EXPECT_EQ(FindUnwindRule(reinterpret_cast<uint64_t>(&here), &function).kind,
            UnwindRule::kElsewhere);
  EXPECT_EQ(FindUnwindRule(1, &function).kind, UnwindRule::kElsewhere);
}

}  // namespace
}  // namespace alkaid::unwind
