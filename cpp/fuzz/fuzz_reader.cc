// Any bytes, as a source of datagrams: read at once and in another way, verified, and the results
// compared. The first byte, a part of a timestamp that does not affect them, chooses the way: all
// ways would take three times as long.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/core/buffers/buffer.h"
#include "fixtures/counted_file.h"
#include "fixtures/read_everything.h"

namespace {

using alkaid::Buffer;
using alkaid::StatusCode;
using alkaid::dgram::BatchReader;
using alkaid::dgram::BatchReaderOptions;
using alkaid::dgram::CountedFile;
using alkaid::dgram::EverythingRead;
using alkaid::dgram::Finding;

void Require(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

std::shared_ptr<CountedFile> FileOf(const Buffer& bytes) {
  return std::make_shared<CountedFile>(std::string(bytes.data(), bytes.data() + bytes.size()));
}

// Findings that only readers of records, of announced chunks or of streams refuse (fuzz_verify).
// Recognized by the beginning of the text, since a name from the bytes may follow.
bool IsOverlooked(const Finding& finding) {
  if (finding.kind == Finding::Kind::kRemark) return true;
  for (const char* text : {"small-data record of ", "L1Accept without a small-data record",
                           "chunk ", "announced chunk without ", "there is no datagram"}) {
    if (finding.text.starts_with(text)) return true;
  }
  return false;
}

// The number of datagrams that the reader delivers.
int64_t Count(BatchReader* reader, int64_t most_bytes, alkaid::Status* end) {
  for (int64_t count = 0;;) {
    const auto batch = reader->Next();
    *end = batch.status();
    if (!batch.ok() || batch->empty()) return count;
    for (const auto& dgram : *batch) {
      Require(dgram.size() <= most_bytes, "a datagram is larger than the limit");
    }
    count += batch->size();
    Require(reader->next_index() == batch->first_index() + batch->size(),
            "the next index is not that of the next datagram");
  }
}

// Reads with two readers: one that meets a limit, or the end of a file that has shrunk, and one
// that goes on there.
void ReadInTwo(const Buffer& bytes, uint8_t how, const EverythingRead& whole) {
  const int64_t limit = how % 8 == 2 ? 24 + 2 * how : bytes.size() + 24;
  const auto file = FileOf(bytes);
  BatchReaderOptions options;
  options.max_dgram_bytes = limit;
  options.batch_bytes = 1 + 8 * how;
  const auto first = BatchReader::Open(file, options);
  Require(first.ok(), "a reader cannot be opened");
  if (how % 8 == 6) file->ShrinkTo(bytes.size() * how / 256);
  alkaid::Status end;
  int64_t count = Count(first->get(), limit, &end);
  Require((*first)->Next().status() == end, "what ended a source is gone");

  options.max_dgram_bytes = bytes.size() + 24;
  options.begin = (*first)->position();
  options.first_index = (*first)->next_index();
  options.configuration = (*first)->configuration();
  const auto second = BatchReader::Open(FileOf(bytes), options);
  Require(second.ok(), "a reader cannot go on");
  count += Count(second->get(), options.max_dgram_bytes, &end);
  Require(count == whole.dgrams, "two readers give other datagrams than one");
}

// Reads without a Configuration: headers can be read, and fields must be refused.
void ReadWithoutConfiguration(const std::shared_ptr<Buffer>& bytes, const EverythingRead& whole) {
  BatchReaderOptions options;
  options.require_configuration = false;
  options.read_configures = false;
  const auto reader = BatchReader::Open(bytes, options);
  Require(reader.ok(), "a reader cannot be opened");
  int64_t count = 0;
  for (auto batch = (*reader)->Next(); batch.ok() && !batch->empty(); batch = (*reader)->Next()) {
    for (const auto& dgram : *batch) {
      Require(!CheckDgram(dgram).ok(), "a datagram without a Configuration is sound");
      for (alkaid::dgram::ShapesDataWalk walk(dgram); walk.Next();) {
        Require(false, "data of no declaration were found");
      }
    }
    count += batch->size();
  }
  Require(count >= whole.dgrams, "a Configuration makes datagrams that are not there");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::make_shared<Buffer>(data, static_cast<int64_t>(size));
  const uint8_t how = size == 0 ? 0 : data[0];
  const EverythingRead read = alkaid::dgram::ReadEverything(bytes);
  EverythingRead in_parts = read;
  if (how % 4 == 0) {
    in_parts = alkaid::dgram::ReadEverything(FileOf(*bytes), 64);
  } else if (how % 4 == 1) {
    in_parts = alkaid::dgram::ReadEverything(bytes, 1 + how);
  } else if (how % 4 == 2) {
    ReadInTwo(*bytes, how, read);
  } else {
    ReadWithoutConfiguration(bytes, read);
  }
  const auto findings = alkaid::dgram::VerifyEverything(bytes);

  const bool found = !std::all_of(findings.begin(), findings.end(), IsOverlooked);
  const bool same = read.dgrams == in_parts.dgrams && read.fields == in_parts.fields &&
                    read.sum == in_parts.sum && read.status == in_parts.status;
  if (found == read.status.ok() || !same) {
    std::fprintf(stderr, "reader: %s\n", read.status.ToString().c_str());
    std::fprintf(stderr, "in parts: %s\n", in_parts.status.ToString().c_str());
    for (const Finding& finding : findings) {
      std::fprintf(stderr, "verifier: %s\n", finding.ToString().c_str());
    }
    std::abort();
  }
  return 0;
}
