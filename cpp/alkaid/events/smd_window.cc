#include "alkaid/events/smd_window.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/packet_footer.h"

namespace alkaid::events {
namespace {

using Batches = std::vector<dgram::DgramBatch>;
using Configurations = std::vector<std::shared_ptr<const dgram::Configuration>>;

// The Configuration of the datagrams before any Configure; null where there are none.
std::shared_ptr<const dgram::Configuration> FirstOf(const Batches& batches) {
  for (const dgram::DgramBatch& batch : batches) {
    if (batch.empty()) continue;
    const bool declares = batch.begin()->service() == dgram::TransitionId::kConfigure;
    return declares ? nullptr : batch.origin()->configuration;
  }
  return nullptr;
}

Configurations FirstOf(const std::vector<Batches>& streams) {
  Configurations first;
  for (const Batches& batches : streams) first.push_back(FirstOf(batches));
  return first;
}

// The message that Pack makes: its bytes, and the Configuration of each stream; null where any will
// do.
class Message final : public Buffer {
 public:
  Message(const std::shared_ptr<Buffer>& bytes, Configurations configurations)
      : Buffer(bytes, 0, bytes->size()), configurations_(std::move(configurations)) {}

  Status Check(const Configurations& given, const std::string& source) const {
    for (size_t i = 0; i < std::min(given.size(), configurations_.size()); ++i) {
      // Without a Configuration no field is read.
      if (given[i] == nullptr || configurations_[i] == nullptr) continue;
      if (given[i]->DeclaresTheSame(*configurations_[i])) continue;
      return status::Invalid(source, ": stream ", i,
                             ": datagrams of another Configuration than the one given; the window "
                             "that was packed has theirs");
    }
    return absl::OkStatus();
  }

 private:
  const Configurations configurations_;
};

// Whether a block of whole datagrams has a Configure.
bool HasConfigure(const Buffer& block) {
  const uint8_t* at = block.data();
  const uint8_t* const end = at + block.size();
  while (end - at >= dgram::kDgramHeaderBytes) {
    if (dgram::DgramHeader::ServiceOf(at) == dgram::TransitionId::kConfigure) return true;
    const int64_t size = dgram::DgramHeader::SizeOf(at);
    if (size < dgram::kDgramHeaderBytes || size > end - at) return false;
    at += size;
  }
  return false;
}

class OneWindowSource final : public SmdWindowSource {
 public:
  explicit OneWindowSource(std::vector<Batches> streams, Configurations configurations = {})
      : stream_count_(static_cast<int>(streams.size())) {
    window_.configurations = configurations.empty() ? FirstOf(streams) : std::move(configurations);
    window_.streams = std::move(streams);
    window_.limit = dgram::Timestamp(std::numeric_limits<uint64_t>::max());
    window_.ends_are_marked = true;
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

// All batches in a block of whole datagrams.
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

// Sets the service of the datagrams that end an exposure, in the bytes of one stream.
void MarkEnds(const SmdWindow& window, int stream, uint8_t* at, const uint8_t* end) {
  auto mark = window.ends.begin();
  int64_t repeat = 0;
  while (at != end) {
    const dgram::Timestamp timestamp(dgram::LoadUnaligned<uint64_t>(at));
    while (mark != window.ends.end() && (mark->stream != stream || mark->timestamp < timestamp)) {
      ++mark;
      repeat = 0;
    }
    if (mark == window.ends.end()) return;
    if (mark->timestamp == timestamp && IsL1Accept(dgram::DgramHeader::ServiceOf(at)) &&
        repeat++ == mark->repeat) {
      at[11] = static_cast<uint8_t>((at[11] & 0xf0) |
                                    static_cast<int>(dgram::TransitionId::kL1AcceptEndOfBatch));
    }
    at += dgram::DgramHeader::SizeOf(at);
  }
}

// Calls `use` for each transition.
template <typename Use>
void ForEachStep(const Batches& batches, const Use& use) {
  for (const dgram::DgramBatch& batch : batches) {
    for (const dgram::Dgram& dgram : batch) {
      if (!IsL1Accept(dgram.service())) use(dgram);
    }
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

Configurations SmdWindow::ConfigurationsAfter() const {
  Configurations after = configurations;
  after.resize(streams.size());
  for (size_t i = 0; i < streams.size(); ++i) {
    for (auto batch = streams[i].rbegin(); batch != streams[i].rend(); ++batch) {
      if (batch->empty()) continue;
      if (after[i] != batch->origin()->configuration) after[i] = batch->origin()->configuration;
      break;
    }
  }
  return after;
}

SmdWindowSource::~SmdWindowSource() = default;

std::shared_ptr<SmdWindowSource> OneWindow(std::vector<Batches> streams) {
  return std::make_shared<OneWindowSource>(std::move(streams));
}

Result<std::shared_ptr<SmdWindowSource>> OneWindow(
    const std::vector<std::shared_ptr<Buffer>>& blocks, const Configurations& configurations) try {
  if (blocks.size() != configurations.size()) {
    return status::Invalid(blocks.size(), " blocks, and Configurations for ",
                           configurations.size());
  }
  std::vector<Batches> streams;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i] == nullptr) return status::Invalid("the block of stream ", i, " is null");
    ALKAID_ASSIGN_OR_RAISE(Batches batches,
                           ReadBlock(blocks[i], configurations[i], absl::StrCat("stream ", i)));
    streams.push_back(std::move(batches));
  }
  return std::shared_ptr<SmdWindowSource>(
      std::make_shared<OneWindowSource>(std::move(streams), configurations));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> Pack(const SmdWindow& window,
                                     const std::vector<std::shared_ptr<Buffer>>& missing_steps,
                                     PoolHandle pool) try {
  if (!missing_steps.empty() && missing_steps.size() != window.streams.size()) {
    return status::Invalid("missing steps of ", missing_steps.size(), " streams, the window has ",
                           window.streams.size());
  }
  BufferBuilder builder(pool.OrDefault());
  const auto count = static_cast<int64_t>(window.streams.size());
  int64_t total = window.nbytes() + PacketFooter::BytesFor(count);
  for (const auto& steps : missing_steps) total += steps == nullptr ? 0 : steps->size();
  ALKAID_RETURN_NOT_OK(builder.Reserve(total));
  std::vector<uint32_t> footer;
  for (const Batches& stream : window.streams) {
    const size_t index = footer.size();
    const int64_t begin = builder.length();
    if (!missing_steps.empty() && missing_steps[index] != nullptr) {
      builder.UnsafeAppend(missing_steps[index]->data(), missing_steps[index]->size());
    }
    const int64_t window_begin = builder.length();
    for (const dgram::DgramBatch& batch : stream) {
      builder.UnsafeAppend(batch.begin()->data(), batch.nbytes());
    }
    const int64_t nbytes = builder.length() - begin;
    if (nbytes > std::numeric_limits<uint32_t>::max()) {
      return status::Invalid("stream ", index, " has ", nbytes,
                             " bytes in the message, a footer can state ",
                             std::numeric_limits<uint32_t>::max());
    }
    MarkEnds(window, static_cast<int>(index), builder.mutable_data() + window_begin,
             builder.mutable_data() + builder.length());
    footer.push_back(static_cast<uint32_t>(nbytes));
  }
  footer.push_back(static_cast<uint32_t>(count));
  builder.UnsafeAppend(footer.data(), static_cast<int64_t>(footer.size() * sizeof(uint32_t)));
  Configurations recorded_under = FirstOf(window.streams);
  for (size_t i = 0; i < missing_steps.size(); ++i) {
    if (missing_steps[i] != nullptr && HasConfigure(*missing_steps[i])) recorded_under[i] = nullptr;
  }
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> bytes, builder.Finish());
  return std::shared_ptr<Buffer>(std::make_shared<Message>(bytes, std::move(recorded_under)));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<SmdWindow> Unpack(const std::shared_ptr<Buffer>& message,
                         const Configurations& configurations, const std::string& source) try {
  if (message == nullptr || !message->is_cpu()) {
    return status::Invalid(source, ": a message needs a buffer that the CPU can read");
  }
  ALKAID_ASSIGN_OR_RAISE(const PacketFooter footer,
                         PacketFooter::Parse(message->data(), message->size(), source, 0));
  if (footer.count() != static_cast<int64_t>(configurations.size())) {
    return dgram::internal::DataFault(source, ": byte ", footer.packets_nbytes(), ": footer of ",
                                      footer.count(), " streams, expected ", configurations.size());
  }
  const auto* const packed_here = dynamic_cast<const Message*>(message.get());
  if (packed_here != nullptr) ALKAID_RETURN_NOT_OK(packed_here->Check(configurations, source));
  SmdWindow window;
  window.configurations = configurations;
  window.ends_are_marked = true;
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
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

StepHistory::StepHistory(int stream_count, PoolHandle pool) : pool_(pool.OrDefault()) {
  for (int i = 0; i < stream_count; ++i) steps_.emplace_back(pool_);
}

Status StepHistory::Add(const SmdWindow& window) try {
  if (window.streams.size() != steps_.size()) {
    return status::Invalid("window of ", window.streams.size(), " streams, the history has ",
                           steps_.size());
  }
  // Makes room for all of them; after that nothing can fail.
  for (size_t i = 0; i < steps_.size(); ++i) {
    int64_t nbytes = 0;
    ForEachStep(window.streams[i], [&](const dgram::Dgram& dgram) { nbytes += dgram.size(); });
    ALKAID_RETURN_NOT_OK(steps_[i].Reserve(nbytes));
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    ForEachStep(window.streams[i], [&](const dgram::Dgram& dgram) {
      steps_[i].UnsafeAppend(dgram.data(), dgram.size());
    });
  }
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

StepHistory::Position StepHistory::position() const {
  Position position;
  for (const BufferBuilder& steps : steps_) position.push_back(steps.length());
  return position;
}

Result<std::vector<std::shared_ptr<Buffer>>> StepHistory::Since(const Position& position) const
    try {
  if (position.size() != steps_.size()) {
    return status::IndexError("position of ", position.size(), " streams, the history has ",
                              steps_.size());
  }
  std::vector<std::shared_ptr<Buffer>> since;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const int64_t nbytes = steps_[i].length() - position[i];
    if (position[i] < 0 || nbytes < 0) {
      return status::IndexError("position ", position[i], " of ", steps_[i].length(),
                                " bytes of transitions of stream ", i);
    }
    since.emplace_back();
    if (nbytes == 0) continue;
    ALKAID_ASSIGN_OR_RAISE(since.back(), AllocateBuffer(nbytes, pool_));
    std::memcpy(since.back()->mutable_data(), steps_[i].data() + position[i],
                static_cast<size_t>(nbytes));
  }
  return since;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::events
