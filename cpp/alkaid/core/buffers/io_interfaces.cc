#include "alkaid/core/buffers/io_interfaces.h"

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_checks_internal.h"

namespace alkaid::io {

FileInterface::~FileInterface() = default;
Seekable::~Seekable() = default;
Readable::~Readable() = default;
Writable::~Writable() = default;

Status FileInterface::Abort() { return Close(); }

Status Writable::Write(const std::shared_ptr<Buffer>& data) try {
  if (data == nullptr) return status::Invalid("Writable::Write: the buffer is null");
  if (!data->is_cpu()) {
    return status::Invalid("Writable::Write: the CPU cannot read the buffer, which is on ",
                           data->device()->ToString());
  }
  return Write(data->data(), data->size());
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status Writable::Flush() { return absl::OkStatus(); }

Status InputStream::Advance(int64_t nbytes) try {
  ALKAID_ASSIGN_OR_RAISE([[maybe_unused]] const auto skipped, Read(nbytes));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::string_view> InputStream::Peek(int64_t nbytes) {
  return status::NotImplemented("InputStream::Peek: ", nbytes,
                                " bytes of a stream that does not hold its bytes in memory");
}

// Under the lock, so that no other default ReadAt moves the position at the same time.
Result<int64_t> RandomAccessFile::ReadAt(int64_t position, int64_t nbytes, void* out) try {
  ALKAID_RETURN_NOT_OK(internal::CheckRange(NameInErrors(), position, nbytes));
  const std::scoped_lock lock(default_read_at_);
  ALKAID_RETURN_NOT_OK(Seek(position));
  return Read(nbytes, out);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> RandomAccessFile::ReadAt(int64_t position, int64_t nbytes) try {
  ALKAID_RETURN_NOT_OK(internal::CheckRange(NameInErrors(), position, nbytes));
  const std::scoped_lock lock(default_read_at_);
  ALKAID_RETURN_NOT_OK(Seek(position));
  return Read(nbytes);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<int64_t> RandomAccessFile::ReadAt(int64_t position, int64_t nbytes, bool allow_short_read,
                                         void* out) try {
  ALKAID_ASSIGN_OR_RAISE(const int64_t count, ReadAt(position, nbytes, out));
  if (count < nbytes && !allow_short_read) {
    return internal::ShortRead(NameInErrors(), position, nbytes, count);
  }
  return count;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> RandomAccessFile::ReadAt(int64_t position, int64_t nbytes,
                                                         bool allow_short_read) try {
  ALKAID_ASSIGN_OR_RAISE(auto buffer, ReadAt(position, nbytes));
  if (buffer->size() < nbytes && !allow_short_read) {
    return internal::ShortRead(NameInErrors(), position, nbytes, buffer->size());
  }
  return buffer;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::io
