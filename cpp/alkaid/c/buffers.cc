#include "alkaid/c/buffers.h"

#include <functional>
#include <utility>

#include "alkaid/c/buffers_internal.h"
#include "alkaid/c/handles_internal.h"
#include "alkaid/c/pools_internal.h"
#include "alkaid/core/buffers/foreign_buffer.h"

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;
using alkaid::c::AlignmentOf;
using alkaid::c::Call;
using alkaid::c::CheckNeeded;
using alkaid::c::FailAs;
using alkaid::c::Get;
using alkaid::c::Make;
using alkaid::c::NewBuffer;
using alkaid::c::PoolOf;
using alkaid::c::Release;
using alkaid::c::Retain;
using Made = Result<std::unique_ptr<alkaid_buffer>>;

namespace {

// The callback for ForeignBuffer. Small enough for std::function's own storage.
std::function<void()> Releasing(alkaid_release_function release, void* context) {
  if (release == nullptr) return [] {};
  return [release, context] { release(context); };
}

Result<alkaid::ResizableBuffer*> Resizable(alkaid_buffer* buffer) {
  ALKAID_RETURN_NOT_OK(CheckNeeded({{"buffer", buffer}}));
  if (buffer->resizable == nullptr) {
    return alkaid::status::Invalid("the buffer of ", buffer->buffer->size(),
                                   " bytes was not allocated as resizable");
  }
  return buffer->resizable;
}

}  // namespace

// The handle first: if there is no memory for it, nothing else was done.

alkaid_status alkaid_buffer_allocate(int64_t size, int64_t alignment, alkaid_pool* pool,
                                     alkaid_buffer** out) {
  return Make(__func__, out, {}, [&]() -> Made {
    auto handle = NewBuffer(nullptr);
    ALKAID_ASSIGN_OR_RAISE(handle->buffer,
                           alkaid::AllocateBuffer(size, AlignmentOf(alignment), PoolOf(pool)));
    return handle;
  });
}

alkaid_status alkaid_buffer_allocate_resizable(int64_t size, int64_t alignment, alkaid_pool* pool,
                                               alkaid_buffer** out) {
  return Make(__func__, out, {}, [&]() -> Made {
    auto handle = NewBuffer(nullptr);
    ALKAID_ASSIGN_OR_RAISE(
        std::shared_ptr<alkaid::ResizableBuffer> made,
        alkaid::AllocateResizableBuffer(size, AlignmentOf(alignment), PoolOf(pool)));
    handle->resizable = made.get();
    handle->buffer = std::move(made);
    return handle;
  });
}

alkaid_status alkaid_buffer_from_foreign(const void* data, int64_t size,
                                         alkaid_release_function release, void* context,
                                         alkaid_buffer** out) {
  return Make(__func__, out, {}, [&]() -> Made {
    auto handle = NewBuffer(nullptr);
    ALKAID_ASSIGN_OR_RAISE(handle->buffer,
                           alkaid::ForeignBuffer::Make(data, size, Releasing(release, context)));
    return handle;
  });
}

alkaid_status alkaid_buffer_from_foreign_mutable(void* data, int64_t size,
                                                 alkaid_release_function release, void* context,
                                                 alkaid_buffer** out) {
  return Make(__func__, out, {}, [&]() -> Made {
    auto handle = NewBuffer(nullptr);
    ALKAID_ASSIGN_OR_RAISE(handle->buffer, alkaid::ForeignBuffer::MakeMutable(
                                               data, size, Releasing(release, context)));
    return handle;
  });
}

alkaid_status alkaid_buffer_slice(const alkaid_buffer* buffer, int64_t offset, int64_t size,
                                  alkaid_buffer** out) {
  return Make(__func__, out, {{"buffer", buffer}}, [&]() -> Made {
    auto handle = NewBuffer(nullptr);
    ALKAID_ASSIGN_OR_RAISE(handle->buffer, alkaid::SliceBufferSafe(buffer->buffer, offset, size));
    return handle;
  });
}

alkaid_status alkaid_buffer_slice_mutable(alkaid_buffer* buffer, int64_t offset, int64_t size,
                                          alkaid_buffer** out) {
  return Make(__func__, out, {{"buffer", buffer}}, [&]() -> Made {
    auto handle = NewBuffer(nullptr);
    ALKAID_ASSIGN_OR_RAISE(handle->buffer,
                           alkaid::SliceMutableBufferSafe(buffer->buffer, offset, size));
    return handle;
  });
}

alkaid_status alkaid_buffer_copy(const alkaid_buffer* buffer, int64_t offset, int64_t size,
                                 alkaid_pool* pool, alkaid_buffer** out) {
  return Make(__func__, out, {{"buffer", buffer}}, [&]() -> Made {
    auto handle = NewBuffer(nullptr);
    // The bytes keep the pool alive.
    ALKAID_ASSIGN_OR_RAISE(handle->buffer,
                           buffer->buffer->CopySlice(offset, size, PoolOf(pool).get()));
    return handle;
  });
}

alkaid_status alkaid_buffer_parent(const alkaid_buffer* buffer, alkaid_buffer** out) {
  return Make(__func__, out, {{"buffer", buffer}}, [&]() -> Made {
    const std::shared_ptr<Buffer>& parent = buffer->buffer->parent();
    return parent == nullptr ? nullptr : NewBuffer(parent);
  });
}

void alkaid_buffer_retain(alkaid_buffer* buffer) { Retain(buffer); }
void alkaid_buffer_release(alkaid_buffer* buffer) { Release(buffer); }

alkaid_status alkaid_buffer_resize(alkaid_buffer* buffer, int64_t size) {
  return Call(__func__, [&]() -> Status {
    ALKAID_ASSIGN_OR_RAISE(auto* const resizable, Resizable(buffer));
    return resizable->Resize(size);
  });
}

alkaid_status alkaid_buffer_reserve(alkaid_buffer* buffer, int64_t capacity) {
  return Call(__func__, [&]() -> Status {
    ALKAID_ASSIGN_OR_RAISE(auto* const resizable, Resizable(buffer));
    return resizable->Reserve(capacity);
  });
}

const uint8_t* alkaid_buffer_data(const alkaid_buffer* buffer) {
  return Get(__func__, "buffer", buffer, static_cast<const uint8_t*>(nullptr),
             [](const alkaid_buffer& of) { return std::as_const(*of.buffer).data(); });
}

uint8_t* alkaid_buffer_mutable_data(alkaid_buffer* buffer) {
  return Get(__func__, "buffer", buffer, static_cast<uint8_t*>(nullptr),
             [](const alkaid_buffer& of) { return of.buffer->mutable_data(); });
}

uintptr_t alkaid_buffer_address(const alkaid_buffer* buffer) {
  return Get(__func__, "buffer", buffer, uintptr_t{0},
             [](const alkaid_buffer& of) { return of.buffer->address(); });
}

int64_t alkaid_buffer_size(const alkaid_buffer* buffer) {
  return Get(__func__, "buffer", buffer, int64_t{-1},
             [](const alkaid_buffer& of) { return of.buffer->size(); });
}

int64_t alkaid_buffer_capacity(const alkaid_buffer* buffer) {
  return Get(__func__, "buffer", buffer, int64_t{-1},
             [](const alkaid_buffer& of) { return of.buffer->capacity(); });
}

int64_t alkaid_buffer_root_capacity(const alkaid_buffer* buffer) {
  return Get(__func__, "buffer", buffer, int64_t{-1},
             [](const alkaid_buffer& of) { return of.buffer->root_capacity(); });
}

int32_t alkaid_buffer_is_mutable(const alkaid_buffer* buffer) {
  return Get(__func__, "buffer", buffer, int32_t{-1},
             [](const alkaid_buffer& of) -> int32_t { return of.buffer->is_mutable(); });
}

int32_t alkaid_buffer_is_cpu(const alkaid_buffer* buffer) {
  return Get(__func__, "buffer", buffer, int32_t{-1},
             [](const alkaid_buffer& of) -> int32_t { return of.buffer->is_cpu(); });
}

int32_t alkaid_buffer_equals(const alkaid_buffer* a, const alkaid_buffer* b) {
  const Status status = CheckNeeded({{"a", a}, {"b", b}});
  if (!status.ok()) return FailAs(int32_t{-1}, __func__, status);
  return a->buffer->Equals(*b->buffer) ? 1 : 0;
}
