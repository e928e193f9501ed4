#include "alkaid/dgram/watched_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/observers/memory_events.h"
#include "alkaid/core/observers/source_note.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"
#include "fixtures/counted_file.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const int64_t kEventBytes = static_cast<int64_t>(fixtures::Event(0).size());
// Configure and BeginRun come before the events.
const int64_t kFirstEvent = static_cast<int64_t>(fixtures::Configure().size()) + 24;

// Records which bytes of their roots the live slices show, and the reported sources.
class Watcher final : public MemoryObserver {
 public:
  Watcher() { AddMemoryObserver(this, MemoryEventKinds::kViews); }
  ~Watcher() override { RemoveMemoryObserver(this); }

  void OnSlice(const Buffer* slice, const Buffer*, int64_t offset, int64_t size) override {
    live_[slice] = {offset, size};
  }
  void OnSliceRelease(const Buffer* slice, const Buffer*) override { live_.erase(slice); }
  void OnSourceNote(const SourceNote& note) override {
    sources.push_back(std::string(note.source) + " " + std::to_string(note.offset) + " " +
                      std::to_string(note.size));
    times.assign(note.times.begin(), note.times.end());
  }

  // Offset and size of each view.
  std::vector<std::pair<int64_t, int64_t>> views() const {
    std::vector<std::pair<int64_t, int64_t>> views;
    for (const auto& [slice, range] : live_) views.push_back(range);
    return views;
  }

  std::vector<std::string> sources;
  std::vector<SourceTime> times;

 private:
  std::map<const Buffer*, std::pair<int64_t, int64_t>> live_;
};

std::pair<int64_t, int64_t> Range(int64_t offset, int64_t size) { return {offset, size}; }

DgramBatch ReadBatch(uint32_t events) {
  BatchReaderOptions options;
  options.name = "run.xtc2";
  auto file = std::make_shared<CountedFile>(fixtures::Run(events));
  return BatchReader::Open(std::move(file), options).value()->Next().value();
}
// The datagram of event `i` in the batch.
Dgram EventOf(const DgramBatch& batch, int64_t i) {
  for (const Dgram& dgram : batch) {
    if (dgram.is_l1_accept() && i-- == 0) return dgram;
  }
  return {};
}
ArrayView<uint32_t> ImageOf(const Dgram& dgram) {
  ArrayView<uint32_t> image;
  ALKAID_EXPECT_OK(ForEachField(dgram, [&image](const ShapesData&, const FieldView& field) {
    if (field.name() == "image") image = field.Array<uint32_t>().value();
  }));
  return image;
}

TEST(WatchedView, ABatchShowsAllOfItsDatagramsAndAKeptDatagramItsOwnBytes) {
  const Watcher watcher;
  const int64_t all = static_cast<int64_t>(fixtures::Run(5).size());
  Dgram kept;
  {
    const DgramBatch batch = ReadBatch(5);
    EXPECT_THAT(watcher.views(), ElementsAre(Range(0, all)));
    kept = EventOf(batch, 3);
    EXPECT_THAT(
        watcher.views(),
        UnorderedElementsAre(Range(0, all), Range(kFirstEvent + 3 * kEventBytes, kEventBytes)));
  }
  EXPECT_THAT(watcher.views(), ElementsAre(Range(kFirstEvent + 3 * kEventBytes, kEventBytes)));
  EXPECT_EQ(kept.timestamp(), Timestamp(1, 3));
  EXPECT_EQ(kept.offset(), kFirstEvent + 3 * kEventBytes);
  ALKAID_EXPECT_OK(CheckDgram(kept));
  kept = Dgram();
  EXPECT_THAT(watcher.views(), IsEmpty());
}

TEST(WatchedView, GoingOverABatchMakesNoViewForEachDatagram) {
  const Watcher watcher;
  const DgramBatch batch = ReadBatch(50);
  for (const Dgram& dgram : batch) {
    ASSERT_GT(dgram.size(), 0);
    ASSERT_THAT(watcher.views(), SizeIs(1));
  }
}

TEST(WatchedView, EachCopyOfADatagramIsAViewAndAMovedOneStaysTheSame) {
  const Watcher watcher;
  Dgram first = EventOf(ReadBatch(2), 1);
  EXPECT_THAT(watcher.views(), SizeIs(1));
  const Dgram copy = first;
  EXPECT_THAT(watcher.views(), SizeIs(2));
  const Dgram moved = std::move(first);
  EXPECT_THAT(watcher.views(), SizeIs(2));
  EXPECT_EQ(copy.origin(), moved.origin());
  std::vector<Dgram> grown;
  for (int i = 0; i < 20; ++i) grown.push_back(copy);
  EXPECT_THAT(watcher.views(), SizeIs(22));
}

TEST(WatchedView, AnArrayShowsItsElementsAlone) {
  const Watcher watcher;
  ArrayView<uint32_t> image;
  {
    const DgramBatch batch = ReadBatch(4);
    image = ImageOf(EventOf(batch, 2));
  }
  ASSERT_THAT(watcher.views(), SizeIs(1));
  EXPECT_EQ(watcher.views()[0].second, image.nbytes());
  EXPECT_EQ(image.nbytes(), 24);
  EXPECT_EQ(image(1, 2), 7U);
  image = {};
  EXPECT_THAT(watcher.views(), IsEmpty());
}

TEST(WatchedView, AnArrayThatIsCompactedKeepsNothingOfItsBatch) {
  const Watcher watcher;
  ArrayView<uint32_t> image = ImageOf(EventOf(ReadBatch(40), 2));
  EXPECT_THAT(watcher.views(), SizeIs(1));
  EXPECT_THAT(image.CompactIfBelow(0.5), IsOkAndHolds(true));
  EXPECT_THAT(watcher.views(), IsEmpty());
  EXPECT_EQ(image(0, 0), 2U);
}

TEST(WatchedView, AFieldIsGoodAsLongAsItsBatchThoughTheCopyOfItsDatagramGoes) {
  const Watcher watcher;
  const DgramBatch batch = ReadBatch(3);
  FieldView image;
  {
    const Dgram copy = EventOf(batch, 1);
    ALKAID_ASSERT_OK(ForEachField(copy, [&image](const ShapesData&, const FieldView& field) {
      if (field.name() == "image") image = field;
    }));
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto array, image.Array<uint32_t>());
  EXPECT_EQ(array(0, 0), 1U);
}

TEST(WatchedView, WhatWasMadeBeforeIsNoViewUntilItIsCopied) {
  const Dgram early = EventOf(ReadBatch(2), 1);
  const Watcher watcher;
  EXPECT_THAT(watcher.views(), IsEmpty());
  const Dgram late = early;
  EXPECT_THAT(watcher.views(), SizeIs(1));
}

TEST(WatchedView, WhatWasMadeMeanwhileGoesOnWhenNobodyWatchesAnyMore) {
  Dgram kept;
  {
    const Watcher watcher;
    kept = EventOf(ReadBatch(2), 1);
  }
  const std::weak_ptr<const DgramOrigin> origin = kept.origin();
  const Dgram copy = kept;
  kept = Dgram();
  EXPECT_EQ(copy.timestamp(), Timestamp(1, 1));
  EXPECT_FALSE(origin.expired());
}

TEST(WatchedView, WithoutAWatcherNothingIsKeptBesideTheOrigin) {
  const DgramBatch batch = ReadBatch(2);
  const Dgram kept = EventOf(batch, 1);
  EXPECT_EQ(batch.origin().use_count(), 2);
  EXPECT_EQ(batch.origin()->buffer.use_count(), 1);
}

TEST(WatchedView, AReaderTellsTheSourceAndTheTimesOfWhatItRead) {
  const Watcher watcher;
  const DgramBatch batch = ReadBatch(3);
  EXPECT_THAT(watcher.sources, ElementsAre("run.xtc2 0 " + std::to_string(batch.nbytes())));
  ASSERT_THAT(watcher.times, SizeIs(6));
  EXPECT_EQ(watcher.times[3].offset, kFirstEvent + kEventBytes);
  EXPECT_EQ(watcher.times[3].time_ns, 1'000'000'001U);
}

TEST(WatchedView, ACopiedIteratorShowsNoDatagramOfItsOwn) {
  const Watcher watcher;
  DgramBatch batch = ReadBatch(5);
  const auto whole = watcher.views();
  ASSERT_THAT(whole, SizeIs(1));
  DgramIterator first = batch.begin();
  DgramIterator copy = first;
  for (int i = 0; i < 4; ++i) ++copy;
  EXPECT_EQ(copy->index(), 4);
  EXPECT_EQ(first->index(), 0);
  batch = {};
  first = copy;
  EXPECT_EQ(first->timestamp(), copy->timestamp());
  EXPECT_EQ(watcher.views(), whole);
}

// Takes views of the image until memory is so short that one cannot be watched. Returns 0 where
// that view was given out unwatched.
int TakeViewsWithoutMemory(const FieldView& image) {
  constexpr size_t kMax = 1 << 22;
  std::vector<ArrayView<uint32_t>> views;
  views.reserve(kMax);
  const rlimit none = {0, 0};
  if (::setrlimit(RLIMIT_AS, &none) != 0) return 2;
  try {
    while (views.size() < kMax) {
      auto view = image.Array<uint32_t>();
      if (!view.ok()) return 3;
      views.push_back(*std::move(view));
      if (views.back().owner()->size() != image.nbytes()) return 0;
    }
  } catch (const std::bad_alloc&) {
    return 4;
  }
  return 5;
}

TEST(WatchedView, AnArrayThatThereIsNoMemoryToWatchIsGivenUnwatched) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer ends the process where it has no memory";
#endif
  MemoryObserver watcher;  // one that needs no memory
  AddMemoryObserver(&watcher, MemoryEventKinds::kViews);
  const Dgram dgram = EventOf(ReadBatch(3), 1);
  FieldView image;
  ALKAID_EXPECT_OK(ForEachField(dgram, [&image](const ShapesData&, const FieldView& field) {
    if (field.name() == "image") image = field;
  }));
  EXPECT_EQ(::alkaid::internal::RunInChild([&image] { return TakeViewsWithoutMemory(image); }), 0);
  RemoveMemoryObserver(&watcher);
}

}  // namespace
}  // namespace alkaid::dgram
