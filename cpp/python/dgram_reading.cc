#include "dgram_reading.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "errors.h"
#include "owners.h"

namespace alkaid::python {
namespace {

using dgram::Configuration;
using dgram::Dgram;
using dgram::DgramOrigin;

// Reads until it has `nbytes` or the file ends. Returns the bytes read, or -1 with errno.
int64_t ReadAll(const DgramReading& reading, int64_t skip, int64_t nbytes, uint8_t* out) {
  int64_t got = 0;
  while (got < nbytes) {
    const auto left = static_cast<size_t>(nbytes - got);
    const ssize_t n = reading.offset.has_value()
                          ? ::pread(reading.file_descriptor, out + got, left,
                                    static_cast<off_t>(*reading.offset + skip + got))
                          : ::read(reading.file_descriptor, out + got, left);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    got += n;
  }
  return got;
}

Status Failed(const std::string& source) {
  return alkaid::internal::MakeErrnoStatus(errno, {"reading from ", source});
}

// Null at the end of the file.
Result<std::shared_ptr<Buffer>> ReadBytes(const DgramReading& reading, const std::string& source,
                                          int64_t at) {
  std::array<uint8_t, dgram::kDgramHeaderBytes> header = {};
  const int64_t there = ReadAll(reading, 0, dgram::kDgramHeaderBytes, header.data());
  if (there < 0) return Failed(source);
  if (there == 0) return std::shared_ptr<Buffer>();
  // Checked before the rest is read: the header says how much that is.
  ALKAID_RETURN_NOT_OK(dgram::CheckDgramHeader(
      header.data(), there < dgram::kDgramHeaderBytes ? there : dgram::DgramHeader::kMaxBytes,
      source, at, 0));
  const int64_t size = dgram::DgramHeader::SizeOf(header.data());
  if (size > reading.max_bytes) {
    return status::OutOfMemory(source, ": byte ", at, ": datagram of ", size,
                               " bytes, max_dgram_size is ", reading.max_bytes);
  }
  if (reading.size != 0 && size != reading.size) {
    return status::DataLoss(source, ": byte ", at, ": datagram of ", size, " bytes, size is ",
                            reading.size);
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, AllocateBuffer(size));
  std::memcpy(buffer->mutable_data(), header.data(), header.size());
  const int64_t left = size - dgram::kDgramHeaderBytes;
  const int64_t got = ReadAll(reading, dgram::kDgramHeaderBytes, left,
                              buffer->mutable_data() + dgram::kDgramHeaderBytes);
  if (got < 0) return Failed(source);
  if (got < left) {
    ALKAID_RETURN_NOT_OK(
        dgram::CheckDgramHeader(buffer->data(), dgram::kDgramHeaderBytes + got, source, at, 0));
  }
  return buffer;
}

Result<std::shared_ptr<const DgramOrigin>> Read(
    const DgramReading& reading, std::shared_ptr<const Configuration> configuration) {
  const std::string source = "file descriptor " + std::to_string(reading.file_descriptor);
  int64_t at = 0;
  if (reading.offset.has_value()) {
    at = *reading.offset;
  } else {
    const off_t place = ::lseek(reading.file_descriptor, 0, SEEK_CUR);
    at = place < 0 ? 0 : place;
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, ReadBytes(reading, source, at));
  if (buffer == nullptr) return std::shared_ptr<const DgramOrigin>();
  const int64_t size = buffer->size();
  DgramOrigin made{std::move(buffer), std::move(configuration), source, at, true};
  if (dgram::DgramHeader::ServiceOf(made.buffer->data()) == dgram::TransitionId::kConfigure) {
    const bool given = made.configuration != nullptr;
    made.configuration = nullptr;
    const auto plain = std::make_shared<const DgramOrigin>(made);
    auto own = Configuration::FromDgram(Dgram(plain, plain->buffer->data(), size, 0));
    if (!own.ok() && !given) return own.status();
    if (own.ok()) made.configuration = *std::move(own);
  }
  return std::make_shared<const DgramOrigin>(std::move(made));
}

}  // namespace

std::shared_ptr<const DgramOrigin> ReadDgram(const DgramReading& reading,
                                             std::shared_ptr<const Configuration> configuration) {
  std::optional<Result<std::shared_ptr<const DgramOrigin>>> read;
  {
    const WithoutGil free;
    read.emplace(Read(reading, std::move(configuration)));
  }
  if (!read->ok()) {
    RaiseOfFile(read->status());
    return nullptr;
  }
  if (**read == nullptr) PyErr_SetNone(PyExc_StopIteration);
  return **std::move(read);
}

}  // namespace alkaid::python
