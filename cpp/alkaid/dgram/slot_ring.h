// SlotRing: slots of memory with another owner, lent to Buffers and given back.
//
// A data acquisition fills the slots of a ring, hands each one on, and fills it again once it was
// given back. (LCLS calls such memory a pebble.) Views must never free it. Lend makes a Buffer of a
// filled slot. When the last reference to that Buffer goes, be it a slice, a batch, a datagram or
// an array view, `give_back` is called with the slot's index: once, on the thread that dropped it.
//
//   ALKAID_ASSIGN_OR_RAISE(auto ring, SlotRing::Make("pebble", 16, [=](int64_t slot) {
//     facility->Free(slot);
//   }));
//   ALKAID_ASSIGN_OR_RAISE(auto buffer, ring->Lend({slot, data, nbytes}));
//
// A slot that is lent and not given back is pinned. PinnedSlots lists these, with the thread that
// took each and the time. While views are tracked, a report of retention lists them too, with the
// code that took the slot and the code that holds views of it (heap/reports/retention_report.h).
// Where all are pinned nothing is lost: no slot is filled again until one is given back.
//
// Ownership: a Buffer shares the ring, and so `give_back` and what that holds, which must keep the
// memory mapped. The slots belong to their owner.
// Threads: all functions from any thread. `give_back` may run on several at once; it must not
// throw. Reads of a slot happen before its `give_back`.
// fork: slots belong to the process that made the ring. In a child Lend is kFailedPrecondition, and
// dropping the child's copies of Buffers gives nothing back; their bytes are the parent's, which
// may have them filled again at any time.
// Out of memory: Make and Lend return kResourceExhausted, PinnedSlots and ToString throw
// std::bad_alloc; giving back needs no memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/observers/label.h"

namespace alkaid::dgram {

// A filled slot: its index in the ring, and its bytes.
struct RingSlot {
  int64_t index = 0;
  const uint8_t* data = nullptr;
  int64_t size = 0;
};

struct PinnedSlot {
  int64_t index = 0;
  int64_t size = 0;
  uint64_t number = 0;   // the count of slots lent so far, this one included
  uint64_t lent_ns = 0;  // when it was lent, CLOCK_MONOTONIC
  uint32_t thread = 0;   // the kernel's id of the thread that took it
  Label label;           // the label in force there
};

struct SlotCounts {
  int64_t slots = 0;
  int64_t pinned = 0;       // now
  int64_t most_pinned = 0;  // at once, so far
  int64_t lent = 0;         // in all
  int64_t given_back = 0;   // in all
};

class ALKAID_EXPORT SlotRing : public std::enable_shared_from_this<SlotRing> {
 public:
  using GiveBack = std::function<void(int64_t index)>;

  // `name` is the name of the ring in reports and faults. kInvalidArgument for less than one slot,
  // and for an empty callback.
  static Result<std::shared_ptr<SlotRing>> Make(std::string name, int64_t slot_count,
                                                GiveBack give_back);
  ~SlotRing();
  SlotRing(const SlotRing&) = delete;
  SlotRing& operator=(const SlotRing&) = delete;

  // A Buffer over the slot's bytes, which must not change while it lives. On failure the slot is as
  // it was, and `give_back` is not called:
  //   - kOutOfRange for an index outside the ring
  //   - kFailedPrecondition where the slot is pinned: its owner has handed it out twice
  //   - kInvalidArgument for a negative size, or null data of a positive size
  Result<std::shared_ptr<Buffer>> Lend(const RingSlot& slot);

  // OK where some slot is not pinned. Otherwise kResourceExhausted, which names the slot that has
  // been pinned for longest and the thread that took it: no slot can be filled until one is given
  // back.
  Status CheckNotFull() const;

  const std::string& name() const { return name_; }
  int64_t slot_count() const { return slot_count_; }
  // Each figure is right by itself; `lent` equals `pinned` + `given_back` while no call is in
  // flight.
  SlotCounts counts() const;
  // Sorted by index. Other threads may go on meanwhile: each entry is right for one moment.
  std::vector<PinnedSlot> PinnedSlots() const;
  // For people: the counts, and a line for each pinned slot, the oldest first.
  std::string ToString() const;

 private:
  class LentBuffer;
  friend class RingSource;

  // What is known of a pinned slot. `number` is written last; 0: the slot is not pinned.
  struct State {
    std::atomic<uint64_t> number{0};
    std::atomic<uint64_t> lent_ns{0};
    std::atomic<int64_t> size{0};
    std::atomic<uint32_t> thread{0};
    std::atomic<Label> label{};
  };

  SlotRing(std::string name, int64_t slot_count, GiveBack give_back);
  bool InItsProcess() const;
  void Unpin(int64_t index) noexcept;

  const std::string name_;
  const int64_t slot_count_;
  const GiveBack give_back_;
  const uint64_t generation_;
  const std::unique_ptr<State[]> states_;
  std::atomic<int64_t> pinned_{0};
  std::atomic<int64_t> most_pinned_{0};
  std::atomic<uint64_t> lent_{0};
};

}  // namespace alkaid::dgram
