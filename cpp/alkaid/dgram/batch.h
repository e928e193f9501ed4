// DgramBatch: many datagrams in one Buffer, read together.
//
//   for (const Dgram& dgram : batch) Use(dgram);
//
// Copy the Dgram to keep it, and with it the bytes of its batch.
//
//   DgramBatch, Dgram --> DgramOrigin --> Buffer, Configuration
//
//   Buffer   | datagram | datagram | ... | datagram | cut |
//            ^ begin_                              ^ begin_ + nbytes_
//
// All datagrams of a batch were read under one Configuration. A Configure in the middle of what was
// read begins a new batch over the same Buffer.
//
// Ownership: a value that shares the DgramOrigin with its datagrams; any of them may go first.
// Threads: reading from any thread; as safe to copy as a shared_ptr; an iterator is for one thread.
// Out of memory: allocates nothing, but DgramBatch::buffer() throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

#include "alkaid/dgram/dgram.h"

namespace alkaid::dgram {

// Steps from header to header. The Dgram that it shows changes as it advances.
class DgramIterator {
 public:
  using value_type = Dgram;
  using difference_type = std::ptrdiff_t;

  DgramIterator() = default;
  // [begin, end) are whole datagrams with sound headers inside `origin->buffer`; the first has
  // `index`.
  DgramIterator(std::shared_ptr<const DgramOrigin> origin, const uint8_t* begin, const uint8_t* end,
                int64_t index)
      : end_(end) {
    // Not watched like a datagram that is kept: the origin's reference keeps the bytes.
    dgram_.data_ = begin;
    dgram_.index_ = index;
    dgram_.origin_ = std::move(origin);
    Measure();
  }

  // A copy shows the same datagram and advances by itself. It is not watched either: the datagram
  // that it shows changes. A datagram that is copied from it is watched.
  DgramIterator(const DgramIterator& other) : end_(other.end_) { Borrow(other.dgram_); }
  DgramIterator(DgramIterator&&) noexcept = default;
  DgramIterator& operator=(const DgramIterator& other) {
    if (this == &other) return *this;
    end_ = other.end_;
    Borrow(other.dgram_);
    return *this;
  }
  DgramIterator& operator=(DgramIterator&&) noexcept = default;
  ~DgramIterator() = default;

  const Dgram& operator*() const { return dgram_; }
  const Dgram* operator->() const { return &dgram_; }
  DgramIterator& operator++() {
    dgram_.data_ += dgram_.size_;
    ++dgram_.index_;
    Measure();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const DgramIterator& it, std::default_sentinel_t) {
    return it.dgram_.data() == it.end_;
  }

 private:
  void Borrow(const Dgram& other) {
    dgram_.data_ = other.data_;
    dgram_.size_ = other.size_;
    dgram_.index_ = other.index_;
    dgram_.origin_ = other.origin_;
  }
  void Measure() { dgram_.size_ = dgram_.data_ != end_ ? DgramHeader::SizeOf(dgram_.data_) : 0; }

  const uint8_t* end_ = nullptr;
  Dgram dgram_;
};

class DgramBatch {
 public:
  // No datagrams: the batch at the end of a reader.
  DgramBatch() = default;
  // [begin, begin + nbytes) holds `size` whole datagrams with sound headers inside
  // `origin->buffer`.
  DgramBatch(std::shared_ptr<const DgramOrigin> origin, const uint8_t* begin, int64_t nbytes,
             int64_t size, int64_t first_index)
      : origin_(std::move(origin)),
        begin_(begin),
        nbytes_(nbytes),
        size_(size),
        first_index_(first_index) {
    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      internal::Watch(&origin_, begin_, nbytes_);
  }

  bool empty() const { return size_ == 0; }
  // The number of datagrams, and their bytes.
  int64_t size() const { return size_; }
  int64_t nbytes() const { return nbytes_; }
  // The index of the first datagram in its source, and the byte where it starts there.
  int64_t first_index() const { return first_index_; }
  int64_t offset() const {
    return empty() ? 0 : origin_->buffer_offset + (begin_ - origin_->buffer->data());
  }

  DgramIterator begin() const { return {origin_, begin_, begin_ + nbytes_, first_index_}; }
  std::default_sentinel_t end() const { return {}; }

  // Null where the batch is empty.
  const std::shared_ptr<const DgramOrigin>& origin() const { return origin_; }
  // All datagrams, back to back, as a slice of the Buffer. Not for an empty batch.
  std::shared_ptr<Buffer> buffer() const {
    return SliceBuffer(origin_->buffer, begin_ - origin_->buffer->data(), nbytes_);
  }

 private:
  std::shared_ptr<const DgramOrigin> origin_;
  const uint8_t* begin_ = nullptr;
  int64_t nbytes_ = 0;
  int64_t size_ = 0;
  int64_t first_index_ = 0;
};

// The batches of one stream, in order: from a reader, or batches that are there already.
//
// Threads: one at a time.
class ALKAID_EXPORT BatchSource {
 public:
  BatchSource() = default;
  virtual ~BatchSource() = default;
  BatchSource(const BatchSource&) = delete;
  BatchSource& operator=(const BatchSource&) = delete;

  // The next batch; empty at the end, and in all later calls. Out of memory: kResourceExhausted;
  // the next call returns what this one would have returned.
  virtual Result<DgramBatch> Next() = 0;
};

}  // namespace alkaid::dgram
