// Buffer: a contiguous range of bytes on some device, and what keeps it alive.
//
// A Buffer is a root or a slice. A root owns its bytes, borrows them, or holds some owner. A slice
// points into a root and keeps it alive. A slice of a slice refers to the root, so the slice in
// between can be destroyed.
//
//   root    data() -> [ size() bytes in use ...................... | up to capacity() ]
//   slice             offset -> [ size() bytes ]     parent() == root, capacity() == size()
//
// The bytes may live on a device whose memory the CPU cannot read: data() is then null and
// address() is an address of that device.
//
// Ownership: shared_ptr<Buffer>; a slice holds one reference to its root. A Buffer over a plain
// pointer owns nothing. Threads: a Buffer is a value that may be read from many threads; the caller
// synchronizes Resize, Reserve and writes. Out of memory: kResourceExhausted from functions that
// allocate through a pool; a Buffer that fails to grow stays as it was. Slicing takes a small block
// from a per-thread cache and throws std::bad_alloc when the process has no memory for it.
//
// Longer than most headers, since slices are made and read inline.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/device.h"
#include "alkaid/core/observers/memory_events.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid {

class MutableBuffer;

class ALKAID_EXPORT Buffer {
  struct DataOfContainer {
    template <typename Container>
    auto* operator()(Container& container) const {
      return container.data();
    }
  };

 public:
  // Borrows `size` bytes of host memory.
  Buffer(const uint8_t* data, int64_t size) : data_(data), size_(size), capacity_(size) {}
  explicit Buffer(std::string_view data)
      : Buffer(reinterpret_cast<const uint8_t*>(data.data()), static_cast<int64_t>(data.size())) {}

  // `size` bytes of the memory of `memory_manager`'s device, kept alive by `parent` if given. This
  // is a root, not a slice: parent() returns `parent`, and slices of it refer to it. `device_type`
  // overrides the device's own type.
  Buffer(const uint8_t* data, int64_t size, std::shared_ptr<MemoryManager> memory_manager,
         std::shared_ptr<Buffer> parent = nullptr,
         std::optional<DeviceAllocationType> device_type = std::nullopt);
  Buffer(uintptr_t address, int64_t size, std::shared_ptr<MemoryManager> memory_manager,
         std::shared_ptr<Buffer> parent = nullptr,
         std::optional<DeviceAllocationType> device_type = std::nullopt);

  // A slice: `size` bytes from `offset` of `parent`, on its device and with its manager. Not
  // checked; see SliceBufferSafe.
  Buffer(const std::shared_ptr<Buffer>& parent, int64_t offset, int64_t size)
      : Buffer(Untold(), parent, offset, size) {
    if (internal::ViewEventsOn()) [[unlikely]]
      NotifySliced();
  }
  Buffer(std::shared_ptr<Buffer>&& parent, int64_t offset, int64_t size)
      : Buffer(Untold(), std::move(parent), offset, size) {
    if (internal::ViewEventsOn()) [[unlikely]]
      NotifySliced();
  }

  virtual ~Buffer() {
    if (internal::ViewEventsOn()) [[unlikely]]
      NotifyRelease();
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // Not checked; the buffer must be readable by the CPU.
  uint8_t operator[](std::size_t i) const { return data_[i]; }

  // The bytes in upper-case hexadecimal, two digits each. Host memory only; empty for other
  // devices.
  std::string ToHexString() const;
  // A copy of the bytes. Host memory only; empty for other devices.
  std::string ToString() const;
  explicit operator std::string_view() const {
    return {reinterpret_cast<const char*>(data()), is_cpu_ ? static_cast<std::size_t>(size_) : 0};
  }

  // Equality of the bytes. Two buffers that the CPU cannot read are equal only when they are the
  // same range.
  bool Equals(const Buffer& other) const;
  // The same for the first `nbytes`; false when either has fewer, or when `nbytes` is negative.
  bool Equals(const Buffer& other, int64_t nbytes) const;

  // A copy of `nbytes` from `start`, from `pool`. kOutOfRange when that is not all inside.
  Result<std::shared_ptr<Buffer>> CopySlice(int64_t start, int64_t nbytes,
                                            PoolHandle pool = default_memory_pool()) const;

  // Frees a big root that is kept alive for few bytes. If size() is less than `ratio` (0 to 1) of
  // root_capacity(), replaces `*buffer` by a mutable copy in a root of its own and drops the
  // reference to the old one, whose memory comes back with the last other reference. Returns
  // whether it did. Copies nothing if the copy would hold as much, so asking again is cheap. CPU
  // memory is copied to `pool` (null: the default); other memory is copied on its device, by its
  // manager, as Copy does. Writes to one do not show in the other. kInvalidArgument for null and
  // for a bad ratio; kResourceExhausted, and the device's own errors. On error `*buffer` stays as
  // it was.
  static Result<bool> CompactIfBelow(std::shared_ptr<Buffer>* buffer, double ratio,
                                     PoolHandle pool = default_memory_pool());

  // Sets the bytes from size() to capacity() to zero. The buffer must be mutable and readable by
  // the CPU.
  void ZeroPadding() {
    assert(is_mutable_ && is_cpu_);
    if (capacity_ > size_) {
      std::memset(const_cast<uint8_t*>(data_) + size_, 0,
                  static_cast<std::size_t>(capacity_ - size_));
    }
  }

  // Takes over the string or vector, without a copy.
  static std::shared_ptr<Buffer> FromString(std::string data);
  template <typename T>
  static std::shared_ptr<Buffer> FromVector(std::vector<T> data) {
    static_assert(std::is_trivially_copyable_v<T>, "only plain values have bytes of their own");
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no array of values");
    auto owner = std::make_shared<std::vector<T>>(std::move(data));
    const auto* bytes = reinterpret_cast<const uint8_t*>(owner->data());
    const auto size = static_cast<int64_t>(owner->size() * sizeof(T));
    return FromOwner(bytes, size, std::move(owner));
  }

  // Takes over any container. The bytes are the `nbytes` that start at `get_data(container)`, by
  // default `container.data()`, called after the container was moved to where the buffer keeps it.
  // Returns a MutableBuffer if that pointer is not to const.
  template <typename Container, typename GetData = DataOfContainer>
  static auto TakeOwnership(Container container, int64_t nbytes, GetData&& get_data = {}) {
    using Value = std::remove_pointer_t<decltype(std::forward<GetData>(get_data)(container))>;
    using Kind = std::conditional_t<std::is_const_v<Value>, Buffer, MutableBuffer>;
    using Byte = std::conditional_t<std::is_const_v<Value>, const uint8_t, uint8_t>;
    struct Owner {
      Owner(Container&& source, int64_t size, GetData&& where)
          : container(std::move(source)),
            buffer(reinterpret_cast<Byte*>(std::forward<GetData>(where)(container)), size) {}
      Container container;
      Kind buffer;
    };
    auto owner =
        std::make_shared<Owner>(std::move(container), nbytes, std::forward<GetData>(get_data));
    Kind* const buffer = &owner->buffer;
    return std::shared_ptr<Kind>(std::move(owner), buffer);
  }

  // Borrows `length` values.
  template <typename T, typename SizeType = int64_t>
  static std::shared_ptr<Buffer> Wrap(const T* data, SizeType length) {
    static_assert(std::is_trivially_copyable_v<T>, "only plain values have bytes of their own");
    return std::make_shared<Buffer>(reinterpret_cast<const uint8_t*>(data),
                                    static_cast<int64_t>(length) * static_cast<int64_t>(sizeof(T)));
  }
  template <typename T>
  static std::shared_ptr<Buffer> Wrap(std::span<T> values) {
    return Wrap(values.data(), static_cast<int64_t>(values.size()));
  }
  template <typename T>
  static std::shared_ptr<Buffer> Wrap(const std::vector<T>& values) {
    return Wrap(values.data(), static_cast<int64_t>(values.size()));
  }

  // Null if the CPU cannot read the bytes; the mutable form also if they may not be written.
  const uint8_t* data() const { return is_cpu_ ? data_ : nullptr; }
  uint8_t* mutable_data() { return is_cpu_ && is_mutable_ ? const_cast<uint8_t*>(data_) : nullptr; }
  template <typename T>
  const T* data_as() const {
    return reinterpret_cast<const T*>(data());
  }
  template <typename T>
  T* mutable_data_as() {
    return reinterpret_cast<T*>(mutable_data());
  }
  // As many whole values as fit; empty if data() is null.
  template <typename T>
  std::span<const T> span_as() const {
    return {data_as<T>(), is_cpu_ ? static_cast<std::size_t>(size_) / sizeof(T) : 0};
  }
  template <typename T>
  std::span<T> mutable_span_as() {
    T* const values = mutable_data_as<T>();
    return {values, values != nullptr ? static_cast<std::size_t>(size_) / sizeof(T) : 0};
  }
  // The device's address of the first byte, whatever the device. The mutable form is 0 if not
  // writable.
  uintptr_t address() const { return reinterpret_cast<uintptr_t>(data_); }
  uintptr_t mutable_address() const { return is_mutable_ ? address() : 0; }

  // Bytes in use, and bytes allocated.
  int64_t size() const { return size_; }
  int64_t capacity() const { return capacity_; }
  // Bytes that this buffer is known to keep alive: for a slice, what its root keeps; for a root,
  // its own capacity or what its parent keeps, whichever is more. The two may overlap, so they are
  // not added up. What other owners keep (ForeignBuffer) is not known and does not count.
  int64_t root_capacity() const {
    if (parent_ == nullptr) return capacity_;
    const int64_t own = is_slice_ ? 0 : capacity_;
    const int64_t kept = parent_->root_capacity();
    return kept > own ? kept : own;
  }

  // Whether the CPU can read the bytes, and whether they may be written.
  bool is_cpu() const { return is_cpu_; }
  bool is_mutable() const { return is_mutable_; }
  DeviceAllocationType device_type() const { return device_type_; }
  // A slice has its root's manager; a pool's buffer has the CPU's over that pool. Never null.
  std::shared_ptr<MemoryManager> memory_manager() const;
  std::shared_ptr<Device> device() const;
  // For a slice, its root; for a root, the parent it was given to keep alive; else null.
  const std::shared_ptr<Buffer>& parent() const { return parent_; }
  // What to wait for before the bytes are valid; null if nothing is pending.
  virtual std::shared_ptr<Device::SyncEvent> device_sync_event() const { return nullptr; }

  // I/O on the bytes of any device; see MemoryManager::GetBufferReader and GetBufferWriter.
  static Result<std::shared_ptr<io::RandomAccessFile>> GetReader(std::shared_ptr<Buffer> buffer);
  static Result<std::shared_ptr<io::OutputStream>> GetWriter(std::shared_ptr<Buffer> buffer);
  // A copy on another device, or in another pool; see MemoryManager::CopyBuffer.
  static Result<std::shared_ptr<Buffer>> Copy(std::shared_ptr<Buffer> source,
                                              const std::shared_ptr<MemoryManager>& to);
  static Result<std::unique_ptr<Buffer>> CopyNonOwned(const Buffer& source,
                                                      const std::shared_ptr<MemoryManager>& to);
  // The same bytes seen from another device; see MemoryManager::ViewBuffer.
  static Result<std::shared_ptr<Buffer>> View(std::shared_ptr<Buffer> source,
                                              const std::shared_ptr<MemoryManager>& to);
  // A view if possible, else a copy.
  static Result<std::shared_ptr<Buffer>> ViewOrCopy(std::shared_ptr<Buffer> source,
                                                    const std::shared_ptr<MemoryManager>& to);

 protected:
  // No bytes: for a class whose constructor sets later where they are.
  Buffer() : Buffer(nullptr, 0) {}

  // Puts the bytes on the device of `memory_manager`, which from now on determines is_cpu(),
  // device_type(), device() and memory_manager(). A slice becomes a root whose parent is its former
  // root. Null: host memory, as if no manager had been given. For constructors: slices that exist
  // already keep what they have.
  void SetMemoryManager(std::shared_ptr<MemoryManager> memory_manager);

  // Makes a slice without notifying observers. The caller has already checked whether any listen.
  struct Untold {};
  Buffer(Untold, const std::shared_ptr<Buffer>& parent, int64_t offset, int64_t size)
      : data_(parent->data_ + offset),
        size_(size),
        capacity_(size),
        parent_(parent->is_slice_ ? parent->parent_ : parent),
        is_cpu_(parent_->is_cpu_),
        is_slice_(true),
        device_type_(parent_->device_type_) {}
  Buffer(Untold, std::shared_ptr<Buffer>&& parent, int64_t offset, int64_t size)
      : data_(parent->data_ + offset),
        size_(size),
        capacity_(size),
        parent_(parent->is_slice_ ? parent->parent_ : std::move(parent)),
        is_cpu_(parent_->is_cpu_),
        is_slice_(true),
        device_type_(parent_->device_type_) {}

  // The manager of a root that was given none: the CPU's default one.
  virtual std::shared_ptr<MemoryManager> ImplicitMemoryManager() const;

  // Reports the end of this buffer to observers, once. A class that gives memory back in its
  // destructor calls this first, under `if (internal::ViewEventsOn())`; for all others this class's
  // destructor does.
  void NotifyRelease() noexcept;

  // The order matters: a slice's initialisers read `parent_` after it is set.
  const uint8_t* data_;
  int64_t size_;
  int64_t capacity_;
  std::shared_ptr<Buffer> parent_;
  std::shared_ptr<MemoryManager> memory_manager_;  // null: ImplicitMemoryManager, or the root's
  bool is_mutable_ = false;
  bool is_cpu_ = true;
  bool is_slice_ = false;
  bool release_emitted_ = false;
  DeviceAllocationType device_type_ = DeviceAllocationType::kCPU;

 private:
  // The device of memory_manager_, which must not be null.
  void TakeDevice();
  void NotifySliced() const noexcept;
  static std::shared_ptr<Buffer> FromOwner(const uint8_t* data, int64_t size,
                                           std::shared_ptr<void> owner);
};
static_assert(sizeof(Buffer) <= 72, "a Buffer and its reference counts share two cache lines");

using BufferVector = std::vector<std::shared_ptr<Buffer>>;

}  // namespace alkaid

#include "alkaid/core/buffers/buffer_functions.h"  // IWYU pragma: export
#include "alkaid/core/buffers/mutable_buffer.h"    // IWYU pragma: export
