// What does a field over a batch cost as a column? The list view of 1,000 datagrams against a walk
// over their headers, and a copy against a memcpy of as many bytes.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/columns/field_column.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/writer.h"
#include "benchmark_program.h"

namespace alkaid::bench {
namespace {

using columns::ColumnOptions;
using columns::FieldPath;
using dgram::DataType;
using dgram::Dgram;
using dgram::DgramBatch;
using dgram::DgramWriter;
using dgram::Names;
using dgram::NamesId;
using dgram::Timestamp;
using dgram::TransitionId;

constexpr int64_t kDgrams = 1000;
constexpr uint32_t kRows = 2;

// Datagrams of a few detectors with an image each, and a scalar.
struct Run {
  DgramBatch batch;
  int detectors = 0;
  uint32_t pixels = 0;  // of an image
};

enum class Form {
  kImage,   // an image and a scalar
  kArrays,  // an array before the image, and one after it
  kOdd,     // a byte besides, so that images of UINT16 lie apart by an odd number
};

std::shared_ptr<const Run> MakeRun(int detectors, uint32_t pixels, Form form) {
  std::vector<Names> all;
  for (int i = 0; i < detectors; ++i) {
    std::vector<dgram::Field> fields;
    if (form == Form::kArrays) fields.push_back({"header", DataType::kUInt32, 1, {}});
    fields.push_back({"image", DataType::kUInt16, 2, {}});
    fields.push_back({"count", DataType::kUInt32, 0, {}});
    if (form == Form::kArrays) fields.push_back({"trailer", DataType::kUInt32, 1, {}});
    if (form == Form::kOdd) fields.push_back({"odd", DataType::kUInt8, 0, {}});
    all.push_back(Value(Names::Make(NamesId(1, static_cast<uint32_t>(i)), "det" + std::to_string(i),
                                    "kind", "serial", 0, {"raw", 1}, std::move(fields)),
                        "names"));
  }
  DgramWriter writer;
  std::vector<uint16_t> image(pixels);
  const std::array<uint32_t, 2> words = {1, 2};
  for (int64_t i = 0; i < kDgrams; ++i) {
    RequireOk(writer.Begin(TransitionId::kL1Accept, Timestamp(1, static_cast<uint32_t>(i))), "L1");
    std::fill(image.begin(), image.end(), static_cast<uint16_t>(i));
    for (const Names& names : all) {
      RequireOk(writer.BeginData(names), "data");
      if (form == Form::kArrays) RequireOk(writer.Array<uint32_t>(words, {2}), "header");
      RequireOk(writer.Array<uint16_t>(image, {kRows, pixels / kRows}), "image");
      RequireOk(writer.Scalar<uint32_t>(static_cast<uint32_t>(i)), "count");
      if (form == Form::kArrays) RequireOk(writer.Array<uint32_t>(words, {2}), "trailer");
      if (form == Form::kOdd) RequireOk(writer.Scalar<uint8_t>(0), "odd");
      RequireOk(writer.EndData(), "data");
    }
    RequireOk(writer.End(), "L1");
  }
  const std::shared_ptr<Buffer> bytes = Value(writer.Finish(), "datagrams");
  dgram::BatchReaderOptions options;
  options.configuration = Value(dgram::Configuration::FromNames(all), "configuration");
  options.batch_bytes = bytes->size();
  auto reader = Value(dgram::BatchReader::Open(bytes, std::move(options)), "reader");
  auto run = std::make_shared<Run>();
  run->batch = Value(reader->Next(), "batch");
  run->detectors = detectors;
  run->pixels = pixels;
  Require(run->batch.size() == kDgrams, "the batch has other datagrams");
  return run;
}

void WalkHeaders(const Run& run, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    uint64_t touched = 0;
    int64_t dgrams = 0;
    for (const Dgram& dgram : run.batch) {
      touched += dgram.timestamp().value();
      ++dgrams;
    }
    benchmark::DoNotOptimize(touched);
    Require(dgrams == kDgrams && touched > 0, "the walk missed datagrams");
  }
}

void MakeLists(const Run& run, bool copied, int64_t times) {
  const FieldPath path{"det" + std::to_string(run.detectors - 1), 0, "raw", "image"};
  for (int64_t i = 0; i < times; ++i) {
    const auto column = columns::MakeColumn(run.batch, path);
    if (!column.ok()) std::abort();
    benchmark::DoNotOptimize(column->array.buffers[1]->data());
    Require(column->array.length == kDgrams && column->array.null_count == 0 &&
                column->copied() == copied &&
                column->array.buffers[2]->span_as<int32_t>()[kDgrams - 1] ==
                    static_cast<int32_t>(run.pixels),
            "the column is another");
  }
}

void CopyImages(const Run& run, std::vector<uint16_t>* copy, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    std::memcpy(copy->data(), run.batch.begin()->data(), copy->size() * sizeof(uint16_t));
    benchmark::DoNotOptimize(copy->data());
    benchmark::ClobberMemory();
  }
}

void RegisterLists(int detectors, uint32_t pixels, Form form) {
  const auto run = MakeRun(detectors, pixels, form);
  const bool arrays = form == Form::kArrays;
  const std::string of = std::to_string(detectors) + (detectors == 1 ? " detector" : " detectors") +
                         (arrays ? " of 3 arrays" : "");
  Register(
      {.name = "list_view/" + std::to_string(detectors) + "/" + std::to_string(pixels) +
               (arrays ? "/arrays" : ""),
       .question = "list view of a batch of 1,000 datagrams, beside a walk over headers, ns each",
       .variant = "the last of " + of + ", images of " + SizeName(int64_t{2} * pixels),
       .measured = [run](int64_t times) { MakeLists(*run, false, times); },
       .floor = [run](int64_t times) { WalkHeaders(*run, times); },
       .bars = {detectors == 1 ? Bar::Times(2) : Bar::None()},
       .items = kDgrams});
}

void RegisterCopies(uint32_t pixels) {
  const auto run = MakeRun(1, pixels, Form::kOdd);
  const auto copy = std::make_shared<std::vector<uint16_t>>(kDgrams * size_t{pixels});
  Register({.name = "copied/" + std::to_string(pixels),
            .question = "list view with a copy, beside one memcpy of as many bytes, ns each",
            .variant = "misaligned images of " + SizeName(int64_t{2} * pixels),
            .measured = [run](int64_t times) { MakeLists(*run, true, times); },
            .floor = [run, copy](int64_t times) { CopyImages(*run, copy.get(), times); },
            .bars = {Bar::None()},
            .items = kDgrams});
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  using namespace alkaid::bench;
  for (const uint32_t pixels : {32U, 512U, 4096U, 32768U}) RegisterLists(1, pixels, Form::kImage);
  RegisterLists(1, 4096, Form::kArrays);
  for (const uint32_t pixels : {32U, 4096U}) RegisterLists(4, pixels, Form::kImage);
  RegisterCopies(4096);
  return RunBenchmarks(argc, argv);
}
