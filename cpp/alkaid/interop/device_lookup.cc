#include <limits>
#include <type_traits>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/interop/device_lookup_internal.h"

namespace alkaid::interop {

Result<std::shared_ptr<MemoryManager>> FindMemoryManager(int32_t device_type, int64_t device_id) {
  using Number = std::underlying_type_t<DeviceAllocationType>;
  if (device_type <= 0 || device_type > std::numeric_limits<Number>::max()) {
    return status::Invalid("there is no device of type ", device_type);
  }
  const auto type = static_cast<DeviceAllocationType>(device_type);
  if (type == DeviceAllocationType::kCPU) return nullptr;
  ALKAID_ASSIGN_OR_RAISE(const DeviceMapper mapper, GetDeviceMapper(type));
  return mapper(device_id);
}

int64_t DeviceIdOf(const Buffer& buffer, int64_t cpu) {
  const int64_t id = buffer.device()->device_id();
  return id < 0 ? cpu : id;
}

}  // namespace alkaid::interop
