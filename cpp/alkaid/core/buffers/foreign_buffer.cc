#include "alkaid/core/buffers/foreign_buffer.h"

#include <utility>

namespace alkaid {
namespace {

Status Check(const void* data, int64_t size) {
  if (size < 0) return status::Invalid("ForeignBuffer: negative size ", size);
  if (data == nullptr && size > 0) {
    return status::Invalid("ForeignBuffer: null data for ", size, " bytes");
  }
  return absl::OkStatus();
}

template <typename Byte>
Result<std::shared_ptr<Buffer>> Hold(Byte* data, int64_t size, std::shared_ptr<void> owner,
                                     std::shared_ptr<MemoryManager> memory_manager) try {
  ALKAID_RETURN_NOT_OK(Check(data, size));
  if (owner.use_count() == 0) {
    return status::Invalid("ForeignBuffer: the owner of ", size,
                           " bytes is empty; borrowed bytes need none, see Buffer(data, size)");
  }
  return std::make_shared<ForeignBuffer>(data, size, std::move(owner), std::move(memory_manager));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

template <typename Byte>
Result<std::shared_ptr<Buffer>> HoldWith(Byte* data, int64_t size, std::function<void()> release,
                                         std::shared_ptr<MemoryManager> memory_manager) try {
  ALKAID_RETURN_NOT_OK(Check(data, size));
  if (!release) {
    return status::Invalid("ForeignBuffer: the release callback for ", size, " bytes is empty");
  }
  // Armed last: on a bad_alloc before that, the bytes stay the caller's and the callback is not
  // called.
  struct Releaser {
    std::function<void()> release;
    bool armed = false;
    ~Releaser() {
      if (armed) release();
    }
  };
  auto releaser = std::make_shared<Releaser>();
  releaser->release = std::move(release);
  auto buffer = std::make_shared<ForeignBuffer>(data, size, releaser, std::move(memory_manager));
  releaser->armed = true;
  return buffer;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace

Result<std::shared_ptr<Buffer>> ForeignBuffer::Make(const void* data, int64_t size,
                                                    std::shared_ptr<void> owner,
                                                    std::shared_ptr<MemoryManager> memory_manager) {
  return Hold(static_cast<const uint8_t*>(data), size, std::move(owner), std::move(memory_manager));
}

Result<std::shared_ptr<Buffer>> ForeignBuffer::MakeMutable(
    void* data, int64_t size, std::shared_ptr<void> owner,
    std::shared_ptr<MemoryManager> memory_manager) {
  return Hold(static_cast<uint8_t*>(data), size, std::move(owner), std::move(memory_manager));
}

Result<std::shared_ptr<Buffer>> ForeignBuffer::Make(const void* data, int64_t size,
                                                    std::function<void()> release,
                                                    std::shared_ptr<MemoryManager> memory_manager) {
  return HoldWith(static_cast<const uint8_t*>(data), size, std::move(release),
                  std::move(memory_manager));
}

Result<std::shared_ptr<Buffer>> ForeignBuffer::MakeMutable(
    void* data, int64_t size, std::function<void()> release,
    std::shared_ptr<MemoryManager> memory_manager) {
  return HoldWith(static_cast<uint8_t*>(data), size, std::move(release), std::move(memory_manager));
}

ForeignBuffer::~ForeignBuffer() {
  if (internal::ViewEventsOn()) [[unlikely]]
    NotifyRelease();
  release_emitted_ = true;
}

}  // namespace alkaid
