#include "tools/growth/gated_run.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "alkaid/growth/leak_profile_file.h"

namespace alkaid::tools {
namespace {

Result<GatedProcess> JudgeFile(const std::string& file, const growth::LeakGateOptions& options) {
  ALKAID_ASSIGN_OR_RAISE(std::vector<growth::MemoryStamp> stamps, growth::ReadLeakProfile(file));
  if (stamps.empty()) {
    return status::FailedPrecondition("its profile has no stamps: none could be taken");
  }
  ALKAID_ASSIGN_OR_RAISE(growth::LeakGateResult result, growth::RunLeakGate(stamps, options));
  ALKAID_ASSIGN_OR_RAISE(growth::LeakProfileRun ended, growth::ReadLeakProfileRun(file));
  return GatedProcess{file, std::move(stamps), std::move(result), std::move(ended)};
}

}  // namespace

const GatedProcess* GatedRun::Alarm() const {
  const auto found = std::find_if(judged.begin(), judged.end(), [](const GatedProcess& one) {
    return one.result.Alarm() != nullptr;
  });
  return found == judged.end() ? nullptr : &*found;
}

Result<GatedRun> JudgeRun(const std::string& folder, const growth::LeakGateOptions& options) {
  GatedRun run;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    Result<GatedProcess> one = JudgeFile(entry.path().string(), options);
    if (one.ok()) {
      run.judged.push_back(*std::move(one));
      continue;
    }
    const auto why = one.status().message();
    run.not_judged.push_back("process " + entry.path().stem().string() + ": " +
                             std::string(why.data(), why.size()));
  }
  if (error) return status::IOError(error.value(), folder);
  std::sort(run.not_judged.begin(), run.not_judged.end());
  std::sort(run.judged.begin(), run.judged.end(), [](const GatedProcess& a, const GatedProcess& b) {
    return std::make_pair(b.stamps.size(), a.file) < std::make_pair(a.stamps.size(), b.file);
  });
  return run;
}

}  // namespace alkaid::tools
