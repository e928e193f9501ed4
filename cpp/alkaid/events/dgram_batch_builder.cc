#include "alkaid/events/dgram_batch_builder.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <new>
#include <utility>

#include "alkaid/base/first_made.h"
#include "alkaid/core/buffers/cpu_device.h"
#include "alkaid/core/observers/label.h"

namespace alkaid::events {
namespace {

constexpr int64_t kMaxInFooter = std::numeric_limits<uint32_t>::max();

// A finished batch of `nbytes` keeps unused capacity of at most a quarter of its bytes.
bool WorthShrinking(const BufferBuilder& builder, int64_t nbytes) {
  return builder.capacity() > nbytes + nbytes / 4 + 4096;
}

}  // namespace

// Finds the datagram in the batch by the footers, and its place by the recorded places.
class DgramBatchBuilder::Places final : public dgram::DgramPlaces {
 public:
  explicit Places(const std::vector<Place>& places) : count_(places.size()) {
    if (count_ > few_.size()) {
      many_ = places;
    } else {
      std::copy(places.begin(), places.end(), few_.begin());
    }
  }

  int64_t ByteOf(const Buffer& buffer, int64_t at) const override {
    const auto word = [&](int64_t byte) {
      return int64_t{dgram::LoadUnaligned<uint32_t>(buffer.data() + byte)};
    };
    constexpr int64_t kWord = sizeof(uint32_t);
    const int64_t events = word(buffer.size() - kWord);
    const int64_t footer = buffer.size() - PacketFooter::BytesFor(events);
    // The datagram's event and stream.
    int64_t event = 0;
    int64_t end = word(footer);
    while (end <= at) end += word(footer + kWord * ++event);
    const int64_t streams = word(end - kWord);
    int64_t begin = end - word(footer + kWord * event);
    const int64_t sizes = end - PacketFooter::BytesFor(streams);
    int64_t stream = 0;
    while (begin < at) begin += word(sizes + kWord * stream++);
    while (word(sizes + kWord * stream) == 0) ++stream;

    const auto is_its = [&](const Place& place) {
      return place.stream == stream && place.first_event <= event;
    };
    const std::span<const Place> places(many_.empty() ? few_.data() : many_.data(), count_);
    const auto place = std::find_if(places.rbegin(), places.rend(), is_its);
    if (place == places.rend() || place->byte == kNoPlace) return -1;
    // Adds all datagrams of the stream in between.
    int64_t byte = place->byte;
    end -= word(footer + kWord * event);
    for (int64_t i = event - 1; i >= place->first_event; --i) {
      byte += word(end - PacketFooter::BytesFor(streams) + kWord * stream);
      end -= word(footer + kWord * i);
    }
    return byte;
  }

 private:
  const size_t count_;
  // A few places take no memory of their own.
  std::array<Place, 4> few_;
  std::vector<Place> many_;
};

DgramBatchBuilder::DgramBatchBuilder(int stream_count, PoolHandle pool)
    : pool_(pool.OrDefault()),
      bytes_(pool_),
      offsets_(pool_),
      open_(static_cast<size_t>(stream_count)),
      parts_(static_cast<size_t>(stream_count)) {
  epochs_.push_back({0, std::vector<Stream>(open_.size(), Stream{nullptr, "batch of events"})});
}

void DgramBatchBuilder::SetConfiguration(
    int stream, const std::shared_ptr<const dgram::Configuration>& configuration,
    const std::string& source) {
  if (epochs_.back().streams[static_cast<size_t>(stream)].configuration == configuration) return;
  SetStream(stream, configuration, source);
}

void DgramBatchBuilder::BeginPiece(int stream,
                                   const std::shared_ptr<const dgram::Configuration>& configuration,
                                   const std::string& source, int64_t byte) {
  const Stream& now = epochs_.back().streams[static_cast<size_t>(stream)];
  if (now.configuration != configuration || now.source != source) {
    SetStream(stream, configuration, source);
  }
  SetPlace(stream, byte);
}

void DgramBatchBuilder::SetPlace(int stream, int64_t byte) {
  for (auto place = places_.rbegin(); place != places_.rend(); ++place) {
    if (place->first_event != size()) break;
    if (place->stream != stream) continue;
    place->byte = byte;
    return;
  }
  places_.push_back({size(), stream, byte});
}

void DgramBatchBuilder::SetStream(int stream,
                                  const std::shared_ptr<const dgram::Configuration>& configuration,
                                  const std::string& source) {
  const auto index = static_cast<size_t>(stream);
  Stream now{configuration, source};
  if (epochs_.back().first_event == size()) {
    epochs_.back().streams[index] = std::move(now);
    return;
  }
  Epoch next{size(), epochs_.back().streams};
  next.streams[index] = std::move(now);
  epochs_.push_back(std::move(next));
}

Status DgramBatchBuilder::Append(int stream, dgram::Dgram&& dgram) try {
  if (stream < 0 || stream >= stream_count()) {
    return status::IndexError("datagram for stream ", stream, " of a batch of ", stream_count(),
                              " streams");
  }
  dgram::Dgram& place = open_[static_cast<size_t>(stream)];
  if (place.data() != nullptr) {
    return status::AlreadyExists("stream ", stream, " has a datagram of timestamp ",
                                 place.timestamp().value(), " in this event already");
  }
  if (dgram.data() == nullptr) return status::Invalid("no datagram for stream ", stream);
  if (dgram.size() > kMaxInFooter) {
    return status::Invalid("datagram of ", dgram.size(), " bytes, a footer can state ",
                           kMaxInFooter);
  }
  for (const dgram::Dgram& other : open_) {
    if (other.data() != nullptr && other.timestamp() != dgram.timestamp()) {
      return status::Invalid("datagram of timestamp ", dgram.timestamp().value(), " for stream ",
                             stream, ", the event has ", other.timestamp().value());
    }
  }
  place = std::move(dgram);
  is_open_ = true;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void DgramBatchBuilder::DropEvent() {
  for (dgram::Dgram& dgram : open_) dgram = dgram::Dgram();
  is_open_ = false;
}

bool DgramBatchBuilder::Adopt(dgram::Dgram* dgram) {
  if (!dgram->owns_memory() || dgram->origin().use_count() != 1) return false;
  std::weak_ptr<Buffer> held_once = dgram->origin()->buffer;
  // Only the last holder may write after the bytes; and the batch must come from the builder's
  // pool, as promised.
  if (held_once.use_count() != 1) return false;
  auto resizable = std::dynamic_pointer_cast<ResizableBuffer>(held_once.lock());
  if (resizable == nullptr) return false;
  const auto manager = std::dynamic_pointer_cast<CPUMemoryManager>(resizable->memory_manager());
  if (manager == nullptr || manager->pool() != pool_.get()) return false;
  *dgram = dgram::Dgram();
  bytes_ = BufferBuilder(std::move(resizable), pool_);
  return true;
}

Status DgramBatchBuilder::EndEvent() {
  Status status;
  try {
    status = CloseEvent();
  } catch (const std::bad_alloc&) {
    status = status::NoMemory();
  } catch (...) {
    DropEvent();
    throw;
  }
  DropEvent();
  return status;
}

Status DgramBatchBuilder::CloseEvent() {
  static constinit alkaid::internal::FirstMade<const Label> label;
  const ScopedDefaultLabel scope(
      *label.Get([] { return new const Label(Label::Intern("events.batch")); }));
  if (!is_open_) return status::FailedPrecondition("EndEvent while no datagram was appended");
  size_t first = open_.size();
  for (size_t i = open_.size(); i-- > 0;) {
    parts_[i] = {open_[i].data(), open_[i].size()};
    if (open_[i].data() == nullptr) continue;
    first = i;
    SetConfiguration(static_cast<int>(i), open_[i].configuration(), open_[i].source());
  }
  const bool fresh = bytes_.length() == 0 && bytes_.capacity() == 0;
  const int64_t adopted = fresh && Adopt(&open_[first]) ? parts_[first].nbytes : 0;
  return Write(parts_, adopted);
}

Status DgramBatchBuilder::Reserve(int64_t nbytes) try {
  if (size() == 0) {
    const int64_t length = *std::max_element(last_lengths_.begin(), last_lengths_.end());
    const int64_t events = *std::max_element(last_sizes_.begin(), last_sizes_.end());
    ALKAID_RETURN_NOT_OK(bytes_.Reserve(std::max(length, nbytes)));
    return offsets_.Reserve(std::max<int64_t>(events, 1));
  }
  ALKAID_RETURN_NOT_OK(bytes_.Reserve(nbytes));
  return offsets_.Reserve(1);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramBatchBuilder::AppendEvent(std::span<const DgramBytes> dgrams) try {
  return Write(dgrams, 0);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramBatchBuilder::Write(std::span<const DgramBytes> dgrams, int64_t adopted) {
  int64_t nbytes = PacketFooter::BytesFor(static_cast<int64_t>(dgrams.size()));
  for (const DgramBytes& dgram : dgrams) nbytes += dgram.nbytes;
  const int64_t begin = bytes_.length() - adopted;
  Status status = Reserve(nbytes - adopted);
  if (nbytes > kMaxInFooter || size() == kMaxInFooter) [[unlikely]] {
    status = status::Invalid("event ", size(), " of ", nbytes, " bytes; a footer can state ",
                             kMaxInFooter, " bytes and as many events");
  }
  if (!status.ok()) [[unlikely]] {
    if (adopted > 0) bytes_.Reset();
    return status;
  }
  for (const DgramBytes& dgram : dgrams) {
    // The adopted bytes are the first datagram.
    if (adopted > 0) {
      if (dgram.nbytes > 0) adopted = 0;
      continue;
    }
    bytes_.UnsafeAppend(dgram.data, dgram.nbytes);
  }
  for (const DgramBytes& dgram : dgrams) {
    const auto size = static_cast<uint32_t>(dgram.nbytes);
    bytes_.UnsafeAppend(&size, sizeof(size));
  }
  const auto count = static_cast<uint32_t>(dgrams.size());
  bytes_.UnsafeAppend(&count, sizeof(count));
  offsets_.UnsafeAppend(begin);
  return absl::OkStatus();
}

Status DgramBatchBuilder::AppendEvents(const DgramBatchBuilder& other) try {
  if (other.size() == 0) return absl::OkStatus();
  ALKAID_RETURN_NOT_OK(Reserve(other.length()));
  ALKAID_RETURN_NOT_OK(offsets_.Reserve(other.size()));
  std::vector<Epoch> epochs = other.epochs_;
  for (Epoch& epoch : epochs) epoch.first_event += size();
  epochs_.reserve(epochs_.size() + epochs.size());
  places_.reserve(places_.size() + other.places_.size());

  // Nothing can fail from here on.
  for (Place place : other.places_) {
    place.first_event += size();
    places_.push_back(place);
  }
  const int64_t begin = length();
  for (int64_t i = 0; i < other.size(); ++i) {
    offsets_.UnsafeAppend(begin + other.offsets_.data()[i]);
  }
  bytes_.UnsafeAppend(other.bytes_.data(), other.length());
  std::move(epochs.begin(), epochs.end(), std::back_inserter(epochs_));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

uint8_t* DgramBatchBuilder::mutable_last(int stream) {
  if (size() == 0) return nullptr;
  uint8_t* at = bytes_.mutable_data() + offsets_.data()[size() - 1];
  const uint8_t* const sizes =
      bytes_.data() + bytes_.length() - PacketFooter::BytesFor(stream_count());
  for (int i = 0; i < stream; ++i) at += dgram::LoadUnaligned<uint32_t>(sizes + ptrdiff_t{4} * i);
  return dgram::LoadUnaligned<uint32_t>(sizes + ptrdiff_t{4} * stream) == 0 ? nullptr : at;
}

Result<std::shared_ptr<internal::EventBatchData>> DgramBatchBuilder::PrepareBatch() {
  const int64_t events = size();
  const int64_t footer_nbytes = PacketFooter::BytesFor(events);
  ALKAID_RETURN_NOT_OK(bytes_.Reserve(footer_nbytes));
  ALKAID_RETURN_NOT_OK(offsets_.Reserve(1));
  auto data = std::make_shared<internal::EventBatchData>();
  data->size = events;
  data->stream_count = stream_count();
  data->epochs.reserve(epochs_.size());
  const auto places = std::make_shared<const Places>(places_);
  for (const Epoch& epoch : epochs_) {
    internal::EventBatchData::Epoch made{epoch.first_event, {}};
    made.origins.reserve(epoch.streams.size());
    for (size_t i = 0; i < epoch.streams.size(); ++i) {
      const Stream& stream = epoch.streams[i];
      if (!data->epochs.empty() &&
          data->epochs.back().origins[i]->configuration == stream.configuration &&
          data->epochs.back().origins[i]->source == stream.source) {
        made.origins.push_back(data->epochs.back().origins[i]);
        continue;
      }
      auto origin = std::make_shared<dgram::DgramOrigin>(
          dgram::DgramOrigin{nullptr, stream.configuration, stream.source, 0, false, places});
      made.origins.push_back(std::move(origin));
    }
    data->epochs.push_back(std::move(made));
  }

  const int64_t* const offsets = offsets_.data();
  uint8_t* footer = bytes_.mutable_data() + bytes_.length();
  const auto put = [&](int64_t value) {
    const auto word = static_cast<uint32_t>(value);
    std::memcpy(footer, &word, sizeof(word));
    footer += sizeof(word);
  };
  for (int64_t i = 0; i < events; ++i) {
    put((i + 1 < events ? offsets[i + 1] : bytes_.length()) - offsets[i]);
  }
  put(events);
  return data;
}

std::shared_ptr<Buffer> DgramBatchBuilder::FinishShrunk(int64_t nbytes) {
  try {
    Result<std::shared_ptr<Buffer>> buffer = bytes_.FinishWithLength(nbytes);
    return buffer.ok() ? *std::move(buffer) : nullptr;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

Result<EventBatch> DgramBatchBuilder::Finish() try {
  if (is_open_) return status::FailedPrecondition("Finish while an event is open");
  if (size() == 0) return EventBatch();
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<internal::EventBatchData> prepared, PrepareBatch());
  const int64_t events_nbytes = bytes_.length();
  const int64_t nbytes = events_nbytes + PacketFooter::BytesFor(size());
  // Giving memory back may take memory; a larger batch is better than none. Apart from that nothing
  // can fail from here on: there is room for all that is added.
  internal::EventBatchData& data = *prepared;
  if (WorthShrinking(bytes_, nbytes)) data.buffer = FinishShrunk(nbytes);
  if (data.buffer == nullptr) {
    ALKAID_ASSIGN_OR_RAISE(data.buffer, bytes_.FinishWithLength(nbytes, /*shrink_to_fit=*/false));
  }
  offsets_.UnsafeAppend(events_nbytes);
  ALKAID_ASSIGN_OR_RAISE(data.event_offsets, offsets_.Finish(/*shrink_to_fit=*/false));
  for (const internal::EventBatchData::Epoch& epoch : data.epochs) {
    // Nobody else has seen them yet.
    for (const auto& origin : epoch.origins) {
      const_cast<dgram::DgramOrigin&>(*origin).buffer = data.buffer;
    }
  }

  const auto slot = static_cast<size_t>(next_remembered_);
  last_lengths_[slot] = nbytes;
  last_sizes_[slot] = data.size + 1;
  next_remembered_ = (next_remembered_ + 1) % kRemembered;
  epochs_.erase(epochs_.begin(), epochs_.end() - 1);
  epochs_.front().first_event = 0;
  places_.clear();
  return EventBatch(std::move(prepared));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::events
