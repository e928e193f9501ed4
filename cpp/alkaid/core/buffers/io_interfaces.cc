#include "alkaid/core/buffers/io_interfaces.h"

#include "alkaid/core/buffers/buffer.h"

namespace alkaid::io {

FileInterface::~FileInterface() = default;
Seekable::~Seekable() = default;
Readable::~Readable() = default;
Writable::~Writable() = default;

Status Writable::Write(const std::shared_ptr<Buffer>& data) try {
  if (data == nullptr) return status::Invalid("Writable::Write: the buffer is null");
  if (!data->is_cpu()) {
    return status::Invalid("Writable::Write: the CPU can not read the buffer, which is on ",
                           data->device()->ToString());
  }
  return Write(data->data(), data->size());
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status Writable::Flush() { return absl::OkStatus(); }

Status InputStream::Advance(int64_t nbytes) {
  ALKAID_ASSIGN_OR_RAISE([[maybe_unused]] const auto skipped, Read(nbytes));
  return absl::OkStatus();
}

}  // namespace alkaid::io
