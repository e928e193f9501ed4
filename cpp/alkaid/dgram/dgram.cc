#include "alkaid/dgram/dgram.h"

#include <cstring>
#include <new>
#include <utility>

#include "alkaid/dgram/data_fault.h"

namespace alkaid::dgram {

DgramPlaces::~DgramPlaces() = default;

namespace internal {

Status DgramFault(const std::string& source, int64_t byte, int64_t index, int64_t dgram_byte,
                  const std::string& what) {
  return internal::DataFault(source, ": byte ", byte, " (datagram ", index, " at byte ", dgram_byte,
                             "): ", what);
}

int64_t SourceByteOf(const Dgram& dgram) {
  const DgramOrigin& origin = *dgram.origin();
  return origin.places == nullptr
             ? dgram.offset()
             : origin.places->ByteOf(*origin.buffer, dgram.data() - origin.buffer->data());
}

Status DgramFault(const Dgram& dgram, int64_t at, const std::string& what) {
  if (dgram.origin()->index_is_of_event) {
    return DataFault(dgram.source(), ": byte ", dgram.offset() + at, " (datagram at byte ",
                     dgram.offset(), ", event ", dgram.index(), "): ", what);
  }
  if (dgram.origin()->places == nullptr) {
    return DgramFault(dgram.source(), dgram.offset() + at, dgram.index(), dgram.offset(), what);
  }
  const int64_t byte = SourceByteOf(dgram);
  if (byte < 0) {
    const int64_t in_batch = dgram.data() - dgram.origin()->buffer->data();
    return DataFault(dgram.source(), ": byte ", in_batch + at, " of a batch made from it (event ",
                     dgram.index(), ", timestamp ", dgram.timestamp().value(), "): ", what);
  }
  return DataFault(dgram.source(), ": byte ", byte + at, " (datagram at byte ", byte, ", event ",
                   dgram.index(), " of its batch): ", what);
}

}  // namespace internal

Status CheckDgramHeader(const uint8_t* data, int64_t left, const std::string& source,
                        int64_t offset, int64_t index) try {
  const auto fault = [&](const std::string& what) {
    return internal::DgramFault(source, offset, index, offset, what);
  };
  if (left < kDgramHeaderBytes) {
    return fault(absl::StrCat("partial datagram: ", left, " bytes are left, a header has ",
                              kDgramHeaderBytes));
  }
  const int64_t size = DgramHeader::SizeOf(data);
  if (size < kDgramHeaderBytes) {
    return fault(absl::StrCat("datagram of extent ", size - (kDgramHeaderBytes - kXtcHeaderBytes),
                              ", the least is ", kXtcHeaderBytes));
  }
  if (size > left) {
    return fault(absl::StrCat("partial datagram: ", left, " of ", size, " bytes are there"));
  }
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<Dgram> Dgram::Make(std::shared_ptr<Buffer> buffer, int64_t offset,
                          std::shared_ptr<const Configuration> configuration, std::string source,
                          int64_t index) try {
  if (buffer == nullptr) return status::Invalid("a datagram needs a buffer, and has null");
  if (!buffer->is_cpu()) {
    return status::Invalid("a datagram needs a buffer that the CPU can read; this one is on ",
                           buffer->device()->ToString());
  }
  if (offset < 0 || offset > buffer->size()) {
    return status::IndexError("datagram at byte ", offset, " of a buffer of ", buffer->size());
  }
  const uint8_t* const data = buffer->data() + offset;
  ALKAID_RETURN_NOT_OK(CheckDgramHeader(data, buffer->size() - offset, source, offset, index));

  auto origin = std::make_shared<DgramOrigin>(
      DgramOrigin{std::move(buffer), std::move(configuration), std::move(source), 0});
  Dgram dgram(origin, data, DgramHeader::SizeOf(data), index);
  if (dgram.service() == TransitionId::kConfigure) {
    const bool given = origin->configuration != nullptr;
    Result<std::shared_ptr<const Configuration>> own = Configuration::FromDgram(dgram);
    internal::ThrowIfNoMemory(own.status());
    if (!own.ok() && !given) return own.status();
    // The given Configuration is kept where it declares the same: FieldHandles belong to one
    // object.
    if (!own.ok()) {
      origin->configuration = nullptr;
    } else if (!given || !origin->configuration->DeclaresTheSame(**own)) {
      origin->configuration = *std::move(own);
    }
  }
  return dgram;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<Dgram> Dgram::MakeOwned(std::shared_ptr<Buffer> buffer,
                               std::shared_ptr<const Configuration> configuration,
                               std::string source, int64_t index) try {
  const int64_t there = buffer != nullptr ? buffer->size() : 0;
  ALKAID_ASSIGN_OR_RAISE(
      Dgram dgram, Make(std::move(buffer), 0, std::move(configuration), std::move(source), index));
  if (dgram.size() != there) {
    return dgram.Fault(dgram.size(), absl::StrCat("a datagram of ", dgram.size(),
                                                  " bytes cannot own a buffer of ", there));
  }
  DgramOrigin origin = *dgram.origin_;
  origin.one_dgram = true;
  return Dgram(std::make_shared<const DgramOrigin>(std::move(origin)), dgram.data_, dgram.size_,
               dgram.index_);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<Dgram> Dgram::Copy(PoolHandle pool) const try {
  // Resizable, so that a batch builder that the copy is moved into can append after its bytes.
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<ResizableBuffer> copy,
                         AllocateResizableBuffer(size_, std::move(pool)));
  std::memcpy(copy->mutable_data(), data_, static_cast<size_t>(size_));
  const uint8_t* const data = copy->data();
  const int64_t place = origin_->places == nullptr ? -1 : internal::SourceByteOf(*this);
  auto origin = std::make_shared<DgramOrigin>();
  origin->buffer = std::move(copy);
  origin->configuration = origin_->configuration;
  origin->source = origin_->source;
  origin->buffer_offset = place >= 0 ? place : offset();
  origin->one_dgram = true;
  origin->index_is_of_event = origin_->index_is_of_event || place >= 0;
  return Dgram(std::move(origin), data, size_, index_);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<bool> Dgram::CompactIfBelow(double ratio, PoolHandle pool) try {
  if (origin_ == nullptr) return status::Invalid("CompactIfBelow of no datagram");
  // An origin without a buffer keeps no memory that could be freed.
  const int64_t held = origin_->buffer != nullptr ? origin_->buffer->root_capacity() : size_;
  ALKAID_ASSIGN_OR_RAISE(const bool worth, alkaid::internal::IsWorthCompacting(size_, held, ratio));
  if (!worth) return false;
  ALKAID_ASSIGN_OR_RAISE(*this, Copy(std::move(pool)));
  return true;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status Dgram::Fault(int64_t at, const std::string& what) const try {
  return internal::DgramFault(*this, at, what);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
