// ArrayView<T>: an array inside a datagram, as a value: its place, its shape, and a reference that
// keeps it alive.
//
// Nothing in a datagram is aligned, so elements are read through memcpy, and a `const T*` is handed
// out only where the array happens to be aligned for T: `aligned()` says so, `span()` returns it.
// `CopyTo` and `Copy` always give aligned elements.
//
// Ownership: holds the batch's Buffer by one reference; batch, datagram and reader may go first.
// Where it was made while views were watched (heap/tracking/tracking.h), it holds a slice of the
// Buffer instead, if there was memory for one.
// Threads: reading from any thread; as safe to copy as a shared_ptr.
// Out of memory: only Copy and CompactIfBelow allocate: kResourceExhausted, and nothing is changed.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

template <typename T>
class ArrayView {
  static_assert(std::is_arithmetic_v<T>);

 public:
  using value_type = T;
  using Shape = std::array<int64_t, kMaxRank>;

  ArrayView() = default;
  // `shape` has `rank` dimensions; `data` points to all their elements, inside what `owner` keeps.
  ArrayView(const uint8_t* data, int rank, const Shape& shape, std::shared_ptr<Buffer> owner)
      : data_(data), rank_(rank), shape_(shape), owner_(std::move(owner)) {
    for (int i = 0; i < rank_; ++i) size_ *= shape_[static_cast<size_t>(i)];
    for (size_t i = static_cast<size_t>(rank_); i < shape_.size(); ++i) shape_[i] = 0;
  }

  // Dimensions: 0 for a scalar read as an array, else 1 to 5. The last index varies fastest.
  int rank() const { return rank_; }
  std::span<const int64_t> shape() const { return {shape_.data(), static_cast<size_t>(rank_)}; }
  int64_t dim(int i) const { return shape_[static_cast<size_t>(i)]; }
  // Elements, and bytes.
  int64_t size() const { return data_ == nullptr ? 0 : size_; }
  int64_t nbytes() const { return size() * static_cast<int64_t>(sizeof(T)); }
  bool empty() const { return size() == 0; }

  // The first byte; may be misaligned for T.
  const uint8_t* data() const { return data_; }
  const std::shared_ptr<Buffer>& owner() const { return owner_; }

  // Whether the elements lie where a `const T*` may point.
  bool aligned() const { return reinterpret_cast<uintptr_t>(data_) % alignof(T) == 0; }
  // The elements themselves. kFailedPrecondition when they are misaligned: use CopyTo then.
  Result<std::span<const T>> span() const {
    if (!aligned()) {
      return status::FailedPrecondition("array of ", size(), " elements of ", sizeof(T),
                                        " bytes is misaligned; copy it out");
    }
    return std::span<const T>(reinterpret_cast<const T*>(data_), static_cast<size_t>(size()));
  }

  // Element `i` in memory order, at any alignment. Not checked: i < size().
  T operator[](int64_t i) const {
    assert(i >= 0 && i < size());
    return LoadUnaligned<T>(data_ + i * static_cast<int64_t>(sizeof(T)));
  }
  // Element at one index for each dimension. Not checked.
  template <typename... Index>
  T operator()(Index... index) const {
    assert(sizeof...(index) == static_cast<size_t>(rank_));
    int64_t flat = 0;
    int i = 0;
    ((flat = flat * dim(i++) + static_cast<int64_t>(index)), ...);
    return (*this)[flat];
  }

  // Copies all elements to `out`. kInvalidArgument when `out` has not exactly size() places.
  Status CopyTo(std::span<T> out) const {
    if (static_cast<int64_t>(out.size()) != size()) {
      return status::Invalid("array of ", size(), " elements copied to ", out.size(), " places");
    }
    if (!out.empty()) std::memcpy(out.data(), data_, out.size_bytes());
    return absl::OkStatus();
  }
  // A copy in a buffer of its own, aligned to 64 bytes, from `pool` (null: the default).
  Result<std::shared_ptr<Buffer>> Copy(PoolHandle pool = {}) const try {
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> copy, AllocateBuffer(nbytes(), std::move(pool)));
    if (nbytes() > 0) std::memcpy(copy->mutable_data(), data_, static_cast<size_t>(nbytes()));
    return copy;
  } catch (const std::bad_alloc&) {
    return status::NoMemory();
  }
  // Replaces the array by such a copy where its elements are less than `ratio` (0 to 1) of the
  // memory that it keeps alive, and drops that memory; returns whether it did. Other copies of this
  // view keep it. Like Buffer::CompactIfBelow: kInvalidArgument for a ratio outside, and for an
  // array that keeps nothing; kResourceExhausted without memory, and the array stays as it was.
  Result<bool> CompactIfBelow(double ratio, PoolHandle pool = {}) {
    if (owner_ == nullptr) return status::Invalid("CompactIfBelow of an array that keeps nothing");
    ALKAID_ASSIGN_OR_RAISE(const bool worth, alkaid::internal::IsWorthCompacting(
                                                 nbytes(), owner_->root_capacity(), ratio));
    if (!worth) return false;
    ALKAID_ASSIGN_OR_RAISE(owner_, Copy(std::move(pool)));
    data_ = owner_->data();
    return true;
  }

 private:
  const uint8_t* data_ = nullptr;
  int rank_ = 0;
  int64_t size_ = 1;
  Shape shape_ = {};
  std::shared_ptr<Buffer> owner_;
};

}  // namespace alkaid::dgram
