// Writes a short run of two streams, and the small data of each: a pulse energy for every event,
// an image for every third.
#include <alkaid/core/memory.h>
#include <alkaid/dgram/batch_reader.h>
#include <alkaid/dgram/writer.h>
#include <alkaid/events/smd_writer.h>

#include <functional>
#include <iostream>
#include <string>
#include <vector>

using alkaid::Status;
using alkaid::dgram::BatchReader;
using alkaid::dgram::DataType;
using alkaid::dgram::Dgram;
using alkaid::dgram::DgramBatch;
using alkaid::dgram::DgramWriter;
using alkaid::dgram::FieldValue;
using alkaid::dgram::Names;
using alkaid::dgram::NamesId;
using alkaid::dgram::Timestamp;
using alkaid::dgram::TransitionId;
using alkaid::events::SmdWriter;

using Value = std::function<FieldValue(uint32_t event)>;

Status Transition(DgramWriter* writer, TransitionId service, Timestamp timestamp) {
  ALKAID_RETURN_NOT_OK(writer->Begin(service, timestamp));
  return writer->End();
}

Status WriteBigData(const std::string& path, const Names& names, uint32_t every,
                    const Value& value) {
  ALKAID_ASSIGN_OR_RAISE(auto writer, DgramWriter::Open(path));
  ALKAID_RETURN_NOT_OK(writer->Begin(TransitionId::kConfigure, Timestamp(100, 0)));
  ALKAID_RETURN_NOT_OK(writer->Declare(names));
  ALKAID_RETURN_NOT_OK(writer->End());
  ALKAID_RETURN_NOT_OK(Transition(writer.get(), TransitionId::kBeginRun, Timestamp(101, 0)));
  ALKAID_RETURN_NOT_OK(Transition(writer.get(), TransitionId::kBeginStep, Timestamp(102, 0)));
  ALKAID_RETURN_NOT_OK(Transition(writer.get(), TransitionId::kEnable, Timestamp(103, 0)));
  for (uint32_t event = 0; event < 9; event += every) {
    ALKAID_RETURN_NOT_OK(writer->Begin(TransitionId::kL1Accept, Timestamp(104, event)));
    ALKAID_RETURN_NOT_OK(writer->Data(names, {value(event)}));
    ALKAID_RETURN_NOT_OK(writer->End());
  }
  ALKAID_RETURN_NOT_OK(Transition(writer.get(), TransitionId::kDisable, Timestamp(105, 0)));
  ALKAID_RETURN_NOT_OK(Transition(writer.get(), TransitionId::kEndStep, Timestamp(106, 0)));
  ALKAID_RETURN_NOT_OK(Transition(writer.get(), TransitionId::kEndRun, Timestamp(107, 0)));
  std::cout << path << ": " << writer->size() << " datagrams, " << writer->length() << " bytes\n";
  return writer->Close();
}

Status WriteSmallData(const std::string& big, const std::string& small) {
  ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open(big));
  ALKAID_ASSIGN_OR_RAISE(auto out, alkaid::io::FileOutputStream::Open(small));
  SmdWriter writer;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    for (const Dgram& dgram : batch) ALKAID_RETURN_NOT_OK(writer.Append(dgram));
    std::cout << small << ": " << writer.size() << " datagrams, " << writer.length() << " bytes\n";
    ALKAID_RETURN_NOT_OK(writer.Drain(out.get()));
  }
  return out->Close();
}

Status Run() {
  const NamesId id(/*node_id=*/0, /*names_id=*/1);
  ALKAID_ASSIGN_OR_RAISE(const Names pulse,
                         Names::Make(id, "pulse", "gasdetector", "", /*segment=*/0, {"raw", 0},
                                     {{"energy", DataType::kDouble, /*rank=*/0, {}}}));
  ALKAID_ASSIGN_OR_RAISE(const Names image,
                         Names::Make(id, "area", "camera", "", /*segment=*/0, {"raw", 0},
                                     {{"image", DataType::kUInt16, /*rank=*/2, {}}}));
  ALKAID_RETURN_NOT_OK(WriteBigData("pulse.xtc2", pulse, /*every=*/1, [](uint32_t event) {
    return FieldValue::Scalar<double>(1.5 * event);
  }));
  std::vector<uint16_t> pixels(30 * 20);
  ALKAID_RETURN_NOT_OK(WriteBigData("image.xtc2", image, /*every=*/3, [&](uint32_t event) {
    pixels.assign(pixels.size(), static_cast<uint16_t>(event));
    return FieldValue::Array<uint16_t>(pixels, {30, 20});
  }));
  ALKAID_RETURN_NOT_OK(WriteSmallData("pulse.xtc2", "pulse.smd.xtc2"));
  return WriteSmallData("image.xtc2", "image.smd.xtc2");
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
