#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "alkaid/core/buffers/block_cache_internal.h"
#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/buffers/pool_buffer_internal.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/debug_report_internal.h"
#include "alkaid/core/pools/fault_report_internal.h"
#include "alkaid/core/pools/held_blocks_internal.h"

namespace alkaid {

static_assert(sizeof(PoolBuffer) <= internal::kBlockSize);

PoolBuffer::PoolBuffer(PoolHandle pool, int64_t alignment)
    : ResizableBuffer(nullptr, 0),
      pool_(std::move(pool)),
      alignment_(static_cast<int32_t>(alignment)) {}

PoolBuffer::~PoolBuffer() {
  if (internal::ViewEventsOn()) [[unlikely]]
    NotifyRelease();
  release_emitted_ = true;
  if (data_ == nullptr) return;
  if (is_watched_) [[unlikely]] {
    CheckPadding();
    internal::ForgetHeldBlock(*pool_, data_);
  }
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

// The bytes exist nowhere else, so the buffer keeps the block.
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

void PoolBuffer::Watch() {
  is_watched_ = true;
  padding_ = size_;
  internal::NoteHeldBlock(*pool_, data_, capacity_);
}

class PoolBuffer::ChangeOfBlock {
 public:
  explicit ChangeOfBlock(const PoolBuffer* buffer) : buffer_(buffer) {
    internal::ForgetHeldBlock(*buffer->pool_, buffer->data_);
  }
  ~ChangeOfBlock() { internal::NoteHeldBlock(*buffer_->pool_, buffer_->data_, buffer_->capacity_); }
  ChangeOfBlock(const ChangeOfBlock&) = delete;
  ChangeOfBlock& operator=(const ChangeOfBlock&) = delete;

 private:
  const PoolBuffer* const buffer_;
};

Status PoolBuffer::Resize(int64_t new_size, bool shrink_to_fit) {
  if (new_size < 0) [[unlikely]] {
    return status::Invalid("PoolBuffer::Resize: negative size ", new_size);
  }
  if (!is_watched_) [[likely]]
    return MakeRoom(new_size, shrink_to_fit);
  CheckPadding();
  const uint8_t* const old_data = data_;
  const int64_t old_capacity = capacity_;
  const bool gives_back = shrink_to_fit && new_size <= size_;
  const ChangeOfBlock change(this);
  Status status = MakeRoom(new_size, shrink_to_fit);
  if (data_ != old_data || capacity_ != old_capacity || (status.ok() && gives_back)) {
    padding_ = size_;
    ZeroPadding();
  } else {
    padding_ = std::max(padding_, size_);
  }
  return status;
}

Status PoolBuffer::MakeRoom(int64_t new_size, bool shrink_to_fit) {
  if (shrink_to_fit && data_ != nullptr && new_size <= size_) {
    ALKAID_RETURN_NOT_OK(SetCapacity(RoundUpToMultipleOf64(new_size)));
  } else {
    ALKAID_RETURN_NOT_OK(ReserveRoom(new_size));
  }
  size_ = new_size;
  return absl::OkStatus();
}

Status PoolBuffer::Reserve(int64_t new_capacity) {
  if (new_capacity < 0) [[unlikely]] {
    return status::Invalid("PoolBuffer::Reserve: negative capacity ", new_capacity);
  }
  if (!is_watched_) [[likely]]
    return ReserveRoom(new_capacity);
  CheckPadding();
  const ChangeOfBlock change(this);
  Status status = ReserveRoom(new_capacity);
  padding_ = capacity_;
  return status;
}

Status PoolBuffer::ReserveRoom(int64_t new_capacity) {
  if (data_ != nullptr && new_capacity <= capacity_) return absl::OkStatus();
  int64_t rounded;
  ALKAID_RETURN_NOT_OK(RoundedCapacity(*pool_, new_capacity, &rounded));
  return SetCapacity(rounded);
}

std::shared_ptr<MemoryManager> PoolBuffer::ImplicitMemoryManager() const {
  return CPUDevice::memory_manager(pool_);
}

void PoolBuffer::CheckPadding() const {
  for (int64_t i = padding_; i < capacity_; ++i) {
    if (data_[i] == 0) continue;
    internal::ReportBlockFault(
        *pool_, data_, "padding",
        "byte %lld past the end of the %lld-byte buffer at %p (%s, %lld bytes with padding) was "
        "overwritten",
        static_cast<long long>(i - size_), static_cast<long long>(size_),
        static_cast<const void*>(data_), internal::PoolName(*pool_).text,
        static_cast<long long>(capacity_));
    return;
  }
}

namespace {

// Null if the default pool has yet to be made and there is no memory for it.
PoolHandle DefaultPool() noexcept try {
  return default_memory_pool();
} catch (const std::bad_alloc&) {
  return nullptr;
}

Result<std::unique_ptr<PoolBuffer>> Make(int64_t size, int64_t alignment, PoolHandle pool) try {
  if (!pool) pool = DefaultPool();
  if (!pool) [[unlikely]]
    return status::NoMemory();
  if (!IsPowerOfTwo(alignment) || alignment > kMaxBufferAlignment) [[unlikely]] {
    return status::Invalid("AllocateBuffer: alignment ", alignment,
                           " is not a power of two from 1 to ", kMaxBufferAlignment);
  }
  auto buffer = std::make_unique<PoolBuffer>(std::move(pool), alignment);
  ALKAID_RETURN_NOT_OK(buffer->Start(size));
  if (internal::MemoryDebugOn()) [[unlikely]]
    buffer->Watch();
  return buffer;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace

Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size, PoolHandle pool) {
  return Make(size, kDefaultBufferAlignment, std::move(pool));
}
Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size, int64_t alignment, PoolHandle pool) {
  return Make(size, alignment, std::move(pool));
}

Result<std::unique_ptr<ResizableBuffer>> AllocateResizableBuffer(int64_t size, PoolHandle pool) {
  return Make(size, kDefaultBufferAlignment, std::move(pool));
}
Result<std::unique_ptr<ResizableBuffer>> AllocateResizableBuffer(int64_t size, int64_t alignment,
                                                                 PoolHandle pool) {
  return Make(size, alignment, std::move(pool));
}

}  // namespace alkaid
