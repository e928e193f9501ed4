// Dgram: a view of one datagram, with a reference that keeps its bytes alive.
//
// A batch (one Buffer) holds many datagrams; a Dgram points into it and holds it by one reference.
// Field views and arrays come from a Dgram (shapes_data.h, array_view.h) without copying a byte.
//
// Ownership: a Dgram is a value of 48 bytes that keeps its DgramOrigin, and so the Buffer and the
// Configuration; batch, reader and file may go first.
// Threads: reading from any thread; a Dgram is as safe to copy as a shared_ptr.
// Out of memory: views and copies of them allocate nothing. Functions that return a Status or a
// Result return kResourceExhausted, also where there is no memory for the text of a fault; nothing
// is changed then. buffer() throws std::bad_alloc. While views are watched
// (heap/tracking/tracking.h) each datagram also has a slice of its own bytes; without memory for
// it, it goes unwatched.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/watched_view.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

// Maps bytes of a buffer that was gathered from a source to bytes of that source. For messages.
//
// Threads: immutable. Out of memory: allocates nothing.
class ALKAID_EXPORT DgramPlaces {
 public:
  DgramPlaces() = default;
  virtual ~DgramPlaces();
  DgramPlaces(const DgramPlaces&) = delete;
  DgramPlaces& operator=(const DgramPlaces&) = delete;

  // The byte of the source of the datagram that starts at byte `at` of `buffer`; -1 where that is
  // not known.
  virtual int64_t ByteOf(const Buffer& buffer, int64_t at) const = 0;
};

// The state that all datagrams of one batch share.
struct DgramOrigin {
  // Holds the bytes; released when the last view is gone.
  std::shared_ptr<Buffer> buffer;
  // Declares the fields; null before any Configure.
  std::shared_ptr<const Configuration> configuration;
  // The name of the source in faults, mostly that of a file.
  std::string source;
  // Bytes from the start of the source to the first byte of `buffer`.
  int64_t buffer_offset = 0;
  // Whether `buffer` was made for one datagram, which so owns its bytes.
  bool one_dgram = false;
  // Set where `buffer` was gathered from the source: then faults name bytes of the source by it,
  // and `buffer_offset` has no meaning.
  std::shared_ptr<const DgramPlaces> places = nullptr;
  // Whether datagrams have the index of their event, since their index in the source is not known.
  bool index_is_of_event = false;
};

class ALKAID_EXPORT Dgram {
 public:
  Dgram() = default;
  // The datagram at byte `offset` of `buffer`, which the CPU must be able to read (else
  // kInvalidArgument). kOutOfRange for an offset outside; kDataLoss where no whole datagram with a
  // sound header lies there (XTC2, section 6.1). `configuration` declares its fields; without one
  // it has none.
  //
  // A Configure uses its own declarations, whatever is given, so a loop that passes on
  // `configuration()` of the datagram before always has the right one. A Configure with malformed
  // declarations is kDataLoss where nothing is given, and otherwise has no Configuration.
  static Result<Dgram> Make(std::shared_ptr<Buffer> buffer, int64_t offset = 0,
                            std::shared_ptr<const Configuration> configuration = nullptr,
                            std::string source = "buffer", int64_t index = 0);
  // The datagram that is all of `buffer` and owns it: it shares its bytes with no other datagram.
  // kDataLoss where the buffer is larger than the datagram.
  static Result<Dgram> MakeOwned(std::shared_ptr<Buffer> buffer,
                                 std::shared_ptr<const Configuration> configuration = nullptr,
                                 std::string source = "buffer", int64_t index = 0);
  // For callers that have checked it: `data` points to a datagram of `size` bytes inside
  // `origin->buffer`.
  Dgram(std::shared_ptr<const DgramOrigin> origin, const uint8_t* data, int64_t size, int64_t index)
      : data_(data), size_(size), index_(index), origin_(std::move(origin)) {
    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      internal::Watch(&origin_, data_, size_);
  }
  Dgram(const Dgram& other)
      : data_(other.data_), size_(other.size_), index_(other.index_), origin_(other.origin_) {
    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      internal::Watch(&origin_, data_, size_);
  }
  Dgram(Dgram&&) noexcept = default;
  Dgram& operator=(const Dgram& other) { return *this = Dgram(other); }
  Dgram& operator=(Dgram&&) noexcept = default;
  ~Dgram() = default;

  // Whether the bytes were allocated for this datagram alone. If not, it is a view of a batch and
  // keeps the whole batch; Copy makes one that does not. The two differ in nothing else.
  bool owns_memory() const { return origin_ != nullptr && origin_->one_dgram; }
  // A datagram of the same bytes, source, offset and index that owns its memory, from `pool` (null:
  // the default). Without memory kResourceExhausted.
  Result<Dgram> Copy(PoolHandle pool = {}) const;
  // Becomes such a copy where the datagram is less than `ratio` (0 to 1) of the memory that it
  // keeps alive, and drops that memory; returns whether it did. Like Buffer::CompactIfBelow:
  // kInvalidArgument for a ratio outside, and for a Dgram without a datagram; kResourceExhausted
  // without memory, and the Dgram stays as it was.
  Result<bool> CompactIfBelow(double ratio, PoolHandle pool = {});

  // Header and payload, in bytes.
  const uint8_t* data() const { return data_; }
  int64_t size() const { return size_; }
  // The index of the datagram in its source, from 0, and the byte where it starts there. For an
  // event of small data: the index in its batch, and the byte there. For big data: the index of the
  // event in its reader, and the byte of the file.
  int64_t index() const { return index_; }
  int64_t offset() const { return origin_->buffer_offset + (data_ - origin_->buffer->data()); }
  const std::string& source() const { return origin_->source; }

  DgramHeader header() const { return DgramHeader::Read(data_); }
  TransitionId service() const { return DgramHeader::ServiceOf(data_); }
  bool is_l1_accept() const { return service() == TransitionId::kL1Accept; }
  Timestamp timestamp() const { return Timestamp(LoadUnaligned<uint64_t>(data_)); }
  Damage damage() const { return Damage(LoadUnaligned<uint16_t>(data_ + 16)); }

  // Null before any Configure.
  const std::shared_ptr<const Configuration>& configuration() const {
    return origin_->configuration;
  }
  const std::shared_ptr<const DgramOrigin>& origin() const { return origin_; }
  // The datagram's bytes as a slice of its batch.
  std::shared_ptr<Buffer> buffer() const {
    return SliceBuffer(origin_->buffer, data_ - origin_->buffer->data(), size_);
  }

  // Builds kDataLoss for malformed structure, always in the same form: source, byte, datagram, and
  // what is wrong `at` bytes from the start of the datagram. kResourceExhausted where there is no
  // memory for it.
  Status Fault(int64_t at, const std::string& what) const;

 private:
  friend class DgramIterator;

  const uint8_t* data_ = nullptr;
  int64_t size_ = 0;
  int64_t index_ = 0;
  std::shared_ptr<const DgramOrigin> origin_;
};
static_assert(sizeof(Dgram) <= 48);

// Checks a header (XTC2, section 6.1) of which `left` bytes are there: OK where the whole datagram
// is. `source`, `offset` and `index` are for the message: kDataLoss, "partial" where the bytes end
// too early.
ALKAID_EXPORT Status CheckDgramHeader(const uint8_t* data, int64_t left, const std::string& source,
                                      int64_t offset, int64_t index);

namespace internal {
// The byte of the source where a datagram starts, also where its batch was gathered; -1 where that
// is not known.
ALKAID_EXPORT int64_t SourceByteOf(const Dgram& dgram);
// Dgram::Fault for callers that keep the fault or make something of it: throws std::bad_alloc where
// there is no memory for the text (data_fault.h).
ALKAID_EXPORT Status DgramFault(const Dgram& dgram, int64_t at, const std::string& what);
ALKAID_EXPORT Status DgramFault(const std::string& source, int64_t byte, int64_t index,
                                int64_t dgram_byte, const std::string& what);
}  // namespace internal

}  // namespace alkaid::dgram
