// The handles of buffers.
//
// Ownership: a handle shares its buffer. Threads: as the buffer. Out of memory: NewBuffer throws
// std::bad_alloc.
#pragma once

#include <memory>
#include <utility>

#include "alkaid/c/buffers.h"
#include "alkaid/c/handles_internal.h"
#include "alkaid/core/buffers/buffer.h"

struct alkaid_buffer : alkaid::c::Handle {
  std::shared_ptr<alkaid::Buffer> buffer;
  // The same buffer, if it was allocated as resizable. (The class of any pool's buffer is
  // resizable.)
  alkaid::ResizableBuffer* resizable = nullptr;
};

namespace alkaid::c {

inline std::unique_ptr<alkaid_buffer> NewBuffer(std::shared_ptr<Buffer> buffer) {
  auto handle = std::make_unique<alkaid_buffer>();
  handle->buffer = std::move(buffer);
  return handle;
}

}  // namespace alkaid::c
