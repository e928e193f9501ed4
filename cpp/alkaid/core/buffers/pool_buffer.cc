#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "alkaid/core/buffers/block_cache_internal.h"
#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/buffers/pool_buffer_internal.h"
#include "alkaid/core/pools/borrow_pool_internal.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/debug_memory_pool_internal.h"

namespace alkaid {

static_assert(sizeof(PoolBuffer) <= internal::kBlockSize);

PoolBuffer::PoolBuffer(std::shared_ptr<MemoryPool> pool, int64_t alignment)
    : ResizableBuffer(nullptr, 0),
      pool_(std::move(pool)),
      alignment_(static_cast<int32_t>(alignment)) {}

PoolBuffer::~PoolBuffer() {
  if (internal::ViewEventsOn()) [[unlikely]]
    EmitRelease();
  release_emitted_ = true;
  if (data_ == nullptr) return;
  if (watch_padding_) [[unlikely]]
    CheckPadding();
  pool_->Free(const_cast<uint8_t*>(data_), capacity_, alignment_);
}

void* PoolBuffer::operator new([[maybe_unused]] std::size_t size) {
  assert(size <= internal::kBlockSize);
  return internal::AllocateBlock();
}

void PoolBuffer::operator delete(void* pointer) noexcept { internal::DeallocateBlock(pointer); }

namespace {

Status RoundedCapacity(const MemoryPool& pool, int64_t bytes, int64_t* capacity) try {
  if (!RoundUpOverflow(bytes, 64, capacity)) [[likely]]
    return absl::OkStatus();
  return status::OutOfMemory(
      "PoolBuffer: ", bytes, " bytes, rounded up to a multiple of 64, pass the largest size, ",
      std::numeric_limits<int64_t>::max(), " bytes (pool ", pool.backend_name(), ")");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace

inline Status PoolBuffer::SetCapacity(int64_t new_capacity) {
  auto* data = const_cast<uint8_t*>(data_);
  if (data == nullptr) {
    ALKAID_RETURN_NOT_OK(internal::AllocateChecked(pool_.get(), new_capacity, alignment_, &data));
  } else if (new_capacity != capacity_) {
    ALKAID_RETURN_NOT_OK(
        internal::ReallocateChecked(pool_.get(), capacity_, new_capacity, alignment_, &data));
  }
  data_ = data;
  capacity_ = new_capacity;
  if (internal::IsAlignedBlock(data, alignment_)) [[likely]]
    return absl::OkStatus();
  return BytesAreMisaligned();
}

// The bytes are nowhere else any more, so the buffer keeps the block.
Status PoolBuffer::BytesAreMisaligned() {
  size_ = std::min(size_, capacity_);
  return internal::NotABlock(*pool_, "reallocate to", data_, capacity_, alignment_);
}

inline Status PoolBuffer::Start(int64_t size) {
  if (size < 0) [[unlikely]]
    return status::Invalid("AllocateBuffer: negative size ", size);
  int64_t capacity;
  ALKAID_RETURN_NOT_OK(RoundedCapacity(*pool_, size, &capacity));
  ALKAID_RETURN_NOT_OK(SetCapacity(capacity));
  size_ = size;
  ZeroPadding();
  return absl::OkStatus();
}

Status PoolBuffer::Resize(int64_t new_size, bool shrink_to_fit) {
  if (new_size < 0) [[unlikely]] {
    return status::Invalid("PoolBuffer::Resize: negative size ", new_size);
  }
  if (shrink_to_fit && data_ != nullptr && new_size <= size_) {
    ALKAID_RETURN_NOT_OK(SetCapacity(RoundUpToMultipleOf64(new_size)));
  } else {
    ALKAID_RETURN_NOT_OK(Reserve(new_size));
  }
  size_ = new_size;
  return absl::OkStatus();
}

Status PoolBuffer::Reserve(int64_t new_capacity) {
  if (new_capacity < 0) [[unlikely]] {
    return status::Invalid("PoolBuffer::Reserve: negative capacity ", new_capacity);
  }
  if (data_ != nullptr && new_capacity <= capacity_) return absl::OkStatus();
  int64_t rounded;
  ALKAID_RETURN_NOT_OK(RoundedCapacity(*pool_, new_capacity, &rounded));
  return SetCapacity(rounded);
}

std::shared_ptr<MemoryManager> PoolBuffer::ImplicitMemoryManager() const {
  // A borrowed pool is a shared_ptr that counts nothing.
  return pool_.use_count() == 0 ? CPUDevice::memory_manager(pool_.get())
                                : CPUDevice::memory_manager(pool_);
}

void PoolBuffer::CheckPadding() const {
  for (int64_t i = size_; i < capacity_; ++i) {
    if (data_[i] == 0) continue;
    internal::ReportMemoryFaultAs([&] {
      return absl::StrCat("byte ", i, " behind the end of the ", size_, "-byte buffer at 0x",
                          absl::Hex(address()), " (", pool_->backend_name(), ", ", capacity_,
                          " bytes with padding) was overwritten");
    });
    return;
  }
}

namespace {

// Null where the default pool is to be made and there is no memory for it.
std::shared_ptr<MemoryPool> DefaultPool() noexcept try {
  return internal::BorrowPool(default_memory_pool());
} catch (const std::bad_alloc&) {
  return nullptr;
}

std::shared_ptr<MemoryPool> OrDefault(MemoryPool* pool) {
  return pool != nullptr ? internal::BorrowPool(pool) : DefaultPool();
}

std::shared_ptr<MemoryPool> OrDefault(std::shared_ptr<MemoryPool> pool) {
  return pool != nullptr ? std::move(pool) : DefaultPool();
}

Result<std::unique_ptr<PoolBuffer>> Make(int64_t size, int64_t alignment,
                                         std::shared_ptr<MemoryPool> pool) try {
  if (pool == nullptr) [[unlikely]]
    return status::NoMemory();
  if (!IsPowerOfTwo(alignment) || alignment > kMaxBufferAlignment) [[unlikely]] {
    return status::Invalid("AllocateBuffer: alignment ", alignment,
                           " is no power of two from 1 to ", kMaxBufferAlignment);
  }
  auto buffer = std::make_unique<PoolBuffer>(std::move(pool), alignment);
  ALKAID_RETURN_NOT_OK(buffer->Start(size));
  return buffer;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<Buffer>> MakeFixed(int64_t size, int64_t alignment,
                                          std::shared_ptr<MemoryPool> pool) {
  ALKAID_ASSIGN_OR_RAISE(auto buffer, Make(size, alignment, std::move(pool)));
  if (internal::MemoryDebugOn()) [[unlikely]]
    buffer->WatchPadding();
  return buffer;
}

}  // namespace

Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size, MemoryPool* pool) {
  return MakeFixed(size, kDefaultBufferAlignment, OrDefault(pool));
}
Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size, int64_t alignment, MemoryPool* pool) {
  return MakeFixed(size, alignment, OrDefault(pool));
}
Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size, std::shared_ptr<MemoryPool> pool) {
  return MakeFixed(size, kDefaultBufferAlignment, OrDefault(std::move(pool)));
}
Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size, int64_t alignment,
                                               std::shared_ptr<MemoryPool> pool) {
  return MakeFixed(size, alignment, OrDefault(std::move(pool)));
}

Result<std::unique_ptr<ResizableBuffer>> AllocateResizableBuffer(int64_t size, MemoryPool* pool) {
  return Make(size, kDefaultBufferAlignment, OrDefault(pool));
}
Result<std::unique_ptr<ResizableBuffer>> AllocateResizableBuffer(int64_t size, int64_t alignment,
                                                                 MemoryPool* pool) {
  return Make(size, alignment, OrDefault(pool));
}
Result<std::unique_ptr<ResizableBuffer>> AllocateResizableBuffer(int64_t size,
                                                                 std::shared_ptr<MemoryPool> pool) {
  return Make(size, kDefaultBufferAlignment, OrDefault(std::move(pool)));
}
Result<std::unique_ptr<ResizableBuffer>> AllocateResizableBuffer(int64_t size, int64_t alignment,
                                                                 std::shared_ptr<MemoryPool> pool) {
  return Make(size, alignment, OrDefault(std::move(pool)));
}

}  // namespace alkaid
