// Every allocation of reading and writing datagrams fails once: the failure arrives as a status,
// the pool keeps nothing, and reading or writing can go on where it was.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

constexpr uint32_t kEvents = 40;
constexpr int64_t kDgrams = kEvents + 3;

class DgramFaultInjection : public ::testing::Test {
 protected:
  ~DgramFaultInjection() override { EXPECT_EQ(pool_->bytes_allocated(), 0); }

  // Fails each allocation of `code` once; the number of them.
  int64_t PointsOf(const std::function<Status(FaultInjectingMemoryPool*)>& code) {
    return ForEachAllocationFailure(pool_.get(), code);
  }

  // A reader over a file, whose batches are blocks of `pool`.
  static Result<std::unique_ptr<BatchReader>> OpenFile(MemoryPool* pool, int64_t batch_bytes) {
    static const std::shared_ptr<Buffer> run = fixtures::AsBuffer(fixtures::Run(kEvents));
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<io::RandomAccessFile> file, io::BufferReader::Make(run));
    BatchReaderOptions options;
    options.batch_bytes = batch_bytes;
    options.pool = pool;
    return BatchReader::Open(std::move(file), std::move(options));
  }

  std::unique_ptr<MemoryPool> pool_ = MemoryPool::CreateDefault();
};

// Reads every field of a datagram, and copies its arrays out to `pool`.
Status ReadFields(const Dgram& dgram, MemoryPool* pool) {
  ShapesDataWalk data(dgram);
  while (data.Next()) {
    ALKAID_ASSIGN_OR_RAISE(const FieldView image, data.shapes_data().field("image"));
    ALKAID_ASSIGN_OR_RAISE(const ArrayView<uint32_t> array, image.Array<uint32_t>());
    ALKAID_ASSIGN_OR_RAISE(const auto copy, array.Copy(pool));
    EXPECT_EQ(copy->span_as<uint32_t>()[5], dgram.timestamp().nanoseconds() + 5);
  }
  return data.status();
}

TEST_F(DgramFaultInjection, ReadingInBatchesThatAreDropped) {
  const int64_t points = PointsOf([](MemoryPool* pool) -> Status {
    ALKAID_ASSIGN_OR_RAISE(const auto reader, OpenFile(pool, 500));
    int64_t dgrams = 0;
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
      if (batch.empty()) break;
      dgrams += batch.size();
    }
    EXPECT_EQ(dgrams, kDgrams);
    return absl::OkStatus();
  });
  EXPECT_GE(points, 2);
}

// While every batch is held, no block can be reused: each Next allocates.
TEST_F(DgramFaultInjection, ReadingInBatchesThatAreHeld) {
  int64_t batches = 0;
  const int64_t points = PointsOf([&](MemoryPool* pool) -> Status {
    ALKAID_ASSIGN_OR_RAISE(const auto reader, OpenFile(pool, 500));
    std::vector<DgramBatch> held;
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(held.emplace_back(), reader->Next());
      if (held.back().empty()) break;
    }
    batches = static_cast<int64_t>(held.size()) - 1;
    return absl::OkStatus();
  });
  EXPECT_GE(batches, 8);
  EXPECT_GE(points, batches);
}

TEST_F(DgramFaultInjection, ReadingFieldsAndCopyingThemOut) {
  const int64_t points = PointsOf([](MemoryPool* pool) -> Status {
    ALKAID_ASSIGN_OR_RAISE(const auto reader, OpenFile(pool, 1 << 20));
    int64_t dgrams = 0;
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
      if (batch.empty()) break;
      for (const Dgram& dgram : batch) {
        ALKAID_RETURN_NOT_OK(ReadFields(dgram, pool));
        ++dgrams;
      }
    }
    EXPECT_EQ(dgrams, kDgrams);
    return absl::OkStatus();
  });
  EXPECT_GE(points, kEvents + 1);
}

// A view of a batch keeps its block when the reader has failed and is gone.
TEST_F(DgramFaultInjection, WhatWasReadBeforeAFailureStays) {
  FaultInjectingMemoryPool faulty(pool_.get());
  Dgram kept;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, OpenFile(&faulty, 4000));
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
    for (const Dgram& dgram : batch) kept = dgram;
    ASSERT_TRUE(kept.is_l1_accept());
    faulty.fail_after(1);
    EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kResourceExhausted));
  }
  EXPECT_THAT(ReadFields(kept, &faulty), IsOk());
  EXPECT_GT(pool_->bytes_allocated(), 0);
  kept = Dgram();
}

// For a datagram of any size: small batches also meet datagrams larger than a batch.
TEST_F(DgramFaultInjection, AfterAFailureNextGoesOnWhereItWas) {
  for (const int64_t batch_bytes : {20, 200, 500, 5000}) {
    FaultInjectingMemoryPool faulty(pool_.get());
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, OpenFile(&faulty, batch_bytes));
    std::vector<DgramBatch> held;
    int64_t failures = 0;
    int64_t dgrams = 0;
    while (true) {
      faulty.fail_after(1);
      const int64_t position = reader->position();
      Result<DgramBatch> batch = reader->Next();
      if (!batch.ok()) {
        ++failures;
        EXPECT_THAT(batch, StatusIs(StatusCode::kResourceExhausted));
        EXPECT_EQ(reader->position(), position);
        EXPECT_EQ(reader->next_index(), dgrams);
        faulty.fail_after(0);
        batch = reader->Next();
      }
      ASSERT_THAT(batch, IsOk());
      if (batch->empty()) break;
      for (const Dgram& dgram : *batch) EXPECT_EQ(dgram.index(), dgrams++);
      held.push_back(*std::move(batch));
    }
    faulty.fail_after(0);
    EXPECT_EQ(dgrams, kDgrams) << "in batches of " << batch_bytes;
    EXPECT_GE(failures, 2) << "in batches of " << batch_bytes;
  }
}

// Batches over a buffer point into it.
TEST_F(DgramFaultInjection, ReadingABufferAllocatesNothing) {
  const int64_t points = PointsOf([](MemoryPool* pool) -> Status {
    BatchReaderOptions options;
    options.pool = pool;
    ALKAID_ASSIGN_OR_RAISE(
        const auto reader,
        BatchReader::Open(fixtures::AsBuffer(fixtures::Run(kEvents)), std::move(options)));
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
    EXPECT_EQ(batch.size(), kDgrams);
    return absl::OkStatus();
  });
  EXPECT_EQ(points, 0);
}

Names Declared() {
  return Names::Make(NamesId(1, 5), "det", "type", "id", 0, {"raw", 0x010203},
                     {{"count", DataType::kUInt16, 0, {}}, {"image", DataType::kUInt32, 2, {}}})
      .value();
}

Status WriteEvent(DgramWriter& writer, const Names& names, uint16_t i) {
  const std::vector<uint32_t> pixels(100, i);
  ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(2, i)));
  ALKAID_RETURN_NOT_OK(writer.BeginData(names));
  ALKAID_RETURN_NOT_OK(writer.Scalar<uint16_t>(i));
  ALKAID_RETURN_NOT_OK(writer.Array<uint32_t>(pixels, {10, 10}));
  ALKAID_RETURN_NOT_OK(writer.EndData());
  return writer.End();
}

TEST_F(DgramFaultInjection, Writing) {
  const Names names = Declared();
  const int64_t points = PointsOf([&](MemoryPool* pool) -> Status {
    DgramWriter writer(pool);
    ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)));
    ALKAID_RETURN_NOT_OK(writer.Declare(names));
    ALKAID_RETURN_NOT_OK(writer.End());
    for (uint16_t i = 0; i < 50; ++i) ALKAID_RETURN_NOT_OK(WriteEvent(writer, names, i));
    return writer.Finish().status();
  });
  EXPECT_GE(points, 5);
}

// The open datagram is dropped whole; written again, the bytes are those of a writer that never
// failed.
TEST_F(DgramFaultInjection, AWriterThatFailedGoesOnBehindTheLastWholeDatagram) {
  const Names names = Declared();
  const auto write = [&](MemoryPool* pool, int64_t* retries) -> Result<std::shared_ptr<Buffer>> {
    DgramWriter writer(pool);
    for (uint16_t i = 0; i < 50;) {
      if (WriteEvent(writer, names, i).ok()) {
        ++i;
      } else {
        EXPECT_EQ(writer.size(), i);
        ++*retries;
      }
    }
    return writer.Finish();
  };
  int64_t none = 0;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto expected, write(pool_.get(), &none));
  FaultInjectingMemoryPool faulty(pool_.get());
  for (int64_t n = 1; n <= 4; ++n) {
    faulty.fail_after(n);
    int64_t retries = 0;
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto written, write(&faulty, &retries));
    EXPECT_EQ(retries, 1) << "with failure " << n;
    EXPECT_TRUE(written->Equals(*expected)) << "with failure " << n;
  }
}

}  // namespace
}  // namespace alkaid::dgram
