#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/events/pending_stream_internal.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"

namespace alkaid::events::internal {
namespace {

using dgram::Timestamp;
using dgram::TransitionId;
using fixtures::Dgram;
using fixtures::L1;
using ::testing::HasSubstr;

// A stream after its Configure, read 48 bytes at a time: two datagrams without payload.
std::unique_ptr<PendingStream> Stream(const std::string& bytes) {
  dgram::BatchReaderOptions options;
  options.batch_bytes = 48;
  auto stream = std::make_unique<PendingStream>(
      *dgram::BatchReader::Open(Buffer::FromString(fixtures::SmdConfigure() + bytes), options), 3);
  EXPECT_TRUE(stream->Start(nullptr).ok());
  return stream;
}

std::vector<dgram::DgramBatch> Cut(PendingStream* stream, Timestamp limit) {
  const PendingStream::Share share = stream->ShareUpTo(limit);
  auto cut = stream->BatchesOf(share);
  stream->Remove(share);
  return cut;
}

TEST(PendingStream, CountsWhatItHolds) {
  const auto stream = Stream(L1(1) + Dgram(TransitionId::kEnable, 2) + L1(3) + L1(4) + L1(5));
  EXPECT_TRUE(stream->configure().owns_memory());
  while (!stream->ended()) ASSERT_TRUE(stream->Read().ok());
  EXPECT_TRUE(stream->fault().ok());
  EXPECT_EQ(stream->l1_count(), 4);
  EXPECT_EQ(stream->nbytes(), 5 * 24);
  EXPECT_EQ(stream->first().value(), 1);
  EXPECT_EQ(stream->last().value(), 5);
  EXPECT_EQ(stream->TimestampOfL1Accept(3).value(), 4);
  EXPECT_EQ(stream->NextAfter(Timestamp(2)).value(), 3);
  EXPECT_EQ(stream->NextAfter(Timestamp(5)).value(), UINT64_MAX);
}

TEST(PendingStream, IsCutInsideAChunkAndBetweenThem) {
  const auto stream = Stream(L1(1) + L1(2) + L1(3) + L1(4));
  while (!stream->ended()) ASSERT_TRUE(stream->Read().ok());
  int64_t size = 0;
  for (const auto& batch : Cut(stream.get(), Timestamp(3))) size += batch.size();
  EXPECT_EQ(size, 3);
  EXPECT_EQ(stream->l1_count(), 1);
  EXPECT_EQ(stream->nbytes(), 24);
  EXPECT_EQ(stream->first().value(), 4);
  EXPECT_TRUE(Cut(stream.get(), Timestamp(3)).empty());
  EXPECT_EQ(Cut(stream.get(), Timestamp(4)).size(), 1);
  EXPECT_TRUE(stream->empty());
}

TEST(PendingStream, KeepsAFaultBehindWhatStandsBeforeIt) {
  const auto stream = Stream(L1(1) + L1(5) + L1(6) + L1(4) + L1(9));
  while (!stream->ended()) ASSERT_TRUE(stream->Read().ok());
  EXPECT_THAT(stream->fault(), StatusIs(StatusCode::kDataLoss,
                                        HasSubstr("timestamp 4 of stream 3 (L1Accept) goes back")));
  EXPECT_EQ(stream->l1_count(), 3);
  EXPECT_FALSE(stream->CanRead(1'000'000));
}

}  // namespace
}  // namespace alkaid::events::internal
