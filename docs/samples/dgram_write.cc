// Writes a short run: a Configure that declares one detector, and five events.
#include <alkaid/core/memory.h>
#include <alkaid/dgram/writer.h>

#include <iostream>
#include <string>
#include <vector>

using alkaid::Status;
using alkaid::dgram::DataType;
using alkaid::dgram::DgramWriter;
using alkaid::dgram::Names;
using alkaid::dgram::NamesId;
using alkaid::dgram::Timestamp;
using alkaid::dgram::TransitionId;

Status Run(const std::string& path) {
  ALKAID_ASSIGN_OR_RAISE(
      const Names names,
      Names::Make(NamesId(/*node_id=*/0, /*names_id=*/1), "camera", "pixels", "serial1234",
                  /*segment=*/0, {"raw", 1 << 16},
                  {{"exposure", DataType::kDouble, /*rank=*/0, {}},
                   {"image", DataType::kUInt16, /*rank=*/2, {}}}));

  DgramWriter writer;
  ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(100, 0)));
  ALKAID_RETURN_NOT_OK(writer.Declare(names));
  ALKAID_RETURN_NOT_OK(writer.End());

  std::vector<uint16_t> pixels(3 * 4);
  for (uint32_t event = 0; event < 5; ++event) {
    for (uint16_t& pixel : pixels) ++pixel;
    ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(101, event)));
    ALKAID_RETURN_NOT_OK(writer.BeginData(names));
    ALKAID_RETURN_NOT_OK(writer.Scalar(0.001 * event));
    ALKAID_RETURN_NOT_OK(writer.Array<uint16_t>(pixels, {3, 4}));
    ALKAID_RETURN_NOT_OK(writer.EndData());
    ALKAID_RETURN_NOT_OK(writer.End());
  }

  std::cout << writer.size() << " datagrams, " << writer.length() << " bytes\n";
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<alkaid::Buffer> run, writer.Finish());
  ALKAID_ASSIGN_OR_RAISE(auto file, alkaid::io::FileOutputStream::Open(path));
  ALKAID_RETURN_NOT_OK(file->Write(run));
  return file->Close();
}

int main(int argc, char** argv) {
  const Status status = Run(argc > 1 ? argv[1] : "camera.xtc2");
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
