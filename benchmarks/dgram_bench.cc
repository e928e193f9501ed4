// What does a datagram cost? Locating every field of small datagrams, against reading only their
// headers and against copying them; and reading a file of large ones through a pool, against a
// plain loop of pread.

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

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "benchmark_program.h"
#include "raw_allocator.h"

namespace alkaid::bench {
namespace {

using dgram::Algorithm;
using dgram::BatchReader;
using dgram::BatchReaderOptions;
using dgram::DataType;
using dgram::Dgram;
using dgram::DgramBatch;
using dgram::DgramWriter;
using dgram::Field;
using dgram::FieldView;
using dgram::Names;
using dgram::NamesId;
using dgram::ShapesData;
using dgram::Timestamp;
using dgram::TransitionId;

// --- Small datagrams: 848 bytes, four detectors' data, 32 fields, 10 of them arrays.

constexpr int64_t kSmallBytes = 848;
constexpr int64_t kSmallFields = 32;
// Fills the default batch of a reader.
constexpr int64_t kSmallDgrams = (int64_t{4} << 20) / kSmallBytes;

Names MakeNames(uint32_t id, const std::vector<std::pair<DataType, int>>& types) {
  std::vector<Field> fields;
  for (const auto& [type, rank] : types) {
    fields.push_back({"field" + std::to_string(fields.size()), type, rank, Algorithm()});
  }
  return Value(Names::Make(NamesId(1, id), "detector" + std::to_string(id), "kind", "serial", 0,
                           Algorithm{"raw", 0x10000}, std::move(fields)),
               "names");
}

// 120 bytes of data each.
Names ImageNames(uint32_t id) {
  return MakeNames(id, {{DataType::kDouble, 0},
                        {DataType::kFloat, 2},
                        {DataType::kUInt64, 0},
                        {DataType::kFloat, 2},
                        {DataType::kInt64, 0},
                        {DataType::kUInt16, 2},
                        {DataType::kUInt32, 0},
                        {DataType::kFloat, 0}});
}
Names WaveformNames(uint32_t id) {
  return MakeNames(id, {{DataType::kFloat, 2},
                        {DataType::kDouble, 0},
                        {DataType::kDouble, 0},
                        {DataType::kInt64, 0},
                        {DataType::kFloat, 2},
                        {DataType::kUInt64, 0},
                        {DataType::kUInt64, 0},
                        {DataType::kInt64, 0}});
}

void AppendImage(DgramWriter* writer, const Names& names, uint64_t number) {
  const std::array<float, 9> image = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::array<uint16_t, 8> counts = {1, 2, 3, 4, 5, 6, 7, 8};
  RequireOk(writer->BeginData(names), "data");
  RequireOk(writer->Scalar<double>(0.5), "field");
  RequireOk(writer->Array<float>(image, {3, 3}), "field");
  RequireOk(writer->Scalar<uint64_t>(number), "field");
  RequireOk(writer->Array<float>(image, {3, 3}), "field");
  RequireOk(writer->Scalar<int64_t>(-1), "field");
  RequireOk(writer->Array<uint16_t>(counts, {2, 4}), "field");
  RequireOk(writer->Scalar<uint32_t>(7), "field");
  RequireOk(writer->Scalar<float>(0.25F), "field");
  RequireOk(writer->EndData(), "data");
}

void AppendWaveform(DgramWriter* writer, const Names& names, uint64_t number) {
  const std::array<float, 9> image = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  RequireOk(writer->BeginData(names), "data");
  RequireOk(writer->Array<float>(image, {3, 3}), "field");
  RequireOk(writer->Scalar<double>(0.5), "field");
  RequireOk(writer->Scalar<double>(1.5), "field");
  RequireOk(writer->Scalar<int64_t>(-1), "field");
  RequireOk(writer->Array<float>(image, {3, 3}), "field");
  RequireOk(writer->Scalar<uint64_t>(number), "field");
  RequireOk(writer->Scalar<uint64_t>(number), "field");
  RequireOk(writer->Scalar<int64_t>(-2), "field");
  RequireOk(writer->EndData(), "data");
}

struct SmallRun {
  std::shared_ptr<const dgram::Configuration> configuration;
  std::shared_ptr<Buffer> bytes;
};

SmallRun MakeSmallRun() {
  const std::vector<Names> all = {ImageNames(0), WaveformNames(1), ImageNames(2), WaveformNames(3)};
  DgramWriter writer;
  for (int64_t i = 0; i < kSmallDgrams; ++i) {
    const auto number = static_cast<uint64_t>(i);
    RequireOk(writer.Begin(TransitionId::kL1Accept, Timestamp(1, static_cast<uint32_t>(i))), "L1");
    AppendImage(&writer, all[0], number);
    AppendWaveform(&writer, all[1], number);
    AppendImage(&writer, all[2], number);
    AppendWaveform(&writer, all[3], number);
    RequireOk(writer.End(), "L1");
  }
  SmallRun run;
  run.configuration = Value(dgram::Configuration::FromNames(all), "configuration");
  run.bytes = Value(writer.Finish(), "datagrams");
  Require(run.bytes->size() == kSmallDgrams * kSmallBytes, "the datagrams have another size");
  return run;
}

// Performs all checks of a reader, then calls `visit` for each datagram.
template <typename Visit>
void ForEachDgram(const SmallRun& run, Visit visit) {
  BatchReaderOptions options;
  options.configuration = run.configuration;
  auto reader = BatchReader::Open(run.bytes, std::move(options));
  if (!reader.ok()) std::abort();
  while (true) {
    Result<DgramBatch> batch = (*reader)->Next();
    if (!batch.ok()) std::abort();
    if (batch->empty()) return;
    for (const Dgram& dgram : *batch) visit(dgram);
  }
}

void WalkFields(const SmallRun& run, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    int64_t fields = 0;
    int64_t nbytes = 0;
    uint64_t touched = 0;
    ForEachDgram(run, [&](const Dgram& dgram) {
      const Status status = ForEachField(dgram, [&](const ShapesData&, const FieldView& field) {
        ++fields;
        nbytes += field.nbytes();
        touched += field.data()[0];
      });
      if (!status.ok()) std::abort();
    });
    benchmark::DoNotOptimize(touched);
    Require(fields == kSmallDgrams * kSmallFields && nbytes == kSmallDgrams * 480 && touched > 0,
            "the walk missed fields");
  }
}

void WalkHeaders(const SmallRun& run, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    int64_t dgrams = 0;
    uint64_t touched = 0;
    ForEachDgram(run, [&](const Dgram& dgram) {
      ++dgrams;
      touched += dgram.timestamp().value();
    });
    benchmark::DoNotOptimize(touched);
    Require(dgrams == kSmallDgrams && touched > 0, "the walk missed datagrams");
  }
}

void CopyBytes(const SmallRun& run, std::vector<uint8_t>* copy, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    std::memcpy(copy->data(), run.bytes->data(), copy->size());
    benchmark::DoNotOptimize(copy->data());
    benchmark::ClobberMemory();
  }
  Require(copy->back() == run.bytes->data()[run.bytes->size() - 1], "the copy is another");
}

void RegisterWalk() {
  const auto small = std::make_shared<const SmallRun>(MakeSmallRun());
  const auto copy =
      std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(small->bytes->size()));
  const std::string question = "datagram walk, ns for each of 32 fields of 848 B";
  const auto fields = [small](int64_t times) { WalkFields(*small, times); };
  const auto headers = [small](int64_t times) { WalkHeaders(*small, times); };
  const auto bytes = [small, copy](int64_t times) { CopyBytes(*small, copy.get(), times); };
  constexpr int64_t kFields = kSmallDgrams * kSmallFields;
  Register({.name = "walk/fields_beside_headers",
            .question = question,
            .variant = "every field, beside headers only",
            .measured = fields,
            .floor = headers,
            .bars = {Bar::Most(8)},
            .items = kFields});
  Register({.name = "walk/fields_beside_memcpy",
            .question = question,
            .variant = "every field, beside memcpy",
            .measured = fields,
            .floor = bytes,
            .bars = {Bar::None()},
            .items = kFields});
}

// --- Large datagrams: an image with the headers around it, 261,844 bytes, in a file of 511 MiB.

constexpr int64_t kLargeBytes = 261'844;
constexpr int64_t kLargeDgrams = 2048;
constexpr int64_t kImageBytes = kLargeBytes - 24 - 12 - 12 - dgram::kShapeBytes - 12;

// An unlinked file, removed at the program's end.
class LargeFile {
 public:
  LargeFile() {
    const std::string folder = std::filesystem::temp_directory_path();
    std::string name = folder + "/alkaid_bench_XXXXXX";
    fd_ = mkstemp(name.data());
    Require(fd_ >= 0, "no file can be made in " + folder + ": " + std::strerror(errno));
    unlink(name.c_str());
    Write();
  }
  ~LargeFile() { close(fd_); }
  LargeFile(const LargeFile&) = delete;
  LargeFile& operator=(const LargeFile&) = delete;

  int fd() const { return fd_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  int64_t size() const { return size_; }
  // The start of the first datagram after the Configure.
  int64_t first() const { return first_; }

 private:
  void Append(DgramWriter* writer) {
    const std::shared_ptr<Buffer> bytes = Value(writer->Finish(), "datagrams");
    Require(write(fd_, bytes->data(), static_cast<size_t>(bytes->size())) == bytes->size(),
            std::string("the file of datagrams cannot be written: ") + std::strerror(errno));
    size_ += bytes->size();
  }

  void Write() {
    const Names names = MakeNames(0, {{DataType::kUInt8, 1}});
    DgramWriter writer;
    RequireOk(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)), "Configure");
    RequireOk(writer.Declare(names), "Configure");
    RequireOk(writer.End(), "Configure");
    Append(&writer);
    first_ = size_;
    std::vector<uint8_t> image(static_cast<size_t>(kImageBytes));
    for (int64_t i = 0; i < kLargeDgrams; ++i) {
      std::fill(image.begin(), image.end(), static_cast<uint8_t>(i));
      RequireOk(writer.Begin(TransitionId::kL1Accept, Timestamp(2, static_cast<uint32_t>(i))),
                "L1");
      RequireOk(writer.BeginData(names), "L1");
      RequireOk(writer.Array<uint8_t>(image, {static_cast<uint32_t>(kImageBytes)}), "L1");
      RequireOk(writer.EndData(), "L1");
      RequireOk(writer.End(), "L1");
      Append(&writer);
    }
    Require(size_ == first_ + kLargeDgrams * kLargeBytes, "the datagrams have another size");
  }

  int fd_ = -1;
  int64_t size_ = 0;
  int64_t first_ = 0;
};

// The sum of the last bytes of all images: the 2048 images hold each byte value eight times.
constexpr int64_t kSumOfImages = kLargeDgrams / 256 * (255 * 256 / 2);

void ReadBatches(const LargeFile& file, MemoryPool* pool, int64_t batch_bytes, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    BatchReaderOptions options;
    options.batch_bytes = batch_bytes;
    options.pool = pool;
    auto reader = BatchReader::Open(file.path(), std::move(options));
    if (!reader.ok()) std::abort();
    int64_t sum = 0;
    while (true) {
      Result<DgramBatch> batch = (*reader)->Next();
      if (!batch.ok()) std::abort();
      if (batch->empty()) break;
      for (const Dgram& dgram : *batch) {
        const Status status = ForEachField(dgram, [&](const ShapesData&, const FieldView& field) {
          sum += field.data()[field.nbytes() - 1];
        });
        if (!status.ok()) std::abort();
      }
    }
    Require(sum == kSumOfImages, "the reader missed images");
  }
  Require(pool->bytes_allocated() == 0, "batches were left in the pool");
}

// One buffer for the whole file, like the reader's block: both are new for each pass over the file.
void ReadPlainly(const LargeFile& file, int64_t batch_bytes, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    const std::unique_ptr<uint8_t[]> buffer(new uint8_t[static_cast<size_t>(batch_bytes)]);
    int64_t sum = 0;
    int64_t next_image_end = file.first() + kLargeBytes - 1;
    for (int64_t position = 0; position < file.size(); position += batch_bytes) {
      const int64_t nbytes = std::min(batch_bytes, file.size() - position);
      if (pread(file.fd(), buffer.get(), static_cast<size_t>(nbytes), position) != nbytes) {
        std::abort();
      }
      for (; next_image_end < position + nbytes; next_image_end += kLargeBytes) {
        sum += buffer[static_cast<size_t>(next_image_end - position)];
      }
    }
    Require(sum == kSumOfImages, "the loop missed images");
  }
}

void RegisterReading() {
  const auto file = std::make_shared<const LargeFile>();
  for (const int64_t batch_bytes : {int64_t{256} << 10, int64_t{4} << 20, int64_t{64} << 20}) {
    ForEachRawAllocator([&](auto raw) {
      const std::string backend = decltype(raw)::kName;
      MemoryPool* const pool = PoolOver(backend);
      Register(
          {.name = "read/" + std::to_string(batch_bytes) + "/" + backend,
           .question = "reading 256 KiB datagrams beside a pread loop, ns each",
           .variant = "batches of " + SizeName(batch_bytes) + ", " + backend,
           .measured = [file, pool, batch_bytes](
                           int64_t times) { ReadBatches(*file, pool, batch_bytes, times); },
           .floor = [file, batch_bytes](int64_t times) { ReadPlainly(*file, batch_bytes, times); },
           .bars = {Bar::Speed(0.9)},
           .items = kLargeDgrams,
           .after = PoolSawThem(pool)});
    });
  }
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  using namespace alkaid::bench;
  RegisterWalk();
  RegisterReading();
  return RunBenchmarks(argc, argv);
}
