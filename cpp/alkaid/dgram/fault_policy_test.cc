#include "alkaid/dgram/fault_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/counted_file.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kBatches[] = {30, 700, int64_t{1} << 20};

std::string L1(uint32_t i) { return fixtures::Event(i); }
// Its extents are sound, but its data are of a NamesId that is not declared.
std::string Malformed(uint32_t i) {
  return fixtures::Dgram(TransitionId::kL1Accept, fixtures::ShapesData(9, "", "xyz"), i);
}
std::string Events(uint32_t from, uint32_t to) {
  std::string events;
  for (uint32_t i = from; i < to; ++i) events += L1(i);
  return events;
}

// What a reader delivers from some bytes.
struct Outcome {
  std::vector<uint32_t> events;  // nanoseconds of the L1Accepts
  int64_t bytes = 0;
  std::vector<Skipped> skipped;
  Status status;
};

Outcome Read(const std::string& bytes, OnFault on_fault, int64_t batch_bytes = 700,
             BatchReaderOptions options = {}) {
  Outcome outcome;
  options.name = "f";
  options.batch_bytes = batch_bytes;
  options.on_fault = on_fault;
  options.on_skip = [&](const Skipped& skipped) { outcome.skipped.push_back(skipped); };
  const std::shared_ptr<io::RandomAccessFile> file = std::make_shared<CountedFile>(bytes);
  const auto reader = BatchReader::Open(file, options);
  outcome.status = reader.status();
  // What was delivered and what was left out lie end to end.
  int64_t at = 0;
  size_t left_out = 0;
  while (outcome.status.ok()) {
    const auto batch = (*reader)->Next();
    outcome.status = batch.status();
    if (!batch.ok() || batch->empty()) break;
    for (const Dgram& dgram : *batch) {
      while (left_out < outcome.skipped.size() && outcome.skipped[left_out].byte == at) {
        at += outcome.skipped[left_out++].nbytes;
      }
      EXPECT_EQ(dgram.offset(), at);
      ALKAID_EXPECT_OK(CheckDgram(dgram));
      at += dgram.size();
      outcome.bytes += dgram.size();
      if (dgram.is_l1_accept()) outcome.events.push_back(dgram.timestamp().nanoseconds());
    }
  }
  return outcome;
}

TEST(OnFault, ASoundSourceIsReadAsWithoutIt) {
  const std::string run = fixtures::Run(300);
  for (const OnFault on_fault : {OnFault::kSkipDatagram, OnFault::kResync}) {
    for (const int64_t batch : kBatches) {
      const Outcome outcome = Read(run, on_fault, batch);
      ALKAID_EXPECT_OK(outcome.status);
      EXPECT_EQ(outcome.events.size(), 300U);
      EXPECT_EQ(outcome.bytes, static_cast<int64_t>(run.size()));
      EXPECT_TRUE(outcome.skipped.empty());
    }
  }
}

TEST(OnFault, LeavesOutADatagramThatIsMalformedInsideAndSaysWhich) {
  const std::string before = fixtures::Configure() + Events(1, 5);
  const std::string run = before + Malformed(5) + Malformed(6) + Events(7, 10);
  for (const OnFault on_fault : {OnFault::kSkipDatagram, OnFault::kResync}) {
    for (const int64_t batch : kBatches) {
      const Outcome outcome = Read(run, on_fault, batch);
      ALKAID_EXPECT_OK(outcome.status);
      EXPECT_THAT(outcome.events, ElementsAre(1, 2, 3, 4, 7, 8, 9));
      ASSERT_EQ(outcome.skipped.size(), 2U);
      const Skipped& first = outcome.skipped[0];
      EXPECT_EQ(first.byte, static_cast<int64_t>(before.size()));
      EXPECT_EQ(first.nbytes, static_cast<int64_t>(Malformed(5).size()));
      EXPECT_EQ(first.dgram_index, 5);
      EXPECT_EQ(first.timestamp, Timestamp(1, 5));
      EXPECT_EQ(first.previous, Timestamp(1, 4));
      EXPECT_THAT(first.ToString(),
                  AllOf(HasSubstr(absl::StrCat("f: byte ", before.size(), " (datagram 5): ",
                                               Malformed(5).size(), " bytes were skipped")),
                        HasSubstr("timestamp 4294967301, after 4294967300"),
                        HasSubstr("NamesId 0x000009")));
    }
  }
}

TEST(OnFault, StopsWhereNoDatagramBeginsUnlessItMayLookForOne) {
  const std::string before = fixtures::Configure() + Events(1, 5);
  const std::string run = before + "no datagram, but some text" + Events(6, 8);
  const Outcome stopped = Read(run, OnFault::kSkipDatagram);
  EXPECT_THAT(stopped.status,
              StatusIs(StatusCode::kDataLoss, HasSubstr(absl::StrCat("byte ", before.size()))));
  EXPECT_EQ(stopped.events.size(), 4U);
  EXPECT_TRUE(stopped.skipped.empty());
}

TEST(OnFault, FindsTheNextDatagramBehindWhateverStandsBetween) {
  const std::string before = fixtures::Configure() + Events(1, 5);
  std::string noise;
  std::mt19937 random(7);
  for (int i = 0; i < 70'000; ++i) noise += static_cast<char>(random());
  std::string longer = L1(5);
  longer[20] = static_cast<char>(longer[20] + 40);
  std::string shorter = L1(5);
  shorter[20] = static_cast<char>(shorter[20] - 4);
  std::string none = L1(5);
  none.replace(20, 4, std::string(4, '\0'));
  const std::vector<std::string> between = {"x",
                                            std::string(23, '\0'),
                                            std::string(1000, '\0'),
                                            noise,
                                            L1(5).substr(0, 30),
                                            L1(5).substr(17),
                                            longer,
                                            shorter,
                                            none};
  for (size_t i = 0; i < between.size(); ++i) {
    for (const int64_t batch : kBatches) {
      const Outcome outcome = Read(before + between[i] + Events(6, 60), OnFault::kResync, batch);
      ALKAID_EXPECT_OK(outcome.status);
      EXPECT_EQ(outcome.events.size(), 4U + 54U) << i << " in batches of " << batch;
      ASSERT_EQ(outcome.skipped.size(), 1U) << i;
      EXPECT_EQ(outcome.skipped[0].byte, static_cast<int64_t>(before.size()));
      EXPECT_EQ(outcome.skipped[0].nbytes, static_cast<int64_t>(between[i].size())) << i;
      EXPECT_EQ(outcome.skipped[0].previous, Timestamp(1, 4));
    }
  }
}

// The datagram with these seconds in its timestamp.
std::string At(uint32_t seconds, std::string dgram) {
  return dgram.replace(4, 4, fixtures::Bytes(seconds));
}

TEST(OnFault, ATimestampThatIsTooLateDoesNotHideWhatFollows) {
  const std::string events = Events(1, 5);
  const std::string empty = fixtures::Dgram(TransitionId::kSlowUpdate, "");
  // A wrong timestamp in a sound datagram, in what a search finds in damaged data, and in a
  // Configure, which may go by another clock.
  for (const std::string& run :
       {fixtures::Configure() + events + At(1000, empty) + "x" + Events(5, 60),
        fixtures::Configure() + events + "x" + At(1000, empty) + At(2000, empty) + "x" +
            Events(5, 20) + "x" + Events(20, 60),
        At(1000, fixtures::Configure()) + "x" + events + Events(5, 60)}) {
    for (const int64_t batch : kBatches) {
      const Outcome outcome = Read(run, OnFault::kResync, batch);
      ALKAID_EXPECT_OK(outcome.status);
      EXPECT_EQ(outcome.events.size(), 59U);
      for (const Skipped& skipped : outcome.skipped) EXPECT_EQ(skipped.nbytes, 1);
    }
  }
}

TEST(OnFault, LeavesOutWhatIsCutAtTheEnd) {
  const std::string run = fixtures::Configure() + Events(1, 5);
  const Outcome outcome = Read(run + L1(5).substr(0, 50), OnFault::kResync);
  ALKAID_EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.events.size(), 4U);
  ASSERT_EQ(outcome.skipped.size(), 1U);
  EXPECT_EQ(outcome.skipped[0].nbytes, 50);
}

TEST(OnFault, ReadsNothingUnderTheConfigureBeforeOneThatIsMalformed) {
  const std::string bad = fixtures::Dgram(
      TransitionId::kConfigure, fixtures::Names(fixtures::kSrc, "d", 0, "a", {{"x", 99, 0}}), 5);
  const std::string again =
      fixtures::Dgram(TransitionId::kConfigure, fixtures::Configure().substr(kDgramHeaderBytes), 8);
  const Outcome outcome =
      Read(fixtures::Configure() + Events(1, 5) + bad + Events(6, 8) + again + Events(9, 11),
           OnFault::kSkipDatagram);
  ALKAID_EXPECT_OK(outcome.status);
  EXPECT_THAT(outcome.events, ElementsAre(1, 2, 3, 4, 9, 10));
  ASSERT_EQ(outcome.skipped.size(), 3U);
  EXPECT_THAT(outcome.skipped[0].why, HasSubstr("type 99"));
  EXPECT_THAT(outcome.skipped[1].why, HasSubstr("before any Configure"));
}

TEST(OnFault, GivesOutOrNamesEachByteOfARunThatIsDamagedAnywhere) {
  std::mt19937 random(1);
  const std::string run = fixtures::Configure() + Events(1, 40);
  for (int turn = 0; turn < 500; ++turn) {
    std::string damaged = run;
    const int flips = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < flips; ++i) damaged[random() % run.size()] ^= static_cast<char>(random());
    const Outcome outcome = Read(damaged, OnFault::kResync, kBatches[turn % 3]);
    ALKAID_EXPECT_OK(outcome.status);
    int64_t sum = outcome.bytes;
    for (const Skipped& skipped : outcome.skipped) sum += skipped.nbytes;
    EXPECT_EQ(sum, static_cast<int64_t>(run.size())) << turn;
  }
}

TEST(OnFault, ALongRunWithManyFaultsTakesNoMoreMemoryThanAShortOne) {
  const auto peak = [](int faults) {
    std::string run = fixtures::Configure();
    for (int i = 0; i < faults; ++i) {
      const auto at = static_cast<uint32_t>(20 * i);
      run += Events(at, at + 10) + "garbage" + Events(at + 10, at + 19) + Malformed(at + 19);
    }
    ProxyMemoryPool pool(default_memory_pool());
    BatchReaderOptions options;
    options.pool = &pool;
    const Outcome outcome = Read(run, OnFault::kResync, 4096, options);
    EXPECT_EQ(outcome.events.size(), static_cast<size_t>(19 * faults));
    EXPECT_EQ(outcome.skipped.size(), static_cast<size_t>(2 * faults));
    return pool.max_memory();
  };
  EXPECT_EQ(peak(100), peak(10));
}

}  // namespace
}  // namespace alkaid::dgram
