#include "alkaid/core/buffers/buffer.h"

#include <algorithm>
#include <cstring>

#include "alkaid/core/buffers/foreign_buffer.h"

namespace alkaid {

Buffer::Buffer(const uint8_t* data, int64_t size, std::shared_ptr<MemoryManager> memory_manager,
               std::shared_ptr<Buffer> parent, std::optional<DeviceAllocationType> device_type)
    : data_(data),
      size_(size),
      capacity_(size),
      parent_(std::move(parent)),
      memory_manager_(std::move(memory_manager)) {
  if (memory_manager_ != nullptr) TakeDevice();
  if (device_type.has_value()) device_type_ = *device_type;
}

Buffer::Buffer(uintptr_t address, int64_t size, std::shared_ptr<MemoryManager> memory_manager,
               std::shared_ptr<Buffer> parent, std::optional<DeviceAllocationType> device_type)
    : Buffer(reinterpret_cast<const uint8_t*>(address), size, std::move(memory_manager),
             std::move(parent), device_type) {}

void Buffer::TakeDevice() {
  is_cpu_ = memory_manager_->is_cpu();
  device_type_ = memory_manager_->device()->device_type();
}

void Buffer::SetMemoryManager(std::shared_ptr<MemoryManager> memory_manager) {
  if (is_slice_) {
    if (internal::ViewEventsOn()) [[unlikely]]
      NotifyRelease();
    is_slice_ = false;
  }
  memory_manager_ = std::move(memory_manager);
  if (memory_manager_ != nullptr) return TakeDevice();
  is_cpu_ = true;
  device_type_ = DeviceAllocationType::kCPU;
}

std::string Buffer::ToHexString() const {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  if (!is_cpu_) return out;
  out.reserve(static_cast<std::size_t>(size_) * 2);
  for (int64_t i = 0; i < size_; ++i) {
    out.push_back(kDigits[data_[i] >> 4]);
    out.push_back(kDigits[data_[i] & 15]);
  }
  return out;
}

std::string Buffer::ToString() const { return std::string(static_cast<std::string_view>(*this)); }

bool Buffer::Equals(const Buffer& other) const {
  return size_ == other.size_ && Equals(other, size_);
}

bool Buffer::Equals(const Buffer& other, int64_t nbytes) const {
  if (nbytes < 0 || size_ < nbytes || other.size_ < nbytes) return false;
  if (this == &other || nbytes == 0) return true;
  if (data_ == other.data_ && device_type_ == other.device_type_) {
    return is_cpu_ == other.is_cpu_ && (is_cpu_ || device()->Equals(*other.device()));
  }
  if (!is_cpu_ || !other.is_cpu_) return false;
  return std::memcmp(data_, other.data_, static_cast<std::size_t>(nbytes)) == 0;
}

Result<std::shared_ptr<Buffer>> Buffer::CopySlice(int64_t start, int64_t nbytes,
                                                  PoolHandle pool) const try {
  if (start < 0 || nbytes < 0 || start > size_ || nbytes > size_ - start) {
    return status::IndexError("Buffer::CopySlice: ", nbytes, " bytes from offset ", start,
                              " are not inside a buffer of ", size_);
  }
  if (!is_cpu_) {
    return status::Invalid("Buffer::CopySlice: the buffer is on ", device()->ToString(),
                           ", which the CPU cannot read; see Buffer::Copy");
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> copy, AllocateBuffer(nbytes, std::move(pool)));
  if (nbytes > 0) {
    std::memcpy(copy->mutable_data(), data_ + start, static_cast<std::size_t>(nbytes));
  }
  return copy;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<bool> Buffer::CompactIfBelow(std::shared_ptr<Buffer>* buffer, double ratio,
                                    PoolHandle pool) try {
  if (buffer == nullptr || *buffer == nullptr) {
    return status::Invalid("Buffer::CompactIfBelow: the buffer is null");
  }
  const Buffer& shown = **buffer;
  ALKAID_ASSIGN_OR_RAISE(const bool worth,
                         internal::IsWorthCompacting(shown.size_, shown.root_capacity(), ratio));
  if (!worth) return false;
  if (shown.is_cpu_) {
    ALKAID_ASSIGN_OR_RAISE(*buffer, shown.CopySlice(0, shown.size_, std::move(pool)));
  } else {
    ALKAID_ASSIGN_OR_RAISE(*buffer, Copy(*buffer, shown.memory_manager()));
  }
  return true;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<bool> internal::IsWorthCompacting(int64_t shown, int64_t held, double ratio) {
  // Also refuses NaN.
  if (!(ratio >= 0 && ratio <= 1)) {
    return status::Invalid("CompactIfBelow: the ratio is ", ratio, ", but must be from 0 to 1");
  }
  const int64_t copy_padding = (64 - shown % 64) % 64;
  if (held - shown <= copy_padding) return false;
  return static_cast<double>(shown) < ratio * static_cast<double>(held);
}

std::shared_ptr<Buffer> Buffer::FromString(std::string data) {
  auto owner = std::make_shared<std::string>(std::move(data));
  const auto* bytes = reinterpret_cast<const uint8_t*>(owner->data());
  const auto size = static_cast<int64_t>(owner->size());
  return FromOwner(bytes, size, std::move(owner));
}

std::shared_ptr<Buffer> Buffer::FromOwner(const uint8_t* data, int64_t size,
                                          std::shared_ptr<void> owner) {
  return std::make_shared<ForeignBuffer>(data, size, std::move(owner));
}

std::shared_ptr<MemoryManager> Buffer::memory_manager() const {
  if (is_slice_) return parent_->memory_manager();
  return memory_manager_ != nullptr ? memory_manager_ : ImplicitMemoryManager();
}

std::shared_ptr<Device> Buffer::device() const { return memory_manager()->device(); }

std::shared_ptr<MemoryManager> Buffer::ImplicitMemoryManager() const {
  return default_cpu_memory_manager();
}

void Buffer::NotifySliced() const noexcept {
  const int64_t offset = static_cast<int64_t>(address() - parent_->address());
  internal::NotifySlice(this, parent_.get(), offset, size_);
}

void Buffer::NotifyRelease() noexcept {
  if (is_slice_) return internal::NotifySliceRelease(this, parent_.get());
  if (release_emitted_) return;
  release_emitted_ = true;
  internal::NotifyRootRelease(this, data_, size_);
}

Result<std::shared_ptr<io::RandomAccessFile>> Buffer::GetReader(
    std::shared_ptr<Buffer> buffer) try {
  if (buffer == nullptr) return status::Invalid("Buffer::GetReader: the buffer is null");
  const auto manager = buffer->memory_manager();
  return manager->GetBufferReader(std::move(buffer));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<io::OutputStream>> Buffer::GetWriter(std::shared_ptr<Buffer> buffer) try {
  if (buffer == nullptr) return status::Invalid("Buffer::GetWriter: the buffer is null");
  const auto manager = buffer->memory_manager();
  return manager->GetBufferWriter(std::move(buffer));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> Buffer::Copy(std::shared_ptr<Buffer> source,
                                             const std::shared_ptr<MemoryManager>& to) {
  return MemoryManager::CopyBuffer(source, to);
}

Result<std::unique_ptr<Buffer>> Buffer::CopyNonOwned(const Buffer& source,
                                                     const std::shared_ptr<MemoryManager>& to) {
  return MemoryManager::CopyNonOwned(source, to);
}

Result<std::shared_ptr<Buffer>> Buffer::View(std::shared_ptr<Buffer> source,
                                             const std::shared_ptr<MemoryManager>& to) {
  return MemoryManager::ViewBuffer(source, to);
}

Result<std::shared_ptr<Buffer>> Buffer::ViewOrCopy(std::shared_ptr<Buffer> source,
                                                   const std::shared_ptr<MemoryManager>& to) {
  auto view = MemoryManager::ViewBuffer(source, to);
  if (view.ok()) return view;
  return MemoryManager::CopyBuffer(source, to);
}

}  // namespace alkaid
