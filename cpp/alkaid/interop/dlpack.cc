#include "alkaid/interop/dlpack.h"

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/interop/device_lookup_internal.h"
#include "alkaid/interop/dlpack_abi_internal.h"

namespace alkaid::interop {
namespace {

// A tensor as the consumer gets it.
struct Offer {
  Tensor tensor;
  bool copied = false;
};

// The bytes from the first element to the last, with the same strides, on `to`'s device.
Result<Offer> MoveTo(const std::shared_ptr<MemoryManager>& to, const Tensor& tensor,
                     std::optional<bool> copy) {
  ALKAID_ASSIGN_OR_RAISE(const Tensor::ByteRange range,
                         Tensor::RangeOf(tensor.type(), tensor.shape(), tensor.strides()));
  const int64_t first = tensor.size() == 0 ? 0 : tensor.offset() + range.from;
  const auto bytes = SliceBuffer(tensor.buffer(), first, range.to - range.from);
  Offer offer;
  std::shared_ptr<Buffer> there;
  if (copy != true) {
    auto view = Buffer::View(bytes, to);
    const bool may_copy = copy != false && view.status().code() == StatusCode::kUnimplemented;
    if (!view.ok() && !may_copy) return view.status();
    if (view.ok()) there = *std::move(view);
  }
  if (there == nullptr) {
    ALKAID_ASSIGN_OR_RAISE(there, Buffer::Copy(bytes, to));
    offer.copied = true;
  }
  ALKAID_ASSIGN_OR_RAISE(offer.tensor, Tensor::Make(std::move(there), tensor.type(), tensor.shape(),
                                                    tensor.strides(), -range.from));
  return offer;
}

// Row by row where the CPU sees the elements, else as they lie.
Result<Offer> CopyThere(const std::shared_ptr<MemoryManager>& to, const Tensor& tensor) {
  if (!tensor.buffer()->is_cpu() || !to->is_cpu()) return MoveTo(to, tensor, /*copy=*/true);
  ALKAID_ASSIGN_OR_RAISE(const int64_t bytes, tensor.RowMajorBytes());
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> room, to->AllocateBuffer(bytes));
  ALKAID_RETURN_NOT_OK(tensor.CopyTo(room->mutable_span_as<uint8_t>()));
  Offer offer;
  offer.copied = true;
  ALKAID_ASSIGN_OR_RAISE(offer.tensor,
                         Tensor::Make(std::move(room), tensor.type(), tensor.shape()));
  return offer;
}

Result<Offer> MakeOffer(const Tensor& tensor, const DLPackOptions& options) {
  const std::shared_ptr<Buffer>& buffer = tensor.buffer();
  if (buffer == nullptr) return status::Invalid("a tensor without a buffer");
  if (const auto event = buffer->device_sync_event()) {
    ALKAID_RETURN_NOT_OK(options.stream != nullptr ? options.stream->WaitEvent(*event)
                                                   : event->Wait());
  }
  Offer offer;
  offer.tensor = tensor;
  std::shared_ptr<MemoryManager> to = options.memory_manager;
  if (to == nullptr) {
    to = buffer->memory_manager();
  } else if (!to->device()->Equals(*buffer->device())) {
    ALKAID_ASSIGN_OR_RAISE(offer, MoveTo(to, tensor, options.copy));
  }
  if (offer.tensor.is_aligned() && (offer.copied || options.copy != true)) return offer;
  if (options.copy == false) {
    return status::FailedPrecondition("elements of ", tensor.type().ToString(), " at address ",
                                      offer.tensor.address(), " are misaligned: they need ",
                                      tensor.type().alignment(), " bytes, and no copy was allowed");
  }
  return CopyThere(to, offer.tensor);
}

// What the consumer deletes.
template <typename Managed>
struct Export {
  explicit Export(Tensor exported) : tensor(std::move(exported)) {
    managed.manager_ctx = this;
    managed.deleter = [](Managed* self) { delete static_cast<Export*>(self->manager_ctx); };
    DLTensor& out = managed.dl_tensor;
    const Buffer& buffer = *tensor.buffer();
    out.data = reinterpret_cast<void*>(tensor.address());
    out.device.device_type = static_cast<int32_t>(buffer.device_type());
    out.device.device_id = static_cast<int32_t>(DeviceIdOf(buffer, 0));
    out.ndim = tensor.rank();
    out.dtype.code = static_cast<uint8_t>(tensor.type().kind);
    out.dtype.bits = tensor.type().bits;
    out.dtype.lanes = tensor.type().lanes;
    // Not written to by any consumer: the interface has no const.
    out.shape = const_cast<int64_t*>(tensor.shape().data());
    out.strides = const_cast<int64_t*>(tensor.strides().data());
  }

  Managed managed{};
  Tensor tensor;
};

// Import.

// Where the elements begin, and that their bytes do not pass the end of all addresses.
Result<uintptr_t> AddressOf(const DLTensor& tensor, const Tensor::ByteRange& range) {
  const auto data = reinterpret_cast<uintptr_t>(tensor.data);
  if (data == 0 && range.to > range.from) {
    return status::Invalid("a DLPack tensor of ", range.to - range.from, " bytes at address 0");
  }
  uintptr_t first;
  uintptr_t end;
  if (__builtin_add_overflow(data, tensor.byte_offset, &first) ||
      __builtin_add_overflow(first, range.from, &first) ||
      __builtin_add_overflow(first, range.to - range.from, &end)) {
    return status::IndexError("a DLPack tensor of the bytes from ", range.from, " to ", range.to,
                              " of address ", data, " and offset ", tensor.byte_offset,
                              " does not fit in memory");
  }
  return first;
}

template <typename Managed>
Result<Tensor> Import(Managed* managed, bool writable) try {
  const DLTensor& in = managed->dl_tensor;
  if (in.ndim < 0 || in.ndim > Tensor::kMaxRank) {
    return status::Invalid("a DLPack tensor of ", in.ndim, " dimensions: there may be ",
                           Tensor::kMaxRank);
  }
  if (in.ndim > 0 && in.shape == nullptr) {
    return status::Invalid("a DLPack tensor of ", in.ndim, " dimensions without a shape");
  }
  const ElementType type{static_cast<ElementType::Kind>(in.dtype.code), in.dtype.bits,
                         in.dtype.lanes};
  std::vector<int64_t> shape(in.shape, in.shape + in.ndim);
  std::vector<int64_t> strides;
  if (in.strides != nullptr) strides.assign(in.strides, in.strides + in.ndim);
  ALKAID_ASSIGN_OR_RAISE(const Tensor::ByteRange range, Tensor::RangeOf(type, shape, strides));
  if (strides.empty()) strides = Tensor::RowMajorStrides(shape);
  ALKAID_ASSIGN_OR_RAISE(const uintptr_t first, AddressOf(in, range));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<MemoryManager> manager,
                         FindMemoryManager(in.device.device_type, in.device.device_id));
  auto* const bytes = reinterpret_cast<uint8_t*>(first);
  const int64_t size = range.to - range.from;
  const auto release = [managed] {
    if (managed->deleter != nullptr) managed->deleter(managed);
  };
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer,
                         writable
                             ? ForeignBuffer::MakeMutable(bytes, size, release, std::move(manager))
                             : ForeignBuffer::Make(bytes, size, release, std::move(manager)));
  // Checked above, and allocates nothing: it does not fail, and `managed` is taken over.
  return Tensor::Make(std::move(buffer), type, std::move(shape), std::move(strides), -range.from);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace

Result<DLManagedTensorVersioned*> ExportDLPack(const Tensor& tensor,
                                               const DLPackOptions& options) try {
  ALKAID_ASSIGN_OR_RAISE(Offer offer, MakeOffer(tensor, options));
  auto* const made = new Export<DLManagedTensorVersioned>(std::move(offer.tensor));
  made->managed.version = kDLPackVersion;
  if (!made->tensor.buffer()->is_mutable()) made->managed.flags |= kDLPackReadOnly;
  if (offer.copied) made->managed.flags |= kDLPackIsCopied;
  return &made->managed;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<DLManagedTensor*> ExportLegacyDLPack(const Tensor& tensor,
                                            const DLPackOptions& options) try {
  ALKAID_ASSIGN_OR_RAISE(Offer offer, MakeOffer(tensor, options));
  if (!offer.tensor.buffer()->is_mutable()) {
    return status::FailedPrecondition(
        "a tensor that is read-only: before DLPack 1.0 this cannot be said; ask for a copy");
  }
  return &(new Export<DLManagedTensor>(std::move(offer.tensor)))->managed;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<Tensor> ImportDLPack(DLManagedTensorVersioned* managed) {
  if (managed == nullptr) return status::Invalid("a DLPack tensor that is null");
  if (managed->version.major != kDLPackVersion.major) {
    return status::NotImplemented("DLPack ", managed->version.major, ".", managed->version.minor,
                                  ": only version ", kDLPackVersion.major, " is known");
  }
  return Import(managed, (managed->flags & kDLPackReadOnly) == 0);
}

Result<Tensor> ImportDLPack(DLManagedTensor* managed) {
  if (managed == nullptr) return status::Invalid("a DLPack tensor that is null");
  return Import(managed, /*writable=*/false);
}

}  // namespace alkaid::interop
