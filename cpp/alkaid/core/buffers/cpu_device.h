// CPUDevice: host memory as a Device, and the managers that allocate it from a MemoryPool.
//
// Ownership: the device and the default manager live as long as the process; other managers as long
// as they are held. Threads: any. Out of memory: kResourceExhausted, with the pool's message.
// Include device.h, not this file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/device.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid {

// Host memory. There is one instance; its managers differ in their pool.
class ALKAID_EXPORT CPUDevice : public Device {
 public:
  const char* type_name() const override;
  std::string ToString() const override;
  bool Equals(const Device& other) const override;
  DeviceAllocationType device_type() const override { return DeviceAllocationType::kCPU; }
  std::shared_ptr<MemoryManager> default_memory_manager() override;

  static std::shared_ptr<Device> Instance();

  // The manager that allocates from `pool` (null: the default pool); the same object for as long as
  // it is alive. A borrowed pool must outlive the manager.
  static std::shared_ptr<MemoryManager> memory_manager(PoolHandle pool);

 protected:
  CPUDevice() : Device(true) {}
};

class ALKAID_EXPORT CPUMemoryManager : public MemoryManager {
 public:
  Result<std::shared_ptr<io::RandomAccessFile>> GetBufferReader(
      std::shared_ptr<Buffer> buffer) override;
  Result<std::shared_ptr<io::OutputStream>> GetBufferWriter(
      std::shared_ptr<Buffer> buffer) override;
  // Aligned and padded to 64 bytes, as alkaid::AllocateBuffer.
  Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size) override;

  MemoryPool* pool() const { return pool_.get(); }

 protected:
  CPUMemoryManager(std::shared_ptr<Device> device, PoolHandle pool)
      : MemoryManager(std::move(device)), pool_(std::move(pool)) {}

  Result<std::unique_ptr<Buffer>> CopyNonOwnedFrom(
      const Buffer& buffer, const std::shared_ptr<MemoryManager>& from) override;
  Result<std::unique_ptr<Buffer>> CopyNonOwnedTo(const Buffer& buffer,
                                                 const std::shared_ptr<MemoryManager>& to) override;
  Result<std::shared_ptr<Buffer>> ViewBufferFrom(
      const std::shared_ptr<Buffer>& buffer, const std::shared_ptr<MemoryManager>& from) override;
  Result<std::shared_ptr<Buffer>> ViewBufferTo(const std::shared_ptr<Buffer>& buffer,
                                               const std::shared_ptr<MemoryManager>& to) override;

 private:
  const PoolHandle pool_;
};

// The manager over the CPU and the default pool; lives as long as the process.
ALKAID_EXPORT std::shared_ptr<MemoryManager> default_cpu_memory_manager();

}  // namespace alkaid
