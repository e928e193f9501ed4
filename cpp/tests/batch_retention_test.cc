// Batches of datagrams and events in the report of retention (heap/reports/retention_report.h); the
// planted fault is a small view that keeps a big batch.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/heap/reports/retention_report.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/counted_file.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/made_streams.h"

namespace alkaid::events {
namespace {

using dgram::ArrayView;
using dgram::Dgram;
using dgram::DgramBatch;
using heap::RetainedRoot;
using heap::RetentionReport;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BatchRetention : public ::testing::Test {
 protected:
  BatchRetention() { ALKAID_EXPECT_OK(heap::StartTracking({.views = true})); }
  ~BatchRetention() override { heap::StopTracking(); }

  static RetentionReport Take() { return RetentionReport::Take().value(); }

  // Reads a run of 300 events in batches of `batch_bytes`, and calls `visit` with each event.
  template <typename Visit>
  static int64_t ReadRun(int64_t batch_bytes, Visit visit) {
    dgram::BatchReaderOptions options;
    options.name = "run.xtc2";
    options.batch_bytes = batch_bytes;
    options.pool = system_memory_pool();
    auto file = std::make_shared<dgram::CountedFile>(dgram::fixtures::Run(300));
    const auto reader = dgram::BatchReader::Open(std::move(file), options).value();
    int64_t batches = 0;
    for (DgramBatch batch = reader->Next().value(); !batch.empty();
         batch = reader->Next().value()) {
      ++batches;
      for (const Dgram& dgram : batch) {
        if (dgram.is_l1_accept()) visit(batches, dgram);
      }
    }
    return batches;
  }
};

ArrayView<uint32_t> ImageOf(const Dgram& dgram) {
  ArrayView<uint32_t> image;
  ALKAID_EXPECT_OK(
      dgram::ForEachField(dgram, [&](const dgram::ShapesData&, const dgram::FieldView& field) {
        if (field.name() == "image") image = field.Array<uint32_t>().value();
      }));
  return image;
}

TEST_F(BatchRetention, OneSmallArrayOfEachBatchKeepsThemAllAndShowsItsOwnBytes) {
  std::vector<ArrayView<uint32_t>> kept;
  const int64_t batches = ReadRun(8192, [&](int64_t batch, const Dgram& dgram) {
    if (static_cast<int64_t>(kept.size()) < batch) kept.push_back(ImageOf(dgram));
  });
  ASSERT_GT(batches, 3);
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(batches));
  EXPECT_EQ(report.totals().visible_bytes, 24 * batches);
  for (const RetainedRoot& root : report.roots()) {
    EXPECT_EQ(root.visible_bytes, 24);
    EXPECT_GE(root.held_bytes, root.visible_bytes * 10);
    EXPECT_EQ(root.views, 1);
    EXPECT_EQ(root.label, "dgram.batch");
    EXPECT_EQ(root.pool, "system");
    EXPECT_EQ(root.source, "run.xtc2");
    EXPECT_EQ(root.first_visible_time_ns, root.last_visible_time_ns);
    EXPECT_LE(root.first_time_ns, root.first_visible_time_ns);
    EXPECT_GE(root.last_time_ns, root.last_visible_time_ns);
  }
  // The same arrays, compacted, keep no batch.
  for (auto& array : kept) EXPECT_THAT(array.CompactIfBelow(0.5), IsOkAndHolds(true));
  EXPECT_THAT(Take().roots(), IsEmpty());
}

TEST_F(BatchRetention, OneDatagramKeepsItsBatchAndIsTheOneThatIsNamed) {
  Dgram kept;
  ReadRun(1 << 20, [&](int64_t, const Dgram& dgram) {
    if (dgram.timestamp().nanoseconds() == 123) kept = dgram;
  });
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  const RetainedRoot& root = report.roots()[0];
  EXPECT_EQ(root.visible_bytes, kept.size());
  EXPECT_EQ(root.source_offset, 0);
  EXPECT_EQ(root.first_visible_time_ns, 1'000'000'123U);
  EXPECT_EQ(root.last_visible_time_ns, 1'000'000'123U);
  EXPECT_THAT(kept.CompactIfBelow(0.5), IsOkAndHolds(true));
  const RetentionReport after = Take();
  ASSERT_THAT(after.roots(), SizeIs(1));
  EXPECT_EQ(after.roots()[0].visible_bytes, kept.size());
  EXPECT_LT(after.totals().hidden_bytes(), 64);
}

TEST_F(BatchRetention, AReaderThatKeepsNothingHasNothingToReport) {
  int64_t events = 0;
  ReadRun(4096, [&](int64_t, const Dgram&) { ++events; });
  EXPECT_EQ(events, 300);
  EXPECT_THAT(Take().roots(), IsEmpty());
}

TEST_F(BatchRetention, ABatchThatIsHeldIsVisibleWhole) {
  dgram::BatchReaderOptions options;
  auto file = std::make_shared<dgram::CountedFile>(dgram::fixtures::Run(50));
  const DgramBatch batch =
      dgram::BatchReader::Open(std::move(file), options).value()->Next().value();
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  EXPECT_EQ(report.roots()[0].visible_bytes, batch.nbytes());
}

std::string Packed(const std::vector<std::string>& packets) {
  std::string block;
  for (const auto& packet : packets) block += packet;
  for (const auto& packet : packets) {
    block += fixtures::Word(static_cast<uint32_t>(packet.size()));
  }
  return block + fixtures::Word(static_cast<uint32_t>(packets.size()));
}

TEST_F(BatchRetention, AKeptEventShowsItselfAndItsDatagramsTheirOwnBytes) {
  std::vector<std::string> packets;
  for (uint32_t i = 1; i <= 100; ++i) {
    packets.push_back(Packed({fixtures::L1(i, std::string(100, 'x')), fixtures::L1(i, "yy")}));
  }
  const std::string bytes = Packed(packets);
  Event event;
  Dgram dgram;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(
        const EventBatch batch,
        EventBatch::Make(Buffer::FromString(bytes),
                         std::vector<std::shared_ptr<const dgram::Configuration>>(2)));
    EXPECT_EQ(Take().totals().visible_bytes, static_cast<int64_t>(bytes.size()));
    for (const Event& each : batch) {
      if (each.index() == 70) event = each;
    }
    dgram = batch.event(20).dgram(1);
  }
  RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  EXPECT_EQ(report.roots()[0].held_bytes, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(report.roots()[0].visible_bytes, event.nbytes() + dgram.size());
  EXPECT_EQ(event.timestamp().value(), 71U);
  EXPECT_EQ(report.roots()[0].source, "batch");
  EXPECT_EQ(report.roots()[0].source_offset, -1);
  EXPECT_EQ(report.roots()[0].first_time_ns, 1U);
  EXPECT_EQ(report.roots()[0].last_time_ns, 100U);
  EXPECT_EQ(report.roots()[0].first_visible_time_ns, 21U);
  EXPECT_EQ(report.roots()[0].last_visible_time_ns, 71U);
  event = Event();
  EXPECT_EQ(Take().totals().visible_bytes, dgram.size());
}

TEST_F(BatchRetention, AnIteratorAtTheEndOfABatchCanBeCopied) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const EventBatch batch,
      EventBatch::Make(Buffer::FromString(Packed({Packed({fixtures::L1(1, "x")})})),
                       std::vector<std::shared_ptr<const dgram::Configuration>>(1)));
  EventIterator at = batch.begin();
  ++at;
  const EventIterator end = at;
  EXPECT_TRUE(end == batch.end());
}

}  // namespace
}  // namespace alkaid::events
