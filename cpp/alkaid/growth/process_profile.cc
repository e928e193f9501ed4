#include "alkaid/growth/process_profile.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/cancellation_off_internal.h"
#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/output_name.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/base/write_signals_internal.h"
#include "alkaid/growth/growing_profile_internal.h"
#include "alkaid/growth/leak_profile.h"
#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/heap/reports/heap_requests.h"

namespace alkaid {

namespace internal {
std::atomic<bool> process_profile_on{false};
}  // namespace internal

namespace growth {
namespace {

struct ProcessProfile : LeakProfile {
  ProcessProfile* left_by_parents = nullptr;
};

struct State {
  State() {
    internal::GuardFork([] {}, [] {}, [this] { BeginInChild(); });
  }

  // A child begins anew, at its first event, since its parent's threads may have been stamping at
  // the fork. This needs no memory, as no exception can pass through fork.
  void BeginInChild() {
    events.store(0);
    if (profile.load() == nullptr) return;
    left_by_parents = profile.exchange(nullptr);
    tried_release.store(false);
    lost.store(0);
    has_stamped.store(false);
    grows_not.store(false);
    GrowingProfile* const of_parent = growing.exchange(nullptr);
    if (of_parent != nullptr) of_parent->Leave();
  }

  ProcessProfile& Profile() {
    ProcessProfile* const made = profile.load();
    if (made != nullptr) [[likely]]
      return *made;
    const std::lock_guard guard(lock);
    if (profile.load() == nullptr) {
      auto fresh = std::make_unique<ProcessProfile>();
      fresh->left_by_parents = left_by_parents;
      profile.store(fresh.release());
    }
    return *profile.load();
  }

  internal::ForkGuarded<std::mutex> lock;
  // Guarded by `lock`.
  std::string pattern;
  uint32_t owner = 0;                                        // the process that was asked
  std::vector<std::unique_ptr<GrowingProfile>> all_growing;  // the one that grows is the last
  std::atomic<ProcessProfile*> profile{nullptr};             // null until it is needed
  ProcessProfile* left_by_parents = nullptr;  // never used again, and never destroyed
  std::atomic<uint64_t> release_at{0};        // 0: at the end
  std::atomic<bool> tried_release{false};
  std::atomic<uint64_t> lost{0};
  std::vector<uint64_t> heap_stamps;
  std::shared_ptr<const std::string> heap_file;
  uint32_t heap_owner = 0;
  std::atomic<uint64_t> last_heap_stamp{0};  // 0: none
  std::atomic<uint64_t> events{0};           // while heap files are asked for
  std::atomic<bool> is_profiled{false};
  std::atomic<GrowingProfile*> growing{nullptr};  // made at the first event, and never destroyed
  std::atomic<bool> said_that_it_stopped{false};
  std::atomic<bool> has_stamped{false};
  std::atomic<bool> grows_not{false};  // no file that grows can be made
};

State& TheState() {
  static auto* const state = new State;
  return *state;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { TheState(); }

uint32_t Self() { return static_cast<uint32_t>(::getpid()); }

// Makes the file where there is none yet. Where that fails, writing at the end fails too and
// reports it. When memory was short, the next event tries again.
GrowingProfile* Growing(State* state) {
  GrowingProfile* const made_before = state->growing.load();
  if (made_before != nullptr) [[likely]]
    return made_before;
  const std::lock_guard guard(state->lock);
  if (state->growing.load() != nullptr) return state->growing.load();
  state->all_growing.reserve(state->all_growing.size() + 1);
  const std::string file = internal::OwnOutputName(state->pattern, state->owner, 1);
  auto made = GrowingProfile::Make(file, ThisRun());
  if (made.ok()) {
    state->growing.store(made->get());
    state->all_growing.push_back(*std::move(made));
  } else if (made.status().code() != StatusCode::kResourceExhausted) {
    state->grows_not.store(true);
  }
  return state->growing.load();
}

// Writes stamps that are not in the file yet, and those from `changed` on again. The lock is the
// file's own: a fork need not wait for writing threads, since the child leaves the file to its
// parent.
void Grow(State* state, const LeakProfile& profile, size_t changed) try {
  if (state->grows_not.load(std::memory_order_relaxed)) return;
  const internal::WriteSignalsBlocked blocked;
  GrowingProfile* const growing = Growing(state);
  if (growing == nullptr) return;
  const std::lock_guard guard(growing->lock());
  std::array<MemoryStamp, 8> some;
  size_t next = std::min(changed, growing->rows());
  while (const size_t count = profile.CopyStamps(next, some)) {
    const Status written = growing->Write(next, std::span(some).first(count));
    if (written.ok()) {
      next += count;
      continue;
    }
    if (!state->said_that_it_stopped.exchange(true)) {
      internal::Notice("leak profile ", growing->path(), ": ", written.message());
    }
    return;  // the next event tries again
  }
} catch (const std::bad_alloc&) {
  // The next event tries again.
}

void CountEvent(State* state) {
  const uint64_t last = state->last_heap_stamp.load(std::memory_order_relaxed);
  if (last == 0) return;
  const uint64_t now = state->events.fetch_add(1) + 1;
  if (now > last) return;
  std::shared_ptr<const std::string> file;
  uint32_t owner = 0;
  {
    const std::lock_guard guard(state->lock);
    const auto& stamps = state->heap_stamps;
    if (std::find(stamps.begin(), stamps.end(), now) == stamps.end()) return;
    file = state->heap_file;
    owner = state->heap_owner;
  }
  std::array<char, 32> name;
  std::snprintf(name.data(), name.size(), "stamp %llu", static_cast<unsigned long long>(now));
  heap::WriteHeapFileNow(*file, name.data(), owner);
}

// Adds a stamp to the profile and to its file.
void StampProfile(State* state) {
  state->has_stamped.store(true, std::memory_order_relaxed);
  Status stamped = status::NoMemory();
  try {
    stamped = state->Profile().Stamp();
  } catch (const std::bad_alloc&) {
    // There is no profile yet.
  }
  if (!stamped.ok()) {
    if (state->lost.fetch_add(1) == 0) internal::Notice(stamped.message());
    LeakProfile* const profile = state->profile.load();
    if (profile != nullptr) Grow(state, *profile, SIZE_MAX);
    return;
  }
  LeakProfile& profile = *state->profile.load();
  const uint64_t release_at = state->release_at.load();
  size_t changed = SIZE_MAX;
  if (release_at != 0 && profile.stamp_count() >= release_at &&
      !state->tried_release.exchange(true)) {
    changed = release_at - 1;
    (void)profile.TryRelease();  // cannot fail: nothing was freed since the stamp
  }
  Grow(state, profile, changed);
}

// Describes what there is of a file that is not written at the end.
std::string_view WhatIsLeft(const State& state) {
  const GrowingProfile* const growing = state.growing.load();
  return growing != nullptr && growing->rows() > 0 ? "no end of leak profile " : "no leak profile ";
}

void Save(const std::string& pattern, uint32_t owner) {
  State& state = TheState();
  LeakProfile* const profile = state.profile.load();
  const std::string file = internal::OwnOutputName(pattern, owner, 1);
  if (state.lost != 0) {
    internal::Notice("leak profile ", file, ": ", state.lost.load(),
                     " events could not be stamped");
  }
  if (profile == nullptr || profile->stamp_count() == 0) {
    if (Self() == owner && state.lost == 0) {
      internal::Notice("no leak profile ", file,
                       ": the program stamped no event (growth::StampEvent)");
    }
    return;
  }
  // Where much was freed meanwhile it fails with the reason; then the columns are unknown.
  if (!state.tried_release.load()) (void)profile->TryRelease();
  LeakProfileRun run = ThisRun();
  run.signal = internal::EndingSignal();
  run.end = run.signal == 0 ? LeakProfileRun::End::kNormal : LeakProfileRun::End::kSignal;
  const std::vector<MemoryStamp> stamps = profile->stamps();
  const Status saved = WriteLeakProfile(stamps, file, run);
  if (saved.ok()) return;
  internal::Notice(WhatIsLeft(state), file, ": ", saved.message());
}

void SayStampsThatNeverCame(State* state) {
  const uint64_t events = state->events.load();
  if (events >= state->last_heap_stamp.load()) return;
  std::string missing;
  {
    const std::lock_guard guard(state->lock);
    if (Self() != state->heap_owner) return;
    for (const uint64_t stamp : state->heap_stamps) {
      if (stamp > events) missing += (missing.empty() ? "" : ", ") + std::to_string(stamp);
    }
  }
  constexpr size_t kMaxMissingLength = 100;
  internal::Notice("no heap file at stamp ", internal::CutTo(missing, kMaxMissingLength),
                   ": the program stamped ", events,
                   events == 1 ? " event" : " events (growth::StampEvent)");
}

void SaveProfileAtExit() {
  State& state = TheState();
  internal::process_profile_on.store(false);
  try {
    SayStampsThatNeverCame(&state);
    std::string pattern;
    uint32_t owner = 0;
    {
      const std::lock_guard guard(state.lock);
      pattern = state.pattern;
      owner = state.owner;
    }
    if (!pattern.empty()) Save(pattern, owner);
  } catch (const std::exception& error) {
    internal::Notice("no leak profile ", state.pattern, ": ", error.what());
  }
}

void SayWhyNoProfile(std::string_view why) {
  State& state = TheState();
  internal::process_profile_on.store(false);
  if (!state.is_profiled) return;  // only heap files at stamps were asked for
  if (!state.lock.try_lock()) {
    internal::Notice("no leak profile: ", why);
    return;
  }
  if (state.has_stamped || Self() == state.owner) {
    std::array<char, 2048> room;
    internal::Notice(WhatIsLeft(state),
                     internal::OwnOutputName(state.pattern, state.owner, 1, room), ": ", why);
  }
  state.lock.unlock();
}

void SayConfined() {
  if (TheState().has_stamped) {
    internal::Notice("no end of a leak profile: ", internal::kConfinedAtExit);
  }
}

constexpr internal::ExitTask at_exit = {.rank = internal::ExitRank::kLeakProfile,
                                        .write = SaveProfileAtExit,
                                        .leave_out = SayWhyNoProfile,
                                        .confined = SayConfined};

}  // namespace

Status ProfileLeaksOfProcess(const std::string& pattern, uint32_t owner) try {
  if (pattern.empty()) return status::Invalid("a leak profile without a name cannot be written");
  State& state = TheState();
  state.Profile();
  ALKAID_RETURN_NOT_OK(internal::WriteAtExit(&at_exit));
  std::string name = pattern;  // what follows is done whole
  const std::lock_guard guard(state.lock);
  if (state.pattern != pattern) {
    GrowingProfile* const before = state.growing.exchange(nullptr);
    if (before != nullptr) {
      const std::lock_guard writing(before->lock());
      before->Remove();
      before->Leave();
    }
    state.grows_not.store(false);
  }
  state.pattern.swap(name);
  state.owner = owner != 0 ? owner : Self();
  state.is_profiled.store(true);
  internal::process_profile_on.store(true);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status WriteHeapFilesAtStamps(std::vector<uint64_t> stamps, const std::string& pattern,
                              uint32_t owner) try {
  if (pattern.empty()) return status::Invalid("a heap file without a name cannot be written");
  auto file = std::make_shared<const std::string>(pattern);
  State& state = TheState();
  ALKAID_RETURN_NOT_OK(internal::WriteAtExit(&at_exit));
  const std::lock_guard guard(state.lock);
  state.last_heap_stamp.store(stamps.empty() ? 0 : *std::ranges::max_element(stamps));
  state.heap_stamps = std::move(stamps);
  state.heap_file = std::move(file);
  state.heap_owner = owner != 0 ? owner : Self();
  if (state.last_heap_stamp != 0) internal::process_profile_on.store(true);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void SetReleaseStampOfProcess(uint64_t stamp) { TheState().release_at.store(stamp); }

}  // namespace growth

namespace internal {

void StampEventNow() {
  const CancellationOff off;  // without a profile no thread is cancelled here
  growth::State& state = growth::TheState();
  if (state.is_profiled.load(std::memory_order_relaxed)) growth::StampProfile(&state);
  growth::CountEvent(&state);
}

}  // namespace internal
}  // namespace alkaid
