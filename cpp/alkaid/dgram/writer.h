// DgramWriter: builds datagrams, one behind the other, in one growing Buffer.
//
//   DgramWriter writer;
//   ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)));
//   ALKAID_RETURN_NOT_OK(writer.Declare(names));
//   ALKAID_RETURN_NOT_OK(writer.End());
//   ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 1)));
//   ALKAID_RETURN_NOT_OK(writer.BeginData(names));
//   ALKAID_RETURN_NOT_OK(writer.Scalar<double>(41.5));
//   ALKAID_RETURN_NOT_OK(writer.Array<float>(pixels, {3, 3}));
//   ALKAID_RETURN_NOT_OK(writer.EndData());
//   ALKAID_RETURN_NOT_OK(writer.End());
//   ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> batch, writer.Finish());
//
// Fields are given in the order in which they are declared, and checked against their declarations.
// Unused bytes are zero, so equal input gives equal bytes. When any call fails, the datagram that
// was open is dropped whole, and the writer stands behind the last one that was ended.
//
// Ownership: owns its buffer until Finish; borrows the pool, and the Names between BeginData and
// EndData.
// Threads: one at a time.
// Out of memory: kResourceExhausted.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffer.h"
#include "alkaid/core/buffer_builder.h"
#include "alkaid/dgram/names.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

class ALKAID_EXPORT DgramWriter {
 public:
  // `pool` null: the default.
  explicit DgramWriter(MemoryPool* pool = nullptr);
  // Stays where it is: a datagram may be open.
  DgramWriter(const DgramWriter&) = delete;
  DgramWriter& operator=(const DgramWriter&) = delete;

  // Opens a datagram. `env_bits` go into the lower 24 bits of env (kInvalidArgument for more).
  // kFailedPrecondition while another is open.
  Status Begin(TransitionId service, Timestamp timestamp, uint32_t env_bits = 0,
               Damage damage = Damage());
  // Closes it. kInvalidArgument where it passes the 4 GiB that its header can state.
  Status End();

  // Adds a declaration of fields; in a Configure only (else kFailedPrecondition).
  Status Declare(const Names& names);

  // Opens the data of one Names, which must stay until EndData.
  Status BeginData(const Names& names, Damage damage = Damage());
  // The next field, a scalar: kInvalidArgument where the declaration says otherwise. An enumeration
  // is an int32_t.
  template <typename T>
  Status Scalar(T value) {
    return AddField(kDataTypeOf<T>, kIsDataType<T>, {}, &value, sizeof(T));
  }
  // The next field, an array in memory order. kInvalidArgument where the declaration says
  // otherwise, or `shape` and the number of values disagree.
  template <typename T>
  Status Array(std::span<const T> values, std::span<const uint32_t> shape) {
    return AddField(kDataTypeOf<T>, kIsDataType<T>, shape, values.data(),
                    static_cast<int64_t>(values.size_bytes()));
  }
  template <typename T>
  Status Array(std::span<const T> values, std::initializer_list<uint32_t> shape) {
    return Array(values, std::span<const uint32_t>(shape.begin(), shape.size()));
  }
  // The next field, text (CHARSTR): stored with a NUL, in a whole number of four bytes.
  Status String(std::string_view text);
  // Closes the data. kInvalidArgument where a declared field was not given.
  Status EndData();

  // Bytes and datagrams ended since the last Finish.
  int64_t length() const { return whole_bytes_; }
  int64_t size() const { return whole_dgrams_; }

  // All datagrams ended so far, as one buffer; the writer begins anew. kFailedPrecondition while
  // one is open.
  Result<std::shared_ptr<Buffer>> Finish();

 private:
  enum class Open { kNothing, kDgram, kData };

  Status Expect(Open state, const char* what);
  Status Drop(Status why);
  Status AppendXtc(uint32_t src, Damage damage, TypeId type, int64_t payload_bytes);
  Status AddField(DataType type, bool type_known, std::span<const uint32_t> shape, const void* data,
                  int64_t nbytes);
  // Writes the extent of the Xtc that starts at `at` and ends here.
  Status PatchExtent(int64_t at);

  BufferBuilder builder_;
  Open open_ = Open::kNothing;
  bool configure_ = false;
  const Names* names_ = nullptr;
  size_t next_field_ = 0;
  int64_t whole_bytes_ = 0;
  int64_t whole_dgrams_ = 0;
  // Bytes from the start of the buffer to the open ShapesData, to its Data, and to the next array's
  // shape.
  int64_t shapes_data_at_ = 0;
  int64_t data_at_ = 0;
  int64_t shape_at_ = 0;
};

}  // namespace alkaid::dgram
