#include "alkaid/growth/leak_profile.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>

#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/growth/memory_meter_internal.h"

namespace alkaid::growth {
namespace {

constexpr size_t kRoom = 4096;
// At least this share of what was in use at the last stamp has to be in use still.
constexpr double kStillInUse = 0.9;

// What the allocators have handed out, or, where that is unknown, the pools.
double InUse(const MemoryStamp& stamp) {
  return std::isnan(stamp.in_use_mb) ? stamp.live_mb : stamp.in_use_mb;
}

// The process in which a profile plants already; a forked child is another process.
std::atomic<pid_t> planted_in{0};

PlantedLeakOptions PlantedOncePerProcess() {
  const PlantedLeakOptions options = PlantedLeakFromEnvironment();
  if (options.mb_per_event == 0) return options;
  const pid_t self = ::getpid();
  return planted_in.exchange(self) == self ? PlantedLeakOptions() : options;
}

}  // namespace

LeakProfile::LeakProfile() : LeakProfile(PlantedOncePerProcess()) {}

LeakProfile::LeakProfile(const PlantedLeakOptions& planted) : planted_(planted) {
  stamps_.reserve(kRoom);
}

Status LeakProfile::Stamp() try {
  const std::lock_guard guard(lock_);
  if (stamps_.size() == stamps_.capacity()) stamps_.reserve(2 * stamps_.size());
  // What was planted for a stamp that failed counts for the next one.
  if (!has_planted_) ALKAID_RETURN_NOT_OK(planted_.Plant());
  has_planted_ = true;
  ALKAID_ASSIGN_OR_RAISE(const MemoryStamp stamp, MeasureMemory());
  stamps_.push_back(stamp);
  has_planted_ = false;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::OutOfMemory("leak profile: no memory for one more stamp");
}

Status LeakProfile::TryRelease() {
  const std::lock_guard guard(lock_);
  if (stamps_.empty()) {
    return status::FailedPrecondition("leak profile: nothing was stamped so far");
  }
  MemoryStamp& last = stamps_.back();
  ALKAID_ASSIGN_OR_RAISE(const MemoryStamp before, MeasureMemoryWithoutViews());
  if (InUse(before) < kStillInUse * InUse(last)) {
    return status::FailedPrecondition(
        "leak profile: of ", InUse(last), " MB in use at the last stamp ", InUse(before),
        " are left: what was free before cannot be distinguished from what was freed since");
  }
  ReleaseAllUnused();
  ALKAID_ASSIGN_OR_RAISE(const MemoryStamp after, MeasureMemoryWithoutViews());
  last.released_rss_mb = last.rss_mb - (before.rss_mb - after.rss_mb);
  last.released_held_mb = last.held_mb - (before.held_mb - after.held_mb);
  return absl::OkStatus();
}

std::vector<MemoryStamp> LeakProfile::stamps() const {
  const std::lock_guard guard(lock_);
  return stamps_;
}

size_t LeakProfile::stamp_count() const {
  const std::lock_guard guard(lock_);
  return stamps_.size();
}

size_t LeakProfile::CopyStamps(size_t first, std::span<MemoryStamp> room) const {
  const std::lock_guard guard(lock_);
  if (first >= stamps_.size()) return 0;
  const size_t count = std::min(room.size(), stamps_.size() - first);
  std::copy_n(stamps_.begin() + static_cast<std::ptrdiff_t>(first), count, room.begin());
  return count;
}

Status LeakProfile::Save(const std::string& path) const try {
  const std::vector<MemoryStamp> now = stamps();
  return WriteLeakProfile(now, path);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::growth
