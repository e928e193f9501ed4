// LeakProfile: a MemoryStamp for each event, and the file of them.
//
//   growth::LeakProfile profile;
//   for (const Event& event : run) {
//     Process(event);
//     ALKAID_RETURN_NOT_OK(profile.Stamp());
//   }
//   ALKAID_RETURN_NOT_OK(profile.TryRelease());   // before the run's memory is given back
//   ALKAID_RETURN_NOT_OK(profile.Save("run.npy"));
//
// What the stamps mean, `alkaid profile report run.npy` tells, or growth_verdict.h. For a process
// that is profiled from its environment see process_profile.h.
//
// Every stamp plants what ALKAID_PROFILE_LEAK_MB asks for before it measures (planted_leak.h). The
// process plants once for all profiles: that of ALKAID_LEAK_PROFILE does, or else the first object.
//
// Ownership: owns its stamps, 80 bytes each, by operator new; room for 4,096 is made at the start,
// so that the profile does not show in its own figures. Threads: all functions, from any thread;
// stamps are in the order of their time. A forked child makes a profile of its own. Out of memory:
// kResourceExhausted, nothing stamped; making one, and stamps(), throw std::bad_alloc.
#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/growth/memory_stamp.h"
#include "alkaid/growth/planted_leak.h"

namespace alkaid::growth {

class ALKAID_EXPORT LeakProfile {
 public:
  LeakProfile();
  explicit LeakProfile(const PlantedLeakOptions& planted);

  // Measures and adds a row. As MeasureMemory and PlantedLeak::Plant where these fail.
  Status Stamp();

  // Asks all allocators to give back what they keep free, and notes in the last row what its RSS
  // and held memory would be after that: allocator caches fall, fragmentation stays. Slow, and what
  // was given back has to be touched anew: best done once, at the end. kFailedPrecondition where
  // there is no stamp, and where the program has given back more than a tenth of what it had in use
  // at the last one: what pinned free memory then does no more.
  Status TryRelease();

  std::vector<MemoryStamp> stamps() const;
  size_t stamp_count() const;
  // Those from `first` on, as many as there are and `room` takes; how many that were.
  size_t CopyStamps(size_t first, std::span<MemoryStamp> room) const;

  // As WriteLeakProfile.
  Status Save(const std::string& path) const;

 private:
  mutable std::mutex lock_;
  // Guarded by `lock_`.
  std::vector<MemoryStamp> stamps_;
  bool has_planted_ = false;  // for the stamp that comes next
  PlantedLeak planted_;
};

}  // namespace alkaid::growth
