#include <algorithm>

#include "alkaid/heap/tracking/event_log_internal.h"
#include "alkaid/heap/tracking/mapped_memory_internal.h"

namespace alkaid::heap {

bool EventLog::Open() {
  if (pages_ == nullptr) pages_ = static_cast<char*>(MapMemory(kPages * kPage));
  return pages_ != nullptr;
}

LoggedEvent* EventLog::Claim() {
  if (pages_ == nullptr) return nullptr;
  const uint64_t number = claimed_.fetch_add(1, std::memory_order_relaxed);
  return number < kEvents ? PlaceOf(number) : nullptr;
}

uint64_t EventLog::size() const {
  return std::min(claimed_.load(std::memory_order_relaxed), kEvents);
}

LoggedEvent* EventLog::At(uint64_t number) const {
  LoggedEvent* const logged = PlaceOf(number);
  return logged->committed.load(std::memory_order_acquire) != 0 ? logged : nullptr;
}

void EventLog::Clear() {
  const uint64_t count = size();
  for (uint64_t i = 0; i < std::min(count, kKeptEvents); ++i) {
    PlaceOf(i)->committed.store(0, std::memory_order_relaxed);
  }
  if (count > kKeptEvents) {
    const uint64_t pages = (count + kEventsOfPage - 1) / kEventsOfPage;
    ClearMemory(pages_ + kKeptPages * kPage, (pages - kKeptPages) * kPage);
  }
  claimed_.store(0, std::memory_order_relaxed);
}

}  // namespace alkaid::heap
