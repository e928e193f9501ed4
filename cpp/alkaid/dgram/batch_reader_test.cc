#include "alkaid/dgram/batch_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/counted_file.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const int64_t kConfigureBytes = static_cast<int64_t>(fixtures::Configure().size());
const int64_t kEventBytes = static_cast<int64_t>(fixtures::Event(0).size());

struct Outcome {
  int64_t dgrams = 0;
  int64_t bytes = 0;
  int64_t events = 0;
  Status status;
};

// Reads to the end or to a fault with every check; indices, offsets and events must be in order.
Outcome ReadAll(BatchReader& reader) {
  Outcome outcome;
  while (true) {
    Result<DgramBatch> batch = reader.Next();
    outcome.status = batch.status();
    if (!batch.ok() || batch->empty()) return outcome;
    for (const Dgram& dgram : *batch) {
      EXPECT_EQ(dgram.index(), outcome.dgrams++);
      EXPECT_EQ(dgram.offset(), outcome.bytes);
      outcome.bytes += dgram.size();
      outcome.status = CheckDgram(dgram);
      if (!outcome.status.ok()) return outcome;
      if (!dgram.is_l1_accept()) continue;
      EXPECT_EQ(dgram.timestamp().nanoseconds(), outcome.events);
      ++outcome.events;
    }
  }
}

BatchReaderOptions BatchesOf(int64_t bytes) {
  BatchReaderOptions options;
  options.batch_bytes = bytes;
  return options;
}
Outcome ReadBytes(const std::string& bytes, int64_t batch_bytes) {
  auto reader =
      BatchReader::Open(std::make_shared<CountedFile>(bytes), BatchesOf(batch_bytes)).value();
  return ReadAll(*reader);
}

TEST(BatchReader, GivesTheSameDatagramsWhateverTheSizeOfTheBatches) {
  const std::string run = fixtures::Run(20);
  for (const int64_t batch : {1, 23, 24, 25, 100, 169, 170, 171, 500, 3000, 4000, 1 << 20}) {
    const Outcome outcome = ReadBytes(run, batch);
    ALKAID_EXPECT_OK(outcome.status) << batch;
    EXPECT_EQ(outcome.dgrams, 23) << batch;
    EXPECT_EQ(outcome.events, 20) << batch;
    EXPECT_EQ(outcome.bytes, static_cast<int64_t>(run.size())) << batch;
  }
}

TEST(BatchReader, AFileCutAnywhereGivesAllBeforeTheCutAndThenItsOffsetAndSize) {
  const std::string run = fixtures::Run(3);
  std::vector<int64_t> ends = {0, kConfigureBytes, kConfigureBytes + 24};
  for (int i = 0; i < 3; ++i) ends.push_back(ends.back() + kEventBytes);
  ends.push_back(ends.back() + 24);
  ASSERT_EQ(ends.back(), static_cast<int64_t>(run.size()));

  for (const int64_t batch : {int64_t{64}, int64_t{1} << 20}) {
    for (int64_t size = 0; size <= static_cast<int64_t>(run.size()); ++size) {
      const auto whole = std::upper_bound(ends.begin(), ends.end(), size) - ends.begin() - 1;
      const int64_t rest = size - ends[static_cast<size_t>(whole)];
      const Outcome outcome = ReadBytes(run.substr(0, static_cast<size_t>(size)), batch);
      ASSERT_EQ(outcome.dgrams, whole) << size;
      if (rest == 0) {
        ASSERT_THAT(outcome.status, IsOk()) << size;
      } else {
        ASSERT_THAT(
            outcome.status,
            StatusIs(StatusCode::kDataLoss,
                     AllOf(HasSubstr("partial"), HasSubstr(absl::StrCat("datagram ", whole)),
                           HasSubstr(absl::StrCat("byte ", ends[static_cast<size_t>(whole)])),
                           HasSubstr(absl::StrCat(rest)))))
            << size;
      }
    }
  }
}

TEST(BatchReader, ReadsOnceForEachBatch) {
  const std::string run = fixtures::Run(100);
  const auto file = std::make_shared<CountedFile>(run);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(file, BatchesOf(4096)));
  int64_t batches = 0;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    EXPECT_EQ(static_cast<int64_t>(file->reads().size()), ++batches);
    // It starts at the datagram that the last batch cut off, and has the size that was asked for.
    EXPECT_EQ(file->reads().back().position, batch.offset());
    EXPECT_EQ(file->reads().back().nbytes,
              std::min<int64_t>(4096, static_cast<int64_t>(run.size()) - batch.offset()));
  }
  EXPECT_GT(batches, 3);
}

TEST(BatchReader, ADatagramLargerThanABatchIsReadOnceInABatchOfItsOwn) {
  const auto big = [](size_t nbytes) {
    return fixtures::Dgram(TransitionId::kEnable, fixtures::Xtc(77, std::string(nbytes, 'x')));
  };
  std::string run = fixtures::Configure();
  for (int i = 0; i < 10; ++i) run += big(20'000);
  const auto file = std::make_shared<CountedFile>(run);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(file, BatchesOf(4096)));
  EXPECT_EQ(ReadAll(*reader).dgrams, 11);
  EXPECT_EQ(file->reads().size(), 11U);
}

TEST(BatchReader, ADatagramAboveTheLimitIsRefusedNamingBoth) {
  const std::string run =
      fixtures::Configure() +
      fixtures::Dgram(TransitionId::kEnable, fixtures::Xtc(77, std::string(50'000, 'x')));
  for (const int64_t batch : {int64_t{1000}, int64_t{1} << 20}) {
    BatchReaderOptions options = BatchesOf(batch);
    options.max_dgram_bytes = 50'035;
    ALKAID_ASSERT_OK_AND_ASSIGN(auto reader,
                                BatchReader::Open(std::make_shared<CountedFile>(run), options));
    const Outcome outcome = ReadAll(*reader);
    EXPECT_EQ(outcome.dgrams, 1);
    EXPECT_THAT(outcome.status,
                StatusIs(StatusCode::kResourceExhausted,
                         AllOf(HasSubstr("50036 bytes"),
                               HasSubstr("limit is 50035; change it by max_dgram_bytes"),
                               HasSubstr(absl::StrCat("byte ", kConfigureBytes)))));
    options.max_dgram_bytes = 50'036;
    ALKAID_ASSERT_OK_AND_ASSIGN(reader,
                                BatchReader::Open(std::make_shared<CountedFile>(run), options));
    ALKAID_EXPECT_OK(ReadAll(*reader).status);
  }
}

TEST(BatchReader, AnExtentOfZeroIsAFaultThatStays) {
  const std::string run =
      fixtures::Run(2) + fixtures::Dgram(TransitionId::kL1Accept, "", 0, 0, 0) + fixtures::Event(2);
  for (const int64_t batch : {30, 1 << 20}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(
        auto reader, BatchReader::Open(std::make_shared<CountedFile>(run), BatchesOf(batch)));
    const Outcome outcome = ReadAll(*reader);
    EXPECT_EQ(outcome.dgrams, 5);
    EXPECT_THAT(outcome.status, StatusIs(StatusCode::kDataLoss, HasSubstr("extent 0")));
    EXPECT_EQ(reader->Next().status(), outcome.status);
  }
}

TEST(BatchReader, ADatagramBeforeAnyConfigureIsAFaultUnlessAConfigurationIsGiven) {
  const std::string events = fixtures::Event(0) + fixtures::Event(1);
  EXPECT_THAT(ReadBytes(events, 4096).status,
              StatusIs(StatusCode::kDataLoss,
                       AllOf(HasSubstr("byte 0 "), HasSubstr("before any Configure"))));

  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram configure,
                              Dgram::Make(fixtures::AsBuffer(fixtures::Configure())));
  BatchReaderOptions options;
  options.configuration = configure.configuration();
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader,
                              BatchReader::Open(std::make_shared<CountedFile>(events), options));
  const Outcome outcome = ReadAll(*reader);
  ALKAID_EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.events, 2);
}

TEST(BatchReader, WithoutNeedOfAConfigurationHeadersAreDelivered) {
  BatchReaderOptions options;
  options.require_configuration = false;
  ALKAID_ASSERT_OK_AND_ASSIGN(
      auto reader, BatchReader::Open(std::make_shared<CountedFile>(fixtures::Event(0)), options));
  ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
  EXPECT_EQ(batch.size(), 1);
  EXPECT_EQ(batch.begin()->configuration(), nullptr);
}

TEST(BatchReader, ALaterConfigureReplacesTheFirstForWhatFollows) {
  const std::string second = fixtures::Dgram(
      TransitionId::kConfigure, fixtures::Names(fixtures::kSrc, "new", 0, "raw", {{"x", 1, 0}}));
  const std::string last =
      fixtures::Dgram(TransitionId::kL1Accept,
                      fixtures::ShapesData(fixtures::kSrc, "", fixtures::Bytes(uint16_t{9})), 1);
  const auto file =
      std::make_shared<CountedFile>(fixtures::Configure() + fixtures::Event(0) + second + last);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(file));
  std::vector<std::string> detectors;
  std::vector<Dgram> kept;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    for (const Dgram& dgram : batch) {
      ALKAID_EXPECT_OK(CheckDgram(dgram));
      detectors.push_back(dgram.configuration()->names()[0].detector());
      kept.push_back(dgram);
    }
  }
  EXPECT_THAT(detectors, ::testing::ElementsAre("det", "det", "new", "new"));
  // One read served both; a kept datagram keeps the Configuration that it was read under.
  EXPECT_EQ(file->reads().size(), 1U);
  ALKAID_EXPECT_OK(CheckDgram(kept[1]));
}

TEST(BatchReader, ManyConfiguresInOneBlockAreReadOnce) {
  std::string run;
  for (int i = 0; i < 1000; ++i) run += fixtures::Dgram(TransitionId::kConfigure, "");
  const auto file = std::make_shared<CountedFile>(run);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(file));
  EXPECT_EQ(ReadAll(*reader).dgrams, 1000);
  EXPECT_EQ(file->reads().size(), 1U);
}

TEST(BatchReader, MalformedNamesEndTheReadingAtTheirByte) {
  const std::string bad = fixtures::Dgram(TransitionId::kConfigure,
                                          fixtures::Names(1, "det", 0, "raw", {{"odd", 13, 0}}));
  const std::string run = fixtures::Run(1);
  const Outcome outcome = ReadBytes(run + bad, 1 << 20);
  EXPECT_EQ(outcome.dgrams, 4);
  EXPECT_THAT(outcome.status, StatusIs(StatusCode::kDataLoss,
                                       AllOf(HasSubstr(absl::StrCat("byte ", run.size() + 24)),
                                             HasSubstr("datagram 4"), HasSubstr("type 13"))));
}

TEST(BatchReader, ReadsARangeOfItsSource) {
  const std::string run = fixtures::Run(5);
  BatchReaderOptions options;
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram configure,
                              Dgram::Make(fixtures::AsBuffer(fixtures::Configure())));
  options.configuration = configure.configuration();
  options.begin = kConfigureBytes + 24 + kEventBytes;
  options.end = options.begin + 2 * kEventBytes;
  options.first_index = 3;
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader,
                              BatchReader::Open(std::make_shared<CountedFile>(run), options));
  ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
  EXPECT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.begin()->index(), 3);
  EXPECT_EQ(batch.begin()->offset(), options.begin);
  EXPECT_EQ(batch.begin()->timestamp().nanoseconds(), 1U);
  EXPECT_EQ(reader->position(), options.end);
  EXPECT_EQ(reader->next_index(), 5);
  EXPECT_THAT(reader->Next(), IsOk());
}

TEST(BatchReader, OptionsThatMakeNoSenseAreRefused) {
  const auto open = [](const std::function<void(BatchReaderOptions&)>& change) {
    BatchReaderOptions options;
    change(options);
    return BatchReader::Open(std::make_shared<CountedFile>(fixtures::Run(1)), options).status();
  };
  EXPECT_THAT(open([](auto& o) { o.batch_bytes = 0; }), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(open([](auto& o) { o.max_dgram_bytes = 23; }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(open([](auto& o) { o.begin = -1; }), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(open([](auto& o) { o.end = 1 << 30; }), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(open([](auto& o) { o.begin = 10, o.end = 9; }), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(BatchReader::Open(std::shared_ptr<Buffer>()), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(BatchReader::Open(std::shared_ptr<io::RandomAccessFile>()),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(BatchReader::Open("/nowhere/run.xtc2"),
              StatusIs(StatusCode::kNotFound, HasSubstr("/nowhere/run.xtc2")));
}

TEST(BatchReader, AFailedReadIsReportedAndCanBeTriedAgain) {
  const auto file = std::make_shared<CountedFile>(fixtures::Run(4));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(file, BatchesOf(4000)));
  file->FailOnce();
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(ReadAll(*reader).events, 4);
}

TEST(BatchReader, APlaceThatCannotBeReadComesBehindEverythingBeforeIt) {
  const std::string run = fixtures::Run(400);
  for (const int64_t bad : {int64_t{4096}, int64_t{8192}, int64_t{20'480}, int64_t{40'960}}) {
    const int64_t before = std::max<int64_t>(0, bad - kConfigureBytes - 24) / kEventBytes;
    for (const int64_t batch : {int64_t{500}, int64_t{5000}, int64_t{1} << 20}) {
      const auto file = std::make_shared<CountedFile>(run);
      file->BadFrom(bad);
      ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(file, BatchesOf(batch)));
      const Outcome outcome = ReadAll(*reader);
      EXPECT_EQ(outcome.events, before) << bad << " in batches of " << batch;
      EXPECT_THAT(outcome.status,
                  StatusIs(StatusCode::kUnknown,
                           AllOf(HasSubstr(absl::StrCat(": byte ", bad, " (datagram ")),
                                 HasSubstr(absl::StrCat("no byte ", bad)))));
      // The failure is reported again, and passes once the place can be read.
      EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kUnknown));
      file->BadFrom(INT64_MAX);
      int64_t rest = 0;
      for (auto next = reader->Next(); next.ok() && !next->empty(); next = reader->Next()) {
        rest += next->size();
      }
      EXPECT_EQ(rest, 400 - before + 1);
    }
  }
}

TEST(BatchReader, ASourceThatShrinksWhileItIsReadIsAFault) {
  const std::string run = fixtures::Run(50);
  for (const int64_t cut :
       {kConfigureBytes + 24 + 40 * kEventBytes, kConfigureBytes + 24 + 40 * kEventBytes + 50}) {
    const auto file = std::make_shared<CountedFile>(run);
    ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(file, BatchesOf(4000)));
    file->ShrinkTo(cut);
    const Outcome outcome = ReadAll(*reader);
    EXPECT_EQ(outcome.events, 40);
    EXPECT_THAT(outcome.status, StatusIs(StatusCode::kDataLoss));
  }
}

TEST(BatchReader, NoByteOfABufferIsCopied) {
  const auto buffer = fixtures::AsBuffer(fixtures::Run(30));
  ProxyMemoryPool pool(default_memory_pool());
  BatchReaderOptions options = BatchesOf(1000);
  options.pool = &pool;
  ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(buffer, options));
  int64_t dgrams = 0;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    EXPECT_EQ(batch.origin()->buffer, buffer);
    for (const Dgram& dgram : batch) {
      EXPECT_EQ(dgram.data(), buffer->data() + dgram.offset());
      ++dgrams;
    }
  }
  EXPECT_EQ(dgrams, 33);
  EXPECT_EQ(pool.num_allocations(), 0);
}

TEST(BatchReader, ForeignMemoryIsReleasedOnceWhenTheLastViewGoes) {
  const std::string run = fixtures::Run(2);
  int released = 0;
  std::optional<Dgram> kept;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer,
                                ForeignBuffer::Make(run.data(), static_cast<int64_t>(run.size()),
                                                    [&released] { ++released; }));
    ALKAID_ASSERT_OK_AND_ASSIGN(auto reader, BatchReader::Open(std::move(buffer)));
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
    kept = *batch.begin();
  }
  EXPECT_EQ(released, 0);
  ALKAID_EXPECT_OK(CheckDgram(*kept));
  kept.reset();
  EXPECT_EQ(released, 1);
}

// The chain of owners, each of which may go at any time.
struct Chain {
  explicit Chain(MemoryPool* pool) {
    BatchReaderOptions options = BatchesOf(4000);
    options.pool = pool;
    reader = BatchReader::Open(std::make_shared<CountedFile>(fixtures::Run(40)), options).value();
    batch = reader->Next().value();
    DgramIterator it = batch->begin();
    while (!it->is_l1_accept()) ++it;
    dgram = *it;
    ShapesDataWalk walk(*dgram);
    EXPECT_TRUE(walk.Next());
    image = walk.shapes_data().field("image").value().Array<uint32_t>().value();
  }
  void Drop(int what) {
    if (what == 0) reader.reset();
    if (what == 1) batch.reset();
    if (what == 2) dgram.reset();
    if (what == 3) image.reset();
  }
  // Whatever is left must still read what was written.
  void Check() const {
    if (reader) {
      ALKAID_EXPECT_OK(reader->Next());
    }
    if (batch) {
      EXPECT_EQ(batch->begin()->service(), TransitionId::kConfigure);
    }
    if (dgram) {
      ALKAID_EXPECT_OK(CheckDgram(*dgram));
    }
    if (image) {
      EXPECT_EQ((*image)(1, 2), 5U);
    }
  }

  std::unique_ptr<BatchReader> reader;
  std::optional<DgramBatch> batch;
  std::optional<Dgram> dgram;
  std::optional<ArrayView<uint32_t>> image;
};

TEST(BatchReader, ReaderBatchDatagramAndArrayMayGoInAnyOrder) {
  ProxyMemoryPool pool(default_memory_pool());
  std::vector<int> order = {0, 1, 2, 3};
  do {
    Chain chain(&pool);
    for (const int what : order) {
      chain.Drop(what);
      chain.Check();
    }
    EXPECT_EQ(pool.bytes_allocated(), 0);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(BatchReader, ASharedPoolMayBeLeftToTheViews) {
  auto pool = std::make_shared<ProxyMemoryPool>(default_memory_pool());
  const std::weak_ptr<ProxyMemoryPool> watch = pool;
  BatchReaderOptions options;
  options.pool = std::move(pool);
  ALKAID_ASSERT_OK_AND_ASSIGN(
      auto reader, BatchReader::Open(std::make_shared<CountedFile>(fixtures::Run(1)), options));
  options = {};
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramBatch batch, reader->Next());
  reader.reset();
  EXPECT_FALSE(watch.expired());
  batch = DgramBatch();
  EXPECT_TRUE(watch.expired());
}

TEST(BatchReader, MemoryDoesNotGrowWithTheLengthOfTheFile) {
  const auto peak = [](uint32_t events, int64_t batch_bytes) {
    ProxyMemoryPool pool(default_memory_pool());
    BatchReaderOptions options = BatchesOf(batch_bytes);
    options.pool = &pool;
    auto reader =
        BatchReader::Open(std::make_shared<CountedFile>(fixtures::Run(events)), options).value();
    EXPECT_EQ(ReadAll(*reader).events, events);
    return pool.max_memory();
  };
  for (const int64_t batch : {int64_t{200}, int64_t{4096}, int64_t{65536}}) {
    EXPECT_EQ(peak(1000, batch), peak(10'000, batch)) << batch;
    EXPECT_LE(peak(1000, batch), std::max(batch, kConfigureBytes + 24) + 64) << batch;
  }
}

TEST(BatchReader, ABlockWithoutViewsServesTheNextBatch) {
  ProxyMemoryPool pool(default_memory_pool());
  BatchReaderOptions options = BatchesOf(4096);
  options.pool = &pool;
  ALKAID_ASSERT_OK_AND_ASSIGN(
      auto reader, BatchReader::Open(std::make_shared<CountedFile>(fixtures::Run(500)), options));
  EXPECT_EQ(ReadAll(*reader).events, 500);
  EXPECT_EQ(pool.num_allocations(), 1);
}

TEST(BatchReader, AtEveryAllocationPointThatFailsNothingIsLost) {
  ProxyMemoryPool pool(default_memory_pool());
  const int64_t points = ForEachAllocationFailure(&pool, [](FaultInjectingMemoryPool* failing) {
    BatchReaderOptions options = BatchesOf(2000);
    options.pool = failing;
    ALKAID_ASSIGN_OR_RAISE(
        auto reader, BatchReader::Open(std::make_shared<CountedFile>(fixtures::Run(40)), options));
    std::vector<Dgram> kept;  // so that each batch needs a block of its own
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
      if (batch.empty()) return absl::OkStatus();
      kept.push_back(*batch.begin());
    }
  });
  EXPECT_GT(points, 3);
}

TEST(BatchReader, GoesOnWhereItWasOnceMemoryIsThereAgain) {
  ProxyMemoryPool pool(default_memory_pool());
  FaultInjectingMemoryPool failing(&pool);
  BatchReaderOptions options = BatchesOf(4000);
  options.pool = &failing;
  ALKAID_ASSERT_OK_AND_ASSIGN(
      auto reader, BatchReader::Open(std::make_shared<CountedFile>(fixtures::Run(40)), options));
  failing.fail_after(1);
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(ReadAll(*reader).events, 40);
}

TEST(BatchReader, AnEmptySourceHasNoDatagramsAndNoFault) {
  const Outcome outcome = ReadBytes("", 4096);
  ALKAID_EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.dgrams, 0);
}

}  // namespace
}  // namespace alkaid::dgram
