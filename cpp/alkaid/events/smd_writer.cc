#include "alkaid/events/smd_writer.h"

#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "alkaid/dgram/xtc_walk.h"
#include "alkaid/events/smd_record.h"

namespace alkaid::events {
namespace {

// The place of the root's extent, in bytes from the start of a datagram.
constexpr int64_t kExtentAt = 20;
// Time and env, which are copied from every datagram.
constexpr int64_t kTransitionBytes = 12;

// The Xtc that declares the records, as any DgramWriter makes it.
Result<std::string> DeclarationXtc(dgram::NamesId id, PoolHandle pool) {
  ALKAID_ASSIGN_OR_RAISE(const dgram::Names names, SmdInfo::Declaration(id));
  dgram::DgramWriter writer(std::move(pool));
  ALKAID_RETURN_NOT_OK(writer.Begin(dgram::TransitionId::kConfigure, dgram::Timestamp()));
  ALKAID_RETURN_NOT_OK(writer.Declare(names));
  ALKAID_RETURN_NOT_OK(writer.End());
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> bytes, writer.Finish());
  return std::string(reinterpret_cast<const char*>(bytes->data()) + dgram::kDgramHeaderBytes,
                     static_cast<size_t>(bytes->size() - dgram::kDgramHeaderBytes));
}

template <typename T>
void Store(uint8_t* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

void StoreXtc(uint8_t* at, uint32_t src, dgram::TypeId type, int64_t extent) {
  Store(at, src);
  Store(at + 4, uint16_t{0});
  Store(at + 6, static_cast<uint16_t>(type));
  Store(at + 8, static_cast<uint32_t>(extent));
}

// Checks what can be checked of a datagram that is copied as it is.
Status CheckCopied(const dgram::Dgram& dgram) {
  return dgram.configuration() == nullptr ? dgram::CheckExtents(dgram) : dgram::CheckDgram(dgram);
}

}  // namespace

SmdWriter::SmdWriter(SmdWriterOptions options)
    : names_id_(options.names_id), pool_(options.pool.OrDefault()), builder_(pool_) {}

Status SmdWriter::Append(const dgram::Dgram& dgram) try {
  const dgram::TransitionId service = dgram.service();
  if (service == dgram::TransitionId::kConfigure) {
    ALKAID_RETURN_NOT_OK(AppendConfigure(dgram));
    configured_ = true;
  } else if (!configured_) {
    return dgram.Fault(0, absl::StrCat(dgram::TransitionName(service), " before any Configure"));
  } else if (service == dgram::TransitionId::kL1Accept) {
    ALKAID_RETURN_NOT_OK(AppendRecord(dgram));
  } else if (service == dgram::TransitionId::kEndRun) {
    ALKAID_RETURN_NOT_OK(AppendHeader(dgram, dgram::kXtcHeaderBytes));
  } else {
    ALKAID_RETURN_NOT_OK(CheckCopied(dgram));
    ALKAID_RETURN_NOT_OK(builder_.Append(dgram.data(), dgram.size()));
  }
  ++size_;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status SmdWriter::AppendConfigure(const dgram::Dgram& configure) {
  if (configure.damage().corrupted()) {
    return configure.Fault(0,
                           "Configure marked Corrupted: readers would skip it, and miss "
                           "the declaration of the records");
  }
  // Parsed from the Configure itself, since a reader may have left its declarations unread.
  ALKAID_ASSIGN_OR_RAISE(const auto configuration, dgram::Configuration::FromDgram(configure));
  auto origin = std::make_shared<dgram::DgramOrigin>(*configure.origin());
  origin->configuration = configuration;
  ALKAID_RETURN_NOT_OK(dgram::CheckDgram(
      dgram::Dgram(std::move(origin), configure.data(), configure.size(), configure.index())));
  const dgram::Names* const in_use = configuration->Find(names_id_);
  if (in_use != nullptr) {
    return status::AlreadyExists(configure.source(), ": byte ", configure.offset(), " (datagram ",
                                 configure.index(), "): NamesId ", names_id_.ToString(),
                                 ", meant for small-data records, is that of ", in_use->ToString());
  }
  const auto info = SmdInfo::Find(configuration);
  dgram::internal::ThrowIfNoMemory(info.status());
  if (info.ok()) {
    return status::AlreadyExists(configure.source(), ": byte ", configure.offset(), " (datagram ",
                                 configure.index(), "): these are small data already, with records",
                                 " of NamesId ", info->id().ToString());
  }
  if (declaration_.empty()) {
    ALKAID_ASSIGN_OR_RAISE(declaration_, DeclarationXtc(names_id_, pool_));
  }
  const auto added = static_cast<int64_t>(declaration_.size());
  const int64_t extent = int64_t{configure.header().root.extent} + added;
  if (extent > std::numeric_limits<uint32_t>::max()) {
    return status::Invalid(configure.source(), ": byte ", configure.offset(), " (datagram ",
                           configure.index(), "): Configure of extent ", extent - added, " and ",
                           added, " bytes more, the limit is ",
                           std::numeric_limits<uint32_t>::max());
  }
  ALKAID_RETURN_NOT_OK(builder_.Reserve(configure.size() + added));
  ALKAID_RETURN_NOT_OK(AppendHeader(configure, static_cast<uint32_t>(extent)));
  builder_.UnsafeAppend(configure.data() + dgram::kDgramHeaderBytes,
                        configure.size() - dgram::kDgramHeaderBytes);
  builder_.UnsafeAppend(declaration_);
  return absl::OkStatus();
}

Status SmdWriter::AppendRecord(const dgram::Dgram& l1_accept) {
  constexpr int64_t kAt = dgram::kDgramHeaderBytes;
  constexpr int64_t kXtc = dgram::kXtcHeaderBytes;
  std::array<uint8_t, SmdInfo::kDgramBytes> bytes;
  std::memcpy(bytes.data(), l1_accept.data(), kTransitionBytes);
  StoreXtc(bytes.data() + kTransitionBytes, 0, dgram::TypeId::kParent,
           SmdInfo::kDgramBytes - kTransitionBytes);
  StoreXtc(bytes.data() + kAt, names_id_.key(), dgram::TypeId::kShapesData,
           SmdInfo::kDgramBytes - kAt);
  StoreXtc(bytes.data() + kAt + kXtc, 0, dgram::TypeId::kShapes, kXtc);
  StoreXtc(bytes.data() + kAt + 2 * kXtc, 0, dgram::TypeId::kData, kXtc + 16);
  Store(bytes.data() + kAt + 3 * kXtc, static_cast<uint64_t>(l1_accept.offset()));
  Store(bytes.data() + kAt + 3 * kXtc + 8, static_cast<uint64_t>(l1_accept.size()));
  return builder_.Append(bytes.data(), SmdInfo::kDgramBytes);
}

Status SmdWriter::AppendHeader(const dgram::Dgram& dgram, uint32_t extent) {
  std::array<uint8_t, dgram::kDgramHeaderBytes> header;
  std::memcpy(header.data(), dgram.data(), header.size());
  Store(header.data() + kExtentAt, extent);
  return builder_.Append(header.data(), dgram::kDgramHeaderBytes);
}

Result<std::shared_ptr<Buffer>> SmdWriter::Finish() try {
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> made, builder_.Finish());
  size_ = 0;
  return made;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status SmdWriter::Drain(io::OutputStream* out) try {
  ALKAID_RETURN_NOT_OK(out->Write(builder_.data(), builder_.length()));
  builder_.Rewind(0);
  size_ = 0;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::events
