// Reads every image of one detector, batch by batch.
#include <alkaid/dgram/batch_reader.h>
#include <alkaid/dgram/shapes_data.h>

#include <iostream>
#include <string>

using alkaid::Result;
using alkaid::Status;
using alkaid::dgram::ArrayView;
using alkaid::dgram::BatchReader;
using alkaid::dgram::Dgram;
using alkaid::dgram::DgramBatch;
using alkaid::dgram::FieldHandle;
using alkaid::dgram::FindField;
using alkaid::dgram::HeldField;

Result<ArrayView<uint16_t>> ReadLastImage(const std::string& path) {
  alkaid::dgram::BatchReaderOptions options;
  options.batch_bytes = 1 << 20;
  ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open(path, options));
  ArrayView<uint16_t> last;
  FieldHandle handle;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
    if (batch.empty()) return last;
    for (const Dgram& dgram : batch) {
      if (handle.configuration() != dgram.configuration()) {
        ALKAID_ASSIGN_OR_RAISE(handle, dgram.configuration()->Find("camera", 0, "raw", "image"));
      }
      if (!dgram.is_l1_accept()) continue;
      ALKAID_ASSIGN_OR_RAISE(const HeldField field, FindField(dgram, handle));
      ALKAID_ASSIGN_OR_RAISE(last, field.Array<uint16_t>());
      std::cout << "datagram " << dgram.index() << " at byte " << dgram.offset() << ": "
                << last.dim(0) << "x" << last.dim(1) << " of " << last(2, 3) << "\n";
    }
  }
}

Status Run(const std::string& path) {
  // Reader, batches and datagrams are gone; the view keeps the block that it lies in.
  ALKAID_ASSIGN_OR_RAISE(const ArrayView<uint16_t> image, ReadLastImage(path));
  std::cout << "kept: " << image.size() << " pixels, aligned: " << image.aligned() << "\n";
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<alkaid::Buffer> copy, image.Copy());
  std::cout << "copied: " << copy->span_as<uint16_t>()[11] << "\n";
  return absl::OkStatus();
}

int main(int argc, char** argv) {
  const Status status = Run(argc > 1 ? argv[1] : "camera.xtc2");
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
