// Any bytes, as a batch of events, as a message of several streams, and as small data whose big data
// are the same bytes.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/big_data_reader.h"
#include "alkaid/events/dgram_batch_builder.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/smd_record.h"
#include "alkaid/events/smd_window.h"

namespace {

using alkaid::Buffer;
using alkaid::Result;
using alkaid::dgram::Configuration;
using alkaid::dgram::Dgram;
using alkaid::events::BigDataEvent;
using alkaid::events::BigDataReader;
using alkaid::events::EventBatch;

void Require(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

std::vector<std::shared_ptr<const Configuration>> Configurations(int streams) {
  const auto names = alkaid::events::SmdInfo::Declaration(alkaid::dgram::NamesId(512, 0));
  return std::vector<std::shared_ptr<const Configuration>>(static_cast<size_t>(streams),
                                                           *Configuration::FromNames({*names}));
}

// What is in the batch, put together again, is the batch.
void Rebuild(const EventBatch& batch) {
  alkaid::events::DgramBatchBuilder builder(batch.stream_count());
  for (const auto& event : batch) {
    event.ForEachDgram([&](int stream, Dgram dgram) {
      Require(builder.Append(stream, std::move(dgram)).ok(), "a datagram can not be appended");
    });
    Require(builder.EndEvent().ok(), "an event can not be ended");
  }
  const auto rebuilt = builder.Finish();
  Require(rebuilt.ok() && rebuilt->buffer()->Equals(*batch.buffer()), "the batch is another");
}

void ReadBigData(const EventBatch& batch, const std::shared_ptr<Buffer>& bytes) {
  alkaid::events::BigDataReaderOptions options;
  options.prefetch = 0;
  options.max_retries = 0;
  options.max_dgram_bytes = 1 << 20;
  options.chunk_bytes = 100;
  options.open_file =
      [&](const std::string&) -> Result<std::shared_ptr<alkaid::io::RandomAccessFile>> {
    return std::make_shared<alkaid::io::BufferReader>(bytes);
  };
  bool given = false;
  auto reader = BigDataReader::Open(
      std::vector<std::string>(static_cast<size_t>(batch.stream_count()), "any"),
      [&]() -> Result<std::optional<EventBatch>> {
        if (std::exchange(given, true)) return std::optional<EventBatch>();
        return std::optional<EventBatch>(batch);
      },
      options);
  Require(reader.ok(), "a reader can not be opened");
  BigDataEvent event;
  while (true) {
    const Result<bool> more = (*reader)->Next(&event);
    if (!more.ok() || !*more) return;
    for (int i = 0; i < event.stream_count(); ++i) {
      if (event.has(i)) (void)alkaid::dgram::CheckDgram(event.dgram(i)).ok();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = Buffer::FromString(std::string(data, data + size));
  for (int streams = 1; streams <= 2; ++streams) {
    const auto batch = EventBatch::Make(bytes, Configurations(streams));
    if (batch.ok() && !batch->empty()) {
      Rebuild(*batch);
      ReadBigData(*batch, bytes);
    }
    const auto window = alkaid::events::Unpack(bytes, Configurations(streams));
    if (!window.ok()) continue;
    const auto again = alkaid::events::Pack(*window);
    Require(again.ok() && (bytes->size() == 0 || (*again)->Equals(*bytes)),
            "the message is another");
  }
  return 0;
}
