// DLPack: tensors to and from numpy, PyTorch, JAX, CuPy and others without a copy.
//
// What is handed over is a pointer to a structure of DLPack's C interface, in Python inside a
// capsule: "dltensor_versioned" holds a DLManagedTensorVersioned (DLPack 1.x), "dltensor" the older
// DLManagedTensor, which cannot say that memory is read-only. DLPack's own header defines both; a
// program that looks into them includes it, in any order.
//
// Ownership: an exported structure holds the tensor's buffer until its deleter is called, exactly
// once, by the consumer, or by the producer where none came. An imported tensor's buffer calls the
// deleter of its producer when the last reference goes; where an import fails the structure is the
// caller's as before. Threads: structures from here may be deleted on any thread, without any lock;
// those of others are deleted on the thread that drops the last reference. Out of memory:
// kResourceExhausted.
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

// What the consumer asked for: the arguments of Python's __dlpack__.
struct DLPackOptions {
  // True: the consumer gets elements of its own. False: never a copy. Unset: a copy where the
  // elements are misaligned or cannot be seen on the device that was asked for.
  std::optional<bool> copy = std::nullopt;
  // The device that was asked for; copies are allocated here. Null: the device that the elements
  // are on, and copies from the manager of their buffer.
  std::shared_ptr<MemoryManager> memory_manager = nullptr;
  // Where work on the device is still pending, this stream of the consumer's waits for it. Null:
  // the call does.
  Device::Stream* stream = nullptr;
};

// The exported structure has strides always and byte_offset 0. A copy is writable and marked as a
// copy. Errors: kFailedPrecondition, naming the address, where elements are misaligned and `copy`
// is false; kUnimplemented, naming both devices, where there is no way to the device.
ALKAID_EXPORT Result<DLManagedTensorVersioned*> ExportDLPack(const Tensor& tensor,
                                                             const DLPackOptions& options = {});
// For consumers of before DLPack 1.0. kFailedPrecondition for read-only memory that is not copied.
ALKAID_EXPORT Result<DLManagedTensor*> ExportLegacyDLPack(const Tensor& tensor,
                                                          const DLPackOptions& options = {});

// The same of all bytes of a buffer, as uint8 of one dimension.
ALKAID_EXPORT Result<DLManagedTensorVersioned*> ExportDLPack(std::shared_ptr<Buffer> buffer,
                                                             const DLPackOptions& options = {});
ALKAID_EXPORT Result<DLManagedTensor*> ExportLegacyDLPack(std::shared_ptr<Buffer> buffer,
                                                          const DLPackOptions& options = {});

// Takes `managed` over when it succeeds. The tensor's buffer spans from the first byte of an element
// to the last, and can be written unless the structure forbids it; legacy ones cannot. Errors:
// kInvalidArgument for what makes no sense (null data of a positive size, negative dimensions) and
// kOutOfRange for more than 64 bits hold; kUnimplemented for another major version or a type that
// is not supported, such as elements of less than a byte; kNotFound, naming the device, where no
// device mapper is registered for it.
ALKAID_EXPORT Result<Tensor> ImportDLPack(DLManagedTensorVersioned* managed);
ALKAID_EXPORT Result<Tensor> ImportDLPack(DLManagedTensor* managed);

}  // namespace alkaid::interop
