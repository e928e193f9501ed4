// BufferOutputStream: writing into memory that grows.
//
//   ALKAID_ASSIGN_OR_RAISE(auto stream, io::BufferOutputStream::Create());
//   ALKAID_RETURN_NOT_OK(stream->Write("text"));
//   ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> text, stream->Finish());
//
// Ownership: holds its buffer until Finish hands it over. The pool must outlive that.
// Threads: one at a time. Out of memory: kResourceExhausted from Create, Reset and Write, with the
// pool's numbers; the stream then holds what it held.
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
  // Room for `initial_capacity` bytes at first, from `pool`; null means the default one.
  static Result<std::shared_ptr<BufferOutputStream>> Create(
      int64_t initial_capacity = 4096, MemoryPool* pool = default_memory_pool());
  // Writes over the bytes of `buffer` from its first one on, and then resizes it. Not checked: the
  // buffer must be there.
  explicit BufferOutputStream(const std::shared_ptr<ResizableBuffer>& buffer);
  ~BufferOutputStream() override;

  // Cuts the buffer to what was written, and keeps it for Finish.
  Status Close() override;
  bool closed() const override { return !is_open_; }
  // Also once closed.
  Result<int64_t> Tell() const override { return position_; }
  using OutputStream::Write;
  // Where room runs out the capacity doubles, from 256 bytes on.
  Status Write(const void* data, int64_t nbytes) override;

  // Closes, and gives the bytes, padded with zeros to the buffer's capacity. Once: what was handed
  // over is gone until Reset, and asking again is kFailedPrecondition.
  Result<std::shared_ptr<Buffer>> Finish();
  // Begins anew, in other memory. What was written and not finished is dropped.
  Status Reset(int64_t initial_capacity = 1024, MemoryPool* pool = default_memory_pool());

  // Bytes there is room for without growing.
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
