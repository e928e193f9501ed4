#include <algorithm>
#include <limits>
#include <utility>

#include "alkaid/events/filtered_windows_internal.h"
#include "alkaid/events/last_l1_accepts_internal.h"

namespace alkaid::events {
namespace {

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

// The timestamps of the L1Accepts that end an exposure, in order.
std::vector<dgram::Timestamp> EndsOf(const SmdWindow& window) {
  std::vector<dgram::Timestamp> ends;
  for (const SmdWindow::EndOfBatch& end : window.ends) ends.push_back(end.timestamp);
  if (!window.ends_are_marked) return ends;
  for (const auto& stream : window.streams) {
    for (const dgram::DgramBatch& batch : stream) {
      for (const dgram::Dgram& dgram : batch) {
        if (dgram.service() == dgram::TransitionId::kL1AcceptEndOfBatch)
          ends.push_back(dgram.timestamp());
      }
    }
  }
  std::sort(ends.begin(), ends.end());
  return ends;
}

}  // namespace

Status FilteredWindows::LookAhead(size_t index) {
  while (ahead_.size() <= index) {
    ahead_.emplace_back(SmdWindow());
    Result<SmdWindow> window = source_->Next();
    // A fault of the data follows the windows before it; any other failure may pass.
    if (!window.ok() && window.status().code() != StatusCode::kDataLoss) {
      ahead_.pop_back();
      return window.status();
    }
    ahead_.back() = std::move(window);
  }
  return absl::OkStatus();
}

Result<SmdWindow> FilteredWindows::Next() {
  ALKAID_RETURN_NOT_OK(LookAhead(0));
  if (!ahead_.front().ok()) return ahead_.front().status();
  ALKAID_ASSIGN_OR_RAISE(auto ends, FilterEnds());
  SmdWindow window = *std::move(ahead_.front());
  window.ends = std::move(ends);
  ahead_.pop_front();
  return window;
}

Result<std::vector<SmdWindow::EndOfBatch>> FilteredWindows::FilterEnds() {
  const SmdWindow& window = *ahead_.front();
  std::vector<SmdWindow::EndOfBatch> kept;
  std::vector<dgram::Timestamp> ends = EndsOf(window);
  const size_t count = ends.size();
  // L1Accepts after the last end may belong to an exposure that a later window ends.
  if (window.exposure_goes_on) ends.emplace_back(kNever);
  if (ends.empty()) return kept;
  const auto wanted = [this](dgram::Timestamp timestamp) { return IsWanted(timestamp); };
  const auto lasts = internal::LastL1Accepts(window.streams, ends, wanted);
  for (size_t i = 0; i < count; ++i) {
    const bool is_marked = window.ends_are_marked && wanted(ends[i]);
    if (lasts[i].stream >= 0 && !is_marked) kept.push_back(lasts[i]);
  }
  if (window.exposure_goes_on && lasts.back().stream >= 0) {
    ALKAID_ASSIGN_OR_RAISE(const bool ends_there, ExposureEndsWithoutMore());
    if (ends_there) kept.push_back(lasts.back());
  }
  return kept;
}

Result<bool> FilteredWindows::ExposureEndsWithoutMore() {
  const auto wanted = [this](dgram::Timestamp timestamp) { return IsWanted(timestamp); };
  for (size_t i = 1;; ++i) {
    ALKAID_RETURN_NOT_OK(LookAhead(i));
    const Result<SmdWindow>& next = ahead_[i];
    // An exposure that a fault cuts does not end.
    if (!next.ok() || next->empty()) return false;
    const bool ends = !next->ends.empty();
    const dgram::Timestamp end = ends ? next->ends.front().timestamp : dgram::Timestamp(kNever);
    if (internal::LastL1Accepts(next->streams, {end}, wanted).front().stream >= 0) return false;
    if (ends || !next->exposure_goes_on) return ends;
  }
}

bool FilteredWindows::IsWanted(dgram::Timestamp timestamp) const {
  return std::binary_search(filter_.begin(), filter_.end(), timestamp.value());
}

}  // namespace alkaid::events
