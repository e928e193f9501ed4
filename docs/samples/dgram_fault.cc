// What a damaged stream gives: everything before the fault, then a status that says where it is.
#include <alkaid/core/memory.h>
#include <alkaid/dgram/batch_reader.h>
#include <alkaid/dgram/shapes_data.h>
#include <alkaid/dgram/writer.h>

#include <iostream>

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;
using namespace alkaid::dgram;

Result<std::shared_ptr<Buffer>> ThreeTransitions() {
  DgramWriter writer;
  uint32_t second = 100;
  for (TransitionId service :
       {TransitionId::kConfigure, TransitionId::kBeginRun, TransitionId::kEndRun}) {
    ALKAID_RETURN_NOT_OK(writer.Begin(service, Timestamp(second++, 0)));
    ALKAID_RETURN_NOT_OK(writer.End());
  }
  return writer.Finish();
}

Status Run() {
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> run, ThreeTransitions());
  // A crash of the writer took the last four bytes.
  std::shared_ptr<Buffer> cut = alkaid::SliceBuffer(run, 0, run->size() - 4);

  BatchReaderOptions options;
  options.name = "run 7";
  ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open(cut, options));
  while (true) {
    Result<DgramBatch> batch = reader->Next();
    if (!batch.ok()) {
      std::cout << batch.status().ToString() << "\n";
      return absl::OkStatus();
    }
    if (batch->empty()) return absl::OkStatus();
    for (const Dgram& dgram : *batch) {
      ALKAID_RETURN_NOT_OK(CheckDgram(dgram));
      std::cout << TransitionName(dgram.service()) << "\n";
    }
  }
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
