#include "alkaid/core/observers/builder_events.h"

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "alkaid/base/notice_internal.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/observers/observer_list_internal.h"

namespace alkaid {
namespace internal {

namespace {

constexpr uint8_t kAll = 1;

constinit thread_local NotifyingThread notifying_thread
    __attribute__((tls_model("initial-exec"))) = {nullptr, {0, 0}, 0};

NotifyingThread& ThisThread() { return notifying_thread; }

using BuilderObservers = ObserverList<BuilderObserver, ThisThread>;

BuilderObservers& AllObservers() {
  // Never destroyed: static builders end late.
  static BuilderObservers* const all = new BuilderObservers;
  return *all;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { AllObservers(); }

constinit std::atomic<bool> observed{false};
constinit std::atomic<bool> traced{false};

void SetSwitches(const BuilderObservers::Entries& entries) {
  observed.store(BuilderObservers::AnybodyWants(entries, kAll), std::memory_order_relaxed);
}

template <typename Notify>
void NotifyAll(Notify notify) {
  if (observed.load(std::memory_order_relaxed)) AllObservers().NotifyAll(kAll, notify);
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

void NotifyBuilderGrowth(const BuilderGrowth& growth) {
  if (traced.load(std::memory_order_relaxed)) [[unlikely]]
    Trace(growth);
  NotifyAll([&growth](BuilderObserver* observer) { observer->OnGrowth(growth); });
}

void NotifyBuilderEnd(const BuilderEnd& end) {
  NotifyAll([&end](BuilderObserver* observer) { observer->OnEnd(end); });
}

int64_t AdviseBuilder(Label label) {
  int64_t advice = 0;
  NotifyAll([&advice, label](BuilderObserver* observer) {
    advice = std::max(advice, observer->Advise(label));
  });
  return advice;
}

}  // namespace internal

void TraceBuilderGrowth(bool on) { internal::traced.store(on, std::memory_order_relaxed); }

void AddBuilderObserver(BuilderObserver* observer) {
  internal::AllObservers().Add(observer, internal::kAll, internal::SetSwitches);
}

void RemoveBuilderObserver(BuilderObserver* observer) noexcept {
  internal::AllObservers().Remove(observer, internal::SetSwitches);
}

}  // namespace alkaid
