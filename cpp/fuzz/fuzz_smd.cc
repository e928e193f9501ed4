// Any bytes, as big data: converted to small data, which must be sound and give the right places.
// And any bytes as small data: records and chunk announcements are read from them.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/verify.h"
#include "alkaid/events/chunk_info.h"
#include "alkaid/events/smd_record.h"
#include "alkaid/events/smd_writer.h"

namespace {

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;
using alkaid::dgram::BatchReader;
using alkaid::dgram::Dgram;
using alkaid::dgram::DgramBatch;
using alkaid::dgram::Finding;
using alkaid::events::ChunkInfo;
using alkaid::events::SmdInfo;
using alkaid::events::SmdRecord;
using alkaid::events::SmdWriter;

void Require(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// Visits datagrams up to the first fault.
template <typename Visitor>
void ForEachDgram(const std::shared_ptr<Buffer>& bytes, Visitor&& visit) {
  const auto reader = BatchReader::Open(bytes);
  while (true) {
    const Result<DgramBatch> batch = (*reader)->Next();
    if (!batch.ok() || batch->empty()) return;
    for (const Dgram& dgram : *batch) visit(dgram);
  }
}

void ReadAsSmallData(const std::shared_ptr<Buffer>& bytes) {
  ForEachDgram(bytes, [](const Dgram& dgram) {
    const auto info = SmdInfo::Find(dgram.configuration());
    if (info.ok()) {
      const auto record = info->Read(dgram);
      Require(!record.ok() || (record->offset >= 0 && record->size >= 24 &&
                               record->offset <= INT64_MAX - record->size),
              "a record that cannot be true was accepted");
    }
    const auto chunk = ChunkInfo::Read(dgram);
    if (!chunk.ok()) return;
    Require(!chunk->filename.empty() && chunk->filename.find('/') == std::string::npos &&
                chunk->filename != ".." && chunk->filename != ".",
            "a chunk's name that leaves the folder was accepted");
    ChunkInfo::ChunkIdOf(chunk->PathBeside(chunk->filename));
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::make_shared<Buffer>(data, static_cast<int64_t>(size));
  ReadAsSmallData(bytes);

  SmdWriter writer;
  std::vector<std::pair<int64_t, int64_t>> records;
  ForEachDgram(bytes, [&](const Dgram& dgram) {
    const int64_t length = writer.length();
    if (!writer.Append(dgram).ok()) {
      Require(writer.length() == length, "a refused datagram left bytes");
    } else if (dgram.is_l1_accept()) {
      records.emplace_back(dgram.offset(), dgram.size());
    }
  });
  const int64_t dgrams = writer.size();
  const auto made = writer.Finish();
  Require(made.ok(), "small data could not be finished");
  if (dgrams == 0) return 0;

  // After a Configure was refused, the one before stays in force in the small data, but not in the
  // source: later copies need not be sound there. Their headers must be.
  int64_t seen = 0;
  size_t next = 0;
  bool sound = true;
  ForEachDgram(*made, [&](const Dgram& dgram) {
    ++seen;
    const auto info = SmdInfo::Find(dgram.configuration());
    sound &= info.ok();
    if (!sound || !dgram.is_l1_accept()) return;
    const Result<SmdRecord> record = info->Read(dgram);
    Require(record.ok(), "a record that was written cannot be read");
    Require(next < records.size() && record->offset == records[next].first &&
                record->size == records[next].second,
            "a record says something else than was written");
    ++next;
  });
  Require(sound, "small data without the declaration of its records");
  Require(seen == dgrams && next == records.size(), "datagrams were lost in small data");
  return 0;
}
