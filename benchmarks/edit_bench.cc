// What does editing a datagram cost? One array added and one detector's data removed, saved into a
// caller's buffer, against copying the datagram.
//
// Datagrams of three detectors: 32 fields, 10 of them arrays, 848 bytes. One editor serves all.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "benchmark_program.h"

namespace alkaid::bench {
namespace {

using dgram::DataType;
using dgram::Dgram;
using dgram::DgramEdit;
using dgram::DgramWriter;
using dgram::Field;
using dgram::FieldValue;
using dgram::Names;
using dgram::NamesId;
using dgram::Timestamp;
using dgram::TransitionId;

constexpr int64_t kDgrams = 4096;
// The time of an edit at 1.5 million edits a second.
constexpr double kMaxNs = 660;

Names DigitizerNames(uint32_t segment) {
  return Value(
      Names::Make(NamesId(1, segment + 1), "digitizer", "hsd", "serial", segment, {"raw", 0x010203},
                  {{"trigger", DataType::kDouble, 0, {}},
                   {"pulse", DataType::kUInt64, 0, {}},
                   {"gate", DataType::kUInt32, 0, {}},
                   {"waveform", DataType::kFloat, 2, {}},
                   {"flags", DataType::kUInt16, 0, {}},
                   {"peaks", DataType::kUInt16, 1, {}},
                   {"channel", DataType::kUInt8, 0, {}},
                   {"counts", DataType::kUInt8, 3, {}},
                   {"offset", DataType::kInt32, 0, {}},
                   {"baseline", DataType::kFloat, 0, {}},
                   {"moments", DataType::kDouble, 1, {}},
                   {"polarity", DataType::kInt8, 0, {}}}),
      "names");
}

Names CameraNames() {
  return Value(Names::Make(NamesId(1, 3), "camera", "cspad", "serial", 0, {"raw", 0x010203},
                           {{"gain:gainEnum", DataType::kEnumVal, 0, {}},
                            {"low:gainEnum", DataType::kEnumDict, 0, {}},
                            {"high:gainEnum", DataType::kEnumDict, 0, {}},
                            {"exposure", DataType::kDouble, 0, {}},
                            {"tile", DataType::kInt16, 2, {}},
                            {"note", DataType::kCharStr, 1, {}},
                            {"sequence", DataType::kInt64, 0, {}},
                            {"quality", DataType::kInt16, 0, {}}}),
               "names");
}

constexpr std::array<float, 4> kAdded = {1, 2, 3, 4};

struct EditRun {
  // The Configuration before the first edit: that of a Configure with the added detector.
  std::shared_ptr<const dgram::Configuration> configuration;
  std::shared_ptr<Buffer> bytes;
  std::vector<Dgram> dgrams;
  int64_t largest = 0;
};

void AppendDigitizer(DgramWriter* writer, const Names& names, int64_t number) {
  const std::array<float, 9> waveform = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::array<uint16_t, 16> peaks = {1, 2, 3, 4};
  const std::array<uint8_t, 24> counts = {5, 6, 7};
  const std::array<double, 6> moments = {0.5, 1.5};
  RequireOk(writer->Data(
                names,
                {FieldValue::Scalar<double>(0.5), FieldValue::Scalar(static_cast<uint64_t>(number)),
                 FieldValue::Scalar<uint32_t>(3), FieldValue::Array<float>(waveform, {3, 3}),
                 FieldValue::Scalar<uint16_t>(4), FieldValue::Array<uint16_t>(peaks, {16}),
                 FieldValue::Scalar<uint8_t>(5), FieldValue::Array<uint8_t>(counts, {2, 4, 3}),
                 FieldValue::Scalar<int32_t>(-6), FieldValue::Scalar<float>(7),
                 FieldValue::Array<double>(moments, {6}), FieldValue::Scalar<int8_t>(-8)}),
            "digitizer");
}

EditRun MakeEditRun() {
  const std::vector<Names> names = {DigitizerNames(0), DigitizerNames(1), CameraNames()};
  const std::array<int16_t, 64> tile = {9, 8, 7};
  DgramWriter writer;
  RequireOk(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)), "Configure");
  for (const Names& one : names) RequireOk(writer.Declare(one), "Configure");
  RequireOk(writer.End(), "Configure");
  const int64_t first = writer.length();
  for (int64_t i = 0; i < kDgrams; ++i) {
    RequireOk(writer.Begin(TransitionId::kL1Accept, Timestamp(2, static_cast<uint32_t>(i))), "L1");
    AppendDigitizer(&writer, names[0], i);
    AppendDigitizer(&writer, names[1], i);
    RequireOk(
        writer.Data(names[2],
                    {FieldValue::Scalar<int32_t>(1), FieldValue::Scalar<int32_t>(0),
                     FieldValue::Scalar<int32_t>(1), FieldValue::Scalar<double>(0.25),
                     FieldValue::Array<int16_t>(tile, {8, 8}), FieldValue::String("event-123456"),
                     FieldValue::Scalar(i), FieldValue::Scalar<int16_t>(1)}),
        "camera");
    RequireOk(writer.End(), "L1");
  }

  EditRun run;
  run.bytes = Value(writer.Finish(), "datagrams");
  DgramEdit configure =
      Value(DgramEdit::Make(Value(Dgram::Make(run.bytes), "Configure")), "Configure");
  RequireOk(configure
                .AddDetector({.detector = "fex",
                              .detector_type = "fex",
                              .algorithm = {"fex", 0x010000},
                              .fields = {{"calib", DataType::kFloat, 1, {}}}})
                .status(),
            "detector");
  run.configuration = configure.configuration();
  dgram::BatchReaderOptions options;
  options.configuration = run.configuration;
  options.begin = first;
  options.batch_bytes = run.bytes->size();
  auto reader = Value(dgram::BatchReader::Open(run.bytes, std::move(options)), "reader");
  const dgram::DgramBatch batch = Value(reader->Next(), "batch");
  for (const Dgram& dgram : batch) {
    run.dgrams.push_back(dgram);
    run.largest = std::max(run.largest, dgram.size());
  }
  Require(static_cast<int64_t>(run.dgrams.size()) == kDgrams, "datagrams are missing");
  Require(run.largest > 800 && run.largest < 900, "the datagrams have another size");
  return run;
}

// The state shared by all turns of one case.
struct Editor {
  explicit Editor(const EditRun& run)
      : pool(default_memory_pool()),
        edit(Value(
            DgramEdit::Make(run.dgrams[0], {.pool = &pool, .configuration = run.configuration}),
            "edit")),
        fex(run.configuration->names().back()),
        out(static_cast<size_t>(2 * run.largest)) {}

  ProxyMemoryPool pool;
  DgramEdit edit;
  const Names& fex;
  std::vector<uint8_t> out;
  int64_t allocations = 0;
};

void EditAll(const EditRun& run, Editor* editor, int64_t times) {
  const int64_t before = editor->pool.num_allocations();
  int64_t saved = 0;
  for (int64_t i = 0; i < times; ++i) {
    for (const Dgram& dgram : run.dgrams) {
      Status status = editor->edit.Reset(dgram);
      if (!status.ok()) std::abort();
      status = editor->edit.RemoveData("camera", "raw");
      if (!status.ok()) std::abort();
      status = editor->edit.AddData(editor->fex, {FieldValue::Array<float>(kAdded, {4})});
      if (!status.ok()) std::abort();
      const Result<int64_t> size = editor->edit.Save(std::span<uint8_t>(editor->out));
      if (!size.ok()) std::abort();
      saved += *size;
    }
    benchmark::DoNotOptimize(editor->out.data());
    benchmark::ClobberMemory();
  }
  editor->allocations += editor->pool.num_allocations() - before;
  Require(saved > 0, "nothing was saved");
}

void CopyAll(const EditRun& run, std::vector<uint8_t>* out, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    for (const Dgram& dgram : run.dgrams) {
      std::memcpy(out->data(), dgram.data(), static_cast<size_t>(dgram.size()));
      benchmark::DoNotOptimize(out->data());
      benchmark::ClobberMemory();
    }
  }
}

// Checks that the last saved datagram is the requested one.
void CheckSaved(const EditRun& run, const Editor& editor) {
  const Dgram saved =
      Value(Dgram::Make(std::make_shared<Buffer>(editor.out.data(), editor.edit.saved_size()), 0,
                        run.configuration),
            "saved");
  int64_t detectors = 0;
  dgram::ShapesDataWalk walk(saved);
  for (; walk.Next(); ++detectors) {
    const std::string& detector = walk.shapes_data().names().detector();
    Require(detector == (detectors < 2 ? "digitizer" : "fex"), "another detector was saved");
  }
  RequireOk(walk.status(), "saved");
  Require(detectors == 3, "detectors are missing");
}

void RegisterEdit() {
  const auto run = std::make_shared<const EditRun>(MakeEditRun());
  const auto editor = std::make_shared<Editor>(*run);
  EditAll(*run, editor.get(), 1);
  editor->allocations = 0;
  const auto out = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(run->largest));
  Register({.name = "edit/add_remove_save",
            .question = "editing a datagram of three detectors, 850 B, ns each",
            .variant = "add an array, remove a detector, save; beside memcpy",
            .measured = [run, editor](int64_t times) { EditAll(*run, editor.get(), times); },
            .floor = [run, out](int64_t times) { CopyAll(*run, out.get(), times); },
            .bars = {Bar::Most(kMaxNs), Bar::Count("allocations", 0)},
            .items = kDgrams,
            .after =
                [run, editor](int64_t, benchmark::UserCounters* counters) {
                  CheckSaved(*run, *editor);
                  (*counters)["allocations"] = static_cast<double>(editor->allocations);
                }});
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  alkaid::bench::RegisterEdit();
  return alkaid::bench::RunBenchmarks(argc, argv);
}
