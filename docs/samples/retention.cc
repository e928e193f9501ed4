// Which view pins my batch: a reader that keeps one small array of each batch.
#include <alkaid/core/memory.h>
#include <alkaid/dgram/batch_reader.h>
#include <alkaid/dgram/shapes_data.h>
#include <alkaid/dgram/writer.h>
#include <alkaid/heap/reports/retention_report.h>
#include <alkaid/heap/tracking/tracking.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

using alkaid::Status;
using namespace alkaid::dgram;
namespace heap = alkaid::heap;

// 320 events, each an image of 100 kB and a pedestal of 256 bytes.
Status WriteRun(const std::string& path) {
  ALKAID_ASSIGN_OR_RAISE(
      const Names names,
      Names::Make(NamesId(0, 1), "camera", "epix", "serial77", 0, {"raw", 1 << 16},
                  {{"image", DataType::kUInt16, 1, {}}, {"pedestal", DataType::kFloat, 1, {}}}));
  ALKAID_ASSIGN_OR_RAISE(auto writer, DgramWriter::Open(path));
  ALKAID_RETURN_NOT_OK(writer->Begin(TransitionId::kConfigure, Timestamp(100, 0)));
  ALKAID_RETURN_NOT_OK(writer->Declare(names));
  ALKAID_RETURN_NOT_OK(writer->End());
  const std::vector<uint16_t> image(50'000, 7);
  const std::vector<float> pedestal(64, 0.5F);
  for (uint32_t event = 0; event < 320; ++event) {
    ALKAID_RETURN_NOT_OK(writer->Begin(TransitionId::kL1Accept, Timestamp(101, event)));
    ALKAID_RETURN_NOT_OK(writer->Data(names, {FieldValue::Array<uint16_t>(image, {50'000}),
                                              FieldValue::Array<float>(pedestal, {64})}));
    ALKAID_RETURN_NOT_OK(writer->End());
  }
  return writer->Close();
}

// The pedestals of every 80th event: 256 bytes each.
struct Pedestals {
  Status Read(const std::string& path) {
    BatchReaderOptions options;
    options.batch_bytes = 8 << 20;
    ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open(path, options));
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
      if (batch.empty()) return absl::OkStatus();
      for (const Dgram& dgram : batch) {
        if (dgram.is_l1_accept() && dgram.index() % 80 == 1) ALKAID_RETURN_NOT_OK(Keep(dgram));
      }
    }
  }
  Status Keep(const Dgram& dgram) {
    ALKAID_ASSIGN_OR_RAISE(const FieldHandle handle,
                           dgram.configuration()->Find("camera", 0, "raw", "pedestal"));
    ALKAID_ASSIGN_OR_RAISE(const HeldField field, FindField(dgram, handle));
    ALKAID_ASSIGN_OR_RAISE(ArrayView<float> pedestal, field.Array<float>());
    kept.push_back(std::move(pedestal));
    return absl::OkStatus();
  }
  std::vector<ArrayView<float>> kept;
};

Status Print(const char* when) {
  ALKAID_ASSIGN_OR_RAISE(const auto report, heap::RetentionReport::Take());
  const heap::RetentionTotals& totals = report.totals();
  std::cout << when << ": " << totals.roots << " roots of " << (totals.root_bytes >> 20) << " MiB, "
            << totals.visible_bytes << " bytes visible\n";
  std::vector<heap::RetainedRoot> roots = report.roots();  // the worst first; here by the file
  std::sort(roots.begin(), roots.end(),
            [](const auto& a, const auto& b) { return a.source_offset < b.source_offset; });
  for (const heap::RetainedRoot& root : roots) {
    std::cout << "  " << root.hidden_bytes() << " bytes hidden, " << root.label << ", "
              << root.source << " from byte " << root.source_offset << ", visible at "
              << root.first_visible_time_ns << " ns\n";
  }
  return absl::OkStatus();
}

Status Run(const std::string& path) {
  ALKAID_RETURN_NOT_OK(WriteRun(path));
  heap::TrackingOptions options;
  options.views = true;
  if (!heap::IsTracking()) ALKAID_RETURN_NOT_OK(heap::StartTracking(options));
  Pedestals pedestals;
  ALKAID_RETURN_NOT_OK(pedestals.Read(path));
  ALKAID_RETURN_NOT_OK(Print("kept"));

  // Copies those that show less than a tenth of what they keep.
  for (ArrayView<float>& pedestal : pedestals.kept) {
    ALKAID_RETURN_NOT_OK(pedestal.CompactIfBelow(0.1).status());
  }
  return Print("compacted");
}

// For those who look from outside: keeps, and waits for the end of its input.
Status Wait(const std::string& path) {
  ALKAID_RETURN_NOT_OK(WriteRun(path));
  Pedestals pedestals;
  ALKAID_RETURN_NOT_OK(pedestals.Read(path));
  std::cout << pedestals.kept.size() << " pedestals kept" << std::endl;
  std::cin.ignore(1 << 20, EOF);
  return absl::OkStatus();
}

int main(int argc, char**) {
  const Status status = argc > 1 ? Wait("pedestals.xtc2") : Run("pedestals.xtc2");
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
