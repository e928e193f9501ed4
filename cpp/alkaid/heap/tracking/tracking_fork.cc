// The part of HeapTracker that handles forks.

#include <algorithm>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/heap/tracking/source_notes_internal.h"

namespace alkaid::heap {
namespace {

// Releases the locks that PrepareFork took.
void UnlockTables() {
  tracking_thread.holds_tables = false;
  HeapTables& tables = Tables();
  tables.moves.Unlock();
  tables.pools.Unlock();
  tables.modules.Unlock();
  tables.stacks.Unlock();
  tables.views.UnlockAll();
  tables.blocks.UnlockAll();
  SourceNotes::Get().Unlock();
}

void RenewLocks() {
  HeapTables& tables = Tables();
  tables.blocks.RenewLocks();
  tables.views.RenewLocks();
  tables.stacks.RenewLock();
  tables.modules.RenewLock();
  tables.pools.RenewLock();
  tables.moves.RenewLock();
  SourceNotes::Get().RenewLock();
}

}  // namespace

// Runs last before a fork, since a thread that holds another guarded lock may allocate under it and
// so need the tables. Once the gate is closed, only snapshots use the tables, under their locks.
void HeapTracker::PrepareFork() {
  forks_locked_ = ever_started_.load();
  if (!forks_locked_) return;  // no thread has used them yet
  HeapTables& tables = Tables();
  tables.gate.Close();
  SourceNotes::Get().Lock();
  tables.blocks.LockAll();
  tables.views.LockAll();
  tables.stacks.Lock();  // before the modules' lock, which is taken under it
  tables.modules.Lock();
  tables.pools.Lock();
  tables.moves.Lock();
  tracking_thread.holds_tables = true;
}

void HeapTracker::GoOnInParent() {
  if (!forks_locked_) return;
  ForkGate& gate = Tables().gate;
  gate.BeginToOpen();
  TellAllLogged(/*in_child=*/false);
  UnlockTables();
  gate.Open();
}

void HeapTracker::GoOnInChild() {
  ForkGate& gate = Tables().gate;
  tracking_thread.id = 0;
  tracking_thread.moving_in_log = 0;
  gate.BeginToOpenInChild();
  if (forks_locked_) {
    TellAllLogged(/*in_child=*/true);
    Tables().moves.ForgetOtherThreads();
    UnlockTables();
  } else if (ever_started_.load()) {
    RenewLocks();
  }
  gate.Open();
  // A thread that was switching tracking is not in the child: half a switch counts as off, and the
  // next start begins anew. So does a first start that began after PrepareFork had looked.
  const bool half_done = state_.load(std::memory_order_relaxed) == kChanging;
  if (half_done || (!forks_locked_ && ever_started_.load())) {
    on_.store(false, std::memory_order_relaxed);
    Root().state.store(0, std::memory_order_relaxed);
    state_.store(kOff, std::memory_order_relaxed);
  }
}

void HeapTracker::GuardTablesAroundForks() {
  internal::GuardFork([this] { PrepareFork(); }, [this] { GoOnInParent(); },
                      [this] { GoOnInChild(); }, internal::ForkOrder::kInnermost);
}

bool HeapTracker::WriteDown(const HeapEvent& event) {
  LoggedEvent* const logged = Tables().log.Claim();
  if (logged == nullptr) return false;
  logged->event = event;
  logged->event.frames = {logged->frames, event.frames.size()};
  std::ranges::copy(event.frames, logged->frames);
  logged->has_earlier =
      event.old_address != 0 && PendingMoves::TakeUnlocked(event.old_address, &logged->earlier);
  logged->counts_as_moving = logged->has_earlier;
  if (event.kind == HeapEvent::kMoving && !event.of_malloc) {
    tracking_thread.moving_in_log = event.address;
  }
  EventLog::Commit(logged);
  return true;
}

void HeapTracker::TellLogged(uint64_t number) {
  EventLog& log = Tables().log;
  LoggedEvent* const logged = log.At(number);
  if (logged == nullptr) return;
  const HeapEvent& event = logged->event;
  if (event.kind == HeapEvent::kMoving) {
    if (!event.of_malloc) ForgetSources(event.address, event.size);
    LiveBlock block;
    logged->has_earlier = CanMove(event, &logged->earlier) && Take(event.address, &block);
    return;
  }
  if (event.kind != HeapEvent::kMoved && event.kind != HeapEvent::kGone) return Tell(event);
  if (logged->counts_as_moving) Tables().moves.DidTakeUnlocked();
  LoggedEvent* begun = logged->has_earlier ? logged : nullptr;
  for (uint64_t before = number; begun == nullptr && before-- > 0;) {
    LoggedEvent* const candidate = log.At(before);
    if (candidate != nullptr && candidate->Begins(event)) begun = candidate;
  }
  if (begun == nullptr &&
      Tables().moves.TakeFor(event.thread, event.old_address, &logged->earlier)) {
    logged->has_earlier = true;
    begun = logged;
  }
  const bool has_earlier = begun != nullptr && begun->has_earlier;
  if (event.kind == HeapEvent::kMoved) DidMove(event, has_earlier ? &begun->earlier : nullptr);
  if (begun != nullptr) begun->has_earlier = false;
}

void HeapTracker::TellAllLogged(bool in_child) {
  EventLog& log = Tables().log;
  const uint64_t count = log.size();
  for (uint64_t i = 0; i < count; ++i) TellLogged(i);
  // Reallocations that have not ended; in a child they never will.
  for (uint64_t i = 0; i < count && !in_child; ++i) {
    const LoggedEvent* const logged = log.At(i);
    if (logged == nullptr || !logged->has_earlier) continue;
    if (!Tables().moves.AddFor(logged->event.thread, logged->earlier)) {
      Root().lost.fetch_add(1, std::memory_order_relaxed);
    }
  }
  log.Clear();
}

}  // namespace alkaid::heap
