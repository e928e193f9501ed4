#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "alkaid/columns/row_walk_internal.h"
#include "alkaid/columns/text_column_internal.h"
#include "alkaid/columns/validity_bits_internal.h"

namespace alkaid::columns::internal {
namespace {

constexpr int64_t kViewBytes = 16;
constexpr int64_t kInlineBytes = 12;
constexpr int64_t kPrefixBytes = 4;
// A view's offset has 32 bits. A larger batch is shown by several slices. Each begins kStride after
// the one before, and is as long as an offset and a size can reach.
constexpr int64_t kStride = int64_t{1} << 30;
constexpr int64_t kMaxShown = std::numeric_limits<int32_t>::max();

void StoreInt(int64_t value, uint8_t* out) {
  const auto word = static_cast<int32_t>(value);
  std::memcpy(out, &word, sizeof(word));
}

class TextRows {
 public:
  TextRows(const dgram::DgramBatch& batch, const ResolvedField& wanted,
           const ColumnOptions& options)
      : batch_(batch),
        wanted_(wanted),
        options_(options),
        validity_(batch.size(), options.pool),
        first_(batch.begin()->data()),
        one_slice_(batch.nbytes() <= kMaxShown) {}

  Result<FieldColumn> Make() {
    ALKAID_ASSIGN_OR_RAISE(views_, AllocateBuffer(batch_.size() * kViewBytes, options_.pool));
    ALKAID_RETURN_NOT_OK(ForEachRow(batch_, wanted_, options_, this));
    ALKAID_RETURN_NOT_OK(status_);
    FieldColumn column;
    column.field = FieldOf(wanted_.type, wanted_.name, options_.large_lists, options_.binary_text);
    column.array.length = rows_;
    column.array.null_count = validity_.nulls();
    column.array.buffers = {validity_.Finish(), std::move(views_)};
    AddSlices(&column.array);
    return column;
  }

  // Called by ForEachRow.
  bool Add(const Cell& cell) {
    if (cell.data != nullptr) return AddRun(cell.data, 0, 1, cell);
    NextView();
    status_ = validity_.SetNull(rows_ - 1);
    return status_.ok();
  }
  bool AddRun(const uint8_t* data, int64_t stride, int64_t count, const Cell& like) {
    for (; count > 0 && status_.ok(); --count, data += stride) {
      status_ = Add(data, like.nbytes, NextView());
    }
    return status_.ok();
  }

 private:
  uint8_t* NextView() {
    uint8_t* const view = views_->mutable_data() + rows_++ * kViewBytes;
    std::memset(view, 0, kViewBytes);
    return view;
  }

  Status Add(const uint8_t* data, int64_t nbytes, uint8_t* view) {
    const char* const begin = reinterpret_cast<const char*>(data);
    const std::string_view text(begin, ::strnlen(begin, static_cast<size_t>(nbytes)));
    const auto size = static_cast<int64_t>(text.size());
    if (!options_.binary_text) {
      const int64_t sound = ValidUtf8(text);
      if (sound != size) return NotUtf8(data + sound);
    }
    if (size > kStride) {
      return status::IndexError(PlaceText(batch_, wanted_.name, data), ", has ", size,
                                " bytes of text, above ", kStride);
    }
    StoreInt(size, view);
    if (size <= kInlineBytes) {
      std::memcpy(view + 4, text.data(), text.size());
      return absl::OkStatus();
    }
    const int64_t at = data - first_;
    const int64_t slice = one_slice_ ? 0 : at / kStride;
    std::memcpy(view + 4, text.data(), kPrefixBytes);
    StoreInt(slice, view + 8);
    StoreInt(at - slice * kStride, view + 12);
    return absl::OkStatus();
  }

  Status NotUtf8(const uint8_t* at) const {
    return status::FailedPrecondition(PlaceText(batch_, wanted_.name, at),
                                      ", is not UTF-8; as binary text it is taken as it is");
  }

  void AddSlices(interop::ArrayData* array) const {
    const std::shared_ptr<Buffer>& buffer = batch_.origin()->buffer;
    for (int64_t at = 0; at < batch_.nbytes(); at += kStride) {
      array->buffers.push_back(SliceBuffer(buffer, first_ - buffer->data() + at,
                                           std::min(batch_.nbytes() - at, kMaxShown)));
      if (one_slice_) return;
    }
  }

  const dgram::DgramBatch& batch_;
  const ResolvedField& wanted_;
  const ColumnOptions& options_;
  ValidityBits validity_;
  std::shared_ptr<Buffer> views_;
  const uint8_t* const first_;
  const bool one_slice_;
  int64_t rows_ = 0;
  Status status_;
};

}  // namespace

int64_t ValidUtf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  size_t at = 0;
  while (at < text.size()) {
    const uint8_t lead = byte(at);
    size_t length = 1;
    uint8_t low = 0x80, high = 0xbf;  // range of the second byte
    if (lead >= 0xc2 && lead <= 0xdf) {
      length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      length = 3;
      if (lead == 0xe0) low = 0xa0;   // no overlong form
      if (lead == 0xed) high = 0x9f;  // no surrogates
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      length = 4;
      if (lead == 0xf0) low = 0x90;
      if (lead == 0xf4) high = 0x8f;  // up to U+10FFFF
    } else if (lead >= 0x80) {
      break;
    }
    if (length > text.size() - at) break;
    bool sound = length == 1 || (byte(at + 1) >= low && byte(at + 1) <= high);
    for (size_t i = 2; i < length; ++i) sound = sound && (byte(at + i) & 0xc0) == 0x80;
    if (!sound) break;
    at += length;
  }
  return static_cast<int64_t>(at);
}

Result<FieldColumn> TextColumn(const dgram::DgramBatch& batch, const ResolvedField& wanted,
                               const ColumnOptions& options) {
  return TextRows(batch, wanted, options).Make();
}

}  // namespace alkaid::columns::internal
