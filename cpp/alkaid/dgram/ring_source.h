// RingSource: batches of datagrams over the slots of a ring, without a copy.
//
//   ALKAID_ASSIGN_OR_RAISE(auto source, RingSource::Make(ring, [=] { return facility->Take(); }));
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(DgramBatch batch, source->Next());
//     if (batch.empty()) break;
//     ...
//   }
//
// Each slot holds whole datagrams. Next asks for a filled slot, lends it from the ring, and gives
// its datagrams: one batch, or more where Configures stand between them. The source itself keeps a
// slot only until its last batch is given out; then the slot goes back with the last view of it.
// Datagrams are checked as of any BatchReader, and faults name ring, slot and byte of the slot.
// A Configuration counts for the slots that follow.
//
// At malformed data the source stops, and asks for no more slots. With `on_fault` it goes on
// (fault_policy.h): a datagram that is malformed inside is left out. Where no datagram begins, the
// rest of the slot is left out, since the next slot begins with one; kResync looks for one in that
// rest first. The slot goes back as any other. `on_skip` is told of each place, and skipped() has
// the sums. After a Configure that is left out, what it declares is not known: datagrams are left
// out too until the next one, unless they may come without a Configuration.
//
// A program that keeps views of every slot fills the ring: the other side has no slot to fill, and
// nothing is lost. Next then says so and does not wait for what cannot come: kResourceExhausted
// with the slot that has been pinned for longest. It may be called again once a view was dropped.
//
// Ownership: shares the ring. A slot that was taken and could not be lent for want of memory is
// lent by the next call, or goes back with the source.
// Threads: one at a time; what it gives, as of any batch.
// fork: in a child Next asks for no slot and is kFailedPrecondition, since slots belong to the
// process that made the ring. What is left of a slot that was lent before it still gives.
// Out of memory: kResourceExhausted; the next call gives what this one would have given.
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
  // As in BatchReaderOptions; they count for the first slot.
  std::shared_ptr<const Configuration> configuration = nullptr;
  bool require_configuration = true;
  int64_t first_index = 0;
  OnFault on_fault = OnFault::kStop;
  // Bytes count from the start of the slot, which the source of a Skipped names.
  OnSkip on_skip = nullptr;
};

// What was left out: places, and their bytes, in how many slots.
struct SkipCounts {
  int64_t places = 0;
  int64_t nbytes = 0;
  int64_t slots = 0;
};

class ALKAID_EXPORT RingSource final : public BatchSource {
 public:
  // The next slot that was filled; nothing at the end. It may wait for one as long as it likes.
  // What it fails with is what Next fails with, and the next call asks again.
  using Take = std::function<Result<std::optional<RingSlot>>()>;

  // kInvalidArgument without a ring or without `take`.
  static Result<std::unique_ptr<RingSource>> Make(std::shared_ptr<SlotRing> ring, Take take,
                                                  RingSourceOptions options = {});
  ~RingSource() override;

  // A fault of the data (kDataLoss) that ends it stays, and its slot goes back. What SlotRing::Lend
  // refuses is reported once, and the next call goes on with the next slot.
  Result<DgramBatch> Next() override;

  // The latest Configuration met; at first the one of the options. May be null.
  const std::shared_ptr<const Configuration>& configuration() const {
    return options_.configuration;
  }
  // The index of the datagram that Next gives next.
  int64_t next_index() const { return options_.first_index; }
  // What was left out so far.
  const SkipCounts& skipped() const { return skipped_; }

 private:
  RingSource(std::shared_ptr<SlotRing> ring, Take take, RingSourceOptions options);
  // Takes a slot and opens it, or finds the end.
  Status BeginSlot();
  Status TakeSlot();
  // Where no datagram begins in the slot.
  void SkipRest(const Status& fault);
  void Note(Skipped skipped);

  const std::shared_ptr<SlotRing> ring_;
  const Take take_;
  RingSourceOptions options_;
  // Taken and not yet lent; lent and not yet opened; opened and not yet read to its end.
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
