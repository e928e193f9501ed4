#include "alkaid/dgram/configuration_history.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/files/partial_read.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/not_xtc2.h"
#include "alkaid/dgram/source_reader_internal.h"

namespace alkaid::dgram {
namespace {

// Bytes of one read: the headers of many small datagrams, and only a little of a large one.
constexpr int64_t kRead = 16384;

std::string DecimalSeconds(Timestamp time) {
  std::string nanoseconds = std::to_string(time.nanoseconds());
  nanoseconds.insert(0, 9 - std::min<size_t>(9, nanoseconds.size()), '0');
  return absl::StrCat(time.seconds(), ".", nanoseconds);
}

}  // namespace

// Goes from header to header through a file or a stream; its reads only go forward.
class ConfigurationHistory::Walk {
 public:
  static Result<Walk> Open(const std::string& path) {
    Walk walk;
    walk.name_ = path;
    if (io::IsStream(path)) {
      ALKAID_ASSIGN_OR_RAISE(walk.stream_, io::FileInputStream::Open(path));
      walk.name_ = walk.stream_->name();
    } else {
      ALKAID_ASSIGN_OR_RAISE(walk.file_, io::ReadableFile::Open(path));
    }
    return walk;
  }

  const std::string& name() const { return name_; }
  int64_t position() const { return position_; }
  int64_t index() const { return index_; }

  // The bytes at `position()`: `nbytes` of them, or as many as there are. Valid until the next
  // call.
  Result<std::string_view> Peek(int64_t nbytes) {
    const int64_t there = there_ - position_;
    if (there < nbytes) {
      std::string next(static_cast<size_t>(std::max(nbytes, kRead)), '\0');
      if (there > 0) std::memcpy(next.data(), At(position_), static_cast<size_t>(there));
      bytes_ = std::move(next);
      begin_ = position_;
      ALKAID_RETURN_NOT_OK(ReadOn(nbytes - there, bytes_.data() + there));
    }
    return std::string_view(At(position_),
                            static_cast<size_t>(std::min(nbytes, there_ - position_)));
  }
  // Goes past a datagram, of which some bytes may be missing.
  Status Skip(int64_t nbytes) {
    position_ += nbytes;
    ++index_;
    if (position_ <= there_) return absl::OkStatus();
    if (stream_ != nullptr) ALKAID_RETURN_NOT_OK(stream_->Advance(position_ - there_));
    there_ = begin_ = position_;
    return absl::OkStatus();
  }

 private:
  const char* At(int64_t position) const { return bytes_.data() + (position - begin_); }
  // Reads the rest of `bytes_`, of which the first `least` bytes are needed.
  Status ReadOn(int64_t least, char* out) {
    const int64_t room = bytes_.data() + bytes_.size() - out;
    if (stream_ != nullptr) {
      ALKAID_ASSIGN_OR_RAISE(const int64_t got, stream_->Read(room, out));
      there_ += got;
      return absl::OkStatus();
    }
    const io::PartialRead read = io::ReadUpToFailure(*file_, there_, room, out);
    there_ += read.nbytes;
    return read.nbytes < least ? read.failure : absl::OkStatus();
  }

  std::string name_;
  std::shared_ptr<io::RandomAccessFile> file_;
  std::shared_ptr<io::FileInputStream> stream_;
  int64_t position_ = 0;
  int64_t index_ = 0;
  // The bytes that were read: from `begin_` to `there_` of the source.
  std::string bytes_;
  int64_t begin_ = 0;
  int64_t there_ = 0;
};

Result<std::shared_ptr<const ConfigurationHistory>> ConfigurationHistory::Read(
    const std::string& path, int64_t max_dgram_bytes) try {
  ALKAID_ASSIGN_OR_RAISE(Walk walk, Walk::Open(path));
  std::shared_ptr<ConfigurationHistory> history(new ConfigurationHistory(walk.name()));
  while (true) {
    const int64_t at = walk.position();
    ALKAID_ASSIGN_OR_RAISE(std::string_view bytes, walk.Peek(kDgramHeaderBytes));
    if (bytes.empty()) break;
    const auto data = [&] { return reinterpret_cast<const uint8_t*>(bytes.data()); };
    const auto left = [&] { return static_cast<int64_t>(bytes.size()); };
    // For a file of another kind the message says that instead.
    const auto fault = [&](Status status) -> Status {
      if (at != 0) return status;
      const std::string why = internal::WhyNotXtc2(data(), left());
      return why.empty() ? status : internal::DgramFault(walk.name(), 0, 0, 0, why);
    };
    const bool whole_header = left() == kDgramHeaderBytes;
    const int64_t size = whole_header ? DgramHeader::SizeOf(data()) : 0;
    if (size < kDgramHeaderBytes) {
      return fault(CheckDgramHeader(data(), left(), walk.name(), at, walk.index()));
    }
    const TransitionId service = DgramHeader::ServiceOf(data());
    if (service == TransitionId::kConfigure) {
      if (size > max_dgram_bytes) {
        return fault(status::OutOfMemory(walk.name(), ": byte ", at, " (datagram ", walk.index(),
                                         "): datagram of ", size, " bytes, the limit is ",
                                         max_dgram_bytes, internal::kDgramLimitOption));
      }
      ALKAID_ASSIGN_OR_RAISE(bytes, walk.Peek(size));
      const Status whole = CheckDgramHeader(data(), left(), walk.name(), at, walk.index());
      if (!whole.ok()) return fault(whole);
      auto origin = std::make_shared<const DgramOrigin>(
          DgramOrigin{std::make_shared<Buffer>(data(), left()), nullptr, walk.name(), at});
      const Dgram configure(std::move(origin), data(), size, walk.index());
      auto configuration = Configuration::FromDgram(configure);
      if (!configuration.ok()) return fault(configuration.status());
      ALKAID_RETURN_NOT_OK(history->Add(configure.timestamp(), at, *std::move(configuration)));
    } else if (history->entries_.empty()) {
      return fault(
          internal::DgramFault(walk.name(), at, walk.index(), at,
                               absl::StrCat(TransitionName(service), " before any Configure")));
    }
    // If the rest of the last datagram is missing, no bytes follow.
    ALKAID_RETURN_NOT_OK(walk.Skip(size));
  }
  if (history->entries_.empty()) {
    return status::DataLoss(path, ": no Configure: the file is empty");
  }
  return std::shared_ptr<const ConfigurationHistory>(std::move(history));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status ConfigurationHistory::Add(Timestamp from, int64_t byte,
                                 std::shared_ptr<const Configuration> configuration) {
  if (!entries_.empty()) {
    const Entry& last = entries_.back();
    if (last.configuration->DeclaresTheSame(*configuration)) return absl::OkStatus();
    if (from <= last.from) {
      return status::FailedPrecondition(
          name_, ": the Configure of ", DecimalSeconds(from), " at byte ", byte,
          " differs from the one of ", DecimalSeconds(last.from),
          " before it, and is not later: which of them counts for a datagram is not known");
    }
  }
  entries_.push_back({from, std::move(configuration)});
  return absl::OkStatus();
}

std::shared_ptr<const Configuration> ConfigurationHistory::At(Timestamp timestamp) const {
  if (entries_.size() == 1) return entries_.front().configuration;
  const auto later =
      std::upper_bound(entries_.begin(), entries_.end(), timestamp,
                       [](Timestamp time, const Entry& entry) { return time < entry.from; });
  return later == entries_.begin() ? nullptr : std::prev(later)->configuration;
}

std::string ConfigurationHistory::Why(Timestamp timestamp) const {
  return absl::StrCat("of ", DecimalSeconds(timestamp), " is earlier than all ", entries_.size(),
                      " Configures of ", name_, ", the first of ",
                      DecimalSeconds(entries_.front().from),
                      ": which of them declares its fields is not known");
}

}  // namespace alkaid::dgram
