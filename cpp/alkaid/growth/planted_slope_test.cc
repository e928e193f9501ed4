// A planted leak must be found in full: the slopes of VM and of RSS must be within 5 % of it.
//
//   alkaid_planted_slope_test BACKEND pool|malloc MB [EVENTS]
//
// One process a case, since a backend's memory belongs to its process. Prints the slopes; exits 0
// where both are right, 1 where one is not, 77 where this build has no such backend.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/growth/leak_profile.h"
#include "alkaid/growth/line_fit.h"
#include "fixtures/libc_malloc.h"

namespace alkaid::growth {
namespace {

constexpr double kTolerance = 0.05;

// Whether the slope of a column is what was planted.
bool Found(const char* column, const std::vector<double>& values, double planted) {
  const double slope = FitLine(values).slope;
  const double error = slope / planted - 1;
  std::printf("  %-4s %8.3f MB per event, %+5.1f %%\n", column, slope, 100 * error);
  return std::abs(error) <= kTolerance;
}

int Run(const char* backend, const std::string& by, double mb, int events) {
  ::setenv(internal::kDefaultMemoryPoolVariable, backend, 1);
  if (default_memory_pool()->backend_name() != backend) {
    std::printf("skipped: no %s in this build\n", backend);
    return 77;
  }
  if (internal::kMallocIsSanitizers) {
    std::printf("skipped: a sanitizer maps and touches memory of its own beside each block\n");
    return 77;
  }
  const auto options = ParsePlantedLeak(std::to_string(mb), by);
  if (!options.ok()) return 2;
  LeakProfile profile(*options);
  for (int event = 0; event < events; ++event) {
    if (!profile.Stamp().ok()) return 1;
  }

  std::vector<double> vm;
  std::vector<double> rss;
  for (const MemoryStamp& stamp : profile.stamps()) {
    vm.push_back(stamp.vm_mb);
    rss.push_back(stamp.rss_mb);
  }
  std::printf("%s, by %s, %g MB planted per event, %d events\n", backend, by.c_str(), mb, events);
  const bool vm_found = Found("VM", vm, mb);
  const bool rss_found = Found("RSS", rss, mb);
  return vm_found && rss_found ? 0 : 1;
}

}  // namespace
}  // namespace alkaid::growth

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s BACKEND pool|malloc MB [EVENTS]\n", argv[0]);
    return 2;
  }
  return alkaid::growth::Run(argv[1], argv[2], std::atof(argv[3]),
                             argc > 4 ? std::atoi(argv[4]) : 50);
}
