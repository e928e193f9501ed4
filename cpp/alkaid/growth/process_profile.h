// The leak profile of the whole process, asked for from outside:
//
//   ALKAID_LEAK_PROFILE=run.%p.npy ./reader && alkaid profile report run.4711.npy
//
// The program says where an event ends, by StampEvent(); `alkaid dgram read` and `alkaid dgram
// events` do so once a batch. The first event makes the file, in the place of one of that name, and
// each event adds its stamp to it at once: a process that is killed has lost none but the one it was
// taking, and the file can be read while the process runs (growing_profile_internal.h). When the
// process ends by exit, after the program's own handlers and the destructors of its static objects,
// as heap files at exit are (heap/reports/heap_requests.h), the file is written anew, with a last
// word; where the environment asks for both, before those. What is no regular file (a pipe) is
// written then and only then.
//
// Before the end, what ReleaseUnused gives back is tried, unless the program has freed much since its
// last event (LeakProfile::TryRelease). ALKAID_PROFILE_RELEASE_AT=n tries it at the n-th stamp
// instead, while the program still holds everything.
//
// Names are patterns: %p becomes the process id, %% is a percent sign. To a name without %p a
// process appends ".<process id>" where it was forked from the one that was asked, or where
// ALKAID_HEAP_OWNER names another process. A forked child begins a profile of its own, and writes
// it when it stamped something.
//
// Heap files at stamps: ALKAID_HEAP_AT_STAMPS=11,100 writes one at the 11th event and one at the
// 100th, before the event goes on, by the name of ALKAID_HEAP_FILE, as one that a signal asks for
// (heap/reports/heap_requests.h). What was allocated between two events, `alkaid heap diff` has then.
// A leak profile need not be asked for beside; the events of a forked child count from 1.
//
// Nothing else is printed, but for a line on stderr where no file could be written, nothing was stamped,
// or an event could not be.
//
// Ownership: process-wide, for good. Threads: all functions, from any thread. Out of memory: a
// stamp is left out; a line on stderr says so at the first one, and at the end how many.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid {

namespace internal {
ALKAID_EXPORT extern std::atomic<bool> process_profile_on;
ALKAID_EXPORT void StampEventNow();
}  // namespace internal

namespace growth {

// An event is over. While the process is not profiled: a load and a branch.
inline void StampEvent() {
  if (internal::process_profile_on.load(std::memory_order_relaxed)) [[unlikely]] {
    internal::StampEventNow();
  }
}

// As ALKAID_LEAK_PROFILE. A second call changes the name. `owner` is the process whose file keeps a
// name without %p as it is; 0: this one. kInvalidArgument for no name.
ALKAID_EXPORT Status ProfileLeaksOfProcess(const std::string& pattern, uint32_t owner = 0);

// As ALKAID_PROFILE_RELEASE_AT: the stamp, from 1, at which the profile of the process tries what
// ReleaseUnused gives back; 0: at the end.
ALKAID_EXPORT void SetReleaseStampOfProcess(uint64_t stamp);

// As ALKAID_HEAP_AT_STAMPS, which `stamps` replaces; 0 is none of them. kInvalidArgument for no name.
ALKAID_EXPORT Status WriteHeapFilesAtStamps(std::vector<uint64_t> stamps,
                                            const std::string& pattern, uint32_t owner = 0);

}  // namespace growth
}  // namespace alkaid
