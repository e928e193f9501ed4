// The leak profile of the whole process, requested by its environment:
//
//   ALKAID_LEAK_PROFILE=run.%p.npy ./reader && alkaid profile report run.4711.npy
//
// The program marks the end of an event by StampEvent(); `alkaid dgram read` and `alkaid dgram
// events` do so once a batch. The first event makes the file and replaces one of that name. Each
// event adds its stamp to the file at once: a process that is killed loses only the stamp it was
// taking, and the file can be read while the process runs (growing_profile_internal.h).
//
// When the process ends by exit, the file is written anew, with a last word. That comes after the
// program's own handlers and the destructors of its static objects, like heap files at exit
// (heap/reports/heap_requests.h), and before those where the environment asks for both. What is no
// regular file (a pipe) is written only then.
//
// Before the end, the profile tries what ReleaseUnused gives back, unless the program has freed
// much since its last event (LeakProfile::TryRelease). ALKAID_PROFILE_RELEASE_AT=n tries it at the
// n-th stamp instead, while the program still holds everything.
//
// Names are patterns: %p becomes the process id, %% a percent sign. A process appends ".<process
// id>" to a name without %p where it was forked from the process that was asked, or where
// ALKAID_HEAP_OWNER names another process. A forked child begins a profile of its own, and writes
// it if it stamps an event.
//
// Heap files at stamps: ALKAID_HEAP_AT_STAMPS=11,100 writes one at the 11th event and one at the
// 100th, before the program goes on. They are named by ALKAID_HEAP_FILE, like those that a signal
// asks for (heap/reports/heap_requests.h), and `alkaid heap diff` shows what was allocated between
// two of them. This needs no leak profile; the events of a forked child count from 1.
//
// Prints nothing else, but a line on stderr where a file could not be written, nothing was stamped,
// or an event could not be stamped.
//
// Ownership: process-wide, for good. Threads: all functions, from any thread. Out of memory: a
// stamp is left out; stderr says so at the first one, and at the end how many.
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

// Ends an event. Costs a load and a branch while the process is not profiled.
inline void StampEvent() {
  if (internal::process_profile_on.load(std::memory_order_relaxed)) [[unlikely]] {
    internal::StampEventNow();
  }
}

// Does what ALKAID_LEAK_PROFILE does. A second call changes the name. `owner` is the process that
// uses a name without %p as it is; 0: this one. kInvalidArgument for an empty name.
ALKAID_EXPORT Status ProfileLeaksOfProcess(const std::string& pattern, uint32_t owner = 0);

// Does what ALKAID_PROFILE_RELEASE_AT does: `stamp`, from 1, is where the profile tries what
// ReleaseUnused gives back; 0: at the end.
ALKAID_EXPORT void SetReleaseStampOfProcess(uint64_t stamp);

// Does what ALKAID_HEAP_AT_STAMPS does; `stamps` replaces the earlier ones, and a 0 among them is
// ignored. At exit one line on stderr names stamps that never came. kInvalidArgument for an empty name.
ALKAID_EXPORT Status WriteHeapFilesAtStamps(std::vector<uint64_t> stamps,
                                            const std::string& pattern, uint32_t owner = 0);

}  // namespace growth
}  // namespace alkaid
