// RingSource: batches of datagrams over the slots of a ring, without a copy.
//
//   ALKAID_ASSIGN_OR_RAISE(auto source, RingSource::Make(ring, [=] { return facility->Take(); }));
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(DgramBatch batch, source->Next());
//     if (batch.empty()) break;
//     ...
//   }
//
// Each slot holds whole datagrams. Next asks for a filled slot, lends it from the ring, and returns
// its datagrams: one batch, or more where Configures stand between them. The source holds a slot
// only until its last batch is given out; the slot goes back with the last view of it. Datagrams
// are checked like those of any BatchReader, and faults name ring, slot and byte of the slot. A
// Configuration also counts for the slots that follow.
//
// At malformed data the source stops and asks for no more slots. With `on_fault` it goes on
// (fault_policy.h):
//   - A datagram with malformed content is left out.
//   - Where no datagram begins, the rest of the slot is left out, since the next slot begins with
//     one; kResync first looks for one in that rest.
//   - After a Configure that is left out, its declarations are unknown: datagrams are left out too
//     until the next Configure, unless they may come without a Configuration.
// The slot goes back as usual. `on_skip` is called for each place, and skipped() has the sums.
//
// A program that keeps views of every slot fills the ring: the other side has no slot to fill, and
// nothing is lost. Next then does not wait for ever: it returns kResourceExhausted and names the
// slot that has been pinned for longest. It may be called again once a view was dropped.
//
// Ownership: shares the ring. A slot that was taken and could not be lent for want of memory is
// lent by the next call, or goes back with the source.
// Threads: one at a time; batches may go to any thread.
// fork: in a child Next asks for no slot and is kFailedPrecondition, since slots belong to the
// process that made the ring. It still returns the rest of a slot that was lent before.
// Out of memory: kResourceExhausted; the next call returns what this one would have returned.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/slot_ring.h"

namespace alkaid::dgram {

struct RingSourceOptions {
  // As in BatchReaderOptions; they hold at the first slot.
  std::shared_ptr<const Configuration> configuration = nullptr;
  bool require_configuration = true;
  int64_t first_index = 0;
  OnFault on_fault = OnFault::kStop;
  // `byte` counts from the start of the slot, which `source` names.
  OnSkip on_skip = nullptr;
};

// What was left out: the places, their bytes, and the slots that had any.
struct SkipCounts {
  int64_t places = 0;
  int64_t nbytes = 0;
  int64_t slots = 0;
};

class ALKAID_EXPORT RingSource final : public BatchSource {
 public:
  // Returns the next filled slot, or nothing at the end; may wait for one as long as it likes. Next
  // returns its failure, and the next call asks again.
  using Take = std::function<Result<std::optional<RingSlot>>()>;

  // kInvalidArgument without a ring or without `take`.
  static Result<std::unique_ptr<RingSource>> Make(std::shared_ptr<SlotRing> ring, Take take,
                                                  RingSourceOptions options = {});
  ~RingSource() override;

  // A fault of the data (kDataLoss) that ends the source stays, and its slot goes back. What
  // SlotRing::Lend refuses is reported once, and the next call goes on with the next slot.
  Result<DgramBatch> Next() override;

  // The latest Configuration that was read; before any, the one of the options. May be null.
  const std::shared_ptr<const Configuration>& configuration() const {
    return options_.configuration;
  }
  // The index of the next datagram.
  int64_t next_index() const { return options_.first_index; }
  // What was left out so far.
  const SkipCounts& skipped() const { return skipped_; }

 private:
  RingSource(std::shared_ptr<SlotRing> ring, Take take, RingSourceOptions options);
  // Takes a slot and opens it, or meets the end.
  Status BeginSlot();
  Status TakeSlot();
  // Skips the rest of a slot where no datagram begins.
  void SkipRest(const Status& fault);
  void Note(Skipped skipped);

  const std::shared_ptr<SlotRing> ring_;
  const Take take_;
  RingSourceOptions options_;
  // The slot that is taken and not yet lent; lent and not yet opened; opened and not yet read to
  // its end.
  std::optional<RingSlot> taken_;
  std::shared_ptr<Buffer> lent_;
  std::unique_ptr<BatchReader> reader_;
  int64_t index_ = 0;  // of the slot that is lent
  SkipCounts skipped_;
  bool slot_counted_ = false;          // of the slot that is lent
  std::optional<Timestamp> previous_;  // of the last datagram that was given out
  bool ended_ = false;
  Status fault_;
};

}  // namespace alkaid::dgram
