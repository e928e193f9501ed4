#include <algorithm>
#include <string>

#include "alkaid/base/time_text.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/not_xtc2.h"
#include "alkaid/events/big_data_dgram_internal.h"

namespace alkaid::events::internal {
namespace {

// kDataLoss where the group's file is of another kind. Only for a file that was found at fault.
Status CheckKind(const BigDataGroup& group) {
  uint8_t first[dgram::kDgramHeaderBytes];
  const Result<int64_t> got = group.file->file->ReadAt(0, dgram::kDgramHeaderBytes, first);
  const std::string why = got.ok() ? dgram::internal::WhyNotXtc2(first, *got) : std::string();
  if (why.empty()) return absl::OkStatus();
  return dgram::internal::DataFault(group.file->path, ": byte 0 (stream ", group.stream,
                                    "): ", why);
}

// Why a datagram cannot be read that the group's file does not have to its end.
Status Unreadable(const BigDataGroup& group, dgram::Timestamp timestamp) {
  return Status(group.failure.code(),
                absl::StrCat(group.file->path, ": byte ", group.offset + group.there, " (stream ",
                             group.stream, ", timestamp ", timestamp.value(),
                             "): ", group.failure.message()));
}

// Text about the retries and waits before a datagram counts as missing.
std::string Patience(const BigDataReaderOptions& options) {
  if (options.live == nullptr) return absl::StrCat(options.max_retries, " retries");
  const auto silence = options.live->options().silence.value_or(io::LiveOptions::Duration());
  return absl::StrCat(alkaid::internal::DurationText(static_cast<uint64_t>(silence.count())),
                      " in which nothing was written");
}

}  // namespace

Result<dgram::Dgram> FindDgram(const BigDataGroup& group, int64_t at, const SmdRecord& record,
                               dgram::Timestamp timestamp, int64_t index,
                               const BigDataReaderOptions& options) {
  const uint8_t* const data = group.origin->buffer->data() + at;
  const int64_t there = group.there - at;
  if (there >= dgram::kDgramHeaderBytes) {
    const int64_t size = dgram::DgramHeader::SizeOf(data);
    const dgram::Timestamp found(dgram::LoadUnaligned<uint64_t>(data));
    if (size != record.size || found != timestamp) [[unlikely]] {
      ALKAID_RETURN_NOT_OK(CheckKind(group));
      return dgram::internal::DataFault(
          group.file->path, ": byte ", group.offset + at, " (stream ", group.stream,
          "): datagram of ", size, " bytes and timestamp ", found.value(),
          ", its small-data record says ", record.size, " bytes and timestamp ", timestamp.value());
    }
    if (size <= there) [[likely]] {
      return dgram::Dgram(group.origin, data, size, index);
    }
  }
  if (!group.failure.ok()) return Unreadable(group, timestamp);
  ALKAID_RETURN_NOT_OK(CheckKind(group));
  return dgram::internal::DataFault(
      group.file->path, ": byte ", group.offset + at, " (stream ", group.stream, ", timestamp ",
      timestamp.value(), "): datagram of ", record.size, " bytes, the file has ",
      std::max<int64_t>(there, 0), " of them, after ", Patience(options));
}

}  // namespace alkaid::events::internal
