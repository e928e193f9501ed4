// DgramWriter: builds datagrams, one after the other, in one growing Buffer, or writes them to a
// file.
//
//   ALKAID_ASSIGN_OR_RAISE(auto writer, DgramWriter::Open("run.xtc2"));
//   ALKAID_RETURN_NOT_OK(writer->Begin(TransitionId::kConfigure, Timestamp(1, 0)));
//   ALKAID_ASSIGN_OR_RAISE(const Names names, writer->Declare({.detector = "hsd", ...}));
//   ALKAID_RETURN_NOT_OK(writer->End());
//   ALKAID_RETURN_NOT_OK(writer->Begin(TransitionId::kL1Accept, Timestamp(1, 1)));
//   ALKAID_RETURN_NOT_OK(writer->Data(names, {FieldValue::Scalar<double>(41.5),
//                                             FieldValue::Array<float>(pixels, {3, 3})}));
//   ALKAID_RETURN_NOT_OK(writer->End());
//   ALKAID_RETURN_NOT_OK(writer->Close());  // only now is there a run.xtc2
//
// Without a file: `DgramWriter writer;`, and at the end `writer.Finish()` returns the Buffer.
//
// Fields are given in the order in which they are declared, and checked against their declarations.
// Data must match a declaration of the last Configure, written here or appended. A writer that was
// given no Configure, and continues another file, takes data of any Names. A datagram carries data
// of one NamesId once. Unused bytes are zero, so equal input gives equal bytes. When any call
// fails, the open datagram is dropped whole, and the writer continues after the last one that was
// ended.
//
// Ownership: owns its buffer until Finish, shares its sink; borrows the pool, and the Names between
// BeginData and EndData.
// Threads: one at a time.
// Out of memory: kResourceExhausted from Open to Close. Like any failure it drops the open
// datagram, which can be begun again. A sink whose Write throws std::bad_alloc has failed for good;
// one whose Close throws it may be closed again. Making a writer throws std::bad_alloc where the
// default pool is first used and has no memory.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/detector_definition.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/field_value.h"
#include "alkaid/dgram/names.h"
#include "alkaid/dgram/names_id_set.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

class DgramEdit;

struct DgramWriterOptions {
  // Whole datagrams are passed on once they are this many bytes. The writer holds less than twice
  // this plus twice the largest datagram, however long the file.
  int64_t flush_bytes = int64_t{1} << 20;
  // The largest datagram that is written, in bytes; a larger one is kResourceExhausted. Readers
  // with the same option, and the same default, accept every datagram below it.
  int64_t max_dgram_bytes = kMaxDgramBytes;
  // Null: the default.
  PoolHandle pool = {};
};

class ALKAID_EXPORT DgramWriter {
 public:
  // Keeps everything in memory until Finish. `pool` null: the default.
  explicit DgramWriter(PoolHandle pool = {});
  // Passes whole datagrams on to `sink`, and closes it at Close. With a null sink every call fails
  // with kInvalidArgument.
  explicit DgramWriter(std::shared_ptr<io::OutputStream> sink, DgramWriterOptions options = {});
  // Writes to a file that gets its name only once Close has succeeded. Until then, and after any
  // failure, an existing file of that name stays as it was (io::DurableFileOutputStream).
  // kInvalidArgument for flush_bytes below 1, and max_dgram_bytes below a header.
  static Result<std::unique_ptr<DgramWriter>> Open(const std::string& path,
                                                   DgramWriterOptions options = {});
  // Without Close, bytes that the sink was not yet given are lost.
  ~DgramWriter();
  // Not movable: a datagram may be open.
  DgramWriter(const DgramWriter&) = delete;
  DgramWriter& operator=(const DgramWriter&) = delete;

  // Opens a datagram. `env_bits` go into the lower 24 bits of env (kInvalidArgument for more).
  // kFailedPrecondition while another is open.
  Status Begin(TransitionId service, Timestamp timestamp, uint32_t env_bits = 0,
               Damage damage = Damage());
  // Ends the datagram. kInvalidArgument where it exceeds the 4 GiB that its header can state;
  // kResourceExhausted where it exceeds max_dgram_bytes. The same holds for Append.
  Status End();
  // Appends a whole datagram as it is. kFailedPrecondition while another is open, kInvalidArgument
  // for a Dgram that views none.
  Status Append(const Dgram& dgram);
  // Appends a datagram as edited, saved directly into the writer's buffer.
  Status Append(const DgramEdit& edit);

  // Adds a declaration of fields; only in a Configure (else kFailedPrecondition). kAlreadyExists
  // where the Configure declares that NamesId.
  Status Declare(const Names& names);
  // The same from a definition. MakeDeclaration chooses its number after those that this Configure
  // declares; fails like MakeDeclaration. Returns what data are written with.
  Result<Names> Declare(const DetectorDefinition& definition);

  // Writes the data of one Names in one call. kInvalidArgument where values and declaration
  // disagree, or the Configure declares no such Names; kAlreadyExists where the datagram carries
  // data of that NamesId.
  Status Data(const Names& names, std::span<const FieldValue> values, Damage damage = Damage());
  Status Data(const Names& names, std::initializer_list<FieldValue> values,
              Damage damage = Damage()) {
    return Data(names, std::span<const FieldValue>(values.begin(), values.size()), damage);
  }

  // The same, field by field. Opens the data of one Names, which must live until EndData; fails
  // like Data.
  Status BeginData(const Names& names, Damage damage = Damage());
  // Writes the next field. kInvalidArgument where the value does not match its declaration.
  Status Value(const FieldValue& value);
  template <typename T>
  Status Scalar(T value) {
    return Value(FieldValue::Scalar<T>(value));
  }
  template <typename T>
  Status Array(std::span<const T> values, std::span<const uint32_t> shape) {
    return Value(FieldValue::Array<T>(values, shape));
  }
  template <typename T>
  Status Array(std::span<const T> values, std::initializer_list<uint32_t> shape) {
    return Value(FieldValue::Array<T>(values, shape));
  }
  Status String(std::string_view text) { return Value(FieldValue::String(text)); }
  // Closes the data. kInvalidArgument where a declared field was not given.
  Status EndData();

  // Bytes and datagrams that were ended since the start or the last Finish.
  int64_t length() const { return passed_bytes_ + whole_bytes_; }
  int64_t size() const { return whole_dgrams_; }

  // Returns all datagrams ended so far as one buffer; the writer starts again, under the same
  // declarations. kFailedPrecondition while a datagram is open, and where there is a sink.
  Result<std::shared_ptr<Buffer>> Finish();
  // Passes the rest on and closes the sink, if there is one. A sink that failed stays failed: all
  // later calls, and Close, report that failure. A second Close returns the same.
  // kFailedPrecondition while a datagram is open, which is dropped.
  Status Close();

 private:
  enum class State { kNothing, kDgram, kData };

  class Call;

  Status Expect(State state, const char* what);
  Status CheckLimit(int64_t size) const;
  // The declaration of that id in the open Configure, or null.
  const Names* Declaring(NamesId id) const;
  // Whether data of `names` may be written now.
  Status CheckData(const Names& names) const;
  // Passes on the whole datagrams if they have `at_least` bytes.
  Status PassOn(int64_t at_least);
  Status WriteToSink(const uint8_t* data, int64_t nbytes);
  // Makes room for `nbytes` after what is there.
  Result<uint8_t*> Reserve(int64_t nbytes);
  // Writes the extent of the Xtc that starts at `at` and ends here.
  Status PatchExtent(int64_t at);

  BufferBuilder builder_;
  State open_ = State::kNothing;
  bool configure_ = false;
  // The declarations of the last whole Configure, or null; and those of the open one.
  std::shared_ptr<const Configuration> declared_;
  std::vector<Names> declaring_;
  // The index of each in `declaring_`, by the key of its NamesId.
  std::unordered_map<uint32_t, size_t> declaring_at_;
  // The NamesIds of the data of the open datagram.
  internal::NamesIdSet given_;
  const Names* names_ = nullptr;
  size_t next_field_ = 0;
  int64_t whole_bytes_ = 0;
  int64_t whole_dgrams_ = 0;
  // Bytes from the start of the buffer to the open ShapesData, to its Data, and to the shape of the
  // next array.
  int64_t shapes_data_at_ = 0;
  int64_t data_at_ = 0;
  int64_t shape_at_ = 0;

  std::shared_ptr<io::OutputStream> sink_;
  int64_t flush_bytes_ = 0;
  int64_t max_dgram_bytes_ = kMaxDgramBytes;
  int64_t passed_bytes_ = 0;
  bool closed_ = false;
  Status sink_status_;
};

}  // namespace alkaid::dgram
