// Reading on behind bytes that are no datagram, and what is said of them.
#include <alkaid/core/memory.h>
#include <alkaid/dgram.h>

#include <iostream>
#include <string>

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;
using namespace alkaid::dgram;

// A Configure and four transitions, with the crash of another program between the last two.
Result<std::shared_ptr<Buffer>> BrokenRun() {
  DgramWriter writer;
  uint32_t second = 100;
  for (TransitionId service : {TransitionId::kConfigure, TransitionId::kBeginRun,
                               TransitionId::kBeginStep, TransitionId::kEndRun}) {
    ALKAID_RETURN_NOT_OK(writer.Begin(service, Timestamp(second++, 0)));
    ALKAID_RETURN_NOT_OK(writer.End());
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> run, writer.Finish());
  std::string bytes = run->ToString();
  bytes.insert(bytes.size() - 24, "Segmentation fault (core dumped)");
  return Buffer::FromString(std::move(bytes));
}

Status Run() {
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> run, BrokenRun());
  BatchReaderOptions options;
  options.name = "run 7";
  options.on_fault = OnFault::kResync;
  options.on_skip = [](const Skipped& skipped) { std::cout << skipped.ToString() << "\n"; };
  ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open(run, options));
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
    if (batch.empty()) return absl::OkStatus();
    for (const Dgram& dgram : batch) std::cout << TransitionName(dgram.service()) << "\n";
  }
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
