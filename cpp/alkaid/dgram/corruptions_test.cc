// Every known corruption, through every reader: each is refused where it must be, and no byte
// outside is touched. The bytes lie in a block of exactly their size, so that a sanitizer sees the
// first step past it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "alkaid/testing/matchers.h"
#include "fixtures/dgram_corruptions.h"
#include "fixtures/exact_block.h"
#include "fixtures/read_everything.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class EachCorruption : public ::testing::TestWithParam<std::vector<Corruption> (*)()> {};

TEST_P(EachCorruption, IsRefusedAtItsByteOrAccepted) {
  for (const Corruption& corruption : GetParam()()) {
    const ExactBlock block(corruption.bytes);
    for (const int64_t batch_bytes : {1, 100, 4096, 4 << 20}) {
      const EverythingRead read = ReadEverything(block.buffer, batch_bytes);
      if (corruption.refused_at == Corruption::kAccepted) {
        EXPECT_TRUE(read.status.ok()) << corruption.name << ": " << read.status;
        continue;
      }
      EXPECT_THAT(read.status,
                  StatusIs(StatusCode::kDataLoss,
                           AllOf(HasSubstr(absl::StrCat("byte ", corruption.refused_at, " (")),
                                 HasSubstr(corruption.why))))
          << corruption.name << " in batches of " << batch_bytes;
    }
  }
}

TEST_P(EachCorruption, IsFoundByTheVerifierWhereReadersRefuseIt) {
  for (const Corruption& corruption : GetParam()()) {
    const ExactBlock block(corruption.bytes);
    std::vector<Finding> findings = VerifyEverything(block.buffer);
    std::erase_if(findings, [](const Finding& f) { return f.kind != Finding::Kind::kFault; });
    if (corruption.refused_at == Corruption::kAccepted) {
      EXPECT_EQ(std::ssize(findings), corruption.verifier_faults) << corruption.name;
      continue;
    }
    EXPECT_TRUE(std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
      return finding.byte == corruption.refused_at;
    })) << corruption.name;
  }
}

// Cut at any byte, it must cause no more than a fault.
TEST_P(EachCorruption, IsAsHarmlessWhenItIsCutAnywhere) {
  for (const Corruption& corruption : GetParam()()) {
    const size_t size = corruption.bytes.size();
    const size_t step = std::max<size_t>(1, size / 40);
    for (size_t cut = 0; cut < size; cut += step) {
      const ExactBlock block(corruption.bytes.substr(0, cut));
      const EverythingRead read = ReadEverything(block.buffer);
      EXPECT_TRUE(read.status.ok() || read.status.code() == StatusCode::kDataLoss)
          << corruption.name << " cut to " << cut << ": " << read.status;
      VerifyEverything(block.buffer);
    }
  }
}

std::string RoomOf(const ::testing::TestParamInfo<std::vector<Corruption> (*)()>& info) {
  constexpr const char* kRooms[] = {"Headers", "Extents", "Names", "Shapes"};
  return kRooms[info.index];
}
INSTANTIATE_TEST_SUITE_P(Of, EachCorruption,
                         ::testing::Values(&HeaderCorruptions, &ExtentCorruptions,
                                           &NamesCorruptions, &ShapesCorruptions),
                         RoomOf);

TEST(Corruptions, AreManyAndEachHasANameOfItsOwn) {
  std::set<std::string> names;
  for (const Corruption& corruption : Corruptions()) names.insert(corruption.name);
  EXPECT_EQ(names.size(), Corruptions().size());
  EXPECT_GE(names.size(), 120);
}

TEST(Corruptions, ReadersDeliverWhatStandsBeforeTheFault) {
  for (const Corruption& corruption : ShapesCorruptions()) {
    const ExactBlock block(corruption.bytes);
    EXPECT_GE(ReadEverything(block.buffer).dgrams, 2) << corruption.name;
  }
}

}  // namespace
}  // namespace alkaid::dgram
