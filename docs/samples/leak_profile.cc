// A program that profiles its own events and judges them.

#include "alkaid/growth/leak_profile.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/memory.h"
#include "alkaid/growth/growth_verdict.h"

namespace growth = alkaid::growth;

int main() {
  std::vector<std::shared_ptr<alkaid::Buffer>> kept;

  growth::LeakProfile profile;
  for (int event = 0; event < 50; ++event) {
    kept.push_back(alkaid::AllocateBuffer(500'000).value());
    if (!profile.Stamp().ok()) return 1;
  }
  if (!profile.TryRelease().ok()) return 1;  // while `kept` is still there
  if (!profile.Save("kept.npy").ok()) return 1;

  const growth::GrowthVerdict verdict = growth::JudgeGrowth(profile.stamps());
  std::printf("%zu stamps: %s, %.1f MB per event\n", verdict.stamps,
              std::string(growth::VerdictName(verdict.verdict)).c_str(),
              verdict.of(growth::Account::kLive).fit.slope);
}
