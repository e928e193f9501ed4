// Reads a file in pieces, the next two of which are on their way while one is used.
#include <alkaid/core/memory.h>

#include <cstdio>
#include <deque>
#include <iostream>
#include <utility>

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;
using alkaid::io::ReadableFile;
using alkaid::io::ReadQueue;
using alkaid::io::ReadQueueKind;

constexpr int64_t kPiece = 1000;

Result<int64_t> CountLines(const std::shared_ptr<ReadableFile>& file) {
  ALKAID_ASSIGN_OR_RAISE(auto queue, ReadQueue::Make(ReadQueueKind::kAutomatic, /*depth=*/3));
  std::deque<std::pair<int64_t, std::shared_ptr<Buffer>>> ahead;
  int64_t lines = 0;
  for (int64_t position = 0;;) {
    while (queue->in_flight() < queue->depth()) {
      ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, alkaid::AllocateBuffer(kPiece));
      ALKAID_ASSIGN_OR_RAISE(const int64_t ticket, queue->Submit({file, position, kPiece, buffer}));
      ahead.emplace_back(ticket, std::move(buffer));
      position += kPiece;
    }
    const auto [ticket, buffer] = std::move(ahead.front());
    ahead.pop_front();
    const auto read = queue->Wait(ticket);
    ALKAID_RETURN_NOT_OK(read.status);
    for (int64_t i = 0; i < read.nbytes; ++i) lines += (*buffer)[i] == '\n';
    // What was asked for beyond the end is dropped with the queue.
    if (read.nbytes < kPiece) return lines;
  }
}

Status Run() {
  const std::string path = "alkaid_docs_read_ahead.txt";
  ALKAID_ASSIGN_OR_RAISE(auto out, alkaid::io::FileOutputStream::Open(path));
  for (int i = 0; i < 5000; ++i) ALKAID_RETURN_NOT_OK(out->Write("one line\n"));
  ALKAID_RETURN_NOT_OK(out->Close());

  ALKAID_ASSIGN_OR_RAISE(const auto file, ReadableFile::Open(path));
  ALKAID_ASSIGN_OR_RAISE(const int64_t lines, CountLines(file));
  std::cout << lines << " lines\n";
  std::remove(path.c_str());
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
