#include "alkaid/dgram/names_id_set.h"

#include <gtest/gtest.h>

namespace alkaid::dgram::internal {
namespace {

TEST(NamesIdSet, HasWhatWasInsertedAndNothingElseHoweverMany) {
  NamesIdSet set;
  for (const uint32_t count :
       {uint32_t{5}, uint32_t{31}, uint32_t{32}, uint32_t{33}, uint32_t{5000}}) {
    set.Clear();
    for (uint32_t i = 0; i < count; ++i) {
      const NamesId id(i / 256, i % 256);
      EXPECT_FALSE(set.Contains(id)) << i << " of " << count;
      set.Insert(id);
      EXPECT_TRUE(set.Contains(id)) << i << " of " << count;
    }
    for (uint32_t i = 0; i < count; ++i) EXPECT_TRUE(set.Contains(NamesId(i / 256, i % 256)));
    EXPECT_FALSE(set.Contains(NamesId(count / 256, count % 256)));
  }
}

}  // namespace
}  // namespace alkaid::dgram::internal
