// What does an event cost? Building events from the small data of two streams, against copying
// those bytes; the whole way from small data to the datagrams of big data, and locating every field
// of a file, against reading the same bytes with a plain loop of pread.
//
// Datagrams of three detectors' data, 32 fields, 10 of them arrays, 848 bytes, in files in the page
// cache.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "alkaid/events/big_data_reader.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/events/smd_record.h"
#include "alkaid/events/smd_writer.h"
#include "benchmark_program.h"

namespace alkaid::bench {
namespace {

using dgram::DataType;
using dgram::Dgram;
using dgram::DgramBatch;
using dgram::DgramWriter;
using dgram::FieldValue;
using dgram::Names;
using dgram::NamesId;
using dgram::Timestamp;
using dgram::TransitionId;

constexpr int64_t kEvents = 65'536;
constexpr int64_t kDgramBytes = 848;
constexpr int64_t kFields = 32;
// Where events are timed: the limits are 2.5 and 1.5 million a second, and 1.5 GB a second.
constexpr double kMaxNsToBuild = 400;
constexpr double kMaxNsToRead = 666;
constexpr double kMaxNsToLocate = kDgramBytes / 1.5;

Names MakeNames(uint32_t id, int doubles, int images) {
  std::vector<dgram::Field> fields;
  const auto add = [&](DataType type, int rank) {
    dgram::Field& field = fields.emplace_back();
    field.name = "field" + std::to_string(fields.size());
    field.type = type;
    field.rank = rank;
  };
  for (int i = 0; i < images; ++i) add(DataType::kFloat, 2);
  for (int i = 0; i < doubles; ++i) add(DataType::kDouble, 0);
  return Value(Names::Make(NamesId(1, id), "detector" + std::to_string(id), "kind", "serial", 0,
                           dgram::Algorithm{"raw", 0x10000}, std::move(fields)),
               "names");
}

// An unlinked file, removed at the program's end.
class TemporaryFile {
 public:
  TemporaryFile() {
    const std::string folder = std::filesystem::temp_directory_path();
    std::string name = folder + "/alkaid_bench_XXXXXX";
    fd_ = mkstemp(name.data());
    Require(fd_ >= 0, "no file can be made in " + folder + ": " + std::strerror(errno));
    unlink(name.c_str());
  }
  ~TemporaryFile() { close(fd_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void Append(const Buffer& bytes) {
    Require(write(fd_, bytes.data(), static_cast<size_t>(bytes.size())) == bytes.size(),
            std::string("a file of datagrams cannot be written: ") + std::strerror(errno));
    size_ += bytes.size();
  }
  int fd() const { return fd_; }
  int64_t size() const { return size_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_ = -1;
  int64_t size_ = 0;
};

// One stream: its big data, and the small data made from them.
struct Stream {
  TemporaryFile big;
  TemporaryFile small;
};

std::unique_ptr<Stream> MakeStream() {
  // 3 + 3 + 4 arrays of 8 floats, one of them of 13, and 8 + 8 + 6 doubles.
  const std::vector<Names> all = {MakeNames(0, 8, 3), MakeNames(1, 8, 3), MakeNames(2, 6, 4)};
  const std::array<float, 8> image = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::array<float, 13> waveform = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  auto stream = std::make_unique<Stream>();
  DgramWriter writer;
  RequireOk(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)), "Configure");
  for (const Names& names : all) RequireOk(writer.Declare(names), "Configure");
  RequireOk(writer.End(), "Configure");
  for (int64_t i = 0; i < kEvents; ++i) {
    const Timestamp timestamp(2, static_cast<uint32_t>(i));
    RequireOk(writer.Begin(TransitionId::kL1Accept, timestamp), "L1");
    for (const Names& names : all) {
      std::vector<FieldValue> values;
      for (const dgram::Field& field : names.fields()) {
        values.push_back(field.rank == 0 ? FieldValue::Scalar<double>(static_cast<double>(i))
                                         : FieldValue::Array<float>(image, {2, 4}));
      }
      if (&names == &all.back()) values.front() = FieldValue::Array<float>(waveform, {1, 13});
      RequireOk(writer.Data(names, values), "data");
    }
    RequireOk(writer.End(), "L1");
  }
  stream->big.Append(*Value(writer.Finish(), "datagrams"));

  auto reader = Value(dgram::BatchReader::Open(stream->big.path()), "big data");
  events::SmdWriter small;
  while (true) {
    const DgramBatch batch = Value(reader->Next(), "big data");
    if (batch.empty()) break;
    for (const Dgram& dgram : batch) {
      RequireOk(small.Append(dgram), "small data");
      Require(dgram.service() != TransitionId::kL1Accept || dgram.size() == kDgramBytes,
              "a datagram has " + std::to_string(dgram.size()) + " bytes");
    }
  }
  stream->small.Append(*Value(small.Finish(), "small data"));
  return stream;
}

// Reads a file block by block, and looks at each block.
uint64_t ReadPlainly(const TemporaryFile& file, int64_t block_bytes, std::vector<uint8_t>* block) {
  uint64_t touched = 0;
  block->resize(static_cast<size_t>(block_bytes));
  for (int64_t at = 0; at < file.size(); at += block_bytes) {
    const int64_t nbytes = std::min(block_bytes, file.size() - at);
    Require(pread(file.fd(), block->data(), static_cast<size_t>(nbytes), at) == nbytes, "pread");
    for (int64_t i = 0; i < nbytes; i += kDgramBytes) touched += (*block)[static_cast<size_t>(i)];
  }
  return touched;
}

std::shared_ptr<events::EventBuilder> Builder(const std::vector<std::string>& paths,
                                              MemoryPool* pool) {
  events::SmdReaderOptions reading;
  reading.pool = pool;
  events::EventBuilderOptions building;
  building.pool = pool;
  return Value(
      events::EventBuilder::Make(Value(events::SmdReader::Open(paths, reading), "smd"), building),
      "builder");
}

void Build(const std::vector<std::string>& paths, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    ProxyMemoryPool pool(default_memory_pool());
    int64_t events = 0;
    int64_t nbytes = 0;
    {
      const auto builder = Builder(paths, &pool);
      while (true) {
        const events::EventBatches built = Value(builder->Next(), "events");
        if (built.done()) break;
        events += built.batch().size();
        nbytes += built.batch().nbytes();
      }
    }
    Require(events == kEvents, "events are missing");
    Require(nbytes > kEvents * 2 * events::SmdInfo::kDgramBytes, "datagrams are missing");
    Require(pool.bytes_allocated() == 0 && pool.num_allocations() > 0, "the pool was not used");
  }
}

void ReadRun(const Stream& stream, int prefetch, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    events::BigDataReaderOptions options;
    options.prefetch = prefetch;
    auto reader = Value(events::BigDataReader::Open(
                            {stream.big.path()}, Builder({stream.small.path()}, nullptr), options),
                        "big data");
    events::BigDataEvent event;
    int64_t events = 0;
    uint64_t touched = 0;
    while (Value(reader->Next(&event), "event")) {
      const Dgram& dgram = event.dgram(0);
      touched += dgram.data()[dgram.size() - 1];
      ++events;
    }
    benchmark::DoNotOptimize(touched);
    Require(events == kEvents && reader->statistics().dgram_bytes == kEvents * kDgramBytes,
            "events are missing");
  }
}

void LocateFields(const Stream& stream, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    auto reader = Value(dgram::BatchReader::Open(stream.big.path()), "big data");
    int64_t fields = 0;
    uint64_t touched = 0;
    while (true) {
      const DgramBatch batch = Value(reader->Next(), "big data");
      if (batch.empty()) break;
      for (const Dgram& dgram : batch) {
        RequireOk(dgram::ForEachField(dgram,
                                      [&](const dgram::ShapesData&, const dgram::FieldView& field) {
                                        ++fields;
                                        touched += field.data()[0];
                                      }),
                  "fields");
      }
    }
    benchmark::DoNotOptimize(touched);
    Require(fields == kEvents * kFields, "fields are missing");
  }
}

void RegisterAll() {
  using Streams = std::vector<std::unique_ptr<Stream>>;
  const auto streams = std::make_shared<Streams>();
  for (int i = 0; i < 2; ++i) streams->push_back(MakeStream());
  const auto block = std::make_shared<std::vector<uint8_t>>();
  const auto plain = [streams, block](std::vector<const TemporaryFile*> files) {
    return [streams, block, files = std::move(files)](int64_t times) {
      for (int64_t i = 0; i < times; ++i) {
        for (const TemporaryFile* file : files) {
          benchmark::DoNotOptimize(ReadPlainly(*file, 1000 * kDgramBytes, block.get()));
        }
      }
    };
  };
  const Stream& first = *streams->front();
  const Stream& second = *streams->back();

  Register({.name = "events/build",
            .question = "building events from small data, ns each, beside pread",
            .variant = "2 streams, batches of 1000",
            .measured =
                [streams](int64_t times) {
                  Build({(*streams)[0]->small.path(), (*streams)[1]->small.path()}, times);
                },
            .floor = plain({&first.small, &second.small}),
            .bars = {Bar::Most(kMaxNsToBuild)},
            .items = kEvents});
  for (const int prefetch : {0, 2}) {
    Register({.name = "events/read/prefetch" + std::to_string(prefetch),
              .question = "small data to big data, ns an event of 848 B, beside pread",
              .variant = prefetch == 0 ? "1 stream, nothing read ahead"
                                       : "1 stream, 2 groups read ahead, by the clock",
              .measured = [streams, prefetch](
                              int64_t times) { ReadRun(*streams->front(), prefetch, times); },
              .floor = plain({&first.small, &first.big}),
              .bars = {Bar::Most(kMaxNsToRead)},
              .items = kEvents,
              .by_clock = prefetch > 0});
  }
  Register({.name = "events/locate",
            .question = "reading a file and locating 32 fields, ns each 848 B, beside pread",
            .variant = "batches of 4 MiB",
            .measured = [streams](int64_t times) { LocateFields(*streams->front(), times); },
            .floor = plain({&first.big}),
            .bars = {Bar::Most(kMaxNsToLocate)},
            .items = kEvents});
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  using namespace alkaid::bench;
  RegisterAll();
  return RunBenchmarks(argc, argv);
}
