#include <sys/auxv.h>

#include <atomic>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

#include "alkaid/base/environment.h"
#include "alkaid/base/first_made.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/pools/debug_memory_pool_internal.h"
#include "alkaid/core/pools/guarded_sampler_internal.h"

namespace alkaid {

namespace internal {
namespace {

// The splitmix64 sequence.
uint64_t Mix(uint64_t state) {
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
  state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
  return state ^ (state >> 31);
}
constexpr uint64_t kStep = 0x9e3779b97f4a7c15;

// Differs in each process and thread.
uint64_t Seed() {
  static constinit std::atomic<uint64_t> threads{0};
  uint64_t of_process = 0;
  if (const auto* random = reinterpret_cast<const void*>(::getauxval(AT_RANDOM))) {
    std::memcpy(&of_process, random, sizeof(of_process));
  }
  return Mix(of_process + kStep * threads.fetch_add(1, std::memory_order_relaxed)) | 1;
}

}  // namespace

constinit thread_local GuardedCountdown guarded_countdown
    __attribute__((tls_model("initial-exec")));

[[gnu::noinline]] bool ReachGuardedPlace() {
  GuardedCountdown& countdown = guarded_countdown;
  const auto place_next = [&countdown] {
    countdown.random += kStep;
    const auto place =
        static_cast<int64_t>(Mix(countdown.random) % static_cast<uint64_t>(kGuardedWhole)) + 1;
    countdown.left += countdown.after + place;
    countdown.after = kGuardedWhole - place;
  };
  if (countdown.random == 0) {
    countdown.random = Seed();
    place_next();
    if (countdown.left > 0) return false;
  }
  // At most a few rounds: no share is more than four wholes.
  while (countdown.left <= 0) place_next();
  return true;
}

const GuardedSampling& GuardedSamplingOfEnvironment() {
  static constinit FirstMade<const GuardedSampling> known;
  static constinit std::atomic<bool> said{false};
  return *known.Get([] {
    const std::string value = GetEnvironment(kGuardedSamplingVariable);
    GuardedSampling sampling;
    std::string complaint;
    if (auto parsed = GuardedSampling::Parse(value); !parsed.ok()) {
      complaint = MessageOf(parsed.status()) + "; no block is guarded";
    } else if (parsed->on() && MemoryDebugOn()) {
      complaint = absl::StrCat("has no effect: ", kDebugMemoryPoolVariable, " checks every block");
    } else {
      sampling = *parsed;
    }
    if (!complaint.empty() && !said.exchange(true)) {
      Notice(kGuardedSamplingVariable, "=", Printable(value), " ", complaint);
    }
    return new const GuardedSampling(sampling);
  });
}

}  // namespace internal

namespace {

constexpr std::pair<std::string_view, int> kUnits[] = {
    {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};

Status NotUnderstood(std::string_view part) {
  return status::Invalid("is not understood at '", absl::string_view(part.data(), part.size()),
                         "': it takes a number of blocks from 1 to ", GuardedSampling::kMax,
                         ", a size from 1B to 1TiB such as 64MiB, or both, such as 1000,64MiB");
}

}  // namespace

Result<GuardedSampling> GuardedSampling::Parse(std::string_view text) {
  GuardedSampling sampling;
  if (text.empty() || text == "0") return sampling;
  while (true) {
    const std::string_view part = text.substr(0, text.find(','));
    int64_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || number < 1 || number > kMax) return NotUnderstood(part);
    const std::string_view unit = part.substr(static_cast<size_t>(end - part.data()));
    int64_t* const field = unit.empty() ? &sampling.blocks : &sampling.bytes;
    if (*field != 0) return NotUnderstood(part);
    if (!unit.empty()) {
      const auto* const known =
          std::ranges::find(kUnits, unit, &std::pair<std::string_view, int>::first);
      if (known == std::end(kUnits) || number > kMax >> known->second) return NotUnderstood(part);
      number <<= known->second;
    }
    *field = number;
    if (part.size() == text.size()) return sampling;
    text.remove_prefix(part.size() + 1);
  }
}

}  // namespace alkaid
