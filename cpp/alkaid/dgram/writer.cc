#include "alkaid/dgram/writer.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "alkaid/core/files/durable_file.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/xtc_layout_internal.h"

namespace alkaid::dgram {
namespace {

// The declarations in force after a whole datagram is appended, `before` being those in force
// before it. For a Configure its own, or null where they cannot be read: then any data may come.
std::shared_ptr<const Configuration> InForce(const uint8_t* dgram, int64_t size,
                                             const std::shared_ptr<const Configuration>& before) {
  if (DgramHeader::ServiceOf(dgram) != TransitionId::kConfigure) return before;
  const auto configure = Dgram::Make(std::make_shared<Buffer>(dgram, size));
  internal::ThrowIfNoMemory(configure.status());
  return configure.ok() ? configure->configuration() : nullptr;
}

}  // namespace

DgramWriter::DgramWriter(PoolHandle pool) : builder_(pool.OrDefault()) {}

DgramWriter::DgramWriter(std::shared_ptr<io::OutputStream> sink, DgramWriterOptions options)
    : DgramWriter(options.pool) {
  if (sink == nullptr) sink_status_ = status::Invalid("a DgramWriter with a null sink");
  sink_ = std::move(sink);
  flush_bytes_ = options.flush_bytes;
  max_dgram_bytes_ = options.max_dgram_bytes;
}

DgramWriter::~DgramWriter() = default;

Result<std::unique_ptr<DgramWriter>> DgramWriter::Open(const std::string& path,
                                                       DgramWriterOptions options) try {
  if (options.flush_bytes < 1 || options.max_dgram_bytes < kDgramHeaderBytes) {
    return status::Invalid("flush_bytes of ", options.flush_bytes,
                           ", the least is 1; max_dgram_bytes of ", options.max_dgram_bytes,
                           ", the least is ", kDgramHeaderBytes);
  }
  ALKAID_ASSIGN_OR_RAISE(auto file, io::DurableFileOutputStream::Open(path));
  return std::make_unique<DgramWriter>(std::move(file), options);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

// Every call of the writer begins with one. A call that does not reach its Done, after a failure or
// an exception, drops the open datagram.
class DgramWriter::Call {
 public:
  explicit Call(DgramWriter* writer) : writer_(*writer) {}
  ~Call() {
    if (done_ || writer_.open_ == State::kNothing) return;
    writer_.builder_.Rewind(writer_.whole_bytes_);
    writer_.open_ = State::kNothing;
    writer_.names_ = nullptr;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  Status Done() {
    done_ = true;
    return absl::OkStatus();
  }

 private:
  DgramWriter& writer_;
  bool done_ = false;
};

Status DgramWriter::Expect(State state, const char* what) {
  ALKAID_RETURN_NOT_OK(sink_status_);
  if (closed_) return status::FailedPrecondition(what, " after Close");
  if (open_ == state) return absl::OkStatus();
  const char* const found = open_ == State::kNothing ? "nothing is open"
                            : open_ == State::kDgram ? "a datagram is open"
                                                     : "data of a datagram are open";
  return status::FailedPrecondition(what, " while ", found);
}

Result<uint8_t*> DgramWriter::Reserve(int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(builder_.Reserve(nbytes));
  return builder_.mutable_data() + builder_.length();
}

Status DgramWriter::PatchExtent(int64_t at) {
  const int64_t extent = builder_.length() - at;
  if (extent > internal::kMaxExtent) {
    return status::Invalid("Xtc of ", extent, " bytes, a header can state ", internal::kMaxExtent);
  }
  internal::StoreUnaligned(builder_.mutable_data() + at + 8, static_cast<uint32_t>(extent));
  return absl::OkStatus();
}

// Readers would refuse it.
Status DgramWriter::CheckLimit(int64_t size) const {
  if (size <= max_dgram_bytes_) [[likely]]
    return absl::OkStatus();
  return status::OutOfMemory("datagram ", whole_dgrams_, " of ", size, " bytes, the limit is ",
                             max_dgram_bytes_, internal::kDgramLimitOption);
}

Status DgramWriter::PassOn(int64_t at_least) {
  if (sink_ == nullptr || whole_bytes_ < at_least || whole_bytes_ == 0) return absl::OkStatus();
  ALKAID_RETURN_NOT_OK(WriteToSink(builder_.data(), whole_bytes_));
  builder_.Rewind(0);
  passed_bytes_ += std::exchange(whole_bytes_, 0);
  return absl::OkStatus();
}

// A sink that throws has failed for good, as it is not known how much it has taken.
Status DgramWriter::WriteToSink(const uint8_t* data, int64_t nbytes) {
  try {
    sink_status_ = sink_->Write(data, nbytes);
  } catch (const std::bad_alloc&) {
    sink_status_ = status::NoMemory();
  } catch (...) {
    sink_status_ = Status(StatusCode::kUnknown, "");
    throw;
  }
  return sink_status_;
}

Status DgramWriter::Begin(TransitionId service, Timestamp timestamp, uint32_t env_bits,
                          Damage damage) try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kNothing, "Begin"));
  if (env_bits > 0xffffff || static_cast<int>(service) > 0x0f) {
    return status::Invalid("env of ", env_bits, ", the limit is ", 0xffffff, "; service ",
                           static_cast<int>(service), ", the limit is 15");
  }
  ALKAID_ASSIGN_OR_RAISE(uint8_t* const header, Reserve(kDgramHeaderBytes));
  internal::StoreDgramHeader(header, service, timestamp, env_bits, damage);
  builder_.UnsafeAdvance(kDgramHeaderBytes);
  open_ = State::kDgram;
  configure_ = service == TransitionId::kConfigure;
  declaring_.clear();
  // Clearing a map with room for many takes long, even if it is empty.
  if (!declaring_at_.empty()) declaring_at_.clear();
  given_.Clear();
  return call.Done();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramWriter::End() try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "End"));
  ALKAID_RETURN_NOT_OK(PatchExtent(whole_bytes_ + kDgramHeaderBytes - kXtcHeaderBytes));
  ALKAID_RETURN_NOT_OK(CheckLimit(builder_.length() - whole_bytes_));
  if (configure_) {
    ALKAID_ASSIGN_OR_RAISE(declared_, Configuration::FromNames(declaring_));
  }
  open_ = State::kNothing;
  whole_bytes_ = builder_.length();
  ++whole_dgrams_;
  return PassOn(flush_bytes_);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramWriter::Append(const Dgram& dgram) try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kNothing, "Append"));
  // A moved-from Dgram has no origin.
  if (dgram.origin() == nullptr) return status::Invalid("Append of a Dgram that views none");
  ALKAID_RETURN_NOT_OK(CheckLimit(dgram.size()));
  auto in_force = InForce(dgram.data(), dgram.size(), declared_);
  if (sink_ != nullptr && dgram.size() >= flush_bytes_) {
    // Written directly: a large datagram is not copied.
    ALKAID_RETURN_NOT_OK(PassOn(0));
    ALKAID_RETURN_NOT_OK(WriteToSink(dgram.data(), dgram.size()));
    declared_ = std::move(in_force);
    passed_bytes_ += dgram.size();
    ++whole_dgrams_;
    return absl::OkStatus();
  }
  ALKAID_RETURN_NOT_OK(builder_.Append(dgram.data(), dgram.size()));
  declared_ = std::move(in_force);
  whole_bytes_ = builder_.length();
  ++whole_dgrams_;
  return PassOn(flush_bytes_);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramWriter::Append(const DgramEdit& edit) try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kNothing, "Append"));
  const int64_t size = edit.saved_size();
  ALKAID_RETURN_NOT_OK(CheckLimit(size));
  ALKAID_ASSIGN_OR_RAISE(uint8_t* const out, Reserve(size));
  ALKAID_RETURN_NOT_OK(edit.Save(std::span<uint8_t>(out, static_cast<size_t>(size))));
  declared_ = InForce(out, size, declared_);
  builder_.UnsafeAdvance(size);
  whole_bytes_ = builder_.length();
  ++whole_dgrams_;
  return PassOn(flush_bytes_);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramWriter::Declare(const Names& names) try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "Declare"));
  if (!configure_) {
    return status::FailedPrecondition("Declare in a datagram that is not a Configure");
  }
  if (const Names* const there = Declaring(names.id())) {
    return status::AlreadyExists("NamesId ", names.id().ToString(), " of ", names.ToString(),
                                 " is that of ", there->ToString());
  }
  const int64_t extent = internal::NamesExtent(names);
  ALKAID_ASSIGN_OR_RAISE(uint8_t* const xtc, Reserve(extent));
  declaring_at_.emplace(names.id().key(), declaring_.size());
  declaring_.push_back(names);
  internal::StoreNames(xtc, names);
  builder_.UnsafeAdvance(extent);
  return call.Done();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<Names> DgramWriter::Declare(const DetectorDefinition& definition) try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "Declare"));
  ALKAID_ASSIGN_OR_RAISE(Names names, MakeDeclaration(definition, declaring_));
  ALKAID_RETURN_NOT_OK(Declare(names));
  ALKAID_RETURN_NOT_OK(call.Done());
  return names;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

const Names* DgramWriter::Declaring(NamesId id) const {
  const auto at = declaring_at_.find(id.key());
  return at != declaring_at_.end() ? &declaring_[at->second] : nullptr;
}

Status DgramWriter::CheckData(const Names& names) const {
  const auto of = [&] {
    return absl::StrCat("data of ", names.ToString(), ", NamesId ", names.id().ToString(), ", ");
  };
  if (configure_ || declared_ != nullptr) {
    const Names* const declared = configure_ ? Declaring(names.id()) : declared_->Find(names.id());
    if (declared == nullptr || !internal::SameDeclaration(*declared, names)) [[unlikely]] {
      return status::Invalid(of(), "which the Configure does not declare so");
    }
  }
  if (given_.Contains(names.id())) [[unlikely]] {
    return status::AlreadyExists(of(), "which the datagram carries already");
  }
  return absl::OkStatus();
}

Status DgramWriter::Data(const Names& names, std::span<const FieldValue> values,
                         Damage damage) try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "Data"));
  ALKAID_RETURN_NOT_OK(CheckData(names));
  ALKAID_ASSIGN_OR_RAISE(const int64_t extent, internal::ShapesDataExtent(names, values));
  ALKAID_ASSIGN_OR_RAISE(uint8_t* const xtc, Reserve(extent));
  given_.Insert(names.id());
  internal::StoreShapesData(xtc, names, values, damage, extent);
  builder_.UnsafeAdvance(extent);
  return call.Done();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramWriter::BeginData(const Names& names, Damage damage) try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "BeginData"));
  ALKAID_RETURN_NOT_OK(CheckData(names));
  const int64_t nbytes = internal::DataOffset(names) + kXtcHeaderBytes;
  ALKAID_ASSIGN_OR_RAISE(uint8_t* const xtc, Reserve(nbytes));
  given_.Insert(names.id());
  // The extents that depend on the fields are written by EndData.
  const uint32_t src = names.id().key();
  const int64_t data = internal::DataOffset(names);
  std::memset(xtc, 0, static_cast<size_t>(nbytes));
  internal::StoreXtc(xtc, src, damage, TypeId::kShapesData, 0);
  internal::StoreXtc(xtc + kXtcHeaderBytes, src, Damage(), TypeId::kShapes, names.shapes_extent());
  internal::StoreXtc(xtc + data, src, Damage(), TypeId::kData, 0);
  shapes_data_at_ = builder_.length();
  shape_at_ = shapes_data_at_ + 2 * kXtcHeaderBytes;
  data_at_ = shapes_data_at_ + data;
  builder_.UnsafeAdvance(nbytes);
  open_ = State::kData;
  names_ = &names;
  next_field_ = 0;
  return call.Done();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramWriter::Value(const FieldValue& value) try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kData, "a field"));
  if (next_field_ == names_->fields().size()) {
    return status::Invalid("more values than the ", next_field_, " fields of ", names_->ToString());
  }
  ALKAID_RETURN_NOT_OK(value.Check(*names_, next_field_));
  ALKAID_ASSIGN_OR_RAISE(uint8_t* const out, Reserve(value.nbytes()));
  value.StoreTo(out);
  builder_.UnsafeAdvance(value.nbytes());
  if (value.rank() != 0) {
    value.StoreShapeTo(builder_.mutable_data() + shape_at_);
    shape_at_ += kShapeBytes;
  }
  ++next_field_;
  return call.Done();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramWriter::EndData() try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kData, "EndData"));
  if (next_field_ != names_->fields().size()) {
    return status::Invalid(next_field_, " of the ", names_->fields().size(), " fields of ",
                           names_->ToString(), " were given");
  }
  ALKAID_RETURN_NOT_OK(PatchExtent(data_at_));
  ALKAID_RETURN_NOT_OK(PatchExtent(shapes_data_at_));
  open_ = State::kDgram;
  names_ = nullptr;
  return call.Done();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> DgramWriter::Finish() try {
  Call call(this);
  ALKAID_RETURN_NOT_OK(Expect(State::kNothing, "Finish"));
  if (sink_ != nullptr) {
    return status::FailedPrecondition("Finish of a writer that has a sink; Close ends it");
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, builder_.Finish());
  whole_bytes_ = 0;
  whole_dgrams_ = 0;
  return buffer;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramWriter::Close() try {
  Call call(this);
  if (closed_) return sink_status_;
  if (sink_status_.ok()) {
    ALKAID_RETURN_NOT_OK(Expect(State::kNothing, "Close"));
    PassOn(0).IgnoreError();
  }
  const Status closing = sink_ != nullptr ? sink_->Close() : absl::OkStatus();
  closed_ = true;
  if (sink_status_.ok()) sink_status_ = closing;
  return sink_status_;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
