#include "alkaid/events/dgram_batch_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using fixtures::L1;
using ::testing::HasSubstr;

dgram::Dgram View(const std::string& bytes,
                  std::shared_ptr<const dgram::Configuration> configuration = nullptr) {
  return *dgram::Dgram::Make(Buffer::FromString(bytes), 0, std::move(configuration));
}

TEST(DgramBatchBuilder, MakesEventsOfWhatEachStreamGaveInAnyOrder) {
  DgramBatchBuilder builder(3);
  ASSERT_THAT(builder.Append(2, View(L1(5, "cc"))), IsOk());
  ASSERT_THAT(builder.Append(0, View(L1(5, "a"))), IsOk());
  ASSERT_THAT(builder.EndEvent(), IsOk());
  ASSERT_THAT(builder.Append(1, View(L1(6))), IsOk());
  ASSERT_THAT(builder.EndEvent(), IsOk());
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch batch, builder.Finish());
  ASSERT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.event(0).dgram(0).buffer()->ToString(), L1(5, "a"));
  EXPECT_FALSE(batch.event(0).has(1));
  EXPECT_EQ(batch.event(0).dgram(2).buffer()->ToString(), L1(5, "cc"));
  EXPECT_EQ(batch.event(1).dgram(1).buffer()->ToString(), L1(6));
  // A built batch must equal the one that is read from its bytes.
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch read,
                              EventBatch::Make(batch.buffer(), {nullptr, nullptr, nullptr}));
  EXPECT_EQ(read.size(), 2);
  EXPECT_EQ(builder.size(), 0);
}

TEST(DgramBatchBuilder, GivesEachDatagramItsOwnConfiguration) {
  const auto first = fixtures::SmdConfiguration();
  const auto second = fixtures::SmdConfiguration();
  DgramBatchBuilder builder(1);
  for (const auto& configuration : {first, first, second}) {
    ASSERT_THAT(builder.Append(0, View(L1(1), configuration)), IsOk());
    ASSERT_THAT(builder.EndEvent(), IsOk());
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(EventBatch batch, builder.Finish());
  EXPECT_EQ(batch.event(0).dgram(0).configuration(), first);
  EXPECT_EQ(batch.event(1).dgram(0).configuration(), first);
  EXPECT_EQ(batch.event(2).dgram(0).configuration(), second);
  // The next batch starts under the last Configurations.
  ASSERT_THAT(builder.Append(0, View(L1(1), second)), IsOk());
  ASSERT_THAT(builder.EndEvent(), IsOk());
  ALKAID_ASSERT_OK_AND_ASSIGN(batch, builder.Finish());
  EXPECT_EQ(batch.event(0).dgram(0).configuration(), second);
}

TEST(DgramBatchBuilder, GoesOnBehindTheMemoryOfAnOwnedDatagramThatIsMovedIn) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(dgram::Dgram owned,
                              View(L1(5, std::string(10'000, 'x'))).Copy(&pool));
  EXPECT_TRUE(owned.owns_memory());
  const std::string bytes = owned.buffer()->ToString();
  const int64_t before = pool.allocations_seen();
  DgramBatchBuilder builder(1, &pool);
  ASSERT_THAT(builder.Append(0, std::move(owned)), IsOk());
  ASSERT_THAT(builder.EndEvent(), IsOk());
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch batch, builder.Finish());
  EXPECT_EQ(batch.event(0).dgram(0).buffer()->ToString(), bytes);
  EXPECT_FALSE(batch.event(0).dgram(0).owns_memory());
  // One for the offsets of the events, none for their bytes, which grew in place or moved.
  EXPECT_EQ(pool.allocations_seen() - before, 1);
}

TEST(DgramBatchBuilder, CopiesAnOwnedDatagramThatSomebodyElseHolds) {
  ALKAID_ASSERT_OK_AND_ASSIGN(dgram::Dgram owned, View(L1(5, "mine")).Copy());
  const dgram::Dgram kept = owned;
  DgramBatchBuilder builder(1);
  ASSERT_THAT(builder.Append(0, std::move(owned)), IsOk());
  ASSERT_THAT(builder.EndEvent(), IsOk());
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch batch, builder.Finish());
  EXPECT_NE(batch.event(0).dgram(0).data(), kept.data());
  EXPECT_EQ(kept.buffer()->ToString(), L1(5, "mine"));
}

TEST(DgramBatchBuilder, CopiesAnOwnedDatagramOfAnotherPool) {
  ProxyMemoryPool other(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(dgram::Dgram owned, View(L1(5, "theirs")).Copy(&other));
  DgramBatchBuilder builder(1);
  ASSERT_THAT(builder.Append(0, std::move(owned)), IsOk());
  ASSERT_THAT(builder.EndEvent(), IsOk());
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch batch, builder.Finish());
  EXPECT_EQ(other.bytes_allocated(), 0);
  EXPECT_EQ(batch.event(0).dgram(0).buffer()->ToString(), L1(5, "theirs"));
}

TEST(DgramBatchBuilder, ReservesAsMuchAsTheLastBatchesHeld) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  DgramBatchBuilder builder(1, &pool);
  const dgram::Dgram dgram = View(L1(1, std::string(100, 'x')));
  int64_t grown = 0;
  for (int batch = 0; batch < 3; ++batch) {
    const int64_t before = pool.reallocations_seen();
    for (int event = 0; event < 500; ++event) {
      ASSERT_THAT(builder.Append(0, dgram), IsOk());
      ASSERT_THAT(builder.EndEvent(), IsOk());
    }
    ASSERT_THAT(builder.Finish(), IsOk());
    const int64_t now = pool.reallocations_seen() - before;
    if (batch == 0) {
      grown = now;
    } else {
      EXPECT_EQ(now, 0);
    }
  }
  EXPECT_GT(grown, 4);
}

TEST(DgramBatchBuilder, RefusesWhatIsNoPartOfTheEvent) {
  DgramBatchBuilder builder(2);
  EXPECT_THAT(builder.EndEvent(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(builder.Append(2, View(L1(1))), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(builder.Append(-1, View(L1(1))), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(builder.Append(0, dgram::Dgram()), StatusIs(StatusCode::kInvalidArgument));
  ASSERT_THAT(builder.Append(0, View(L1(1))), IsOk());
  EXPECT_THAT(builder.Append(0, View(L1(1))), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(builder.Append(1, View(L1(2))),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("timestamp 2 for stream 1")));
  EXPECT_THAT(builder.Finish(), StatusIs(StatusCode::kFailedPrecondition));
  builder.DropEvent();
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch batch, builder.Finish());
  EXPECT_TRUE(batch.empty());
}

TEST(DgramBatchBuilder, HoldsWhatItHeldWhenMemoryRunsOut) {
  const dgram::Dgram dgram = View(L1(1, "abc"));
  for (int64_t fail_at = 1;; ++fail_at) {
    FaultInjectingMemoryPool pool(default_memory_pool());
    DgramBatchBuilder builder(1, &pool);
    pool.fail_after(fail_at);
    const auto insist = [&](auto step) {
      Status status = step();
      if (!status.ok()) status = step();
      ASSERT_THAT(status, IsOk());
    };
    for (int event = 0; event < 40; ++event) {
      insist([&]() -> Status {
        ALKAID_RETURN_NOT_OK(builder.Append(0, dgram));
        return builder.EndEvent();
      });
    }
    Result<EventBatch> batch = builder.Finish();
    if (!batch.ok()) batch = builder.Finish();
    ASSERT_THAT(batch, IsOk());
    EXPECT_EQ(batch->size(), 40);
    EXPECT_EQ(batch->event(39).dgram(0).buffer()->ToString(), L1(1, "abc"));
    if (pool.failures_injected() == 0) break;
  }
}

}  // namespace
}  // namespace alkaid::events
