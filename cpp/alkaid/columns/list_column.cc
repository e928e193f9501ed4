#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/columns/column_type_internal.h"
#include "alkaid/columns/list_column_internal.h"
#include "alkaid/columns/row_walk_internal.h"
#include "alkaid/columns/run_fill_internal.h"
#include "alkaid/columns/validity_bits_internal.h"
#include "alkaid/core/buffers/buffer_functions.h"

namespace alkaid::columns::internal {
namespace {

using dgram::DgramBatch;

uintptr_t AddressOf(const uint8_t* data) { return reinterpret_cast<uintptr_t>(data); }

// The common shape of the rows seen so far, if there is one.
class CommonShape {
 public:
  using Shape = std::array<uint32_t, dgram::kMaxRank>;

  explicit CommonShape(int rank) : rank_(rank) {}

  void Add(const Shape& shape) {
    if (!first_.has_value()) first_ = shape;
    differ_ = differ_ || shape != *first_;
  }
  // "[2,3]"; no value if there is no row, or rows differ.
  std::optional<std::string> Text() const {
    if (!first_.has_value() || differ_) return std::nullopt;
    std::string text = "[";
    for (int i = 0; i < rank_; ++i) {
      absl::StrAppend(&text, i == 0 ? "" : ",", (*first_)[static_cast<size_t>(i)]);
    }
    return text + "]";
  }

 private:
  const int rank_;
  std::optional<Shape> first_;
  bool differ_ = false;
};

template <typename Offset>
class ListRows {
 public:
  ListRows(const DgramBatch& batch, const ResolvedField& wanted, const ColumnOptions& options)
      : batch_(batch),
        wanted_(wanted),
        options_(options),
        rank_(wanted.type.rank),
        mask_(static_cast<uintptr_t>(dgram::DataTypeSize(wanted.type.type)) - 1),
        shift_(std::popcount(mask_)),
        validity_(batch.size(), options.pool),
        common_(wanted.type.rank) {}

  Result<FieldColumn> Make() {
    ALKAID_RETURN_NOT_OK(Reserve());
    ALKAID_RETURN_NOT_OK(ForEachRow(batch_, wanted_, options_, this));
    ALKAID_RETURN_NOT_OK(status_);
    if (misfit_ != nullptr && !options_.allow_copy) {
      return status::FailedPrecondition(MisfitText(), ", and no copy is allowed");
    }
    FieldColumn column;
    column.field = FieldOf(wanted_.type, wanted_.name, sizeof(Offset) == sizeof(int64_t),
                           options_.binary_text);
    if (const auto shape = common_.Text(); shape.has_value()) {
      column.field.metadata.emplace_back("alkaid.shape", *shape);
    }
    interop::ArrayData child;
    if (misfit_ != nullptr) {
      column.why_copied = MisfitText();
      column.copied_bytes = nbytes_;
      ALKAID_ASSIGN_OR_RAISE(child, Copy());
    } else {
      child = Child();
    }
    const std::shared_ptr<Buffer> validity = validity_.Finish();
    column.array.length = rows_;
    column.array.null_count = validity_.nulls();
    column.array.buffers = {validity, std::move(offsets_buffer_), std::move(sizes_buffer_)};
    column.array.children.push_back(std::move(child));
    column.shapes = Shapes(validity);
    return column;
  }

  // Called by ForEachRow.
  bool Add(const Cell& cell) {
    if (cell.data == nullptr) [[unlikely]]
      return AddNull();
    common_.Add(cell.shape);
    return AddRun(cell.data, 0, 1, cell);
  }
  bool AddRun(const uint8_t* data, int64_t stride, int64_t count, const Cell& like) {
    const int64_t row = rows_;
    rows_ += count;
    const auto size = static_cast<Offset>(like.nbytes >> shift_);
    FillSame(sizes_ + row, &size, sizeof(size), count);
    FillSame(shapes_ + row * rank_, like.shape.data(), ShapeBytes(), count);
    if (like.nbytes == 0) {
      FillSteps(offsets_ + row, Offset{0}, Offset{0}, count);
      return true;
    }
    if (nbytes_ == 0 && options_.allow_misaligned) SetChildStart(AddressOf(data) & mask_);
    nbytes_ += count * like.nbytes;
    const auto from = static_cast<uintptr_t>(data - child_);
    if (((from | (count > 1 ? static_cast<uintptr_t>(stride) : 0)) & mask_) != 0) [[unlikely]]
      return AddMisfit(data, stride);
    FillSteps(offsets_ + row, static_cast<Offset>(from >> shift_),
              static_cast<Offset>(stride >> shift_), count);
    return true;
  }

 private:
  Status Reserve() {
    const int64_t rows = batch_.size();
    ALKAID_ASSIGN_OR_RAISE(
        offsets_buffer_,
        AllocateBuffer(rows * static_cast<int64_t>(sizeof(Offset)), options_.pool));
    ALKAID_ASSIGN_OR_RAISE(
        sizes_buffer_, AllocateBuffer(rows * static_cast<int64_t>(sizeof(Offset)), options_.pool));
    ALKAID_ASSIGN_OR_RAISE(shapes_buffer_,
                           AllocateBuffer(rows * rank_ * int64_t{4}, options_.pool));
    offsets_ = reinterpret_cast<Offset*>(offsets_buffer_->mutable_data());
    sizes_ = reinterpret_cast<Offset*>(sizes_buffer_->mutable_data());
    shapes_ = reinterpret_cast<uint32_t*>(shapes_buffer_->mutable_data());
    first_ = batch_.begin()->data();
    SetChildStart(0);
    return absl::OkStatus();
  }

  // The first address of the batch with that remainder by the element size.
  void SetChildStart(uintptr_t remainder) {
    child_ = first_ + ((remainder - AddressOf(first_)) & mask_);
  }

  bool AddNull() {
    offsets_[rows_] = sizes_[rows_] = 0;
    std::memset(shapes_ + rows_ * rank_, 0, ShapeBytes());
    status_ = validity_.SetNull(rows_++);
    return status_.ok();
  }

  size_t ShapeBytes() const { return static_cast<size_t>(rank_) * sizeof(uint32_t); }

  // Adds rows of which the first, or else the second, is not aligned with the child. Returns
  // whether to go on.
  bool AddMisfit(const uint8_t* data, int64_t stride) {
    const bool first = ((AddressOf(data) - AddressOf(child_)) & mask_) != 0;
    if (misfit_ == nullptr) misfit_ = first ? data : data + stride;
    return options_.allow_copy;
  }

  // Says why the first row that is not aligned with the other rows, or with the child, cannot be
  // shown.
  std::string MisfitText() const {
    return absl::StrCat(PlaceText(batch_, wanted_.name, misfit_), ", lies at an address that is ",
                        AddressOf(misfit_) & mask_, " above a multiple of the ", mask_ + 1,
                        " bytes of an element, where ", AddressOf(child_) & mask_, " is needed");
  }

  interop::ArrayData Child() const {
    const int64_t skipped = child_ - first_;
    const int64_t elements = std::max<int64_t>(batch_.nbytes() - skipped, 0) >> shift_;
    const std::shared_ptr<Buffer>& buffer = batch_.origin()->buffer;
    return interop::MakeFixedWidth(
        elements, SliceBuffer(buffer, child_ - buffer->data(), elements << shift_));
  }

  // Copies all rows back to back into a buffer of their own.
  Result<interop::ArrayData> Copy() {
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> copy, AllocateBuffer(nbytes_, options_.pool));
    struct Copying {
      bool Add(const Cell& cell) {
        return cell.data == nullptr ? Skip() : AddRun(cell.data, 0, 1, cell);
      }
      bool AddRun(const uint8_t* data, int64_t stride, int64_t count, const Cell& like) {
        for (; count > 0; --count, data += stride) {
          // The options took other datagrams than before.
          if (row == rows || like.nbytes > left) return false;
          if (like.nbytes > 0) std::memcpy(out + at, data, static_cast<size_t>(like.nbytes));
          offsets[row++] = static_cast<Offset>(at >> shift);
          at += like.nbytes;
          left -= like.nbytes;
        }
        return true;
      }
      bool Skip() { return row++ < rows; }

      uint8_t* const out;
      Offset* const offsets;
      const int64_t rows;
      const int shift;
      int64_t left;
      int64_t at = 0;
      int64_t row = 0;
    } copying{copy->mutable_data(), offsets_, rows_, shift_, nbytes_};
    ALKAID_RETURN_NOT_OK(ForEachRow(batch_, wanted_, options_, &copying));
    if (copying.row != rows_ || copying.left != 0) {
      return status::FailedPrecondition("the options of field ", wanted_.name,
                                        " select other datagrams when called again");
    }
    return interop::MakeFixedWidth(nbytes_ >> shift_, std::move(copy));
  }

  Column Shapes(std::shared_ptr<Buffer> validity) {
    Column shapes;
    shapes.field = ShapeFieldOf(rank_, wanted_.name);
    shapes.array.length = rows_;
    shapes.array.null_count = validity_.nulls();
    shapes.array.buffers = {std::move(validity)};
    shapes.array.children.push_back(
        interop::MakeFixedWidth(rows_ * rank_, std::move(shapes_buffer_)));
    return shapes;
  }

  const DgramBatch& batch_;
  const ResolvedField& wanted_;
  const ColumnOptions& options_;
  const int rank_;
  const uintptr_t mask_;  // bytes of an element, minus 1
  const int shift_;
  ValidityBits validity_;
  CommonShape common_;
  std::shared_ptr<Buffer> offsets_buffer_;
  std::shared_ptr<Buffer> sizes_buffer_;
  std::shared_ptr<Buffer> shapes_buffer_;
  Offset* offsets_ = nullptr;
  Offset* sizes_ = nullptr;
  uint32_t* shapes_ = nullptr;
  const uint8_t* first_ = nullptr;  // the batch's first byte
  const uint8_t* child_ = nullptr;
  int64_t rows_ = 0;
  int64_t nbytes_ = 0;
  const uint8_t* misfit_ = nullptr;
  Status status_;
};

}  // namespace

Result<FieldColumn> ListColumn(const DgramBatch& batch, const ResolvedField& wanted,
                               const ColumnOptions& options) {
  const int64_t elements = batch.nbytes() / dgram::DataTypeSize(wanted.type.type);
  if (options.large_lists || elements > std::numeric_limits<int32_t>::max()) {
    return ListRows<int64_t>(batch, wanted, options).Make();
  }
  return ListRows<int32_t>(batch, wanted, options).Make();
}

}  // namespace alkaid::columns::internal
