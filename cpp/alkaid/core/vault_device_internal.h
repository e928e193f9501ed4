// VaultDevice: a made-up device for tests, whose memory the CPU can not read.
//
// Its addresses are handles into a table, not pointers; its bytes are stored XOR-ed with a key. A
// view of host memory is an entry of the table that refers to the host's bytes as they are, so it
// can be viewed back; what lives in the vault only can be copied.
//
// Ownership: the device owns the bytes of its buffers until they go. Threads: one at a time. Out of
// memory: std::bad_alloc.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffer.h"
#include "alkaid/core/device.h"
#include "alkaid/core/io_interfaces.h"
#include "alkaid/core/memory_io.h"

namespace alkaid {

class VaultDevice final : public Device {
 public:
  static std::shared_ptr<VaultDevice> Make(int64_t id) {
    return std::shared_ptr<VaultDevice>(new VaultDevice(id));
  }
  const char* type_name() const override { return "VaultDevice"; }
  std::string ToString() const override { return "VaultDevice(" + std::to_string(id_) + ")"; }
  bool Equals(const Device& other) const override {
    return std::strcmp(other.type_name(), type_name()) == 0 && other.device_id() == id_;
  }
  int64_t device_id() const override { return id_; }
  DeviceAllocationType device_type() const override { return DeviceAllocationType::kEXT_DEV; }
  std::shared_ptr<MemoryManager> default_memory_manager() override;

  // The plain bytes behind a buffer or slice.
  std::string Peek(const Buffer& buffer) { return Load(buffer.address(), buffer.size()); }
  // The next transfer into the vault fails.
  void FailNextTransfer() { fail_next_ = true; }

  struct Entry {
    std::vector<uint8_t> own;       // XOR-ed with kKey
    const uint8_t* host = nullptr;  // a view: the host's bytes as they are
  };
  uintptr_t Add(Entry entry) {
    // No process has such addresses: using one as a pointer crashes.
    const uintptr_t handle = (uintptr_t{0xdead} << 48) + (++last_ << 32);
    table_[handle] = std::move(entry);
    return handle;
  }
  void Remove(uintptr_t handle) { table_.erase(handle); }
  const uint8_t* HostBytes(uintptr_t address) {
    const auto [entry, offset] = Find(address);
    return entry->host != nullptr ? entry->host + offset : nullptr;
  }
  std::string Load(uintptr_t address, int64_t size) {
    const auto [entry, offset] = Find(address);
    std::string out(static_cast<size_t>(size), '\0');
    for (size_t i = 0; i < out.size(); ++i) {
      const uint8_t byte =
          entry->host != nullptr ? entry->host[offset + i] : entry->own.at(offset + i) ^ kKey;
      out[i] = static_cast<char>(byte);
    }
    return out;
  }
  Status Store(uintptr_t address, const void* data, int64_t size) {
    if (std::exchange(fail_next_, false)) return status::OutOfMemory("the vault is full");
    const auto [entry, offset] = Find(address);
    const auto* bytes = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < static_cast<size_t>(size); ++i) {
      entry->own.at(offset + i) = bytes[i] ^ kKey;
    }
    return absl::OkStatus();
  }

 private:
  static constexpr uint8_t kKey = 0xa5;
  explicit VaultDevice(int64_t id) : Device(/*is_cpu=*/false), id_(id) {}

  std::pair<Entry*, size_t> Find(uintptr_t address) {
    auto found = table_.upper_bound(address);
    --found;
    return {&found->second, address - found->first};
  }

  const int64_t id_;
  uintptr_t last_ = 0;
  bool fail_next_ = false;
  std::map<uintptr_t, Entry> table_;
  std::weak_ptr<MemoryManager> manager_;
};

// Holds its entry of the table.
class VaultBuffer final : public MutableBuffer {
 public:
  VaultBuffer(std::shared_ptr<VaultDevice> device, uintptr_t handle, int64_t size,
              std::shared_ptr<MemoryManager> manager, std::shared_ptr<Buffer> parent = nullptr)
      : MutableBuffer(handle, size, std::move(manager), std::move(parent)),
        device_(std::move(device)) {}
  ~VaultBuffer() override { device_->Remove(address()); }

 private:
  std::shared_ptr<VaultDevice> device_;
};

class VaultWriter final : public io::OutputStream {
 public:
  VaultWriter(std::shared_ptr<VaultDevice> device, std::shared_ptr<Buffer> buffer)
      : device_(std::move(device)), buffer_(std::move(buffer)) {}
  Status Close() override {
    closed_ = true;
    return absl::OkStatus();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return position_; }
  using Writable::Write;
  Status Write(const void* data, int64_t nbytes) override {
    if (nbytes > buffer_->size() - position_) return status::IndexError("the vault's end");
    ALKAID_RETURN_NOT_OK(device_->Store(buffer_->address() + position_, data, nbytes));
    position_ += nbytes;
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<VaultDevice> device_;
  std::shared_ptr<Buffer> buffer_;
  int64_t position_ = 0;
  bool closed_ = false;
};

class VaultMemoryManager final : public MemoryManager {
 public:
  explicit VaultMemoryManager(std::shared_ptr<VaultDevice> device)
      : MemoryManager(device), vault_(std::move(device)) {}

  // Reads a copy: what matters is that the bytes come from the vault.
  Result<std::shared_ptr<io::RandomAccessFile>> GetBufferReader(
      std::shared_ptr<Buffer> buffer) override {
    return std::make_shared<io::BufferReader>(Buffer::FromString(vault_->Peek(*buffer)));
  }
  Result<std::shared_ptr<io::OutputStream>> GetBufferWriter(
      std::shared_ptr<Buffer> buffer) override {
    return std::make_shared<VaultWriter>(vault_, std::move(buffer));
  }
  Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size) override {
    const uintptr_t handle =
        vault_->Add({std::vector<uint8_t>(static_cast<size_t>(size)), nullptr});
    return std::make_unique<VaultBuffer>(vault_, handle, size, shared_from_this());
  }

 protected:
  Result<std::unique_ptr<Buffer>> CopyNonOwnedFrom(
      const Buffer& buffer, const std::shared_ptr<MemoryManager>& from) override {
    if (!from->is_cpu()) return nullptr;
    ALKAID_ASSIGN_OR_RAISE(auto copy, AllocateBuffer(buffer.size()));
    ALKAID_RETURN_NOT_OK(vault_->Store(copy->address(), buffer.data(), buffer.size()));
    return copy;
  }
  Result<std::unique_ptr<Buffer>> CopyNonOwnedTo(
      const Buffer& buffer, const std::shared_ptr<MemoryManager>& to) override {
    if (!to->is_cpu()) return nullptr;
    ALKAID_ASSIGN_OR_RAISE(auto copy, to->AllocateBuffer(buffer.size()));
    const std::string bytes = vault_->Peek(buffer);
    std::memcpy(copy->mutable_data(), bytes.data(), bytes.size());
    return copy;
  }
  Result<std::shared_ptr<Buffer>> ViewBufferFrom(
      const std::shared_ptr<Buffer>& buffer, const std::shared_ptr<MemoryManager>& from) override {
    if (!from->is_cpu()) return nullptr;
    const uintptr_t handle = vault_->Add({{}, buffer->data()});
    return std::make_shared<VaultBuffer>(vault_, handle, buffer->size(), shared_from_this(),
                                         buffer);
  }
  Result<std::shared_ptr<Buffer>> ViewBufferTo(const std::shared_ptr<Buffer>& buffer,
                                               const std::shared_ptr<MemoryManager>& to) override {
    const uint8_t* const host = vault_->HostBytes(buffer->address());
    if (!to->is_cpu() || host == nullptr) return nullptr;
    return std::make_shared<Buffer>(host, buffer->size(), to, buffer);
  }

 private:
  std::shared_ptr<VaultDevice> vault_;
};

inline std::shared_ptr<MemoryManager> VaultDevice::default_memory_manager() {
  auto manager = manager_.lock();
  if (manager == nullptr) {
    manager = std::make_shared<VaultMemoryManager>(
        std::static_pointer_cast<VaultDevice>(shared_from_this()));
    manager_ = manager;
  }
  return manager;
}

}  // namespace alkaid
