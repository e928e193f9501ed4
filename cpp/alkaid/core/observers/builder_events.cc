#include "alkaid/core/observers/builder_events.h"

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "alkaid/base/notice_internal.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/observers/listener_list_internal.h"

namespace alkaid {
namespace internal {

namespace {

constexpr uint8_t kAll = 1;

constinit thread_local TellingThread telling_thread
    __attribute__((tls_model("initial-exec"))) = {nullptr, {0, 0}, 0};

TellingThread& ThisThread() { return telling_thread; }

using BuilderListeners = ListenerList<BuilderObserver, ThisThread>;

BuilderListeners& AllListeners() {
  // Never destroyed: static builders end late.
  static BuilderListeners* const all = new BuilderListeners;
  return *all;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { AllListeners(); }

constinit std::atomic<bool> observed{false};
constinit std::atomic<bool> traced{false};

void SetSwitches(const BuilderListeners::Listeners& listeners) {
  observed.store(BuilderListeners::AnybodyWants(listeners, kAll), std::memory_order_relaxed);
}

template <typename Tell>
void TellAll(Tell tell) {
  if (observed.load(std::memory_order_relaxed)) AllListeners().TellAll(kAll, tell);
}

const char* NameOf(BuilderGrowthReason reason) {
  switch (reason) {
    case BuilderGrowthReason::kNeeded:
      return "need";
    case BuilderGrowthReason::kReserved:
      return "reservation";
    case BuilderGrowthReason::kAdvised:
      return "advice";
    case BuilderGrowthReason::kResized:
      return "resize";
  }
  return "?";
}

const char* Shift(const BuilderGrowth& growth) {
  if (growth.old_data == nullptr) return "new";
  return growth.old_data == growth.new_data ? "stays" : "shift";
}

// One line in one piece, whatever other threads write; longer labels are cut. Allocates nothing.
void Trace(const BuilderGrowth& growth) {
  char label[257] = "-";
  if (growth.label) label[CopyPrintable(growth.label.name(), label, sizeof(label) - 1)] = '\0';
  internal::Notice("BufferBuilder growth label ", label, " base_ptr ", Shift(growth), " size ",
                   growth.size, " capacity ", growth.old_capacity, " -> ", growth.new_capacity,
                   " by ", NameOf(growth.reason));
}

}  // namespace

void EmitBuilderGrowth(const BuilderGrowth& growth) {
  if (traced.load(std::memory_order_relaxed)) [[unlikely]]
    Trace(growth);
  TellAll([&growth](BuilderObserver* observer) { observer->OnGrowth(growth); });
}

void EmitBuilderEnd(const BuilderEnd& end) {
  TellAll([&end](BuilderObserver* observer) { observer->OnEnd(end); });
}

int64_t AdviseBuilder(Label label) {
  int64_t advice = 0;
  TellAll([&advice, label](BuilderObserver* observer) {
    advice = std::max(advice, observer->Advise(label));
  });
  return advice;
}

}  // namespace internal

void TraceBuilderGrowth(bool on) { internal::traced.store(on, std::memory_order_relaxed); }

void AddBuilderObserver(BuilderObserver* observer) {
  internal::AllListeners().Add(observer, internal::kAll, internal::SetSwitches);
}

void RemoveBuilderObserver(BuilderObserver* observer) noexcept {
  internal::AllListeners().Remove(observer, internal::SetSwitches);
}

}  // namespace alkaid
