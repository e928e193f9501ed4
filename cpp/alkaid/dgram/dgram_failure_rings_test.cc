// Memory runs out while slots of a ring are lent and read (dgram_failure_test.cc).
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "alkaid/dgram/ring_source.h"
#include "alkaid/dgram/slot_ring.h"
#include "fixtures/failure_answers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/sample_dgrams.h"

namespace alkaid::dgram {
namespace {

using failing::FailureSuite;
using failing::OutOfMemory;

constexpr int64_t kSlots = 3;
const std::string kName = "a pebble with a long name";

// A ring whose slots hold the `bytes` one after the other, and come back at once.
struct State {
  explicit State(std::vector<std::string> all, OnFault on_fault = OnFault::kStop)
      : bytes(std::move(all)) {
    ring = SlotRing::Make(kName, kSlots, [this](int64_t) { ++given_back; }).value();
    const auto take = [this]() -> Result<std::optional<RingSlot>> {
      if (next == bytes.size()) return std::optional<RingSlot>();
      const std::string& slot = bytes[next];
      const auto index = static_cast<int64_t>(next++ % kSlots);
      return std::optional<RingSlot>({index, reinterpret_cast<const uint8_t*>(slot.data()),
                                      static_cast<int64_t>(slot.size())});
    };
    source = RingSource::Make(ring, take, {.on_fault = on_fault}).value();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  // No slot may be lost, whatever failed.
  ~State() {
    source = nullptr;
    lent = nullptr;
    EXPECT_EQ(given_back, static_cast<int64_t>(next) + by_hand);
  }

  RingSlot Slot(int64_t index) const {
    return {index, reinterpret_cast<const uint8_t*>(kName.data()), 7};
  }

  std::vector<std::string> bytes;
  size_t next = 0;
  int64_t given_back = 0;
  int64_t by_hand = 0;
  std::shared_ptr<SlotRing> ring;
  std::unique_ptr<RingSource> source;
  std::shared_ptr<Buffer> lent;
  Digest digest;
};

auto Holding(std::vector<std::string> bytes) {
  return [bytes](MemoryPool*) { return std::make_unique<State>(bytes); };
}

TEST(DgramOutOfMemory, Rings) {
  FailureSuite::Try(
      "SlotRing::Make", OutOfMemory::kStatus, failing::NoObjects,
      [](int&) -> Result<std::shared_ptr<SlotRing>> {
        ALKAID_ASSIGN_OR_RAISE(std::string name, failing::Argument(kName));
        return SlotRing::Make(std::move(name), kSlots, [](int64_t) {});
      },
      [](int&, const std::shared_ptr<SlotRing>& ring) { return ring->name(); });
  FailureSuite::Try(
      "SlotRing::Make, of no slot", OutOfMemory::kStatus, failing::NoObjects,
      [](int&) -> Result<std::shared_ptr<SlotRing>> {
        ALKAID_ASSIGN_OR_RAISE(std::string name, failing::Argument(kName));
        return SlotRing::Make(std::move(name), 0, [](int64_t) {});
      },
      [](int&, const std::shared_ptr<SlotRing>&) { return std::string(); });
  FailureSuite::Try(
      "RingSource::Make", OutOfMemory::kStatus, Holding({}),
      [](std::unique_ptr<State>& state) {
        return RingSource::Make(state->ring, [] { return std::optional<RingSlot>(); });
      },
      [](std::unique_ptr<State>&, const std::unique_ptr<RingSource>& made) {
        return std::to_string(made->next_index());
      });
}

TEST(DgramOutOfMemory, LendingSlots) {
  const auto counts = [](std::unique_ptr<State>& state) {
    const SlotCounts now = state->ring->counts();
    return absl::StrCat(now.pinned, " ", now.lent, " ", state->given_back);
  };
  FailureSuite::Try(
      "SlotRing::Lend", OutOfMemory::kStatus, Holding({}),
      [](std::unique_ptr<State>& state) -> Status {
        ALKAID_ASSIGN_OR_RAISE(state->lent, state->ring->Lend(state->Slot(1)));
        ++state->by_hand;
        return absl::OkStatus();
      },
      counts);
  const auto lent = [](MemoryPool*) {
    auto state = std::make_unique<State>(std::vector<std::string>());
    state->lent = state->ring->Lend(state->Slot(1)).value();
    ++state->by_hand;
    return state;
  };
  for (const int64_t index : {int64_t{1}, kSlots}) {
    FailureSuite::Try(
        "SlotRing::Lend, what cannot be", OutOfMemory::kStatus, lent,
        [index](std::unique_ptr<State>& state) {
          return state->ring->Lend(state->Slot(index)).status();
        },
        counts);
  }
  FailureSuite::Try(
      "SlotRing, giving back", OutOfMemory::kNeedsNone, lent,
      [](std::unique_ptr<State>& state) { state->lent = nullptr; }, counts);
  FailureSuite::Try(
      "SlotRing::CheckNotFull", OutOfMemory::kNeedsNone, lent,
      [](std::unique_ptr<State>& state) { return state->ring->CheckNotFull(); }, counts);
  FailureSuite::Try(
      "SlotRing::counts", OutOfMemory::kNeedsNone, lent,
      [](std::unique_ptr<State>& state) { return Result<SlotCounts>(state->ring->counts()); },
      [](std::unique_ptr<State>&, const SlotCounts& now) { return std::to_string(now.pinned); });
  FailureSuite::Try(
      "SlotRing::PinnedSlots", OutOfMemory::kThrows, lent,
      [](std::unique_ptr<State>& state) { return state->ring->PinnedSlots(); },
      [](std::unique_ptr<State>&, const std::vector<PinnedSlot>& slots) {
        return std::to_string(slots.size());
      });
  FailureSuite::Try(
      "SlotRing::ToString", OutOfMemory::kThrows, lent,
      [](std::unique_ptr<State>& state) { return state->ring->ToString(); },
      [](std::unique_ptr<State>&, const std::string& text) {
        return text.substr(0, text.find('\n'));
      });
}

TEST(DgramOutOfMemory, AFullRing) {
  FailureSuite::Try(
      "SlotRing::CheckNotFull, of a full ring", OutOfMemory::kStatus,
      [](MemoryPool*) {
        struct Full {
          std::shared_ptr<SlotRing> ring = SlotRing::Make(kName, 1, [](int64_t) {}).value();
          std::shared_ptr<Buffer> lent =
              ring->Lend({0, reinterpret_cast<const uint8_t*>(kName.data()), 7}).value();
        };
        return std::make_unique<Full>();
      },
      [](auto& full) {
        const Status status = full->ring->CheckNotFull();
        // The ring is full, or no memory is left to say so: only the text differs.
        return absl::StrContains(status.message(), "views pin all") ? absl::OkStatus() : status;
      },
      [](auto&) { return std::string(); });
}

// Every slot is read once, in order, and goes back once, wherever memory ran out.
TEST(DgramOutOfMemory, ReadingSlots) {
  const auto read = [](std::unique_ptr<State>& state) -> Status {
    while (true) {
      const Result<DgramBatch> batch = state->source->Next();
      if (batch.status().code() == StatusCode::kDataLoss) {
        state->digest.Add(batch.status());
        return absl::OkStatus();
      }
      ALKAID_RETURN_NOT_OK(batch);
      if (batch->empty()) return absl::OkStatus();
      for (const Dgram& dgram : *batch) {
        state->digest.Add(dgram.index());
        samples::Add(dgram, &state->digest);
      }
    }
  };
  const auto text = [](std::unique_ptr<State>& state) { return state->digest.text(); };
  FailureSuite::Try("RingSource::Next", OutOfMemory::kStatus,
                    Holding({fixtures::Configure() + fixtures::Event(0), fixtures::Event(1), "",
                             fixtures::Event(2) + fixtures::Configure() + fixtures::Event(3)}),
                    read, text);
  FailureSuite::Try(
      "RingSource::Next, of a malformed slot", OutOfMemory::kStatus,
      Holding({fixtures::Configure(), fixtures::Event(1) + "partial", fixtures::Event(2)}), read,
      text);
}

TEST(DgramOutOfMemory, ReadingSlotsOnBehindFaults) {
  const auto read = [](std::unique_ptr<State>& state) -> Status {
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, state->source->Next());
      if (batch.empty()) return absl::OkStatus();
      for (const Dgram& dgram : batch) samples::Add(dgram, &state->digest);
    }
  };
  FailureSuite::Try(
      "RingSource::Next, after faults", OutOfMemory::kStatus,
      [](MemoryPool*) {
        return std::make_unique<State>(
            std::vector<std::string>{
                fixtures::Configure(), fixtures::Event(1) + "partial",
                fixtures::Dgram(TransitionId::kL1Accept, fixtures::ShapesData(7, "", "undeclared")),
                fixtures::Event(2)},
            OnFault::kSkipDatagram);
      },
      read, [](std::unique_ptr<State>& state) { return state->digest.text(); });
}

// A source that is destroyed with a slot that it could not lend gives that slot back.
TEST(DgramOutOfMemory, ASlotThatWasTakenAndCouldNotBeLentGoesBack) {
  for (int64_t n = 1;; ++n) {
    const auto state = std::make_unique<State>(std::vector<std::string>{fixtures::Configure()});
    Status status;
    {
      const failing::FailingNew failing(n, true);
      status = state->source->Next().status();
    }
    if (status.ok()) {
      EXPECT_GT(n, 2);
      break;
    }
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  }
}

}  // namespace
}  // namespace alkaid::dgram
