#include "alkaid/dgram/slot_ring.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <new>
#include <utility>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/base/time_text.h"

namespace alkaid::dgram {
namespace {

// `number` of a slot that is being lent.
constexpr uint64_t kClaimed = UINT64_MAX;

uint64_t MonotonicNanoseconds() {
  std::timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// "slot 2 since 1.2 s, taken by thread 77, label monitor".
std::string TextOf(const PinnedSlot& slot, uint64_t now_ns) {
  return absl::StrCat(
      "slot ", slot.index, " for ",
      alkaid::internal::DurationText(now_ns > slot.lent_ns ? now_ns - slot.lent_ns : 0),
      ", taken by thread ", slot.thread, slot.label ? ", label " : "", slot.label.name());
}

}  // namespace

// The root of all views of a slot.
class SlotRing::LentBuffer final : public Buffer {
 public:
  LentBuffer(const RingSlot& slot, std::shared_ptr<SlotRing> ring)
      : Buffer(slot.data, slot.size), ring_(std::move(ring)), index_(slot.index) {}
  ~LentBuffer() override {
    if (alkaid::internal::ViewEventsOn()) [[unlikely]] {
      alkaid::internal::NotifySliceRelease(Taking(), this);
      NotifyRelease();
    }
    release_emitted_ = true;
    if (lent_) ring_->Unpin(index_);
  }

  // From here on the destructor gives the slot back.
  void SetLent() noexcept {
    lent_ = true;
    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      alkaid::internal::NotifySlice(Taking(), this, 0, 0);
  }

 private:
  // The address of an empty view that lives as long as the slot is pinned, so that a report of
  // retention has the slot, who took it and when, whatever views there are besides. Observers use
  // the address as an identity only.
  const Buffer* Taking() const { return reinterpret_cast<const Buffer*>(&index_); }

  const std::shared_ptr<SlotRing> ring_;
  const int64_t index_;
  bool lent_ = false;
};

SlotRing::SlotRing(std::string name, int64_t slot_count, GiveBack give_back)
    : name_(std::move(name)),
      slot_count_(slot_count),
      give_back_(std::move(give_back)),
      generation_(alkaid::internal::ForkGeneration()),
      states_(std::make_unique<State[]>(static_cast<size_t>(slot_count))) {}

SlotRing::~SlotRing() = default;

Result<std::shared_ptr<SlotRing>> SlotRing::Make(std::string name, int64_t slot_count,
                                                 GiveBack give_back) try {
  if (slot_count < 1) {
    return status::Invalid(name, ": a ring of ", slot_count, " slots; the least is 1");
  }
  if (!give_back) {
    return status::Invalid(name, ": a ring needs a callback that takes its slots back");
  }
  return std::shared_ptr<SlotRing>(new SlotRing(std::move(name), slot_count, std::move(give_back)));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

bool SlotRing::InItsProcess() const { return alkaid::internal::ForkGeneration() == generation_; }

Result<std::shared_ptr<Buffer>> SlotRing::Lend(const RingSlot& slot) try {
  if (slot.index < 0 || slot.index >= slot_count_) {
    return status::IndexError(name_, ": slot ", slot.index, " of ", slot_count_);
  }
  if (slot.size < 0 || (slot.data == nullptr && slot.size > 0)) {
    return status::Invalid(name_, ": slot ", slot.index, " has ", slot.size,
                           slot.size < 0 ? " bytes" : " bytes at null");
  }
  if (!InItsProcess()) {
    return status::FailedPrecondition(name_, ": slot ", slot.index,
                                      ": the slots belong to the process that made the ring, and "
                                      "this one was forked from it");
  }
  State& state = states_[static_cast<size_t>(slot.index)];
  uint64_t free = 0;
  if (!state.number.compare_exchange_strong(free, kClaimed, std::memory_order_acquire)) {
    return status::FailedPrecondition(
        name_, ": slot ", slot.index,
        " was handed out twice: views of its previous data still pin it");
  }
  std::shared_ptr<LentBuffer> buffer;
  try {
    buffer = std::make_shared<LentBuffer>(slot, shared_from_this());
  } catch (const std::bad_alloc&) {
    state.number.store(0, std::memory_order_release);
    throw;
  }
  state.lent_ns.store(MonotonicNanoseconds(), std::memory_order_relaxed);
  state.size.store(slot.size, std::memory_order_relaxed);
  state.thread.store(static_cast<uint32_t>(::gettid()), std::memory_order_relaxed);
  state.label.store(Label::Current(), std::memory_order_relaxed);
  state.number.store(1 + lent_.fetch_add(1, std::memory_order_relaxed), std::memory_order_release);
  const int64_t pinned = 1 + pinned_.fetch_add(1, std::memory_order_relaxed);
  int64_t most = most_pinned_.load(std::memory_order_relaxed);
  while (most < pinned &&
         !most_pinned_.compare_exchange_weak(most, pinned, std::memory_order_relaxed)) {
  }
  buffer->SetLent();
  return buffer;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

// Clears the mark before it gives the slot back: its owner may hand it out again at once.
void SlotRing::Unpin(int64_t index) noexcept {
  if (!InItsProcess()) return;
  pinned_.fetch_sub(1, std::memory_order_relaxed);
  states_[static_cast<size_t>(index)].number.store(0, std::memory_order_release);
  give_back_(index);
}

SlotCounts SlotRing::counts() const {
  SlotCounts counts;
  counts.slots = slot_count_;
  counts.pinned = pinned_.load(std::memory_order_relaxed);
  counts.most_pinned = most_pinned_.load(std::memory_order_relaxed);
  counts.lent = static_cast<int64_t>(lent_.load(std::memory_order_relaxed));
  counts.given_back = counts.lent - counts.pinned;
  return counts;
}

std::vector<PinnedSlot> SlotRing::PinnedSlots() const {
  std::vector<PinnedSlot> pinned;
  for (int64_t i = 0; i < slot_count_; ++i) {
    const State& state = states_[static_cast<size_t>(i)];
    const uint64_t number = state.number.load(std::memory_order_acquire);
    if (number == 0 || number == kClaimed) continue;
    const PinnedSlot slot = {.index = i,
                             .size = state.size.load(std::memory_order_acquire),
                             .number = number,
                             .lent_ns = state.lent_ns.load(std::memory_order_acquire),
                             .thread = state.thread.load(std::memory_order_acquire),
                             .label = state.label.load(std::memory_order_acquire)};
    // It was given back, and perhaps lent again, meanwhile.
    if (state.number.load(std::memory_order_relaxed) != number) continue;
    pinned.push_back(slot);
  }
  return pinned;
}

Status SlotRing::CheckNotFull() const try {
  if (pinned_.load(std::memory_order_relaxed) < slot_count_) return absl::OkStatus();
  const std::vector<PinnedSlot> pinned = PinnedSlots();
  const auto oldest = std::min_element(
      pinned.begin(), pinned.end(),
      [](const PinnedSlot& a, const PinnedSlot& b) { return a.number < b.number; });
  if (oldest == pinned.end()) return absl::OkStatus();
  return status::OutOfMemory(name_, ": no slot is free: views pin all ", slot_count_, ", ",
                             TextOf(*oldest, MonotonicNanoseconds()));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

std::string SlotRing::ToString() const {
  const SlotCounts now = counts();
  std::vector<PinnedSlot> pinned = PinnedSlots();
  std::sort(pinned.begin(), pinned.end(),
            [](const PinnedSlot& a, const PinnedSlot& b) { return a.number < b.number; });
  std::string text =
      absl::StrCat(alkaid::internal::Printable(name_), ": ", now.pinned, " of ",
                   alkaid::internal::CountText(now.slots, "slot"), " pinned, ", now.most_pinned,
                   " at most, ", now.lent, " lent, ", now.given_back, " given back\n");
  const uint64_t now_ns = MonotonicNanoseconds();
  for (const PinnedSlot& slot : pinned) {
    absl::StrAppend(&text, "  ", alkaid::internal::Printable(TextOf(slot, now_ns)), ", ",
                    alkaid::internal::BytesText(slot.size), "\n");
  }
  return text;
}

}  // namespace alkaid::dgram
