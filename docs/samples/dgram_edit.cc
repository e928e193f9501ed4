// Adds a detector to every event of a file, takes another's data out, and writes a new file.
#include <alkaid/dgram/batch_reader.h>
#include <alkaid/dgram/dgram_edit.h>
#include <alkaid/dgram/shapes_data.h>
#include <alkaid/dgram/writer.h>

#include <iostream>
#include <string>
#include <vector>

using alkaid::Result;
using alkaid::Status;
using namespace alkaid::dgram;

Result<double> MeanOf(const Dgram& dgram) {
  ALKAID_ASSIGN_OR_RAISE(const FieldHandle image,
                         dgram.configuration()->Find("camera", 0, "raw", "image"));
  ALKAID_ASSIGN_OR_RAISE(const HeldField field, FindField(dgram, image));
  ALKAID_ASSIGN_OR_RAISE(const ArrayView<uint16_t> pixels, field.Array<uint16_t>());
  double sum = 0;
  for (int64_t i = 0; i < pixels.size(); ++i) sum += pixels[i];
  return sum / static_cast<double>(pixels.size());
}

Status EditOne(DgramEdit& edit, const Dgram& dgram) {
  ALKAID_RETURN_NOT_OK(edit.Reset(dgram));
  if (dgram.service() == TransitionId::kConfigure) {
    ALKAID_ASSIGN_OR_RAISE(const Names fex,
                           edit.AddDetector({.detector = "fex",
                                             .algorithm = {"mean", 1 << 16},
                                             .fields = {{"mean", DataType::kDouble, 0, {}},
                                                        {"limits", DataType::kUInt16, 1, {}}}}));
    std::cout << "added " << fex.ToString() << " as " << fex.id().ToString() << "\n";
  }
  if (!dgram.is_l1_accept()) return absl::OkStatus();

  ALKAID_ASSIGN_OR_RAISE(const double mean, MeanOf(dgram));
  const std::vector<uint16_t> limits = {0, 4095};
  ALKAID_RETURN_NOT_OK(edit.RemoveData("camera", "raw"));
  return edit.AddData(edit.configuration()->names().back(),
                      {FieldValue::Scalar(mean), FieldValue::Array<uint16_t>(limits, {2})});
}

Status Run(const std::string& from, const std::string& to) {
  ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open(from));
  ALKAID_ASSIGN_OR_RAISE(auto writer, DgramWriter::Open(to));
  ALKAID_ASSIGN_OR_RAISE(DgramEdit edit, DgramEdit::Make(TransitionId::kEnable, Timestamp()));
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    for (const Dgram& dgram : batch) {
      ALKAID_RETURN_NOT_OK(EditOne(edit, dgram));
      ALKAID_RETURN_NOT_OK(writer->Append(edit));
    }
  }
  // Only now is there a file of that name.
  ALKAID_RETURN_NOT_OK(writer->Close());
  std::cout << writer->size() << " datagrams, " << writer->length() << " bytes\n";

  // What does not fit is refused before anything is written.
  ALKAID_ASSIGN_OR_RAISE(
      edit, DgramEdit::Make(TransitionId::kConfigure, Timestamp(1, 0), nullptr, {.room = 100}));
  const auto refused = edit.AddDetector({.detector = "fex", .algorithm = {"mean", 0}});
  std::cout << refused.status().ToString() << "\n" << edit.saved_size() << " bytes\n";
  return absl::OkStatus();
}

int main(int argc, char** argv) {
  const Status status =
      Run(argc > 1 ? argv[1] : "camera.xtc2", argc > 2 ? argv[2] : "camera-mean.xtc2");
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
