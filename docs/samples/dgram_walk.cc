// Every field of every datagram, without knowing what the file holds.
#include <alkaid/dgram/batch_reader.h>
#include <alkaid/dgram/shapes_data.h>

#include <iostream>

using alkaid::Status;
using namespace alkaid::dgram;

Status Run(const std::string& path) {
  ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open(path));
  int64_t bytes = 0;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    for (const Dgram& dgram : batch) {
      ALKAID_RETURN_NOT_OK(ForEachField(dgram, [&](const ShapesData& data, const FieldView& field) {
        bytes += field.nbytes();
        if (dgram.index() != 1) return;
        std::cout << data.names().ToString() << "/" << field.name() << " "
                  << DataTypeName(field.type()) << " " << field.size() << "\n";
      }));
    }
  }
  std::cout << bytes << " bytes of fields\n";
  return absl::OkStatus();
}

int main(int argc, char** argv) {
  const Status status = Run(argc > 1 ? argv[1] : "camera.xtc2");
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
