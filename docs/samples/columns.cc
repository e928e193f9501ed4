#include <alkaid/columns.h>
#include <alkaid/core/memory.h>
#include <alkaid/dgram.h>
#include <alkaid/interop.h>

#include <iostream>
#include <string>
#include <vector>

using alkaid::Buffer;
using alkaid::MemoryPool;
using alkaid::Result;
using alkaid::Status;
namespace columns = alkaid::columns;
namespace dgram = alkaid::dgram;
namespace interop = alkaid::interop;

// A detector with an image of UINT16, and a waveform of DOUBLE that lies where it happens to.
Result<std::shared_ptr<Buffer>> MakeRun() {
  using enum dgram::DataType;
  ALKAID_ASSIGN_OR_RAISE(
      const auto names,
      dgram::Names::Make(dgram::NamesId(1, 0), "camera", "kind", "serial", 0, {"raw", 0x10000},
                         {{"image", kUInt16, 2, {}}, {"wave", kDouble, 1, {}}}));
  dgram::DgramWriter writer;
  ALKAID_RETURN_NOT_OK(writer.Begin(dgram::TransitionId::kConfigure, dgram::Timestamp(1, 0)));
  ALKAID_RETURN_NOT_OK(writer.Declare(names));
  ALKAID_RETURN_NOT_OK(writer.End());
  for (uint32_t i = 0; i < 3; ++i) {
    const std::vector<uint16_t> image(8, static_cast<uint16_t>(i));
    const std::vector<double> wave(2, 0.5);
    ALKAID_RETURN_NOT_OK(writer.Begin(dgram::TransitionId::kL1Accept, dgram::Timestamp(2, i)));
    ALKAID_RETURN_NOT_OK(writer.BeginData(names));
    ALKAID_RETURN_NOT_OK(writer.Array<uint16_t>(image, {2, 4}));
    ALKAID_RETURN_NOT_OK(writer.Array<double>(wave, {2}));
    ALKAID_RETURN_NOT_OK(writer.EndData());
    ALKAID_RETURN_NOT_OK(writer.End());
  }
  return writer.Finish();
}

Status OneField(const std::shared_ptr<Buffer>& run) {
  ALKAID_ASSIGN_OR_RAISE(auto reader, dgram::BatchReader::Open(run));
  ALKAID_ASSIGN_OR_RAISE(const dgram::DgramBatch batch, reader->Next());
  // All images of the batch. The child of the lists is the batch.
  ALKAID_ASSIGN_OR_RAISE(const auto images,
                         columns::MakeColumn(batch, {"camera", 0, "raw", "image"}));
  std::cout << images.array.length << " of " << images.field.name << ", each "
            << images.field.metadata[0].second << ", " << images.copied_bytes << " bytes copied\n";

  // For a consumer. In Python: pyarrow.Array._import_from_c(address of array, address of schema).
  ArrowSchema schema;
  ArrowArray array;
  ALKAID_RETURN_NOT_OK(interop::ExportField(images.field, &schema));
  ALKAID_RETURN_NOT_OK(interop::ExportArray(images.field, images.array, &array));
  array.release(&array);
  schema.release(&schema);

  // Where elements do not lie aligned, they are copied once, unless that is not allowed.
  ALKAID_ASSIGN_OR_RAISE(const auto waves,
                         columns::MakeColumn(batch, {"camera", 0, "raw", "wave"}));
  std::cout << waves.copied_bytes << " bytes copied: " << waves.why_copied << "\n";
  return absl::OkStatus();
}

Status WholeFile(const std::shared_ptr<Buffer>& run) {
  ALKAID_ASSIGN_OR_RAISE(auto reader, dgram::BatchReader::Open(run));
  ALKAID_ASSIGN_OR_RAISE(auto table, columns::OpenTable(std::move(reader)));
  for (const interop::Field& column : table->field().children) std::cout << column.name << " ";
  std::cout << "\n";

  // For a consumer. In Python: pyarrow.RecordBatchReader._import_from_c(address of stream).
  ArrowArrayStream stream;
  ALKAID_RETURN_NOT_OK(interop::ExportStream(std::move(table), &stream));
  stream.release(&stream);
  return absl::OkStatus();
}

Status Run() {
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> run, MakeRun());
  ALKAID_RETURN_NOT_OK(OneField(run));
  return WholeFile(run);
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
