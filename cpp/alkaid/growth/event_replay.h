// The events of a collector that grew, replayed: what each costs in memory, with and without a
// reservation. For the test and the benchmark of reservations; not installed.
//
// An event appends its items one by one, each 24 floats. It ends by going back to the start of the
// same capacity, as a collector does that clears its std::vector, or by giving the capacity back.
// What memory there is, is read while the event is held, just before it ends.
//
// Ownership: values. Threads: one replay at a time in a process. Out of memory: as BufferBuilder.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/base/status.h"
#include "alkaid/core/buffer_builder.h"
#include "alkaid/core/builder_events.h"
#include "alkaid/core/label.h"
#include "alkaid/core/memory_pool.h"
#include "alkaid/growth/process_memory.h"

namespace alkaid::growth {

inline constexpr int64_t kItemFloats = 24;
inline constexpr int64_t kItemBytes = kItemFloats * sizeof(float);

struct EventSeries {
  std::string name;
  std::vector<int64_t> items;  // of each event

  int64_t most() const { return *std::ranges::max_element(items); }
};

// As they were reported of a program whose memory grew.
inline const std::vector<EventSeries>& ReportedSeries() {
  static const auto* const series = new std::vector<EventSeries>{
      {"uneven", {10000, 50000, 60000, 80000, 10000, 100000, 30000, 300000, 20000, 10000}},
      {"even", {3271, 3270, 3057, 3453, 3459, 3362, 3111, 3702, 3479, 3500}},
  };
  return *series;
}

enum class EventEnd {
  kClear,  // Rewind(0)
  kReset,  // Reset()
};

// In bytes.
struct ReplayedEvent {
  int64_t items = 0;
  ProcessMemory held;
  int64_t reallocations = 0;
  int64_t bytes_copied = 0;
};

namespace replay_internal {

class GrowthCounter final : public BuilderObserver {
 public:
  explicit GrowthCounter(Label label) : label_(label) { AddBuilderObserver(this); }
  ~GrowthCounter() override { RemoveBuilderObserver(this); }
  void OnGrowth(const BuilderGrowth& growth) override {
    if (growth.label != label_ || growth.old_data == nullptr) return;
    ++event->reallocations;
    if (growth.old_data != growth.new_data) event->bytes_copied += growth.old_capacity;
  }
  ReplayedEvent* event = nullptr;

 private:
  const Label label_;
};

}  // namespace replay_internal

// `reservation_items` 0: none. kFailedPrecondition where the pool is not over `backend`, or does not
// hold what was appended.
inline Result<std::vector<ReplayedEvent>> ReplayEvents(const std::vector<int64_t>& items,
                                                       int64_t reservation_items, EventEnd end,
                                                       const std::string& backend) {
  MemoryPool* const pool = default_memory_pool();
  if (pool->backend_name() != backend) {
    return status::FailedPrecondition("the default pool is over ", pool->backend_name(), ", not ",
                                      backend);
  }
  const Label label = Label::Intern("genstep");
  replay_internal::GrowthCounter counter(label);
  std::vector<ReplayedEvent> events(items.size());
  TypedBufferBuilder<float> builder(pool);
  builder.bytes_builder()->SetLabel(label);
  ALKAID_RETURN_NOT_OK(builder.SetReservation(reservation_items * kItemFloats));
  std::array<float, kItemFloats> item;
  for (size_t i = 0; i < items.size(); ++i) {
    ReplayedEvent& event = events[i];
    event.items = items[i];
    counter.event = &event;
    for (int64_t n = 0; n < event.items; ++n) {
      item.fill(static_cast<float>(n));
      ALKAID_RETURN_NOT_OK(builder.Append(item.data(), kItemFloats));
    }
    if (pool->bytes_allocated() < event.items * kItemBytes ||
        builder.data()[event.items * kItemFloats - 1] != static_cast<float>(event.items - 1)) {
      return status::FailedPrecondition("the event is not held by pool ", backend);
    }
    ALKAID_ASSIGN_OR_RAISE(event.held, ReadProcessMemory());
    end == EventEnd::kClear ? builder.bytes_builder()->Rewind(0) : builder.Reset();
  }
  return events;
}

// What a replay comes to, over all its events.
struct ReplayTotals {
  int64_t reallocations = 0;
  int64_t bytes_copied = 0;
  // How much more the most of any later event is than the first's.
  int64_t vm_growth = 0;
  int64_t rss_growth = 0;
};

inline ReplayTotals Total(const std::vector<ReplayedEvent>& events) {
  ReplayTotals totals;
  for (const ReplayedEvent& event : events) {
    totals.reallocations += event.reallocations;
    totals.bytes_copied += event.bytes_copied;
    totals.vm_growth = std::max(totals.vm_growth, event.held.vm - events.front().held.vm);
    totals.rss_growth = std::max(totals.rss_growth, event.held.rss - events.front().held.rss);
  }
  return totals;
}

}  // namespace alkaid::growth
