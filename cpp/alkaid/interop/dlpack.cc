#include "alkaid/interop/dlpack.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/interop/device_lookup_internal.h"
#include "alkaid/interop/dlpack_abi_internal.h"

namespace alkaid::interop {
namespace {

// A tensor for the consumer.
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

// Row by row if the CPU can read the elements, else in their present layout.
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

// Sets what only the versioned structure has.
void Describe(const Buffer& buffer, bool copied, DLManagedTensorVersioned* managed) {
  managed->version = kDLPackVersion;
  if (!buffer.is_mutable()) managed->flags |= kDLPackReadOnly;
  if (copied) managed->flags |= kDLPackIsCopied;
}
void Describe(const Buffer& /*buffer*/, bool /*copied*/, DLManagedTensor* /*managed*/) {}

// What the consumer deletes: one block of memory for tensors of few dimensions.
template <typename Managed>
struct Export {
  static constexpr size_t kFew = 4;

  Export(std::shared_ptr<Buffer> exported, ElementType type, uintptr_t address,
         std::span<const int64_t> shape, std::span<const int64_t> strides, bool copied)
      : buffer(std::move(exported)) {
    int64_t* dimensions = few.data();
    if (shape.size() > kFew) {
      many.resize(2 * shape.size());
      dimensions = many.data();
    }
    std::copy(shape.begin(), shape.end(), dimensions);
    std::copy(strides.begin(), strides.end(), dimensions + shape.size());
    managed.manager_ctx = this;
    managed.deleter = [](Managed* self) { delete static_cast<Export*>(self->manager_ctx); };
    Describe(*buffer, copied, &managed);
    DLTensor& out = managed.dl_tensor;
    out.data = reinterpret_cast<void*>(address);
    out.device.device_type = static_cast<int32_t>(buffer->device_type());
    out.device.device_id = buffer->is_cpu() ? 0 : static_cast<int32_t>(DeviceIdOf(*buffer, 0));
    out.ndim = static_cast<int32_t>(shape.size());
    out.dtype.code = static_cast<uint8_t>(type.kind);
    out.dtype.bits = type.bits;
    out.dtype.lanes = type.lanes;
    out.shape = dimensions;
    out.strides = dimensions + shape.size();
  }

  Managed managed{};
  std::shared_ptr<Buffer> buffer;
  std::array<int64_t, 2 * kFew> few;  // shape and strides
  std::vector<int64_t> many;
};

template <typename Managed>
constexpr bool kSaysReadOnly = std::is_same_v<Managed, DLManagedTensorVersioned>;

template <typename Managed>
Result<Managed*> ExportTensor(const Tensor& tensor, const DLPackOptions& options) try {
  ALKAID_ASSIGN_OR_RAISE(const Offer offer, MakeOffer(tensor, options));
  const Tensor& given = offer.tensor;
  if (!kSaysReadOnly<Managed> && !given.buffer()->is_mutable()) {
    return status::FailedPrecondition(
        "a read-only tensor: DLPack before 1.0 cannot say that; request a copy");
  }
  return &(new Export<Managed>(given.buffer(), given.type(), given.address(), given.shape(),
                               given.strides(), offer.copied))
              ->managed;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

// All bytes of a buffer. Allocates only the consumer's structure, unless more is requested.
template <typename Managed>
Result<Managed*> ExportBytes(std::shared_ptr<Buffer> buffer, const DLPackOptions& options) try {
  if (buffer == nullptr) return status::Invalid("a DLPack tensor of a buffer that is null");
  const auto type = ElementType::Of<uint8_t>();
  const int64_t size = buffer->size();
  const bool as_it_is = options.copy != true && options.memory_manager == nullptr &&
                        buffer->is_cpu() && (kSaysReadOnly<Managed> || buffer->is_mutable()) &&
                        buffer->device_sync_event() == nullptr;
  if (!as_it_is) {
    ALKAID_ASSIGN_OR_RAISE(const Tensor tensor, Tensor::Make(std::move(buffer), type, {size}));
    return ExportTensor<Managed>(tensor, options);
  }
  const int64_t stride = 1;
  const uintptr_t address = buffer->address();
  return &(new Export<Managed>(std::move(buffer), type, address, {&size, 1}, {&stride, 1},
                               /*copied=*/false))
              ->managed;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

// Import.

// The address of the elements. Checks that their bytes do not pass the end of the address space.
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
  // Checked above, and allocates nothing: it cannot fail, and `managed` is taken over.
  return Tensor::Make(std::move(buffer), type, std::move(shape), std::move(strides), -range.from);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace

Result<DLManagedTensorVersioned*> ExportDLPack(const Tensor& tensor, const DLPackOptions& options) {
  return ExportTensor<DLManagedTensorVersioned>(tensor, options);
}

Result<DLManagedTensorVersioned*> ExportDLPack(std::shared_ptr<Buffer> buffer,
                                               const DLPackOptions& options) {
  return ExportBytes<DLManagedTensorVersioned>(std::move(buffer), options);
}

Result<DLManagedTensor*> ExportLegacyDLPack(const Tensor& tensor, const DLPackOptions& options) {
  return ExportTensor<DLManagedTensor>(tensor, options);
}

Result<DLManagedTensor*> ExportLegacyDLPack(std::shared_ptr<Buffer> buffer,
                                            const DLPackOptions& options) {
  return ExportBytes<DLManagedTensor>(std::move(buffer), options);
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
