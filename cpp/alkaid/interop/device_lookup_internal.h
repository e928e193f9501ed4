// Finds the MemoryManager of a device that another library names by kind and number.
//
// Threads: any. Out of memory: kResourceExhausted.
#pragma once

#include <cstdint>
#include <memory>

#include "alkaid/base/status.h"
#include "alkaid/core/buffers/device.h"

namespace alkaid::interop {

// Null for host memory. kInvalidArgument for an unknown kind of device; kNotFound if no mapper is
// registered for it.
Result<std::shared_ptr<MemoryManager>> FindMemoryManager(int32_t device_type, int64_t device_id);

// The device number of a buffer, as the interfaces count it: `cpu` for host memory.
int64_t DeviceIdOf(const Buffer& buffer, int64_t cpu);

}  // namespace alkaid::interop
