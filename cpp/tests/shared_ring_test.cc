// The ring of docs/samples/shared_ring.h between processes that are killed: the other process goes
// on or ends with a clear status, no slot is lost, and none is handed out twice.
//
// A process that is to die kills itself at a stated point, and others wait for that. Nothing here
// depends on time.

#include "docs/samples/shared_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "alkaid/dgram/ring_source.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Role = SharedRing::Role;

constexpr int64_t kSlots = 4;
constexpr int64_t kSlotBytes = 4096;

std::shared_ptr<const Configuration> Declared() {
  return Dgram::Make(fixtures::AsBuffer(fixtures::Configure())).value().configuration();
}

void Put(SharedRing& ring, int64_t slot, uint32_t event) {
  const std::string bytes = fixtures::Event(event);
  std::memcpy(ring.Bytes(slot), bytes.data(), bytes.size());
  ring.Publish(slot, static_cast<int64_t>(bytes.size()));
}

// A reader of the ring, and what it has read.
struct Reading {
  explicit Reading(const std::string& path)
      : shared(SharedRing::Join(path, Role::kReader).value()),
        slots(SlotRing::Make("pebble", shared->slots(),
                             [ring = shared](int64_t slot) { ring->GiveBack(slot); })
                  .value()),
        source(RingSource::Make(slots, [ring = shared] { return ring->Take(); },
                                {.configuration = Declared()})
                   .value()) {}

  // Reads one event; keeps it if asked.
  Status Read(bool keep = false) {
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, source->Next());
    if (batch.empty()) return absl::CancelledError("the end");
    for (const Dgram& dgram : batch) {
      ALKAID_RETURN_NOT_OK(CheckDgram(dgram));
      events.push_back(dgram.timestamp().nanoseconds());
      if (keep) kept.push_back(dgram);
    }
    return absl::OkStatus();
  }
  Status ReadAll() {
    Status status;
    while (status.ok()) status = Read();
    return status;
  }

  std::shared_ptr<SharedRing> shared;
  std::shared_ptr<SlotRing> slots;
  std::unique_ptr<RingSource> source;
  std::vector<uint32_t> events;
  std::vector<Dgram> kept;
};

// A pipe to and from children.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe(ends_), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void Send(uint32_t number) const {
    if (::write(ends_[1], &number, sizeof(number)) != sizeof(number)) ::abort();
  }
  // Waits for a number.
  uint32_t Receive() const {
    uint32_t number = 0;
    EXPECT_EQ(::read(ends_[0], &number, sizeof(number)), static_cast<ssize_t>(sizeof(number)));
    return number;
  }

 private:
  int ends_[2] = {-1, -1};
};

class SharedRingTest : public ::testing::Test {
 protected:
  SharedRingTest()
      : memory_(SharedRing::Make(kSlots, kSlotBytes).value()),
        path(absl::StrCat("/proc/", ::getpid(), "/fd/", memory_)) {}
  ~SharedRingTest() override { ::close(memory_); }

  // Starts a child that exits 0 where `work` returns true. The child never returns into the test.
  static pid_t Start(const std::function<bool()>& work) {
    const pid_t pid = ::fork();
    EXPECT_GE(pid, 0);
    if (pid == 0) ::_exit(work() ? 0 : 1);
    return pid;
  }
  static int StatusOf(pid_t pid) {
    int status = -1;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return status;
  }
  static void ExpectKilled(pid_t pid) {
    const int status = StatusOf(pid);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }
  static void ExpectExitedWell(pid_t pid) { EXPECT_EQ(StatusOf(pid), 0); }
  static bool KillMyself() { return ::raise(SIGKILL) == 0; }

  // The control words, for a peer that writes wrong values.
  class Scribbler {
   public:
    explicit Scribbler(int memory)
        : bytes_(static_cast<uint8_t*>(
              ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0))) {}
    ~Scribbler() { ::munmap(bytes_, 4096); }
    SharedRing::Slot& slot(int64_t i) const {
      return reinterpret_cast<SharedRing::Slot*>(bytes_ + sizeof(SharedRing::Control))[i];
    }

   private:
    uint8_t* const bytes_;
  };

  const int memory_;
  const std::string path;
};

// When a writer dies, its published slots are read, the half-filled one is not, and the next writer
// fills that slot.
TEST_F(SharedRingTest, ReadersGoOnWhenWritersAreKilled) {
  Reading reading(path);
  uint32_t next = 0;
  for (int generation = 0; generation < 12; ++generation) {
    const auto count = static_cast<uint32_t>(1 + 3 * (generation % 5));
    const bool half = generation % 2 == 0;
    const pid_t writer = Start([&] {
      const auto ring = SharedRing::Join(path, Role::kWriter).value();
      for (uint32_t i = 0; i < count; ++i) Put(*ring, ring->Claim().value(), next + i);
      if (half) std::memset(ring->Bytes(ring->Claim().value()), 0xee, kSlotBytes);
      return KillMyself();
    });
    reading.shared->WaitForPeer();
    // The very first event is kept to the end.
    if (generation == 0) {
      ALKAID_ASSERT_OK(reading.Read(/*keep=*/true));
    }
    EXPECT_THAT(reading.ReadAll(),
                StatusIs(StatusCode::kUnavailable, HasSubstr("the writer is gone")));
    ExpectKilled(writer);
    next += count;
    ASSERT_EQ(reading.events.size(), next) << generation;
    EXPECT_EQ(reading.shared->Count(SharedRing::kPinned), 1);
    EXPECT_EQ(reading.shared->Count(SharedRing::kFilling), half ? 1 : 0);
  }
  const pid_t last = Start([&] {
    SharedRing::Join(path, Role::kWriter).value()->End();
    return true;
  });
  reading.shared->WaitForPeer();
  EXPECT_THAT(reading.ReadAll(), StatusIs(StatusCode::kCancelled));
  ExpectExitedWell(last);

  std::vector<uint32_t> all(next);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(reading.events, all);
  EXPECT_EQ(reading.kept[0].timestamp().nanoseconds(), 0U);
  ALKAID_EXPECT_OK(CheckDgram(reading.kept[0]));
  reading.kept.clear();
  EXPECT_EQ(reading.shared->Count(SharedRing::kFree), kSlots);
  EXPECT_EQ(reading.slots->counts().given_back, static_cast<int64_t>(next));
}

// When a reader dies, what it had taken was handed out once, the rest goes to the next reader, and
// the slots that it had pinned are filled again.
TEST_F(SharedRingTest, WritersGoOnWhenReadersAreKilled) {
  const auto ring = SharedRing::Join(path, Role::kWriter).value();
  const Pipe taken;
  std::vector<uint32_t> all;
  uint32_t next = 0;
  for (int generation = 0; generation < 12; ++generation) {
    const int count = 2 + generation % 6;
    const int pinned = generation % 3;
    const pid_t reader = Start([&] {
      Reading reading(path);
      for (int i = 0; i < count; ++i) {
        if (!reading.Read(/*keep=*/i < pinned).ok()) return false;
        taken.Send(reading.events.back());
      }
      return KillMyself();
    });
    ring->WaitForPeer();
    Status gone;
    while (true) {
      const Result<int64_t> slot = ring->Claim();
      gone = slot.status();
      if (!gone.ok()) break;
      Put(*ring, *slot, next++);
    }
    EXPECT_THAT(gone, StatusIs(StatusCode::kUnavailable,
                               HasSubstr(absl::StrCat("had pinned ", pinned, " slots, and ",
                                                      kSlots - pinned, " are filled"))));
    ExpectKilled(reader);
    for (int i = 0; i < count; ++i) all.push_back(taken.Receive());
  }
  const pid_t last = Start([&] {
    Reading reading(path);
    if (reading.shared->abandoned() != 2) return false;  // of generation 11
    if (reading.ReadAll().code() != StatusCode::kCancelled) return false;
    for (const uint32_t event : reading.events) taken.Send(event);
    return reading.events.size() == 2;
  });
  ring->End();
  ExpectExitedWell(last);
  for (int i = 0; i < 2; ++i) all.push_back(taken.Receive());

  std::vector<uint32_t> expected(next);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
  EXPECT_EQ(ring->Count(SharedRing::kFree), kSlots);
}

// Only the memory survives.
TEST_F(SharedRingTest, WritersAndReadersAreKilledInTurn) {
  const Pipe taken;
  uint32_t published = 0;
  std::vector<uint32_t> all;
  for (int round = 0; round < 10; ++round) {
    const Pipe how_many;
    const pid_t writer = Start([&] {
      const auto ring = SharedRing::Join(path, Role::kWriter).value();
      uint32_t count = 0;
      while (const auto slot = ring->TryClaim()) {
        if (count == 3) break;  // and leaves this slot half-filled
        Put(*ring, *slot, published + count++);
      }
      how_many.Send(count);
      return KillMyself();
    });
    ExpectKilled(writer);
    published += how_many.Receive();
    const pid_t reader = Start([&] {
      Reading reading(path);
      for (int i = 0; i < 2; ++i) {
        if (!reading.Read(/*keep=*/i == round % 2).ok()) return false;
        taken.Send(reading.events.back());
      }
      return KillMyself();
    });
    ExpectKilled(reader);
    for (int i = 0; i < 2; ++i) all.push_back(taken.Receive());
  }
  Reading rest(path);
  EXPECT_EQ(rest.shared->abandoned(), 1);
  EXPECT_THAT(rest.ReadAll(), StatusIs(StatusCode::kUnavailable));
  all.insert(all.end(), rest.events.begin(), rest.events.end());
  std::vector<uint32_t> expected(published);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
  EXPECT_GT(published, 20U);
  const auto writer = Start([&] { return SharedRing::Join(path, Role::kWriter).ok(); });
  ExpectExitedWell(writer);
  EXPECT_EQ(rest.shared->Count(SharedRing::kFree), kSlots);
}

TEST_F(SharedRingTest, AFullRingHoldsTheWriterUpAndNothingIsLost) {
  const auto ring = SharedRing::Join(path, Role::kWriter).value();
  const Pipe to_reader;
  const Pipe from_reader;
  const pid_t reader = Start([&] {
    Reading reading(path);
    for (int i = 0; i < kSlots; ++i) {
      if (!reading.Read(/*keep=*/true).ok()) return false;
    }
    // It must not wait for a slot that nobody can fill.
    const Status full = reading.Read();
    if (full.code() != StatusCode::kResourceExhausted) return false;
    from_reader.Send(1);
    to_reader.Receive();
    reading.kept.erase(reading.kept.begin());
    for (uint32_t event = kSlots; event < 10; ++event) {
      if (!reading.Read().ok() || reading.events.back() != event) return false;
    }
    return reading.ReadAll().code() == StatusCode::kCancelled;
  });
  for (uint32_t event = 0; event < kSlots; ++event) Put(*ring, ring->Claim().value(), event);
  from_reader.Receive();
  EXPECT_EQ(ring->Count(SharedRing::kPinned), kSlots);
  EXPECT_FALSE(ring->TryClaim().has_value());
  to_reader.Send(1);
  for (uint32_t event = kSlots; event < 10; ++event) Put(*ring, ring->Claim().value(), event);
  EXPECT_LE(ring->Count(SharedRing::kFilled), 1);
  ring->End();
  ExpectExitedWell(reader);
}

TEST_F(SharedRingTest, ARunTenTimesAsLongPinsNoMoreAndHoldsNoMore) {
  Reading reading(path);
  const auto read = [&](uint32_t events) {
    const pid_t writer = Start([&] {
      const auto ring = SharedRing::Join(path, Role::kWriter).value();
      for (uint32_t i = 0; i < events; ++i) Put(*ring, ring->Claim().value(), i);
      ring->End();
      return true;
    });
    reading.shared->WaitForPeer();
    EXPECT_THAT(reading.ReadAll(), StatusIs(StatusCode::kCancelled));
    ExpectExitedWell(writer);
    reading.events = {};
    // It was at its end, and a later writer begins anew.
    reading.source =
        RingSource::Make(reading.slots, [ring = reading.shared] { return ring->Take(); },
                         {.configuration = Declared()})
            .value();
    return default_memory_pool()->max_memory();
  };
  const int64_t peak = read(300);
  EXPECT_EQ(read(3000), peak);
  EXPECT_EQ(reading.slots->counts().lent, 3300);
  EXPECT_EQ(reading.slots->counts().most_pinned, 1);
  EXPECT_EQ(reading.slots->counts().pinned, 0);
}

TEST_F(SharedRingTest, ARoleIsOneProcessesAtATime) {
  const auto ring = SharedRing::Join(path, Role::kReader).value();
  const pid_t second = Start([&] {
    const Status status = SharedRing::Join(path, Role::kReader).status();
    return status.code() == StatusCode::kFailedPrecondition &&
           absl::StrContains(status.message(), absl::StrCat("has a reader, process ", ::getppid()));
  });
  ExpectExitedWell(second);
}

// What a peer writes into the shared words is checked at each use.
TEST_F(SharedRingTest, AReaderBelievesNothingThatStandsInTheMemory) {
  Reading reading(path);
  const Scribbler lies(memory_);
  for (const int64_t nbytes : {int64_t{-1}, kSlotBytes + 1, INT64_MAX, INT64_MIN}) {
    lies.slot(1).nbytes.store(nbytes);
    lies.slot(1).state.store(SharedRing::kFilled);
    EXPECT_THAT(reading.shared->Take(),
                StatusIs(StatusCode::kDataLoss,
                         AllOf(HasSubstr(absl::StrCat("slot 1 says that it has ", nbytes)),
                               HasSubstr("room for 4096"))));
    EXPECT_EQ(lies.slot(1).state.load(), SharedRing::kFree);
  }
  // A pinned slot that is marked as filled again is not handed out twice.
  const pid_t writer = Start([&] {
    const auto ring = SharedRing::Join(path, Role::kWriter).value();
    Put(*ring, ring->Claim().value(), 5);
    ring->End();
    return true;
  });
  ExpectExitedWell(writer);
  ALKAID_ASSERT_OK(reading.Read(/*keep=*/true));
  lies.slot(0).state.store(SharedRing::kFilled);
  EXPECT_THAT(reading.Read(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("slot 0 was handed out twice")));
  EXPECT_THAT(reading.events, ElementsAre(5));
  reading.kept.clear();
  EXPECT_EQ(reading.shared->Count(SharedRing::kFree), kSlots);
  // An invalid state belongs to no one.
  lies.slot(2).state.store(77);
  EXPECT_THAT(reading.Read(), StatusIs(StatusCode::kCancelled));
}

TEST_F(SharedRingTest, OnlyMemoryThatNobodyCanCutIsARing) {
  EXPECT_NE(::ftruncate(memory_, 0), 0);
  EXPECT_NE(::ftruncate(memory_, int64_t{1} << 30), 0);
  EXPECT_THAT(SharedRing::Join("/proc/self/exe", Role::kReader), ::testing::Not(IsOk()));
  const int unsealed = ::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  const std::string other = absl::StrCat("/proc/self/fd/", unsealed);
  EXPECT_EQ(::ftruncate(unsealed, 1 << 20), 0);
  EXPECT_THAT(SharedRing::Join(other, Role::kReader),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("could be cut")));
  ASSERT_EQ(::fcntl(unsealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  for (const auto& [slots, slot_bytes] : std::vector<std::pair<int64_t, int64_t>>{{0, 4096},
                                                                                  {-1, 4096},
                                                                                  {INT64_MAX, 4096},
                                                                                  {4, 0},
                                                                                  {4, INT64_MAX},
                                                                                  {5, 4096},
                                                                                  {4, 4096}}) {
    const SharedRing::Control control = {SharedRing::kMagic, slots, slot_bytes, {}, {}, {}};
    ASSERT_EQ(::pwrite(unsealed, &control, sizeof(control), 0),
              static_cast<ssize_t>(sizeof(control)));
    EXPECT_THAT(SharedRing::Join(other, Role::kReader),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("no ring")));
  }
  ::close(unsealed);
  EXPECT_THAT(SharedRing::Make(0, 1), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace alkaid::dgram
