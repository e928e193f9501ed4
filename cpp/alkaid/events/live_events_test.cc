// Small data, events and big data of runs that are still being written. The writer acts when a
// reader waits (fixtures/live_script.h), so that no test depends on the clock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/events/big_data_reader.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/live_script.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/made_streams.h"

namespace alkaid::events {
namespace {

namespace fs = std::filesystem;
using dgram::TransitionId;
using fixtures::Dgram;
using fixtures::L1;
using fixtures::Smd;
using io::LiveScript;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint32_t kChunkSrc = 0x1fe;

// A Configure of small data that declares records and announcements of chunks.
std::string Configure() {
  return Dgram(TransitionId::kConfigure, 1,
               dgram::fixtures::Names(kChunkSrc, "chunkinfo", 0, "chunkinfo",
                                      {{"chunkid", 2, 0}, {"filename", 10, 1}}) +
                   fixtures::SmdConfigure().substr(dgram::kDgramHeaderBytes));
}
std::string Announce(uint64_t timestamp, uint32_t id, const std::string& filename) {
  return Dgram(TransitionId::kEnable, timestamp,
               dgram::fixtures::ShapesData(
                   kChunkSrc, dgram::fixtures::Shape({static_cast<uint32_t>(filename.size())}),
                   dgram::fixtures::Bytes(id) + filename));
}

// The files of a run: for each stream small data, and chunks of big data.
struct RunFiles {
  std::vector<std::string> small;
  std::vector<std::string> big;

  explicit RunFiles(size_t streams) : small(streams), big(streams) {
    for (size_t i = 0; i < streams; ++i) small[i] = big[i] = Configure();
  }
  RunFiles& Transition(TransitionId service, uint64_t timestamp) {
    for (size_t i = 0; i < small.size(); ++i) {
      small[i] += Dgram(service, timestamp);
      big[i] += Dgram(service, timestamp);
    }
    return *this;
  }
  RunFiles& L1Accept(size_t stream, uint64_t timestamp, const std::string& payload = "data") {
    const std::string dgram = L1(timestamp, payload);
    small[stream] += Smd(timestamp, big[stream].size(), dgram.size());
    big[stream] += dgram;
    return *this;
  }
  // The first stream has all events, the others some of them.
  static RunFiles Of(size_t streams, uint64_t events) {
    RunFiles run(streams);
    run.Transition(TransitionId::kBeginRun, 2).Transition(TransitionId::kEnable, 3);
    for (uint64_t i = 0; i < events; ++i) {
      if (i % 50 == 49) run.Transition(TransitionId::kSlowUpdate, 1000 + 10 * i);
      for (size_t stream = 0; stream < streams; ++stream) {
        if (i % (stream + 1) == 0) {
          run.L1Accept(stream, 1005 + 10 * i, std::string(i % 7 * 20, 'd'));
        }
      }
    }
    const uint64_t end = 2000 + 10 * events;
    run.Transition(TransitionId::kDisable, end).Transition(TransitionId::kEndRun, end + 1);
    return run;
  }
};

struct Outcome {
  std::vector<std::string> batches;  // the bytes of each, or "timestamp: sizes" for each event
  Status status;
};

class LiveEvents : public ::testing::Test {
 protected:
  LiveEvents() {
    std::string name = ::testing::TempDir() + "alkaid_live_events_XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~LiveEvents() override { fs::remove_all(folder); }

  std::string SmallPath(size_t stream) const {
    return folder + "/s" + std::to_string(stream) + ".smd.xtc2";
  }
  std::string BigPath(size_t stream) const {
    return folder + "/s" + std::to_string(stream) + "-c000.xtc2";
  }
  std::vector<std::string> SmallPaths(size_t streams) const {
    std::vector<std::string> paths;
    for (size_t i = 0; i < streams; ++i) paths.push_back(SmallPath(i));
    return paths;
  }
  std::vector<std::string> BigPaths(size_t streams) const {
    std::vector<std::string> paths;
    for (size_t i = 0; i < streams; ++i) paths.push_back(BigPath(i));
    return paths;
  }
  static void Put(const std::string& path, const std::string& bytes) {
    fs::remove(path);
    LiveScript::Append(path, bytes);
  }
  void PutAll(const RunFiles& run) const {
    for (size_t i = 0; i < run.small.size(); ++i) {
      Put(SmallPath(i), run.small[i]);
      Put(BigPath(i), run.big[i]);
    }
  }

  static Outcome ReadBatches(const std::vector<std::string>& paths, SmdReaderOptions reading,
                             int64_t batch_size) {
    Outcome outcome;
    auto reader = SmdReader::Open(paths, reading);
    outcome.status = reader.status();
    if (!reader.ok()) return outcome;
    EventBuilderOptions building;
    building.batch_size = batch_size;
    building.pool = reading.pool;
    const auto builder = *EventBuilder::Make(*std::move(reader), building);
    while (true) {
      const auto built = builder->Next();
      outcome.status = built.status();
      if (!built.ok() || built->done()) return outcome;
      outcome.batches.push_back(built->batch().buffer()->ToString());
    }
  }

  static Outcome ReadEvents(const std::vector<std::string>& small,
                            const std::vector<std::string>& big, SmdReaderOptions windows,
                            BigDataReaderOptions reading, int64_t batch_size) {
    Outcome outcome;
    auto smd = SmdReader::Open(small, windows);
    outcome.status = smd.status();
    if (!smd.ok()) return outcome;
    EventBuilderOptions building;
    building.batch_size = batch_size;
    building.pool = windows.pool;
    auto reader = BigDataReader::Open(big, *EventBuilder::Make(*std::move(smd), building), reading);
    outcome.status = reader.status();
    if (!reader.ok()) return outcome;
    BigDataEvent event;
    while (true) {
      const auto more = (*reader)->Next(&event);
      outcome.status = more.status();
      if (!more.ok() || !*more) return outcome;
      std::string text = std::to_string(event.timestamp().value()) + ":";
      for (int i = 0; i < event.stream_count(); ++i) {
        text += event.has(i)
                    ? " " + std::string(reinterpret_cast<const char*>(event.dgram(i).data()),
                                        static_cast<size_t>(event.dgram(i).size()))
                    : " -";
      }
      outcome.batches.push_back(std::move(text));
    }
  }

  std::string folder;
  LiveScript script;
};

// Appends to the files piece by piece, in a random order that only the seed determines.
void WriteAtRandom(LiveScript* script, std::vector<std::pair<std::string, std::string>> files,
                   uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<size_t> at(files.size());
  const size_t largest = size_t{8} << (random() % 10);
  while (true) {
    std::vector<size_t> open;
    for (size_t i = 0; i < files.size(); ++i) {
      if (at[i] < files[i].second.size()) open.push_back(i);
    }
    if (open.empty()) return;
    const size_t i = open[random() % open.size()];
    const size_t nbytes = 1 + random() % largest;
    script->Then([path = files[i].first, some = files[i].second.substr(at[i], nbytes)] {
      LiveScript::Append(path, some);
    });
    at[i] += nbytes;
  }
}

TEST_F(LiveEvents, AreInTheSameBatchesAsThoseOfTheFinishedFiles) {
  constexpr size_t kStreams = 3;
  const RunFiles run = RunFiles::Of(kStreams, 60);
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    SmdReaderOptions reading;
    reading.batch_size = 1 + seed % 20;
    reading.chunk_bytes = seed % 2 == 0 ? 500 : 1 << 20;
    const int64_t batch_size = 1 + seed % 13;
    PutAll(run);
    const Outcome finished = ReadBatches(SmallPaths(kStreams), reading, batch_size);
    ALKAID_ASSERT_OK(finished.status);

    LiveScript writer;
    std::vector<std::pair<std::string, std::string>> files;
    for (size_t i = 0; i < kStreams; ++i) {
      Put(SmallPath(i), "");
      files.emplace_back(SmallPath(i), run.small[i]);
    }
    WriteAtRandom(&writer, files, seed);
    reading.live = writer.Watch();
    const Outcome live = ReadBatches(SmallPaths(kStreams), reading, batch_size);
    ASSERT_THAT(live.status, IsOk()) << seed;
    ASSERT_EQ(live.batches, finished.batches) << seed;
    ASSERT_FALSE(writer.gave_up());
  }
}

TEST_F(LiveEvents, HaveTheSameDatagramsAsThoseOfTheFinishedFiles) {
  constexpr size_t kStreams = 2;
  const RunFiles run = RunFiles::Of(kStreams, 60);
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    SmdReaderOptions windows;
    windows.batch_size = 1 + seed % 20;
    BigDataReaderOptions reading;
    reading.queue = seed % 2 == 0 ? io::ReadQueueKind::kThreads : io::ReadQueueKind::kAutomatic;
    reading.prefetch = static_cast<int>(seed % 4);
    reading.chunk_bytes = 200;
    const auto read = [&] {
      return ReadEvents(SmallPaths(kStreams), BigPaths(kStreams), windows, reading, 1 + seed % 9);
    };
    PutAll(run);
    const Outcome finished = read();
    ALKAID_ASSERT_OK(finished.status);

    LiveScript writer;
    std::vector<std::pair<std::string, std::string>> files;
    for (size_t i = 0; i < kStreams; ++i) {
      Put(SmallPath(i), "");
      Put(BigPath(i), "");
      files.emplace_back(SmallPath(i), run.small[i]);
      files.emplace_back(BigPath(i), run.big[i]);
    }
    WriteAtRandom(&writer, files, seed);
    reading.live = windows.live = writer.Watch();
    const Outcome live = read();
    ASSERT_THAT(live.status, IsOk()) << seed;
    ASSERT_EQ(live.batches, finished.batches) << seed;
    ASSERT_FALSE(writer.gave_up());
  }
}

TEST_F(LiveEvents, ARunTenTimesAsLongTakesNoMoreMemory) {
  constexpr size_t kStreams = 2;
  const auto peak = [&](uint64_t events) {
    const RunFiles run = RunFiles::Of(kStreams, events);
    LiveScript writer;
    // Stream by stream in small pieces, none far ahead of the other; the big data before both.
    for (size_t i = 0; i < kStreams; ++i) {
      Put(SmallPath(i), "");
      Put(BigPath(i), run.big[i]);
    }
    for (size_t at = 0; at < run.small[0].size(); at += 300) {
      for (size_t i = 0; i < kStreams; ++i) {
        const size_t from = run.small[i].size() * at / run.small[0].size();
        const size_t to =
            run.small[i].size() * std::min(at + 300, run.small[0].size()) / run.small[0].size();
        writer.Then([path = SmallPath(i), some = run.small[i].substr(from, to - from)] {
          LiveScript::Append(path, some);
        });
      }
    }
    ProxyMemoryPool pool(default_memory_pool());
    SmdReaderOptions windows;
    windows.batch_size = 20;
    windows.chunk_bytes = 4096;
    windows.live = writer.Watch();
    windows.pool = &pool;
    BigDataReaderOptions reading;
    reading.chunk_bytes = 4096;
    reading.queue = io::ReadQueueKind::kInline;
    reading.live = windows.live;
    reading.pool = &pool;
    auto smd = *SmdReader::Open(SmallPaths(kStreams), windows);
    EventBuilderOptions building;
    building.batch_size = 20;
    building.pool = &pool;
    const auto reader = *BigDataReader::Open(
        BigPaths(kStreams), *EventBuilder::Make(std::move(smd), building), reading);
    BigDataEvent event;
    uint64_t count = 0;
    while (*reader->Next(&event)) count += event.service() == TransitionId::kL1Accept;
    EXPECT_EQ(count, events);
    EXPECT_FALSE(writer.gave_up());
    return pool.max_memory();
  };
  const int64_t one = peak(700);
  EXPECT_GT(one, 0);
  EXPECT_LT(one, 150'000);
  EXPECT_LE(peak(7000), one);
}

TEST_F(LiveEvents, AStopGivesWhatAllStreamsReachedAndNoHalfOfAnEvent) {
  RunFiles run(2);
  run.Transition(TransitionId::kBeginRun, 2);
  for (uint64_t t = 10; t < 20; ++t) run.L1Accept(0, t);
  for (uint64_t t = 10; t < 17; ++t) run.L1Accept(1, t);
  PutAll(run);
  script.Then([] {}).Then([this] { script.Stop(); });
  SmdReaderOptions reading;
  reading.batch_size = 3;
  reading.live = script.Watch();
  const Outcome live = ReadBatches(SmallPaths(2), reading, 1);
  ALKAID_EXPECT_OK(live.status);

  // Up to 15: it is not known what stream 1 has after 16, which may be another 16.
  RunFiles whole(2);
  whole.Transition(TransitionId::kBeginRun, 2);
  for (uint64_t t = 10; t < 16; ++t) whole.L1Accept(0, t).L1Accept(1, t);
  PutAll(whole);
  reading.live = nullptr;
  EXPECT_EQ(live.batches, ReadBatches(SmallPaths(2), reading, 1).batches);
}

TEST_F(LiveEvents, AfterASilenceTheyAreThoseOfTheFilesAsTheyAre) {
  RunFiles run(2);
  run.Transition(TransitionId::kBeginRun, 2);
  for (uint64_t t = 10; t < 20; ++t) run.L1Accept(0, t);
  for (uint64_t t = 10; t < 17; ++t) run.L1Accept(1, t);
  PutAll(run);
  SmdReaderOptions reading;
  reading.batch_size = 3;
  const Outcome finished = ReadBatches(SmallPaths(2), reading, 1);
  EXPECT_EQ(finished.batches.size(), 11U);
  reading.live = script.Watch(seconds(5));
  const Outcome live = ReadBatches(SmallPaths(2), reading, 1);
  ALKAID_EXPECT_OK(live.status);
  EXPECT_EQ(live.batches, finished.batches);
  EXPECT_EQ(reading.live->end(), io::LiveEnd::kSilence);
}

TEST_F(LiveEvents, AStreamThatIsSlowIsWaitedForAsLongAsOthersGrow) {
  RunFiles run(2);
  run.Transition(TransitionId::kBeginRun, 2).L1Accept(1, 10);
  for (uint64_t t = 10; t < 500; ++t) run.L1Accept(0, t);
  run.L1Accept(1, 600).Transition(TransitionId::kEndRun, 1000);
  PutAll(run);
  SmdReaderOptions reading;
  reading.batch_size = 3;
  const Outcome finished = ReadBatches(SmallPaths(2), reading, 10);

  // Stream 1 has its second event only at the end, long after the silence of one file.
  const size_t early = run.small[1].size() - 24 - Smd(0, 0, 0).size();
  Put(SmallPath(0), "");
  Put(SmallPath(1), run.small[1].substr(0, early));
  script.Write(SmallPath(0), run.small[0], 100);
  script.Write(SmallPath(1), run.small[1].substr(early), 100);
  reading.live = script.Watch(seconds(1));
  const Outcome live = ReadBatches(SmallPaths(2), reading, 10);
  ALKAID_EXPECT_OK(live.status);
  EXPECT_EQ(live.batches, finished.batches);
  EXPECT_GT(script.now(), seconds(20));
}

TEST_F(LiveEvents, AStopBeforeTheConfigureIsSaid) {
  Put(SmallPath(0), "");
  script.Then([this] { script.Stop(); });
  SmdReaderOptions reading;
  reading.live = script.Watch();
  EXPECT_THAT(ReadBatches(SmallPaths(1), reading, 1).status,
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("Configure of stream 0")));
}

// A run of one stream that continues in a second chunk.
struct ChunkedRun {
  std::string small;
  std::string first;
  std::string second;
};
ChunkedRun Chunked() {
  ChunkedRun run;
  run.small = run.first = Configure();
  const auto both = [&](std::string* big, const std::string& dgram) {
    run.small += dgram;
    *big += dgram;
  };
  const auto event = [&](std::string* big, uint64_t timestamp) {
    run.small += Smd(timestamp, big->size(), L1(timestamp, "data").size());
    *big += L1(timestamp, "data");
  };
  both(&run.first, Dgram(TransitionId::kBeginRun, 2));
  for (uint64_t t = 10; t < 15; ++t) event(&run.first, t);
  both(&run.first, Announce(20, 1, "s0-c001.xtc2"));
  for (uint64_t t = 30; t < 35; ++t) event(&run.second, t);
  both(&run.second, Dgram(TransitionId::kEndRun, 40));
  return run;
}

TEST_F(LiveEvents, AChunkIsOpenedWhenItIsAnnouncedAndThere) {
  const ChunkedRun run = Chunked();
  const std::string second = folder + "/s0-c001.xtc2";
  Put(SmallPath(0), run.small);
  Put(BigPath(0), run.first);
  Put(second, run.second);
  SmdReaderOptions windows;
  BigDataReaderOptions reading;
  const Outcome finished = ReadEvents(SmallPaths(1), BigPaths(1), windows, reading, 3);
  ALKAID_ASSERT_OK(finished.status);
  ASSERT_EQ(finished.batches.size(), 13U);

  // All small data are there. The chunk comes late, under the name of a file that is being written,
  // gets its bytes one by one, and is renamed in the middle.
  fs::remove(second);
  for (int i = 0; i < 10; ++i) script.Then([] {});
  script.Write(second + ".inprogress", run.second.substr(0, 50), 1);
  script.Then([&] { fs::rename(second + ".inprogress", second); });
  script.Write(second, run.second.substr(50), 1);
  reading.live = windows.live = script.Watch();
  const Outcome live = ReadEvents(SmallPaths(1), BigPaths(1), windows, reading, 3);
  ALKAID_EXPECT_OK(live.status);
  EXPECT_EQ(live.batches, finished.batches);
}

TEST_F(LiveEvents, AChunkThatNeverComesIsNamed) {
  const ChunkedRun run = Chunked();
  Put(SmallPath(0), run.small);
  Put(BigPath(0), run.first);
  SmdReaderOptions windows;
  BigDataReaderOptions reading;
  reading.live = windows.live = script.Watch(seconds(7));
  const Outcome live = ReadEvents(SmallPaths(1), BigPaths(1), windows, reading, 3);
  EXPECT_THAT(live.status, StatusIs(StatusCode::kNotFound, HasSubstr(folder + "/s0-c001.xtc2")));
  EXPECT_EQ(live.batches.size(), 7U);
}

TEST_F(LiveEvents, AChunkWithoutAnEventIsWaitedForToo) {
  const std::string big =
      Configure() + Dgram(TransitionId::kBeginRun, 2) + Announce(20, 1, "s0-c001.xtc2");
  Put(SmallPath(0), big + Dgram(TransitionId::kEndRun, 40));
  Put(BigPath(0), big);
  SmdReaderOptions windows;
  BigDataReaderOptions reading;
  reading.live = windows.live = script.Watch(seconds(7));
  EXPECT_THAT(ReadEvents(SmallPaths(1), BigPaths(1), windows, reading, 3).status,
              StatusIs(StatusCode::kNotFound, HasSubstr("chunk 1, announced in small data")));

  LiveScript writer;
  writer.Then([] {}).Then([this] { Put(folder + "/s0-c001.xtc2", ""); });
  reading.live = windows.live = writer.Watch();
  ALKAID_EXPECT_OK(ReadEvents(SmallPaths(1), BigPaths(1), windows, reading, 3).status);
  EXPECT_TRUE(writer.done());

  fs::remove(folder + "/s0-c001.xtc2");
  LiveScript stopping;
  stopping.Then([&] { stopping.Stop(); });
  reading.live = windows.live = stopping.Watch();
  ALKAID_EXPECT_OK(ReadEvents(SmallPaths(1), BigPaths(1), windows, reading, 3).status);
}

TEST_F(LiveEvents, GoingOnBehindFaultsTakesFilesThatAreComplete) {
  const RunFiles run = RunFiles::Of(1, 2);
  Put(SmallPath(0), run.small[0]);
  Put(BigPath(0), run.big[0]);
  SmdReaderOptions windows;
  windows.live = script.Watch();
  BigDataReaderOptions reading;
  reading.live = windows.live;
  reading.on_fault = dgram::OnFault::kSkipDatagram;
  EXPECT_THAT(ReadEvents(SmallPaths(1), BigPaths(1), windows, reading, 3).status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("files that are complete")));
  windows.on_fault = dgram::OnFault::kSkipDatagram;
  EXPECT_THAT(ReadBatches(SmallPaths(1), windows, 1).status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("a file that is complete")));
}

TEST_F(LiveEvents, AWriterOfBigDataKilledInADatagramIsAFaultWithWhatIsThere) {
  const RunFiles run = RunFiles::Of(1, 10);
  const size_t cut = run.big[0].size() - 2 * 24 - 10;
  Put(SmallPath(0), run.small[0]);
  Put(BigPath(0), "");
  script.Write(BigPath(0), run.big[0].substr(0, cut), 100);
  SmdReaderOptions windows;
  BigDataReaderOptions reading;
  reading.live = windows.live = script.Watch(seconds(7));
  const Outcome live = ReadEvents(SmallPaths(1), BigPaths(1), windows, reading, 100);
  // The last event, of 24 + 40 bytes.
  EXPECT_EQ(live.batches.size(), 2U + 9U);
  EXPECT_THAT(live.status,
              StatusIs(StatusCode::kDataLoss,
                       AllOf(HasSubstr(BigPath(0) + ": byte " + std::to_string(cut + 10 - 64)),
                             HasSubstr("datagram of 64 bytes, the file has 54 of them"),
                             HasSubstr("7.0 s in which nothing was written"))));
}

TEST_F(LiveEvents, AStopEndsTheWaitForBigData) {
  const RunFiles run = RunFiles::Of(1, 10);
  Put(SmallPath(0), run.small[0]);
  Put(BigPath(0), run.big[0].substr(0, Configure().size() + 100));
  script.Then([] {}).Then([this] { script.Stop(); });
  SmdReaderOptions windows;
  BigDataReaderOptions reading;
  reading.live = windows.live = script.Watch();
  const Outcome live = ReadEvents(SmallPaths(1), BigPaths(1), windows, reading, 100);
  ALKAID_EXPECT_OK(live.status);
  EXPECT_LT(live.batches.size(), 13U);
}

TEST_F(LiveEvents, FilesOfTheirOwnOpeningAreRefused) {
  BigDataReaderOptions reading;
  reading.live = script.Watch();
  reading.open_file = [](const std::string&) { return status::Invalid("not asked"); };
  EXPECT_THAT(BigDataReader::Open(
                  {BigPath(0)}, [] { return std::optional<EventBatch>(); }, reading),
              StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace alkaid::events
