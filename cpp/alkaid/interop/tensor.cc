#include "alkaid/interop/tensor.h"

#include <bit>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alkaid/base/checked_math.h"

namespace alkaid::interop {
namespace {

using Kind = ElementType::Kind;

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kInt:
      return "int";
    case Kind::kUInt:
      return "uint";
    case Kind::kFloat:
      return "float";
    case Kind::kBFloat:
      return "bfloat";
    case Kind::kComplex:
      return "complex";
    case Kind::kBool:
      return "bool";
  }
  return {};
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "(";
  for (const int64_t dimension : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(dimension);
  }
  return text + ")";
}

// How many elements a shape without negative dimensions has; overflows only if it has elements.
Result<int64_t> SizeOf(const std::vector<int64_t>& shape) {
  int64_t size = 1;
  for (const int64_t dimension : shape) {
    if (dimension == 0) return 0;
  }
  for (const int64_t dimension : shape) {
    if (MultiplyOverflow(size, dimension, &size)) {
      return status::IndexError("a tensor of shape ", ShapeText(shape), " has more than ",
                                INT64_MAX, " elements");
    }
  }
  return size;
}

// Copies strided elements, run by run.
class RowCopier {
 public:
  RowCopier(const Tensor& from, uint8_t* to) : from_(from), to_(to), run_(from.type().bytes()) {
    // Trailing dimensions without a gap are one run.
    outer_ = from.rank();
    int64_t next = 1;
    while (outer_ > 0 && (Dimension(outer_ - 1) == 1 || Stride(outer_ - 1) == next)) {
      next *= Dimension(outer_ - 1);
      --outer_;
    }
    run_ *= next;
  }

  void Copy() { CopyFrom(0, from_.data()); }

 private:
  int64_t Dimension(int i) const { return from_.shape()[static_cast<size_t>(i)]; }
  int64_t Stride(int i) const { return from_.strides()[static_cast<size_t>(i)]; }

  // The recursion is as deep as there are dimensions: 64 at most.
  void CopyFrom(int dimension, const uint8_t* data) {  // NOLINT(misc-no-recursion)
    if (dimension == outer_) {
      std::memcpy(to_, data, static_cast<size_t>(run_));
      to_ += run_;
      return;
    }
    const int64_t step = Stride(dimension) * from_.type().bytes();
    for (int64_t i = 0; i < Dimension(dimension); ++i) CopyFrom(dimension + 1, data + i * step);
  }

  const Tensor& from_;
  uint8_t* to_;
  int64_t run_;  // bytes
  int outer_;    // dimensions that are iterated
};

}  // namespace

Status ElementType::Validate() const {
  const bool sound = !KindName(kind).empty() && lanes > 0 && bits >= 8 && bits <= 128 &&
                     std::has_single_bit(bits) && (kind != Kind::kBool || bits == 8) &&
                     (kind != Kind::kFloat || bits >= 16) &&
                     (kind != Kind::kBFloat || bits == 16) &&
                     (kind != Kind::kComplex || bits >= 32);
  if (sound) return absl::OkStatus();
  return status::NotImplemented("elements of ", ToString(), " (kind ", static_cast<int>(kind), ", ",
                                static_cast<int>(bits), " bits, ", lanes,
                                " lanes) are not supported");
}

std::string ElementType::ToString() const {
  std::string text(KindName(kind));
  if (text.empty()) text = "an unknown kind";
  if (kind != Kind::kBool || bits != 8) text += std::to_string(bits);
  if (lanes != 1) text += "x" + std::to_string(lanes);
  return text;
}

Result<Tensor::ByteRange> Tensor::RangeOf(ElementType type, const std::vector<int64_t>& shape,
                                          const std::vector<int64_t>& strides) try {
  ALKAID_RETURN_NOT_OK(type.Validate());
  if (shape.size() > kMaxRank) {
    return status::Invalid("a tensor of ", shape.size(), " dimensions: there may be ", kMaxRank);
  }
  if (!strides.empty() && strides.size() != shape.size()) {
    return status::Invalid("a tensor of ", shape.size(), " dimensions with ", strides.size(),
                           " strides");
  }
  for (const int64_t dimension : shape) {
    if (dimension < 0) {
      return status::Invalid("a tensor of shape ", ShapeText(shape), ": a dimension is negative");
    }
  }
  ALKAID_ASSIGN_OR_RAISE(const int64_t size, SizeOf(shape));
  if (size == 0) return ByteRange{};
  // First element numbers: the smallest and the largest.
  int64_t least = 0;
  int64_t most = strides.empty() ? size - 1 : 0;
  bool overflow = false;
  for (size_t i = 0; i < strides.size(); ++i) {
    int64_t reach;
    overflow |= MultiplyOverflow(shape[i] - 1, strides[i], &reach);
    int64_t& end = reach < 0 ? least : most;
    overflow |= AddOverflow(end, reach, &end);
  }
  ByteRange range;
  overflow |= MultiplyOverflow(least, type.bytes(), &range.from);
  overflow |= AddOverflow(most, 1, &most);
  overflow |= MultiplyOverflow(most, type.bytes(), &range.to);
  if (overflow) {
    return status::IndexError("a tensor of ", type.ToString(), " of shape ", ShapeText(shape),
                              " and strides ", ShapeText(strides), " reaches further than ",
                              INT64_MAX, " bytes");
  }
  return range;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

std::vector<int64_t> Tensor::RowMajorStrides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t next = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = next;
    if (shape[i] > 1 && MultiplyOverflow(next, shape[i], &next)) next = 0;
  }
  return strides;
}

Result<Tensor> Tensor::Make(std::shared_ptr<Buffer> buffer, ElementType type,
                            std::vector<int64_t> shape, std::vector<int64_t> strides,
                            int64_t offset) try {
  if (buffer == nullptr) return status::Invalid("a tensor without a buffer");
  ALKAID_ASSIGN_OR_RAISE(const ByteRange range, RangeOf(type, shape, strides));
  int64_t from;
  int64_t to;
  const bool overflow =
      AddOverflow(offset, range.from, &from) || AddOverflow(offset, range.to, &to);
  if (overflow || from < 0 || to > buffer->size()) {
    return status::IndexError("a tensor of ", type.ToString(), " of shape ", ShapeText(shape),
                              " takes the bytes from ", range.from, " to ", range.to, " of offset ",
                              offset, ", and the buffer has ", buffer->size());
  }
  Tensor tensor;
  ALKAID_ASSIGN_OR_RAISE(tensor.size_, SizeOf(shape));
  if (strides.empty()) strides = RowMajorStrides(shape);
  tensor.buffer_ = std::move(buffer);
  tensor.type_ = type;
  tensor.shape_ = std::move(shape);
  tensor.strides_ = std::move(strides);
  tensor.offset_ = offset;
  return tensor;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

bool Tensor::is_contiguous() const {
  int64_t next = 1;
  for (size_t i = shape_.size(); i-- > 0 && size_ > 0;) {
    if (shape_[i] != 1 && strides_[i] != next) return false;
    next *= shape_[i];
  }
  return true;
}

Result<int64_t> Tensor::RowMajorBytes() const {
  int64_t bytes;
  if (!MultiplyOverflow(size_, type_.bytes(), &bytes)) return bytes;
  return status::IndexError(size_, " elements of ", type_.bytes(), " bytes have more than ",
                            INT64_MAX, " bytes");
}

Status Tensor::CopyTo(std::span<uint8_t> out) const {
  ALKAID_ASSIGN_OR_RAISE(const int64_t bytes, RowMajorBytes());
  if (static_cast<int64_t>(out.size()) != bytes) {
    return status::Invalid("a tensor of ", bytes, " bytes copied to ", out.size());
  }
  if (bytes == 0) return absl::OkStatus();
  if (!buffer_->is_cpu()) {
    return status::FailedPrecondition("a tensor in memory that the CPU cannot read");
  }
  RowCopier(*this, out.data()).Copy();
  return absl::OkStatus();
}

Result<Tensor> Tensor::Copy(PoolHandle pool) const try {
  ALKAID_ASSIGN_OR_RAISE(const int64_t bytes, RowMajorBytes());
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> copy, AllocateBuffer(bytes, std::move(pool)));
  ALKAID_RETURN_NOT_OK(CopyTo({copy->mutable_data(), static_cast<size_t>(bytes)}));
  return Make(std::move(copy), type_, shape_);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::interop
