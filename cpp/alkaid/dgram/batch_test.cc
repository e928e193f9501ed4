#include "alkaid/dgram/batch.h"

#include <gtest/gtest.h>

#include <iterator>
#include <vector>

#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

DgramBatch RunBatch(uint32_t events) {
  auto origin = std::make_shared<DgramOrigin>();
  origin->buffer = fixtures::AsBuffer(fixtures::Run(events));
  origin->buffer_offset = 1000;
  const uint8_t* const data = origin->buffer->data();
  const int64_t nbytes = origin->buffer->size();
  return DgramBatch(std::move(origin), data, nbytes, events + 3, 40);
}

TEST(DgramBatch, GoesFromDatagramToDatagram) {
  const DgramBatch batch = RunBatch(3);
  std::vector<TransitionId> services;
  int64_t index = 40;
  int64_t offset = 1000;
  for (const Dgram& dgram : batch) {
    services.push_back(dgram.service());
    EXPECT_EQ(dgram.index(), index++);
    EXPECT_EQ(dgram.offset(), offset);
    offset += dgram.size();
  }
  EXPECT_EQ(services, (std::vector<TransitionId>{TransitionId::kConfigure, TransitionId::kBeginRun,
                                                 TransitionId::kL1Accept, TransitionId::kL1Accept,
                                                 TransitionId::kL1Accept, TransitionId::kEndRun}));
  EXPECT_EQ(offset, 1000 + batch.nbytes());
  EXPECT_EQ(batch.offset(), 1000);
  EXPECT_EQ(batch.buffer()->size(), batch.nbytes());
}

TEST(DgramBatch, MadeByDefaultIsEmpty) {
  const DgramBatch batch;
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.offset(), 0);
  EXPECT_TRUE(batch.begin() == batch.end());
}

TEST(DgramBatch, ADatagramCopiedOutOfItsIteratorStays) {
  std::vector<Dgram> kept;
  for (const Dgram& dgram : RunBatch(2)) kept.push_back(dgram);
  ASSERT_EQ(kept.size(), 5U);
  EXPECT_EQ(kept[0].service(), TransitionId::kConfigure);
  EXPECT_EQ(kept[3].timestamp().nanoseconds(), 1U);
  EXPECT_EQ(kept[3].size(), static_cast<int64_t>(fixtures::Event(1).size()));
}

TEST(DgramBatch, AnIteratorKeepsTheBytes) {
  DgramBatch batch = RunBatch(1);
  const std::weak_ptr<const DgramOrigin> watch = batch.origin();
  DgramIterator it = batch.begin();
  batch = DgramBatch();
  ++it;
  ++it;
  EXPECT_EQ(it->service(), TransitionId::kL1Accept);
  it = DgramIterator();
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace alkaid::dgram
