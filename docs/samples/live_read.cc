// Reads a file of datagrams while another thread writes it.
#include <alkaid/core/memory.h>
#include <alkaid/dgram/batch_reader.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

using alkaid::Status;
using alkaid::dgram::BatchReader;
using alkaid::dgram::BatchReaderOptions;
using alkaid::dgram::Dgram;
using alkaid::dgram::DgramBatch;
using alkaid::io::LiveOptions;
using alkaid::io::LiveWatch;

// As the data acquisition does: under another name, in pieces that end anywhere, and renamed at last.
void Write(const std::string& bytes) {
  std::ofstream out("live.xtc2.inprogress", std::ios::binary | std::ios::app);
  for (size_t at = 0; at < bytes.size(); at += 700) {
    out << bytes.substr(at, 700) << std::flush;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  std::rename("live.xtc2.inprogress", "live.xtc2");
}

Status Read() {
  LiveOptions waiting;
  waiting.silence = std::chrono::seconds(30);
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<LiveWatch> watch, LiveWatch::Make(waiting));
  BatchReaderOptions options;
  options.live = watch;
  ALKAID_ASSIGN_OR_RAISE(const auto reader, BatchReader::Open("live.xtc2", options));
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    for (const Dgram& dgram : batch) {
      std::cout << dgram.index() << " " << TransitionName(dgram.service()) << "\n";
    }
  }
  std::cout << "ended by " << ToString(reader->live_end()) << "\n";
  return alkaid::Status();
}

int main() {
  std::ifstream in("image.xtc2", std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  std::ofstream("live.xtc2.inprogress", std::ios::binary);
  std::thread writer(Write, bytes);
  const Status status = Read();
  writer.join();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
