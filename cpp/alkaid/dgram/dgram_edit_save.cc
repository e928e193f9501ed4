// DgramEdit: how an edited datagram is put together.

#include <cstring>
#include <new>
#include <utility>

#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/xtc_layout_internal.h"
#include "alkaid/dgram/xtc_walk.h"

namespace alkaid::dgram {

uint8_t* DgramEdit::StorePayload(uint8_t* out) const {
  int64_t at = 0;
  const auto copy_up_to = [&](int64_t end) {
    if (end > at) std::memcpy(out, payload_ + at, static_cast<size_t>(end - at));
    out += end - at;
    at = end;
  };
  if (kept_bytes_ != payload_bytes_) {
    for (const Piece& piece : pieces_) {
      if (piece.removed) {
        copy_up_to(piece.at);
        at += piece.extent;
      } else if (piece.cut != 0) {
        copy_up_to(int64_t{piece.at} + 8);
        internal::StoreUnaligned(out, piece.extent - piece.cut);
        out += 4;
        at += 4;
      }
    }
  }
  copy_up_to(payload_bytes_);
  return out;
}

Status DgramEdit::CheckSavable() const {
  if (!holds_) return status::FailedPrecondition("Save of an editor that was moved from");
  if (!uncovered()) [[likely]]
    return absl::OkStatus();
  // The datagram as readers will see it, at its own place: the new header with the old extent.
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> bytes, AllocateBuffer(dgram_.size(), pool_));
  uint8_t* const copy = bytes->mutable_data();
  std::memcpy(copy, dgram_.data(), static_cast<size_t>(dgram_.size()));
  std::memcpy(copy, header_, kDgramHeaderBytes - sizeof(uint32_t));
  const Dgram seen(std::make_shared<const DgramOrigin>(
                       DgramOrigin{std::move(bytes), nullptr, dgram_.source(), dgram_.offset()}),
                   copy, dgram_.size(), dgram_.index());
  const Status status = configure_ ? Configuration::FromDgram(seen).status() : CheckExtents(seen);
  if (status.ok()) return status;
  internal::ThrowIfNoMemory(status);
  return status::FailedPrecondition("damage that says Corrupted cannot be removed: ",
                                    alkaid::internal::MessageOf(status));
}

Result<int64_t> DgramEdit::Save(std::span<uint8_t> out) const try {
  ALKAID_RETURN_NOT_OK(CheckSavable());
  const int64_t need = saved_size();
  if (static_cast<int64_t>(out.size()) < need) {
    return status::OutOfMemory("the edited datagram has ", need, " bytes, there is room for ",
                               out.size());
  }
  const auto begin = reinterpret_cast<uintptr_t>(out.data());
  const auto input = reinterpret_cast<uintptr_t>(dgram_.data());
  if (begin < input + static_cast<uint64_t>(dgram_.size()) &&
      input < begin + static_cast<uint64_t>(need)) {
    return status::Invalid("the output overlaps the datagram that is edited");
  }
  std::memcpy(out.data(), header_, kDgramHeaderBytes);
  internal::StoreUnaligned(out.data() + 20,
                           static_cast<uint32_t>(need - kDgramHeaderBytes + kXtcHeaderBytes));
  uint8_t* const after = StorePayload(out.data() + kDgramHeaderBytes);
  if (additions_.length() > 0) {
    std::memcpy(after, additions_.data(), static_cast<size_t>(additions_.length()));
  }
  return need;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<Dgram> DgramEdit::Save(PoolHandle pool) const try {
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<ResizableBuffer> buffer,
                         AllocateResizableBuffer(saved_size(), pool != nullptr ? pool : pool_));
  ALKAID_RETURN_NOT_OK(
      Save(std::span<uint8_t>(buffer->mutable_data(), static_cast<size_t>(buffer->size()))));
  const bool is_new = dgram_.data() == nullptr;
  // Such a Configure brings its own declarations, which the editor has not read.
  const bool reads_its_own = configure_ && uncovered();
  return Dgram::MakeOwned(std::move(buffer), reads_its_own ? nullptr : configuration(),
                          is_new ? "edit" : dgram_.source(), is_new ? 0 : dgram_.index());
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramEdit::Save(io::OutputStream& out) const try {
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> bytes, AllocateBuffer(saved_size(), pool_));
  ALKAID_RETURN_NOT_OK(
      Save(std::span<uint8_t>(bytes->mutable_data(), static_cast<size_t>(bytes->size()))));
  return out.Write(bytes);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
