#include "alkaid/heap/tracking/clock_internal.h"

namespace alkaid::heap {
namespace {

constinit std::atomic<uint64_t> monotonic{0};
constinit std::atomic<uint64_t> realtime{0};

}  // namespace

constinit std::atomic<bool> clock_stands{false};

uint64_t StandingNanoseconds(clockid_t clock) {
  return (clock == CLOCK_REALTIME ? realtime : monotonic).load(std::memory_order_relaxed);
}

}  // namespace alkaid::heap

bool alkaid_track_stop_clock() {
  using namespace alkaid::heap;  // NOLINT(google-build-using-namespace)
  monotonic.store(NanosecondsOf(CLOCK_MONOTONIC), std::memory_order_relaxed);
  realtime.store(NanosecondsOf(CLOCK_REALTIME), std::memory_order_relaxed);
  return !clock_stands.exchange(true, std::memory_order_release);
}

void alkaid_track_go_on_clock() {
  alkaid::heap::clock_stands.store(false, std::memory_order_relaxed);
}
