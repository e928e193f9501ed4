#include "alkaid/core/buffers/device.h"

#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid {

Device::~Device() = default;
MemoryManager::~MemoryManager() = default;

Device::Stream::~Stream() = default;
Device::SyncEvent::~SyncEvent() = default;

std::function<void(void*)> Device::ReleasingOnly(std::function<void(void*)> release) {
  if (release != nullptr) return release;
  return [](void*) {};
}

Result<std::shared_ptr<Device::Stream>> Device::MakeStream(unsigned int /*flags*/) {
  return nullptr;
}
Result<std::shared_ptr<Device::Stream>> Device::WrapStream(void* /*device_stream*/,
                                                           Stream::release_fn_t /*release*/) {
  return nullptr;
}

Result<std::shared_ptr<Device::SyncEvent>> MemoryManager::MakeDeviceSyncEvent() { return nullptr; }
Result<std::shared_ptr<Device::SyncEvent>> MemoryManager::WrapDeviceSyncEvent(
    void* /*sync_event*/, Device::SyncEvent::release_fn_t /*release*/) {
  return nullptr;
}

Result<std::shared_ptr<Buffer>> MemoryManager::CopyBufferFrom(
    const std::shared_ptr<Buffer>& buffer, const std::shared_ptr<MemoryManager>& from) {
  return CopyNonOwnedFrom(*buffer, from);
}
Result<std::shared_ptr<Buffer>> MemoryManager::CopyBufferTo(
    const std::shared_ptr<Buffer>& buffer, const std::shared_ptr<MemoryManager>& to) {
  return CopyNonOwnedTo(*buffer, to);
}
Result<std::unique_ptr<Buffer>> MemoryManager::CopyNonOwnedFrom(
    const Buffer& /*buffer*/, const std::shared_ptr<MemoryManager>& /*from*/) {
  return nullptr;
}
Result<std::unique_ptr<Buffer>> MemoryManager::CopyNonOwnedTo(
    const Buffer& /*buffer*/, const std::shared_ptr<MemoryManager>& /*to*/) {
  return nullptr;
}
Result<std::shared_ptr<Buffer>> MemoryManager::ViewBufferFrom(
    const std::shared_ptr<Buffer>& /*buffer*/, const std::shared_ptr<MemoryManager>& /*from*/) {
  return nullptr;
}
Result<std::shared_ptr<Buffer>> MemoryManager::ViewBufferTo(
    const std::shared_ptr<Buffer>& /*buffer*/, const std::shared_ptr<MemoryManager>& /*to*/) {
  return nullptr;
}

namespace {

Status NoWay(const char* what, const MemoryManager& from, const MemoryManager& to) {
  return status::NotImplemented(what, " a buffer of ", from.device()->ToString(), " on ",
                                to.device()->ToString(), ": neither device offers a way");
}

}  // namespace

Result<std::shared_ptr<Buffer>> MemoryManager::CopyBuffer(
    const std::shared_ptr<Buffer>& source, const std::shared_ptr<MemoryManager>& to) try {
  if (source == nullptr) return status::Invalid("Buffer::Copy: the source is null");
  if (to == nullptr) return status::Invalid("Buffer::Copy: the destination's manager is null");
  const auto from = source->memory_manager();
  ALKAID_ASSIGN_OR_RAISE(auto copy, to->CopyBufferFrom(source, from));
  if (copy != nullptr) return copy;
  ALKAID_ASSIGN_OR_RAISE(copy, from->CopyBufferTo(source, to));
  if (copy != nullptr) return copy;
  if (!from->is_cpu() && !to->is_cpu()) {
    const auto cpu = default_cpu_memory_manager();
    // A view that is not possible is no error here: it would only have saved a copy.
    auto on_host = from->ViewBufferTo(source, cpu);
    if (!on_host.ok() || *on_host == nullptr) on_host = from->CopyBufferTo(source, cpu);
    ALKAID_RETURN_NOT_OK(on_host);
    if (*on_host != nullptr) {
      ALKAID_ASSIGN_OR_RAISE(copy, to->CopyBufferFrom(*on_host, cpu));
      if (copy != nullptr) return copy;
    }
  }
  return NoWay("Copying", *from, *to);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<Buffer>> MemoryManager::CopyNonOwned(
    const Buffer& source, const std::shared_ptr<MemoryManager>& to) try {
  if (to == nullptr) {
    return status::Invalid("Buffer::CopyNonOwned: the destination's manager is null");
  }
  const auto from = source.memory_manager();
  ALKAID_ASSIGN_OR_RAISE(auto copy, to->CopyNonOwnedFrom(source, from));
  if (copy != nullptr) return copy;
  ALKAID_ASSIGN_OR_RAISE(copy, from->CopyNonOwnedTo(source, to));
  if (copy != nullptr) return copy;
  if (!from->is_cpu() && !to->is_cpu()) {
    const auto cpu = default_cpu_memory_manager();
    ALKAID_ASSIGN_OR_RAISE(auto host_copy, from->CopyNonOwnedTo(source, cpu));
    if (host_copy != nullptr) {
      ALKAID_ASSIGN_OR_RAISE(copy, to->CopyNonOwnedFrom(*host_copy, cpu));
      if (copy != nullptr) return copy;
    }
  }
  return NoWay("Copying", *from, *to);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> MemoryManager::ViewBuffer(
    const std::shared_ptr<Buffer>& source, const std::shared_ptr<MemoryManager>& to) try {
  if (source == nullptr) return status::Invalid("Buffer::View: the source is null");
  if (to == nullptr) return status::Invalid("Buffer::View: the destination's manager is null");
  const auto from = source->memory_manager();
  if (from == to || from->device()->Equals(*to->device())) return source;
  ALKAID_ASSIGN_OR_RAISE(auto view, to->ViewBufferFrom(source, from));
  if (view != nullptr) return view;
  ALKAID_ASSIGN_OR_RAISE(view, from->ViewBufferTo(source, to));
  if (view != nullptr) return view;
  return NoWay("Viewing", *from, *to);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status MemoryManager::CopyBufferSliceToCPU(const std::shared_ptr<Buffer>& buffer, int64_t offset,
                                           int64_t length, uint8_t* out) try {
  ALKAID_ASSIGN_OR_RAISE(auto slice, SliceBufferSafe(buffer, offset, length));
  if (length == 0) return absl::OkStatus();
  if (out == nullptr) {
    return status::Invalid("CopyBufferSliceToCPU: null destination for ", length, " bytes");
  }
  if (!slice->is_cpu()) {
    ALKAID_ASSIGN_OR_RAISE(slice,
                           Buffer::ViewOrCopy(std::move(slice), default_cpu_memory_manager()));
  }
  std::memcpy(out, slice->data(), static_cast<std::size_t>(length));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

namespace {

struct DeviceMappers {
  internal::ForkGuarded<std::mutex> mutex;
  std::map<DeviceAllocationType, DeviceMapper> by_type;  // guarded by mutex
};

// Never destroyed: mappers may be looked up while the process ends.
DeviceMappers& Mappers() {
  static auto* const mappers = [] {
    auto* made = new DeviceMappers;
    made->by_type[DeviceAllocationType::kCPU] = [](int64_t) {
      return default_cpu_memory_manager();
    };
    return made;
  }();
  return *mappers;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { Mappers(); }

}  // namespace

Status RegisterDeviceMapper(DeviceAllocationType device_type, DeviceMapper mapper) try {
  const int kind = static_cast<int>(device_type);
  if (!mapper) {
    return status::Invalid("RegisterDeviceMapper: the mapper for device type ", kind, " is empty");
  }
  DeviceMappers& mappers = Mappers();
  std::lock_guard lock(mappers.mutex);
  if (!mappers.by_type.try_emplace(device_type, std::move(mapper)).second) {
    return status::AlreadyExists("RegisterDeviceMapper: device type ", kind,
                                 " already has a mapper");
  }
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<DeviceMapper> GetDeviceMapper(DeviceAllocationType device_type) try {
  DeviceMappers& mappers = Mappers();
  std::lock_guard lock(mappers.mutex);
  const auto found = mappers.by_type.find(device_type);
  if (found == mappers.by_type.end()) {
    return status::KeyError("GetDeviceMapper: no mapper is registered for device type ",
                            static_cast<int>(device_type));
  }
  return found->second;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid
