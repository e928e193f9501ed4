#include "alkaid/heap/tracking/tracking.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "alkaid/core/observers/label.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"

namespace alkaid::heap {
namespace {

constexpr char kOptionWords[] =
    "1, sample:BYTES, frames=COUNT, unwinder=cfi|fp|runtime, python=on|off, views, or several with "
    "commas between";

Status NotUnderstood(std::string_view word) {
  return status::Invalid("tracking options: '", std::string(word), "' is not known; use ",
                         kOptionWords);
}

// The whole of `text` as a number from `least` to `most`.
Status ParseNumber(std::string_view word, std::string_view text, int64_t least, int64_t most,
                   int64_t* value) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *value);
  if (error == std::errc() && rest == end && *value >= least && *value <= most) {
    return absl::OkStatus();
  }
  return status::Invalid("tracking options: '", std::string(word), "' needs a number from ", least,
                         " to ", most);
}

Status ParseUnwinder(std::string_view word, std::string_view name, Unwinder* unwinder) {
  if (name == "cfi") {
    *unwinder = Unwinder::kCallFrameInfo;
  } else if (name == "fp") {
    *unwinder = Unwinder::kFramePointers;
  } else if (name == "runtime") {
    *unwinder = Unwinder::kRuntime;
  } else {
    return NotUnderstood(word);
  }
  return absl::OkStatus();
}

Status ParseWord(std::string_view word, TrackingOptions* options) {
  if (word == "1") return absl::OkStatus();
  if (word == "views") {
    options->views = true;
    return absl::OkStatus();
  }
  const size_t border = word.find_first_of(":=");
  if (border == std::string_view::npos) return NotUnderstood(word);
  const std::string_view name = word.substr(0, border);
  const std::string_view value = word.substr(border + 1);
  int64_t number = 0;
  if (name == "sample") {
    ALKAID_RETURN_NOT_OK(ParseNumber(word, value, 1, int64_t{1} << 50, &number));
    options->sample_bytes = number;
  } else if (name == "frames") {
    ALKAID_RETURN_NOT_OK(ParseNumber(word, value, 0, kMaxFrames, &number));
    options->max_frames = static_cast<int>(number);
  } else if (word == "python=on" || word == "python=off") {
    options->python = word == "python=on";
  } else if (name == "unwinder") {
    return ParseUnwinder(word, value, &options->unwinder);
  } else {
    return NotUnderstood(word);
  }
  return absl::OkStatus();
}

int64_t BlocksOf(int64_t parts) {
  return (parts + LabelTotals::kPartsOfBlock / 2) / LabelTotals::kPartsOfBlock;
}

}  // namespace

Result<TrackingOptions> ParseTrackingOptions(std::string_view text) try {
  TrackingOptions options;
  for (size_t begin = 0;;) {
    const size_t end = text.find(',', begin);
    ALKAID_RETURN_NOT_OK(ParseWord(text.substr(begin, end - begin), &options));
    if (end == std::string_view::npos) return options;
    begin = end + 1;
  }
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status StartTracking(const TrackingOptions& options) { return HeapTracker::Get().Start(options); }

void StopTracking() noexcept { HeapTracker::Get().Stop(); }

bool IsTracking() { return HeapTracker::Get().on(); }

std::vector<LabelStatistics> GetLabelStatistics() {
  if (!IsTracking()) return {};
  HeapTables& tables = Tables();
  const alkaid::internal::LabelNames labels = alkaid::internal::AllLabelNames();
  const uint32_t count = labels.count->load(std::memory_order_acquire);
  std::vector<LabelTotals::Sums> sums(count);
  for (uint32_t s = 0; s < BlockTable::kShards; ++s) {
    tables.blocks.WithShard(s, [&] { tables.totals.AddTo(s, sums.data(), count); });
  }
  std::vector<LabelStatistics> statistics;
  for (uint32_t label = 0; label < count; ++label) {
    const LabelTotals::Sums& sum = sums[label];
    if (sum.empty()) continue;
    statistics.push_back({labels.names[label].load(std::memory_order_acquire), sum.live_bytes,
                          BlocksOf(sum.live_parts), sum.total_bytes, BlocksOf(sum.total_parts)});
  }
  std::ranges::stable_sort(statistics, std::ranges::greater(), &LabelStatistics::live_bytes);
  return statistics;
}

}  // namespace alkaid::heap
