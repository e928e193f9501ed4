// Writes a run to a file that is there whole or not at all.
#include <alkaid/core/memory.h>
#include <alkaid/dgram/writer.h>

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

using alkaid::Status;
using namespace alkaid::dgram;

bool Exists(const std::string& path) { return std::ifstream(path).good(); }

Status Run(const std::string& path) {
  ALKAID_ASSIGN_OR_RAISE(const Names names,
                         Names::Make(NamesId(/*node_id=*/0, /*names_id=*/1), "laser", "diode",
                                     "serial77", /*segment=*/0, {"raw", 1 << 16},
                                     {{"power", DataType::kDouble, /*rank=*/0, {}},
                                      {"trace", DataType::kFloat, /*rank=*/1, {}},
                                      {"note", DataType::kCharStr, /*rank=*/1, {}}}));

  ALKAID_ASSIGN_OR_RAISE(auto writer, DgramWriter::Open(path));
  ALKAID_RETURN_NOT_OK(writer->Begin(TransitionId::kConfigure, Timestamp(100, 0)));
  ALKAID_RETURN_NOT_OK(writer->Declare(names));
  ALKAID_RETURN_NOT_OK(writer->End());

  std::vector<float> trace(1000, 0.5F);
  for (uint32_t event = 0; event < 1000; ++event) {
    ALKAID_RETURN_NOT_OK(writer->Begin(TransitionId::kL1Accept, Timestamp(101, event)));
    ALKAID_RETURN_NOT_OK(
        writer->Data(names, {FieldValue::Scalar(0.25 * event),
                             FieldValue::Array<float>(trace, {1000}), FieldValue::String("warm")}));
    ALKAID_RETURN_NOT_OK(writer->End());
  }
  std::cout << "before Close: " << (Exists(path) ? "there" : "not there") << "\n";
  ALKAID_RETURN_NOT_OK(writer->Close());
  std::cout << "after Close: " << (Exists(path) ? "there" : "not there") << "\n";
  std::cout << writer->size() << " datagrams, " << writer->length() << " bytes\n";

  // A file of anything else is as safe.
  ALKAID_ASSIGN_OR_RAISE(auto notes, alkaid::io::DurableFileOutputStream::Open(path + ".notes"));
  ALKAID_RETURN_NOT_OK(notes->Write("one run\n"));
  return notes->Close();
}

int main(int argc, char** argv) {
  const Status status = Run(argc > 1 ? argv[1] : "laser.xtc2");
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
