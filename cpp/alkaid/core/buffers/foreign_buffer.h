// A Buffer over memory that something else owns: a Python object, a mapped file, another library's
// array.
//
// Ownership: an owner is held until the buffer and its last slice are gone; a release callback is
// called exactly once, at that time. Threads: the owner is dropped, or the callback called, on the
// thread that drops the last reference; the callback must not throw. Out of memory:
// kResourceExhausted if there is none for the buffer object.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/core/buffers/buffer.h"

namespace alkaid {

class ALKAID_EXPORT ForeignBuffer final : public Buffer {
 public:
  // `size` bytes at `data` that stay valid while `owner` is held. `memory_manager`: where they are;
  // null means host memory. kInvalidArgument for a negative size, null data of a positive size, or
  // an owner that owns nothing.
  static Result<std::shared_ptr<Buffer>> Make(
      const void* data, int64_t size, std::shared_ptr<void> owner,
      std::shared_ptr<MemoryManager> memory_manager = nullptr);
  static Result<std::shared_ptr<Buffer>> MakeMutable(
      void* data, int64_t size, std::shared_ptr<void> owner,
      std::shared_ptr<MemoryManager> memory_manager = nullptr);

  // The same with a callback, which must not be empty. It is not called on failure: the bytes are
  // still the caller's.
  static Result<std::shared_ptr<Buffer>> Make(
      const void* data, int64_t size, std::function<void()> release,
      std::shared_ptr<MemoryManager> memory_manager = nullptr);
  static Result<std::shared_ptr<Buffer>> MakeMutable(
      void* data, int64_t size, std::function<void()> release,
      std::shared_ptr<MemoryManager> memory_manager = nullptr);

  // Not checked; Make checks.
  ForeignBuffer(const uint8_t* data, int64_t size, std::shared_ptr<void> owner,
                std::shared_ptr<MemoryManager> memory_manager = nullptr)
      : Buffer(data, size, std::move(memory_manager)), owner_(std::move(owner)) {}
  ForeignBuffer(uint8_t* data, int64_t size, std::shared_ptr<void> owner,
                std::shared_ptr<MemoryManager> memory_manager = nullptr)
      : Buffer(data, size, std::move(memory_manager)), owner_(std::move(owner)) {
    is_mutable_ = true;
  }
  ~ForeignBuffer() override;

  // What keeps the bytes alive.
  const std::shared_ptr<void>& owner() const { return owner_; }

 private:
  std::shared_ptr<void> owner_;
};

}  // namespace alkaid
