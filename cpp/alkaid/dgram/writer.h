// DgramWriter: builds datagrams, one behind the other, in one growing Buffer, or writes them to a
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
// Without a file, `DgramWriter writer;` and at the end `writer.Finish()`, which gives the Buffer.
//
// Fields are given in the order in which they are declared, and checked against their declarations.
// Data must be of what the last Configure declares, written here or appended; a writer that was
// given none, and continues another file, takes data of any Names. A datagram carries data of one
// NamesId once. Unused bytes are zero, so equal input gives equal bytes. When any call fails, the
// datagram that was open is dropped whole, and the writer stands behind the last one that was
// ended.
//
// Ownership: owns its buffer until Finish, shares its sink; borrows the pool, and the Names between
// BeginData and EndData.
// Threads: one at a time.
// Out of memory: kResourceExhausted from Open to Close: that drops the datagram that was open, as
// any failure does, and it can be begun again. A sink that throws std::bad_alloc from Write has
// failed so, for good; one that does from Close may be closed again. Making a writer throws
// std::bad_alloc where the pool is the default one and is first used.
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
  // Whole datagrams are passed on once they are this many bytes. What the writer holds stays below
  // twice this and twice the largest datagram, however long the file.
  int64_t flush_bytes = int64_t{1} << 20;
  // Bytes of the largest datagram that is written, so that readers with the same option, and the
  // same default, accept it; a larger one is kResourceExhausted.
  int64_t max_dgram_bytes = kMaxDgramBytes;
  // Null: the default.
  MemoryPool* pool = nullptr;
};

class ALKAID_EXPORT DgramWriter {
 public:
  // Keeps everything in memory until Finish. `pool` null: the default.
  explicit DgramWriter(MemoryPool* pool = nullptr);
  // Passes whole datagrams on to `sink`, and closes it at Close. With a null sink every call is
  // kInvalidArgument.
  explicit DgramWriter(std::shared_ptr<io::OutputStream> sink, DgramWriterOptions options = {});
  // To a file that has its name only once Close has succeeded; until then, and after any failure, a
  // file that had the name stays as it was (io::DurableFileOutputStream). kInvalidArgument for
  // flush_bytes below 1, and max_dgram_bytes below a header.
  static Result<std::unique_ptr<DgramWriter>> Open(const std::string& path,
                                                   DgramWriterOptions options = {});
  // Without Close, what a sink was not yet given is gone.
  ~DgramWriter();
  // Stays where it is: a datagram may be open.
  DgramWriter(const DgramWriter&) = delete;
  DgramWriter& operator=(const DgramWriter&) = delete;

  // Opens a datagram. `env_bits` go into the lower 24 bits of env (kInvalidArgument for more).
  // kFailedPrecondition while another is open.
  Status Begin(TransitionId service, Timestamp timestamp, uint32_t env_bits = 0,
               Damage damage = Damage());
  // Closes it. kInvalidArgument where it passes the 4 GiB that its header can state;
  // kResourceExhausted where it passes max_dgram_bytes, and so for Append.
  Status End();
  // A whole datagram as it is. kFailedPrecondition while another is open, kInvalidArgument for a
  // Dgram that views none.
  Status Append(const Dgram& dgram);
  // The same of a datagram as edited, saved right where it is gathered.
  Status Append(const DgramEdit& edit);

  // Adds a declaration of fields; in a Configure only (else kFailedPrecondition). kAlreadyExists
  // where the Configure declares that NamesId.
  Status Declare(const Names& names);
  // The same from a definition, to which MakeDeclaration gives its number behind those that this
  // Configure declares, and fails so. The answer is what data are written with.
  Result<Names> Declare(const DetectorDefinition& definition);

  // The data of one Names, in one call. kInvalidArgument where values and declaration disagree, or
  // the Configure declares no such Names; kAlreadyExists where the datagram carries data of that
  // NamesId.
  Status Data(const Names& names, std::span<const FieldValue> values, Damage damage = Damage());
  Status Data(const Names& names, std::initializer_list<FieldValue> values,
              Damage damage = Damage()) {
    return Data(names, std::span<const FieldValue>(values.begin(), values.size()), damage);
  }

  // The same field by field. Opens the data of one Names, which must stay until EndData; fails like
  // Data.
  Status BeginData(const Names& names, Damage damage = Damage());
  // The next field. kInvalidArgument where the declaration says otherwise.
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

  // Bytes and datagrams ended since the start, or the last Finish.
  int64_t length() const { return passed_bytes_ + whole_bytes_; }
  int64_t size() const { return whole_dgrams_; }

  // All datagrams ended so far, as one buffer; the writer begins anew, under the same declarations.
  // kFailedPrecondition while one is open, and where there is a sink.
  Result<std::shared_ptr<Buffer>> Finish();
  // Passes the rest on and closes the sink, if there is one. A sink that failed stays failed: every
  // call from then on, and Close, reports that failure. Closing again answers the same.
  // kFailedPrecondition while a datagram is open, which is dropped.
  Status Close();

 private:
  enum class State { kNothing, kDgram, kData };

  class Call;

  Status Expect(State state, const char* what);
  Status CheckLimit(int64_t size) const;
  // What the open Configure declares under that id; null where it is nothing.
  const Names* Declaring(NamesId id) const;
  // Whether data of `names` may be written now.
  Status CheckData(const Names& names) const;
  // Passes on whole datagrams, once they are `at_least` bytes.
  Status PassOn(int64_t at_least);
  Status WriteToSink(const uint8_t* data, int64_t nbytes);
  // Makes room for `nbytes` behind what is there.
  Result<uint8_t*> Reserve(int64_t nbytes);
  // Writes the extent of the Xtc that starts at `at` and ends here.
  Status PatchExtent(int64_t at);

  BufferBuilder builder_;
  State open_ = State::kNothing;
  bool configure_ = false;
  // What the last whole Configure declares, null where there was none; what the open one does.
  std::shared_ptr<const Configuration> declared_;
  std::vector<Names> declaring_;
  // Where each stands there, by the key of its NamesId.
  std::unordered_map<uint32_t, size_t> declaring_at_;
  // The NamesIds of the data of the open datagram.
  internal::NamesIdSet given_;
  const Names* names_ = nullptr;
  size_t next_field_ = 0;
  int64_t whole_bytes_ = 0;
  int64_t whole_dgrams_ = 0;
  // Bytes from the start of the buffer to the open ShapesData, to its Data, and to the next array's
  // shape.
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
