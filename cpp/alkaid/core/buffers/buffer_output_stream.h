// BufferOutputStream: writing into memory that grows.
//
//   ALKAID_ASSIGN_OR_RAISE(auto stream, io::BufferOutputStream::Create());
//   ALKAID_RETURN_NOT_OK(stream->Write("text"));
//   ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> text, stream->Finish());
//
// Ownership: holds its buffer until Finish hands it over. The pool must outlive the buffer.
// Threads: one at a time. Out of memory: kResourceExhausted from Create, Reset and Write, with the
// pool's numbers; the contents stay as they were.
#pragma once

#include <cstdint>
#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_interfaces.h"

namespace alkaid::io {

class ALKAID_EXPORT BufferOutputStream : public OutputStream {
 public:
  // Starts with room for `initial_capacity` bytes, from `pool`; null means the default pool.
  static Result<std::shared_ptr<BufferOutputStream>> Create(
      int64_t initial_capacity = 4096, PoolHandle pool = default_memory_pool());
  // Overwrites the bytes of `buffer` from its first one on, and resizes it as needed. Not checked:
  // the buffer must not be null.
  explicit BufferOutputStream(const std::shared_ptr<ResizableBuffer>& buffer);
  ~BufferOutputStream() override;

  // Cuts the buffer to what was written, and keeps it for Finish.
  Status Close() override;
  bool closed() const override { return !is_open_; }
  // Works on a closed stream too.
  Result<int64_t> Tell() const override { return position_; }
  using OutputStream::Write;
  // If room runs out the capacity doubles; it is then at least 256 bytes.
  Status Write(const void* data, int64_t nbytes) override;

  // Closes the stream and returns the bytes, padded with zeros to the buffer's capacity. Only once:
  // until Reset, a second call is kFailedPrecondition.
  Result<std::shared_ptr<Buffer>> Finish();
  // Starts again, in new memory. What was written and not finished is dropped.
  Status Reset(int64_t initial_capacity = 1024, PoolHandle pool = default_memory_pool());

  // How many bytes the stream can hold without growing.
  int64_t capacity() const { return capacity_; }

 private:
  BufferOutputStream();
  Status Reserve(int64_t nbytes);

  std::shared_ptr<ResizableBuffer> buffer_;
  bool is_open_ = false;
  int64_t capacity_ = 0;
  int64_t position_ = 0;
};

}  // namespace alkaid::io
