// The structures of DLPack 1.x, which its capsules point to.
//
// Source: the C interface of DLPack, https://dmlc.github.io/dlpack/latest/c_api.html. The public
// header dlpack.h only declares the two managed structures and does not include this file, so a
// program may include both dlpack.h and DLPack's own header.
#pragma once

#include <cstdint>

extern "C" {

struct DLPackVersion {
  uint32_t major;  // if it is not 1, the members that follow `deleter` may differ from these
  uint32_t minor;
};

struct DLDevice {
  int32_t device_type;  // numbered as alkaid::DeviceAllocationType
  int32_t device_id;
};

struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null: row-major
  uint64_t byte_offset;
};

struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor*);  // may be null
};

struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned*);  // may be null
  uint64_t flags;
  DLTensor dl_tensor;
};

}  // extern "C"

namespace alkaid::interop {

inline constexpr DLPackVersion kDLPackVersion = {1, 1};
inline constexpr uint64_t kDLPackReadOnly = 1;
inline constexpr uint64_t kDLPackIsCopied = 2;
inline constexpr uint64_t kDLPackSubbytePadded = 4;

static_assert(sizeof(DLTensor) == 48 && sizeof(DLManagedTensor) == 64 &&
              sizeof(DLManagedTensorVersioned) == 80);

}  // namespace alkaid::interop
