#include "alkaid/events/whole_exposures.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>
#include <vector>

#include "alkaid/dgram/data_fault.h"

namespace alkaid::events {
namespace {

template <typename T>
void ReserveMore(size_t count, std::vector<T>* all) {
  if (all->capacity() - all->size() >= count) return;
  all->reserve(std::max(all->size() + count, 2 * all->capacity()));
}

template <typename T>
void MoveTo(std::vector<T>* from, std::vector<T>* to) {
  to->insert(to->end(), std::make_move_iterator(from->begin()),
             std::make_move_iterator(from->end()));
}

}  // namespace

Result<std::unique_ptr<WholeExposures>> WholeExposures::Make(
    std::shared_ptr<SmdWindowSource> source) try {
  if (source == nullptr) return status::Invalid("whole exposures need a source, and have null");
  return std::unique_ptr<WholeExposures>(new WholeExposures(std::move(source)));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<SmdWindow> WholeExposures::Next() try {
  if (window_.empty()) {
    if (!fault_.ok()) return fault_;
    ALKAID_ASSIGN_OR_RAISE(window_, source_->Next());
  }
  while (window_.exposure_goes_on && fault_.ok()) {
    if (next_.empty()) {
      Result<SmdWindow> next = source_->Next();
      if (!next.ok()) {
        if (dgram::internal::MayPass(next.status())) return next.status();
        fault_ = next.status();
        break;
      }
      // The run ends in the middle of it.
      if (next->empty()) break;
      next_ = *std::move(next);
    }
    if (next_.streams.size() != window_.streams.size()) {
      fault_ = dgram::internal::DataFault("window of ", next_.streams.size(), " streams, expected ",
                                          window_.streams.size());
      break;
    }
    Join();
  }
  return std::exchange(window_, SmdWindow());
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void WholeExposures::Join() {
  // Makes room for all of it; after that nothing can fail.
  for (size_t i = 0; i < next_.streams.size(); ++i) {
    ReserveMore(next_.streams[i].size(), &window_.streams[i]);
  }
  ReserveMore(next_.ends.size(), &window_.ends);

  for (size_t i = 0; i < next_.streams.size(); ++i) MoveTo(&next_.streams[i], &window_.streams[i]);
  MoveTo(&next_.ends, &window_.ends);
  window_.limit = next_.limit;
  window_.exposure_goes_on = next_.exposure_goes_on;
  next_ = SmdWindow();
}

}  // namespace alkaid::events
