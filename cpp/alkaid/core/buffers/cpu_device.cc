#include "alkaid/core/buffers/cpu_device.h"

#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "alkaid/base/first_made.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid {
namespace {

class TheCPUDevice final : public CPUDevice {};

class CPUManager final : public CPUMemoryManager {
 public:
  explicit CPUManager(PoolHandle pool) : CPUMemoryManager(CPUDevice::Instance(), std::move(pool)) {}
};

// The managers that are alive, by pool and by whether they hold it: at most one of each per pool.
class CPUManagers {
 public:
  std::shared_ptr<MemoryManager> Get(PoolHandle pool) {
    const Key key{pool.get(), pool.is_shared()};
    std::lock_guard lock(mutex_);
    if (const auto found = managers_.find(key); found != managers_.end()) {
      if (auto manager = found->second.lock()) return manager;
    }
    std::erase_if(managers_, [](const auto& entry) { return entry.second.expired(); });
    auto manager = std::make_shared<CPUManager>(std::move(pool));
    managers_[key] = manager;
    return manager;
  }

 private:
  using Key = std::pair<MemoryPool*, bool>;
  internal::ForkGuarded<std::mutex> mutex_;
  std::map<Key, std::weak_ptr<MemoryManager>> managers_;  // guarded by mutex_
};

Result<std::unique_ptr<Buffer>> CopyHostBytes(const Buffer& buffer,
                                              const std::shared_ptr<MemoryManager>& to) {
  ALKAID_ASSIGN_OR_RAISE(auto copy, to->AllocateBuffer(buffer.size()));
  if (buffer.size() > 0) {
    std::memcpy(copy->mutable_data(), buffer.data(), static_cast<std::size_t>(buffer.size()));
  }
  return copy;
}

}  // namespace

const char* CPUDevice::type_name() const { return "alkaid::CPUDevice"; }
std::string CPUDevice::ToString() const { return "CPUDevice()"; }
bool CPUDevice::Equals(const Device& other) const {
  return this == &other || (other.is_cpu() && std::strcmp(type_name(), other.type_name()) == 0);
}
std::shared_ptr<MemoryManager> CPUDevice::default_memory_manager() {
  return default_cpu_memory_manager();
}

// These three are never destroyed: buffers may outlive static destructors.
std::shared_ptr<Device> CPUDevice::Instance() {
  static const auto* const device = new std::shared_ptr<Device>(std::make_shared<TheCPUDevice>());
  return *device;
}
std::shared_ptr<MemoryManager> default_cpu_memory_manager() {
  static constinit internal::FirstMade<std::shared_ptr<MemoryManager>> manager;
  return *manager.Get([] {
    return new std::shared_ptr<MemoryManager>(std::make_shared<CPUManager>(default_memory_pool()));
  });
}
static CPUManagers& Managers() {
  static auto* const managers = new CPUManagers;
  return *managers;
}

// See first_made.h.
[[gnu::constructor]] static void MakeAtLoad() {
  CPUDevice::Instance();
  Managers();
}

std::shared_ptr<MemoryManager> CPUDevice::memory_manager(PoolHandle pool) {
  if (!pool || pool.get() == default_memory_pool()) return default_cpu_memory_manager();
  return Managers().Get(std::move(pool));
}

Result<std::shared_ptr<io::RandomAccessFile>> CPUMemoryManager::GetBufferReader(
    std::shared_ptr<Buffer> buffer) {
  return io::BufferReader::Make(std::move(buffer));
}
Result<std::shared_ptr<io::OutputStream>> CPUMemoryManager::GetBufferWriter(
    std::shared_ptr<Buffer> buffer) {
  return io::FixedSizeBufferWriter::Make(std::move(buffer));
}

Result<std::unique_ptr<Buffer>> CPUMemoryManager::AllocateBuffer(int64_t size) {
  return alkaid::AllocateBuffer(size, pool_);
}

Result<std::unique_ptr<Buffer>> CPUMemoryManager::CopyNonOwnedFrom(
    const Buffer& buffer, const std::shared_ptr<MemoryManager>& from) {
  if (!from->is_cpu()) return nullptr;
  return CopyHostBytes(buffer, shared_from_this());
}
Result<std::unique_ptr<Buffer>> CPUMemoryManager::CopyNonOwnedTo(
    const Buffer& buffer, const std::shared_ptr<MemoryManager>& to) {
  if (!to->is_cpu()) return nullptr;
  return CopyHostBytes(buffer, to);
}
Result<std::shared_ptr<Buffer>> CPUMemoryManager::ViewBufferFrom(
    const std::shared_ptr<Buffer>& buffer, const std::shared_ptr<MemoryManager>& from) {
  if (!from->is_cpu()) return nullptr;
  return buffer;
}
Result<std::shared_ptr<Buffer>> CPUMemoryManager::ViewBufferTo(
    const std::shared_ptr<Buffer>& buffer, const std::shared_ptr<MemoryManager>& to) {
  if (!to->is_cpu()) return nullptr;
  return buffer;
}

}  // namespace alkaid
