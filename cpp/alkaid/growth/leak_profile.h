// LeakProfile: takes a MemoryStamp for each event, and writes the file of them.
//
//   growth::LeakProfile profile;
//   for (const Event& event : run) {
//     Process(event);
//     ALKAID_RETURN_NOT_OK(profile.Stamp());
//   }
//   ALKAID_RETURN_NOT_OK(profile.TryRelease());   // before the run's memory is given back
//   ALKAID_RETURN_NOT_OK(profile.Save("run.npy"));
//
// `alkaid profile report run.npy` says what the stamps mean; so does growth_verdict.h. For a
// process that is profiled from its environment see process_profile.h.
//
// Every stamp plants what ALKAID_PROFILE_LEAK_MB asks for before it measures (planted_leak.h). One
// profile of the process plants: that of ALKAID_LEAK_PROFILE, or else the first object.
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

  // Asks all allocators to give back what they keep free, and records in the last row what RSS and
  // held memory would be after that: allocator caches fall, fragmentation stays. It is slow, and
  // memory that was given back has to be touched anew, so it is best done once, at the end.
  // kFailedPrecondition where there is no stamp, and where the program has freed more than a tenth
  // of what it had in use at the last stamp: blocks that pinned free memory then no longer do so.
  Status TryRelease();

  std::vector<MemoryStamp> stamps() const;
  size_t stamp_count() const;
  // Copies stamps from `first` on, as many as there are and `room` holds; returns how many.
  size_t CopyStamps(size_t first, std::span<MemoryStamp> room) const;

  // Fails like WriteLeakProfile.
  Status Save(const std::string& path) const;

 private:
  mutable std::mutex lock_;
  // Guarded by `lock_`.
  std::vector<MemoryStamp> stamps_;
  bool has_planted_ = false;  // for the next stamp
  PlantedLeak planted_;
};

}  // namespace alkaid::growth
