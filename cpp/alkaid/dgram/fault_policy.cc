#include "alkaid/dgram/fault_policy.h"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/xtc_walk.h"

namespace alkaid::dgram {

const char* ToString(OnFault on_fault) {
  switch (on_fault) {
    case OnFault::kStop:
      return "stop";
    case OnFault::kSkipDatagram:
      return "skip-datagram";
    case OnFault::kResync:
      return "resync";
  }
  return "unknown";
}

std::string Skipped::ToString() const {
  std::string text = absl::StrCat(source, ": byte ", byte, " (datagram ", dgram_index,
                                  "): ", nbytes, " bytes were skipped");
  if (timestamp.has_value()) absl::StrAppend(&text, ", timestamp ", timestamp->value());
  if (previous.has_value()) absl::StrAppend(&text, ", after ", previous->value());
  return absl::StrCat(text, ": ", why);
}

namespace internal {
namespace {

// Bytes that one read searches for the next header.
constexpr int64_t kSearched = int64_t{64} << 10;

// The first `count` datagrams of `batch`, which are `nbytes`; Tail gives the rest.
DgramBatch Head(const DgramBatch& batch, int64_t count, int64_t nbytes) {
  return DgramBatch(batch.origin(), batch.begin()->data(), nbytes, count, batch.first_index());
}
DgramBatch Tail(const DgramBatch& batch, int64_t count, int64_t nbytes) {
  if (count == batch.size()) return DgramBatch();
  return DgramBatch(batch.origin(), batch.begin()->data() + nbytes, batch.nbytes() - nbytes,
                    batch.size() - count, batch.first_index() + count);
}

// Reads with a reader that stops at faults, and opens another after each fault.
class SkippingReader final : public BatchReader {
 public:
  SkippingReader(SkippingSource source, BatchReaderOptions options)
      : source_(std::move(source)), options_(std::move(options)), history_(options_.history) {}

  Status Start() {
    ALKAID_ASSIGN_OR_RAISE(inner_, source_.open(Stopping(options_)));
    return absl::OkStatus();
  }

  Result<DgramBatch> Next() override try {
    while (true) {
      if (batch_.empty()) {
        Result<DgramBatch> next = inner_->Next();
        if (!next.ok()) {
          ALKAID_RETURN_NOT_OK(GoOnBehind(next.status()));
          continue;
        }
        if (next->empty()) return DgramBatch();
        batch_ = *std::move(next);
        if (batch_.begin()->service() == TransitionId::kConfigure) history_ = nullptr;
      }
      ALKAID_ASSIGN_OR_RAISE(DgramBatch sound, TakeSound());
      if (!sound.empty()) return sound;
    }
  } catch (const std::bad_alloc&) {
    return status::NoMemory();
  }

  const std::shared_ptr<const Configuration>& configuration() const override {
    return inner_->configuration();
  }
  int64_t position() const override {
    return batch_.empty() ? inner_->position() : batch_.offset();
  }
  int64_t next_index() const override {
    return batch_.empty() ? inner_->next_index() : batch_.first_index();
  }
  int64_t end() const override { return inner_->end(); }
  MemoryPool* pool() const override { return inner_->pool(); }

 private:
  // Asks for datagrams before any Configure too: they are judged here, many at a time.
  static BatchReaderOptions Stopping(BatchReaderOptions options) {
    options.on_fault = OnFault::kStop;
    options.on_skip = nullptr;
    options.require_configuration = false;
    return options;
  }

  const std::shared_ptr<const Configuration>& ConfigurationInForce() const {
    return batch_.empty() ? inner_->configuration() : batch_.origin()->configuration;
  }

  Status Check(const Dgram& dgram) const {
    const bool extents_alone = dgram.configuration() == nullptr && !options_.require_configuration;
    return extents_alone ? CheckExtents(dgram) : CheckDgram(dgram);
  }

  // The sound datagrams at the front of the batch. Where there are none, skips what is not sound
  // and returns an empty batch.
  Result<DgramBatch> TakeSound() {
    int64_t count = 0;
    int64_t nbytes = 0;
    Timestamp last;
    std::optional<Timestamp> latest = latest_;
    std::optional<Timestamp> not_before = not_before_;
    Status fault;
    for (const Dgram& dgram : batch_) {
      fault = Check(dgram);
      ThrowIfNoMemory(fault);
      if (!fault.ok()) break;
      last = dgram.timestamp();
      // Timestamps of Configures may come from another clock.
      if (dgram.service() != TransitionId::kConfigure) {
        not_before = std::min(last, latest.value_or(last));
        latest = last;
      }
      ++count;
      nbytes += dgram.size();
    }
    if (count > 0) {
      DgramBatch sound = Head(batch_, count, nbytes);
      batch_ = Tail(batch_, count, nbytes);
      previous_ = last;
      latest_ = latest;
      if (!searched_) not_before_ = not_before;
      return sound;
    }
    const Dgram malformed = *batch_.begin();
    const int64_t at = malformed.offset();
    ALKAID_ASSIGN_OR_RAISE(const bool sound_extent, EndsWhereItSays(at, malformed.size()));
    if (!sound_extent) {
      ALKAID_RETURN_NOT_OK(Resync(at, malformed.index(), fault));
      return DgramBatch();
    }
    Tell(at, malformed.size(), malformed.index(), malformed.timestamp(), fault);
    batch_ = Tail(batch_, 1, malformed.size());
    return DgramBatch();
  }

  // After the reader stopped at a fault: goes on after it, or returns it where that is not
  // possible.
  Status GoOnBehind(const Status& fault) {
    const int64_t at = inner_->position();
    const int64_t left = inner_->end() - at;
    const int64_t index = inner_->next_index();
    if (left <= 0) return fault;
    std::optional<Header> header;
    if (left >= kDgramHeaderBytes) {
      ALKAID_ASSIGN_OR_RAISE(header, HeaderAt(at));
    }
    const bool too_large = header && header->size > options_.max_dgram_bytes;
    if (fault.code() != StatusCode::kDataLoss &&
        !(too_large && options_.on_fault == OnFault::kResync &&
          fault.code() == StatusCode::kResourceExhausted)) {
      return fault;
    }
    const bool fits = header && header->size >= kDgramHeaderBytes && header->size <= left;
    if (fits && !too_large) {
      ALKAID_ASSIGN_OR_RAISE(const bool sound_extent, EndsWhereItSays(at, header->size));
      if (sound_extent) {
        // The declarations of a malformed Configure are unknown, and those before it no longer
        // hold.
        ALKAID_ASSIGN_OR_RAISE(auto reader, OpenAt(at + header->size, index + 1, nullptr, nullptr));
        Tell(at, header->size, index, header->timestamp, fault);
        inner_ = std::move(reader);
        history_ = nullptr;
        return absl::OkStatus();
      }
    }
    if (options_.on_fault != OnFault::kResync) return fault;
    return Resync(at, index, fault);
  }

  // Skips from `at` to the next datagram, or to the end.
  Status Resync(int64_t at, int64_t index, const Status& fault) {
    ALKAID_ASSIGN_OR_RAISE(const int64_t next, FindNext(at + 1));
    ALKAID_ASSIGN_OR_RAISE(auto reader, OpenAt(next, index + 1, ConfigurationInForce(), history_));
    Tell(at, next - at, index, std::nullopt, fault);
    inner_ = std::move(reader);
    batch_ = DgramBatch();
    searched_ = true;
    return absl::OkStatus();
  }

  Result<std::unique_ptr<BatchReader>> OpenAt(
      int64_t position, int64_t index, std::shared_ptr<const Configuration> configuration,
      std::shared_ptr<const ConfigurationHistory> history) const {
    BatchReaderOptions options = Stopping(options_);
    options.begin = position;
    options.end = inner_->end();
    options.first_index = index;
    options.configuration = std::move(configuration);
    options.history = std::move(history);
    return source_.open(std::move(options));
  }

  void Tell(int64_t byte, int64_t nbytes, int64_t index, std::optional<Timestamp> timestamp,
            const Status& fault) const {
    if (!options_.on_skip) return;
    options_.on_skip({options_.name, byte, nbytes, index, timestamp, previous_,
                      alkaid::internal::MessageOf(fault)});
  }

  struct Header {
    Timestamp timestamp;
    TransitionId service;
    uint16_t contains;
    int64_t size;

    static Header Read(const uint8_t* bytes) {
      return {Timestamp(LoadUnaligned<uint64_t>(bytes)), DgramHeader::ServiceOf(bytes),
              LoadUnaligned<uint16_t>(bytes + 18), DgramHeader::SizeOf(bytes)};
    }
  };
  // Reads the header at a place that has as many bytes.
  Result<Header> HeaderAt(int64_t position) const {
    uint8_t bytes[kDgramHeaderBytes];
    ALKAID_ASSIGN_OR_RAISE(const int64_t got, source_.read(position, kDgramHeaderBytes, bytes));
    if (got < kDgramHeaderBytes) {
      return DgramFault(options_.name, position, 0, position, "the source has shrunk");
    }
    return Header::Read(bytes);
  }

  // Whether the bytes at `position` may be a header.
  bool IsPlausible(const Header& header, int64_t position) const {
    return header.contains == static_cast<uint16_t>(TypeId::kParent) &&
           header.size >= kDgramHeaderBytes && header.size <= inner_->end() - position &&
           header.size <= options_.max_dgram_bytes &&
           header.timestamp.nanoseconds() < 1'000'000'000 &&
           header.service <= TransitionId::kL1Accept &&
           (!not_before_.has_value() || header.timestamp >= *not_before_);
  }

  Result<bool> HeaderFollows(int64_t position) const {
    if (position == inner_->end()) return true;
    if (inner_->end() - position < kDgramHeaderBytes) return false;
    ALKAID_ASSIGN_OR_RAISE(const Header header, HeaderAt(position));
    return IsPlausible(header, position);
  }

  // Whether a malformed datagram's extent may be believed: kSkipDatagram always believes it.
  Result<bool> EndsWhereItSays(int64_t position, int64_t size) const {
    if (options_.on_fault == OnFault::kSkipDatagram) return true;
    return HeaderFollows(position + size);
  }

  // Whether data of a detector that the Configuration declares follow the header.
  Result<bool> BeginsWithDeclaredData(const Header& header, int64_t position) const {
    if (ConfigurationInForce() == nullptr || header.size < kDgramHeaderBytes + kXtcHeaderBytes) {
      return false;
    }
    uint8_t bytes[kXtcHeaderBytes];
    ALKAID_ASSIGN_OR_RAISE(const int64_t got,
                           source_.read(position + kDgramHeaderBytes, kXtcHeaderBytes, bytes));
    if (got < kXtcHeaderBytes) return false;
    const Xtc xtc = Xtc::Read(bytes);
    return xtc.type() == TypeId::kShapesData &&
           ConfigurationInForce()->Find(NamesId(xtc.src)) != nullptr;
  }

  // Whether the datagram of this header passes the check in fault_policy.h.
  Result<bool> Stands(const Header& header, int64_t position) const {
    ALKAID_ASSIGN_OR_RAISE(const bool follows, HeaderFollows(position + header.size));
    const auto& configuration = ConfigurationInForce();
    const bool is_configure = header.service == TransitionId::kConfigure;
    if (!follows) {
      if (is_configure) return false;
      ALKAID_ASSIGN_OR_RAISE(const bool declared, BeginsWithDeclaredData(header, position));
      if (!declared) return false;
    }
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> bytes,
                           AllocateBuffer(header.size, inner_->pool()));
    ALKAID_ASSIGN_OR_RAISE(const int64_t got,
                           source_.read(position, header.size, bytes->mutable_data()));
    if (got < header.size) return false;
    const Result<Dgram> dgram =
        Dgram::Make(std::move(bytes), 0, is_configure ? nullptr : configuration, options_.name);
    ThrowIfNoMemory(dgram.status());
    if (!dgram.ok()) return false;
    const Status sound =
        dgram->configuration() != nullptr ? CheckDgram(*dgram) : CheckExtents(*dgram);
    ThrowIfNoMemory(sound);
    return sound.ok();
  }

  // The first place from `position` on where a datagram begins; else the end.
  Result<int64_t> FindNext(int64_t position) const {
    const int64_t end = inner_->end();
    std::vector<uint8_t> block(static_cast<size_t>(kSearched));
    while (end - position >= kDgramHeaderBytes) {
      const int64_t want = std::min(kSearched, end - position);
      ALKAID_ASSIGN_OR_RAISE(const int64_t got, source_.read(position, want, block.data()));
      const int64_t places = got - kDgramHeaderBytes + 1;
      if (places <= 0) break;
      for (int64_t i = 0; i < places; ++i) {
        const Header header = Header::Read(block.data() + i);
        if (!IsPlausible(header, position + i)) continue;
        ALKAID_ASSIGN_OR_RAISE(const bool stands, Stands(header, position + i));
        if (stands) return position + i;
      }
      position += places;
    }
    return end;
  }

  const SkippingSource source_;
  const BatchReaderOptions options_;
  std::unique_ptr<BatchReader> inner_;
  // What was read and is not given out yet.
  DgramBatch batch_;
  // The timestamp of the last sound datagram, and of the last one that is no Configure.
  std::optional<Timestamp> previous_;
  std::optional<Timestamp> latest_;
  // The earliest timestamp that a search accepts: the earlier of the last two before the first
  // search. Later datagrams do not move it, since they may be wrong: one late timestamp would hide
  // everything that follows.
  std::optional<Timestamp> not_before_;
  bool searched_ = false;
  // The Configurations by time, until a Configure was read.
  std::shared_ptr<const ConfigurationHistory> history_;
};

}  // namespace

Result<std::unique_ptr<BatchReader>> OpenSkipping(SkippingSource source,
                                                  BatchReaderOptions options) {
  auto reader = std::make_unique<SkippingReader>(std::move(source), std::move(options));
  ALKAID_RETURN_NOT_OK(reader->Start());
  return reader;
}

}  // namespace internal

}  // namespace alkaid::dgram
