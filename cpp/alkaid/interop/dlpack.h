// DLPack: tensors to and from numpy, PyTorch, JAX, CuPy and others without a copy.
//
// What is exchanged is a pointer to a structure of DLPack's C interface; in Python it is inside a
// capsule. "dltensor_versioned" holds a DLManagedTensorVersioned (DLPack 1.x). "dltensor" holds the
// older DLManagedTensor, which cannot mark memory as read-only. DLPack's own header defines both; a
// program that looks into them includes it, in any order.
//
// Ownership: an exported structure holds the tensor's buffer until its deleter is called, exactly
// once: by the consumer, or by the producer if none came. An imported tensor's buffer calls its
// producer's deleter when the last reference is dropped. If an import fails the structure remains
// the caller's.
// Threads: structures made here may be deleted on any thread, without any lock; those of others are
// deleted on the thread that drops the last reference.
// Out of memory: kResourceExhausted.
//
// Source: https://dmlc.github.io/dlpack/latest/, and for Python's arguments
// https://data-apis.org/array-api/latest/.
#pragma once

#include <memory>
#include <optional>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/device.h"
#include "alkaid/interop/tensor.h"

extern "C" {
struct DLManagedTensor;
struct DLManagedTensorVersioned;
}

namespace alkaid::interop {

// The consumer's requests: the arguments of Python's __dlpack__.
struct DLPackOptions {
  // True: always a copy. False: never a copy. Unset: a copy if the elements are misaligned or
  // cannot be accessed on the requested device.
  std::optional<bool> copy = std::nullopt;
  // Of the requested device; copies are allocated here. Null: the device of the elements, and
  // copies from their buffer's manager.
  std::shared_ptr<MemoryManager> memory_manager = nullptr;
  // The consumer's stream, which waits for pending work on the device. Null: the call waits.
  Device::Stream* stream = nullptr;
};

// The exported structure always has strides, and byte_offset 0. A copy is writable and marked as a
// copy. Errors: kFailedPrecondition, naming the address, if elements are misaligned and `copy` is
// false; kUnimplemented, naming both devices, if there is no way to the device.
ALKAID_EXPORT Result<DLManagedTensorVersioned*> ExportDLPack(const Tensor& tensor,
                                                             const DLPackOptions& options = {});
// For consumers before DLPack 1.0. kFailedPrecondition for read-only memory that is not copied.
ALKAID_EXPORT Result<DLManagedTensor*> ExportLegacyDLPack(const Tensor& tensor,
                                                          const DLPackOptions& options = {});

// The same for all bytes of a buffer, as one dimension of uint8.
ALKAID_EXPORT Result<DLManagedTensorVersioned*> ExportDLPack(std::shared_ptr<Buffer> buffer,
                                                             const DLPackOptions& options = {});
ALKAID_EXPORT Result<DLManagedTensor*> ExportLegacyDLPack(std::shared_ptr<Buffer> buffer,
                                                          const DLPackOptions& options = {});

// Takes over `managed` on success. The tensor's buffer spans from the first byte of an element to
// the last. It is writable unless the structure forbids it; from a legacy structure it is not.
// Errors:
// - kInvalidArgument: an invalid structure (null data of a positive size, negative dimensions)
// - kOutOfRange: more than 64 bits hold
// - kUnimplemented: another major version, or an unsupported type such as elements below a byte
// - kNotFound, naming the device: no device mapper is registered for it
ALKAID_EXPORT Result<Tensor> ImportDLPack(DLManagedTensorVersioned* managed);
ALKAID_EXPORT Result<Tensor> ImportDLPack(DLManagedTensor* managed);

}  // namespace alkaid::interop
