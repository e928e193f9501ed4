#include "alkaid/growth/process_profile.h"

#include <unistd.h>

#include <array>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <vector>

#include "alkaid/base/cancellation_off_internal.h"
#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/output_name.h"
#include "alkaid/base/write_signals_internal.h"
#include "alkaid/growth/leak_profile.h"
#include "alkaid/growth/leak_profile_file.h"

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

  // A child begins anew, at its first event: its parent's threads may have been stamping when it
  // was made. What is here needs no memory, for no exception can pass through fork.
  void BeginInChild() {
    if (profile.load() == nullptr) return;
    left_by_parents = profile.exchange(nullptr);
    tried_release.store(false);
    lost.store(0);
    claimed.store(false);
    claimed_file.clear();
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
  uint32_t owner = 0;                             // the process that was asked
  std::string claimed_file;                       // made by ClaimFile, and not written since
  std::atomic<ProcessProfile*> profile{nullptr};  // null until it is needed
  ProcessProfile* left_by_parents = nullptr;      // never used again, and never destroyed
  std::atomic<uint64_t> release_at{0};            // 0: at the end
  std::atomic<bool> tried_release{false};
  std::atomic<uint64_t> lost{0};
  std::atomic<bool> claimed{false};  // at the first event
};

State& TheState() {
  static auto* const state = new State;
  return *state;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { TheState(); }

uint32_t Self() { return static_cast<uint32_t>(::getpid()); }

// Leaves a profile without stamps behind, for the case that the process ends without a word. Where
// that fails, writing at the end does too, and says so. For want of memory the next event tries
// again.
void ClaimFile(State* state) try {
  const internal::WriteSignalsBlocked blocked;
  const std::lock_guard guard(state->lock);
  std::string file = internal::OwnOutputName(state->pattern, state->owner, 1);
  if (::access(file.c_str(), F_OK) == 0) return;
  const Status made = ClaimLeakProfile(file);
  if (made.ok()) state->claimed_file = std::move(file);
  if (made.code() == StatusCode::kResourceExhausted) state->claimed.store(false);
} catch (const std::bad_alloc&) {
  state->claimed.store(false);
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
  // Where much was freed meanwhile it answers why not; the columns are unknown then.
  if (!state.tried_release.load()) (void)profile->TryRelease();
  const Status saved = profile->Save(file);
  if (!saved.ok()) internal::Notice("no leak profile ", file, ": ", saved.message());
}

void SaveProfileAtExit() {
  State& state = TheState();
  internal::process_profile_on.store(false);
  try {
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
  if (!state.lock.try_lock()) {
    internal::Notice("no leak profile: ", why);
    return;
  }
  if (state.claimed || Self() == state.owner) {
    std::array<char, 2048> room;
    internal::Notice("no leak profile ",
                     internal::OwnOutputName(state.pattern, state.owner, 1, room), ": ", why);
  }
  state.lock.unlock();
}

void SayConfined() {
  if (TheState().claimed) internal::Notice("no leak profile: ", internal::kConfinedAtExit);
}

constinit internal::ExitTask at_exit = {
    .write = SaveProfileAtExit, .leave_out = SayWhyNoProfile, .confined = SayConfined};

}  // namespace

Status ProfileLeaksOfProcess(const std::string& pattern, uint32_t owner) try {
  if (pattern.empty()) return status::Invalid("a leak profile without a name cannot be written");
  State& state = TheState();
  state.Profile();
  ALKAID_RETURN_NOT_OK(internal::WriteAtExit(&at_exit));
  std::string name = pattern;  // what follows is done whole
  const std::lock_guard guard(state.lock);
  if (!state.claimed_file.empty() && state.pattern != pattern) {
    ::unlink(state.claimed_file.c_str());
    state.claimed_file.clear();
    state.claimed.store(false);
  }
  state.pattern.swap(name);
  state.owner = owner != 0 ? owner : Self();
  internal::process_profile_on.store(true);
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
  if (!state.claimed.load(std::memory_order_relaxed) && !state.claimed.exchange(true)) {
    growth::ClaimFile(&state);
  }
  Status stamped = status::NoMemory();
  try {
    stamped = state.Profile().Stamp();
  } catch (const std::bad_alloc&) {
    // There is no profile yet.
  }
  if (!stamped.ok()) {
    if (state.lost.fetch_add(1) == 0) internal::Notice(stamped.message());
    return;
  }
  growth::LeakProfile& profile = *state.profile.load();
  const uint64_t release_at = state.release_at.load();
  if (release_at == 0 || profile.stamp_count() < release_at) return;
  // Cannot fail: nothing was freed since.
  if (!state.tried_release.exchange(true)) (void)profile.TryRelease();
}

}  // namespace internal
}  // namespace alkaid
