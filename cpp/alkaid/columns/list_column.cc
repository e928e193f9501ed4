#include <algorithm>
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
#include "alkaid/columns/validity_bits_internal.h"
#include "alkaid/core/buffers/buffer_functions.h"

namespace alkaid::columns::internal {
namespace {

using dgram::Dgram;
using dgram::DgramBatch;
using dgram::FieldView;

uintptr_t AddressOf(const uint8_t* data) { return reinterpret_cast<uintptr_t>(data); }

// Rows of one shape, as far as they were seen.
class CommonShape {
 public:
  explicit CommonShape(int rank) : rank_(rank) {}

  void Add(const uint32_t* shape) {
    if (first_ == nullptr) {
      first_ = shape;
      return;
    }
    for (int i = 0; i < rank_; ++i) differ_ |= shape[i] ^ first_[i];
  }
  // "[2,3]"; nothing where there is no row, or rows differ.
  std::optional<std::string> Text() const {
    if (first_ == nullptr || differ_ != 0) return std::nullopt;
    std::string text = "[";
    for (int i = 0; i < rank_; ++i) absl::StrAppend(&text, i == 0 ? "" : ",", first_[i]);
    return text + "]";
  }

 private:
  const int rank_;
  const uint32_t* first_ = nullptr;
  uint32_t differ_ = 0;
};

// The first row that does not lie where the others, or the child, do.
struct Misfit {
  std::string Text(const char* field, int64_t element) const {
    return absl::StrCat("field ", field, " of datagram ", dgram, " of ", source, ", at byte ", byte,
                        ", lies at an address that is ", remainder, " above a multiple of the ",
                        element, " bytes of an element, where ", wanted, " is needed");
  }

  int64_t dgram = 0;
  std::string source;
  int64_t byte = 0;
  uintptr_t remainder = 0;
  uintptr_t wanted = 0;
};

template <typename Offset>
class ListRows {
 public:
  ListRows(const DgramBatch& batch, const ResolvedField& wanted, const ColumnOptions& options)
      : batch_(batch),
        wanted_(wanted),
        options_(options),
        rank_(wanted.type.rank),
        element_(dgram::DataTypeSize(wanted.type.type)),
        shift_(std::countr_zero(static_cast<unsigned>(element_))),
        validity_(batch.size(), options.pool),
        common_(wanted.type.rank) {}

  Result<FieldColumn> Make() {
    ALKAID_RETURN_NOT_OK(Reserve());
    ALKAID_RETURN_NOT_OK(ForEachRow(
        batch_, wanted_, options_,
        [this](const Dgram& dgram, const FieldView* field) { return Add(dgram, field); }));
    ALKAID_RETURN_NOT_OK(status_);
    FieldColumn column;
    column.field = FieldOf(wanted_.type, wanted_.name, sizeof(Offset) == sizeof(int64_t),
                           options_.binary_text);
    if (const auto shape = common_.Text(); shape.has_value()) {
      column.field.metadata.emplace_back("alkaid.shape", *shape);
    }
    interop::ArrayData child;
    if (misfit_.has_value()) {
      ALKAID_ASSIGN_OR_RAISE(child, Copy());
      column.copied_bytes = nbytes_;
      column.why_copied = misfit_->Text(wanted_.name.c_str(), element_);
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
    const auto mask = static_cast<uintptr_t>(element_ - 1);
    remainder_ = remainder;
    child_ = first_ + ((remainder - AddressOf(first_)) & mask);
  }

  bool Add(const Dgram& dgram, const FieldView* field) {
    const int64_t row = rows_++;
    uint32_t* const shape = shapes_ + row * rank_;
    if (field == nullptr) [[unlikely]] {
      offsets_[row] = sizes_[row] = 0;
      std::memset(shape, 0, static_cast<size_t>(rank_) * sizeof(uint32_t));
      status_ = validity_.SetNull(row);
      return status_.ok();
    }
    for (int i = 0; i < rank_; ++i) shape[i] = static_cast<uint32_t>(field->dim(i));
    common_.Add(shape);
    const int64_t nbytes = field->nbytes();
    sizes_[row] = static_cast<Offset>(nbytes >> shift_);
    if (nbytes == 0) {
      offsets_[row] = 0;
      return true;
    }
    const auto mask = static_cast<uintptr_t>(element_ - 1);
    if (nbytes_ == 0 && options_.allow_misaligned) SetChildStart(AddressOf(field->data()) & mask);
    nbytes_ += nbytes;
    const int64_t from = field->data() - child_;
    offsets_[row] = static_cast<Offset>(from >> shift_);
    if ((static_cast<uintptr_t>(from) & mask) == 0) [[likely]]
      return true;
    return SetMisfit(dgram, *field);
  }

  // Whether to go on.
  bool SetMisfit(const Dgram& dgram, const FieldView& field) {
    if (misfit_.has_value()) return true;
    const int64_t start = dgram::internal::SourceByteOf(dgram);
    misfit_ = {dgram.index(), dgram.source(),
               start < 0 ? start : start + (field.data() - dgram.data()),
               AddressOf(field.data()) & static_cast<uintptr_t>(element_ - 1), remainder_};
    if (options_.allow_copy) return true;
    status_ = status::FailedPrecondition(misfit_->Text(wanted_.name.c_str(), element_),
                                         ", and no copy is allowed");
    return false;
  }

  interop::ArrayData Child() const {
    const int64_t skipped = child_ - first_;
    const int64_t elements = std::max<int64_t>(batch_.nbytes() - skipped, 0) >> shift_;
    const std::shared_ptr<Buffer>& buffer = batch_.origin()->buffer;
    return interop::MakeFixedWidth(
        elements, SliceBuffer(buffer, child_ - buffer->data(), elements << shift_));
  }

  // All rows back to back in a buffer of their own.
  Result<interop::ArrayData> Copy() {
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> copy, AllocateBuffer(nbytes_, options_.pool));
    uint8_t* const out = copy->mutable_data();
    int64_t at = 0;
    int64_t row = 0;
    ALKAID_RETURN_NOT_OK(
        ForEachRow(batch_, wanted_, options_, [&](const Dgram&, const FieldView* field) {
          if (field != nullptr && field->nbytes() > 0) {
            // Where `take` answers differently than before.
            if (row >= rows_ || field->nbytes() > nbytes_ - at) return false;
            std::memcpy(out + at, field->data(), static_cast<size_t>(field->nbytes()));
            offsets_[row] = static_cast<Offset>(at >> shift_);
            at += field->nbytes();
          }
          ++row;
          return true;
        }));
    if (row != rows_ || at != nbytes_) {
      return status::FailedPrecondition("the options of field ", wanted_.name,
                                        " take other datagrams when asked again");
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
  const int64_t element_;  // bytes
  const int shift_;
  ValidityBits validity_;
  CommonShape common_;
  std::shared_ptr<Buffer> offsets_buffer_;
  std::shared_ptr<Buffer> sizes_buffer_;
  std::shared_ptr<Buffer> shapes_buffer_;
  Offset* offsets_ = nullptr;
  Offset* sizes_ = nullptr;
  uint32_t* shapes_ = nullptr;
  const uint8_t* first_ = nullptr;  // of the batch
  const uint8_t* child_ = nullptr;
  uintptr_t remainder_ = 0;  // of child_
  int64_t rows_ = 0;
  int64_t nbytes_ = 0;
  std::optional<Misfit> misfit_;
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
