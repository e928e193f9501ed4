#include "alkaid/events/smd_window.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "alkaid/core/buffer_builder.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/events/packet_footer.h"

namespace alkaid::events {
namespace {

using Batches = std::vector<dgram::DgramBatch>;
using Configurations = std::vector<std::shared_ptr<const dgram::Configuration>>;

class OneWindowSource final : public SmdWindowSource {
 public:
  explicit OneWindowSource(std::vector<Batches> streams)
      : stream_count_(static_cast<int>(streams.size())) {
    window_.streams = std::move(streams);
    window_.limit = dgram::Timestamp(std::numeric_limits<uint64_t>::max());
  }
  int stream_count() const override { return stream_count_; }
  Result<SmdWindow> Next() override {
    SmdWindow next = std::move(window_);
    window_ = {};
    return next;
  }

 private:
  const int stream_count_;
  SmdWindow window_;
};

// All batches of a block of whole datagrams.
Result<Batches> ReadBlock(std::shared_ptr<Buffer> block,
                          const std::shared_ptr<const dgram::Configuration>& configuration,
                          const std::string& name) {
  Batches batches;
  if (block->size() == 0) return batches;
  dgram::BatchReaderOptions options;
  options.configuration = configuration;
  options.require_configuration = false;
  options.batch_bytes = block->size();
  options.max_dgram_bytes = std::max(block->size(), options.max_dgram_bytes);
  options.name = name;
  ALKAID_ASSIGN_OR_RAISE(const auto reader, dgram::BatchReader::Open(std::move(block), options));
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(dgram::DgramBatch batch, reader->Next());
    if (batch.empty()) return batches;
    batches.push_back(std::move(batch));
  }
}

// Sets the service of the datagrams that end an exposure, in a stream's bytes.
void MarkEnds(const SmdWindow& window, int stream, uint8_t* at, const uint8_t* end) {
  auto mark = window.ends.begin();
  while (at != end) {
    const dgram::Timestamp timestamp(dgram::LoadUnaligned<uint64_t>(at));
    while (mark != window.ends.end() && (mark->stream != stream || mark->timestamp < timestamp)) {
      ++mark;
    }
    if (mark == window.ends.end()) return;
    if (mark->timestamp == timestamp) {
      at[11] = static_cast<uint8_t>((at[11] & 0xf0) |
                                    static_cast<int>(dgram::TransitionId::kL1AcceptEndOfBatch));
    }
    at += dgram::DgramHeader::SizeOf(at);
  }
}

}  // namespace

bool SmdWindow::empty() const { return size() == 0; }

int64_t SmdWindow::size() const {
  int64_t size = 0;
  for (const auto& stream : streams) {
    for (const auto& batch : stream) size += batch.size();
  }
  return size;
}

int64_t SmdWindow::nbytes() const {
  int64_t nbytes = 0;
  for (const auto& stream : streams) {
    for (const auto& batch : stream) nbytes += batch.nbytes();
  }
  return nbytes;
}

SmdWindowSource::~SmdWindowSource() = default;

std::shared_ptr<SmdWindowSource> OneWindow(std::vector<Batches> streams) {
  return std::make_shared<OneWindowSource>(std::move(streams));
}

Result<std::shared_ptr<SmdWindowSource>> OneWindow(
    const std::vector<std::shared_ptr<Buffer>>& blocks, const Configurations& configurations) {
  if (blocks.size() != configurations.size()) {
    return status::Invalid(blocks.size(), " blocks, and Configurations for ",
                           configurations.size());
  }
  std::vector<Batches> streams;
  for (size_t i = 0; i < blocks.size(); ++i) {
    ALKAID_ASSIGN_OR_RAISE(Batches batches,
                           ReadBlock(blocks[i], configurations[i], absl::StrCat("stream ", i)));
    streams.push_back(std::move(batches));
  }
  return OneWindow(std::move(streams));
}

Result<std::shared_ptr<Buffer>> Pack(const SmdWindow& window, MemoryPool* pool) {
  BufferBuilder builder(pool != nullptr ? pool : default_memory_pool());
  const auto count = static_cast<int64_t>(window.streams.size());
  ALKAID_RETURN_NOT_OK(builder.Reserve(window.nbytes() + PacketFooter::BytesFor(count)));
  std::vector<uint32_t> footer;
  for (const Batches& stream : window.streams) {
    const int64_t begin = builder.length();
    for (const dgram::DgramBatch& batch : stream) {
      builder.UnsafeAppend(batch.begin()->data(), batch.nbytes());
    }
    const int64_t nbytes = builder.length() - begin;
    if (nbytes > std::numeric_limits<uint32_t>::max()) {
      return status::Invalid("stream ", footer.size(), " has ", nbytes,
                             " bytes in the window, a footer can state ",
                             std::numeric_limits<uint32_t>::max());
    }
    MarkEnds(window, static_cast<int>(footer.size()), builder.mutable_data() + begin,
             builder.mutable_data() + builder.length());
    footer.push_back(static_cast<uint32_t>(nbytes));
  }
  footer.push_back(static_cast<uint32_t>(count));
  builder.UnsafeAppend(footer.data(), static_cast<int64_t>(footer.size() * sizeof(uint32_t)));
  return builder.Finish();
}

Result<SmdWindow> Unpack(const std::shared_ptr<Buffer>& message,
                         const Configurations& configurations, const std::string& source) {
  if (message == nullptr || !message->is_cpu()) {
    return status::Invalid(source, ": a message needs a buffer that the CPU can read");
  }
  ALKAID_ASSIGN_OR_RAISE(const PacketFooter footer,
                         PacketFooter::Parse(message->data(), message->size(), source, 0));
  if (footer.count() != static_cast<int64_t>(configurations.size())) {
    return status::DataLoss(source, ": byte ", footer.packets_nbytes(), ": footer of ",
                            footer.count(), " streams, expected ", configurations.size());
  }
  SmdWindow window;
  int64_t at = 0;
  for (size_t i = 0; i < configurations.size(); ++i) {
    const int64_t nbytes = footer.size(static_cast<int64_t>(i));
    ALKAID_ASSIGN_OR_RAISE(Batches batches,
                           ReadBlock(SliceBuffer(message, at, nbytes), configurations[i],
                                     absl::StrCat(source, ", stream ", i)));
    for (const dgram::DgramBatch& batch : batches) {
      for (const dgram::Dgram& dgram : batch) {
        window.limit = std::max(window.limit, dgram.timestamp());
      }
    }
    window.streams.push_back(std::move(batches));
    at += nbytes;
  }
  return window;
}

}  // namespace alkaid::events
