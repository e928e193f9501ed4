#include "alkaid/dgram/writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "alkaid/core/files/durable_file.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/xtc_layout_internal.h"

namespace alkaid::dgram {
namespace {

// Detectors of one datagram, up to a few dozen.
constexpr size_t kUsualData = 32;

// What holds behind a whole datagram that is appended, where `before` held: a Configure's own
// declarations, or null, under which any data may come, where nobody can tell.
std::shared_ptr<const Configuration> InForce(const uint8_t* dgram, int64_t size,
                                             const std::shared_ptr<const Configuration>& before) {
  if (DgramHeader::ServiceOf(dgram) != TransitionId::kConfigure) return before;
  const auto configure = Dgram::Make(std::make_shared<Buffer>(dgram, size));
  return configure.ok() ? configure->configuration() : nullptr;
}

}  // namespace

DgramWriter::DgramWriter(MemoryPool* pool)
    : builder_(pool != nullptr ? pool : default_memory_pool()) {}

DgramWriter::DgramWriter(std::shared_ptr<io::OutputStream> sink, DgramWriterOptions options)
    : DgramWriter(options.pool) {
  if (sink == nullptr) sink_status_ = status::Invalid("a DgramWriter with a null sink");
  sink_ = std::move(sink);
  flush_bytes_ = options.flush_bytes;
}

DgramWriter::~DgramWriter() = default;

Result<std::unique_ptr<DgramWriter>> DgramWriter::Open(const std::string& path,
                                                       DgramWriterOptions options) {
  if (options.flush_bytes < 1) {
    return status::Invalid("flush_bytes of ", options.flush_bytes, ", the least is 1");
  }
  ALKAID_ASSIGN_OR_RAISE(auto file, io::DurableFileOutputStream::Open(path));
  return std::make_unique<DgramWriter>(std::move(file), options);
}

Status DgramWriter::Drop(Status why) {
  builder_.Rewind(whole_bytes_);
  open_ = State::kNothing;
  names_ = nullptr;
  return why;
}

Status DgramWriter::Expect(State state, const char* what) {
  ALKAID_RETURN_NOT_OK(sink_status_);
  if (closed_) return status::FailedPrecondition(what, " after Close");
  if (open_ == state) return absl::OkStatus();
  const char* const found = open_ == State::kNothing ? "nothing is open"
                            : open_ == State::kDgram ? "a datagram is open"
                                                     : "data of a datagram are open";
  return Drop(status::FailedPrecondition(what, " while ", found));
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

Status DgramWriter::PassOn(int64_t at_least) {
  if (sink_ == nullptr || whole_bytes_ < at_least || whole_bytes_ == 0) return absl::OkStatus();
  sink_status_ = sink_->Write(builder_.data(), whole_bytes_);
  ALKAID_RETURN_NOT_OK(sink_status_);
  builder_.Rewind(0);
  passed_bytes_ += std::exchange(whole_bytes_, 0);
  return absl::OkStatus();
}

Status DgramWriter::Begin(TransitionId service, Timestamp timestamp, uint32_t env_bits,
                          Damage damage) {
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
  given_.clear();
  return absl::OkStatus();
}

Status DgramWriter::End() {
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "End"));
  const Status status = PatchExtent(whole_bytes_ + kDgramHeaderBytes - kXtcHeaderBytes);
  if (!status.ok()) return Drop(status);
  if (configure_) {
    ALKAID_ASSIGN_OR_RAISE(declared_, Configuration::FromNames(declaring_));
  }
  open_ = State::kNothing;
  whole_bytes_ = builder_.length();
  ++whole_dgrams_;
  return PassOn(flush_bytes_);
}

Status DgramWriter::Append(const Dgram& dgram) {
  ALKAID_RETURN_NOT_OK(Expect(State::kNothing, "Append"));
  // Also what was moved from, which has no origin.
  if (dgram.origin() == nullptr) return status::Invalid("Append of a Dgram that views none");
  auto in_force = InForce(dgram.data(), dgram.size(), declared_);
  if (sink_ != nullptr && dgram.size() >= flush_bytes_) {
    // Straight on: a large datagram is not copied.
    ALKAID_RETURN_NOT_OK(PassOn(0));
    sink_status_ = sink_->Write(dgram.data(), dgram.size());
    ALKAID_RETURN_NOT_OK(sink_status_);
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
}

Status DgramWriter::Append(const DgramEdit& edit) {
  ALKAID_RETURN_NOT_OK(Expect(State::kNothing, "Append"));
  const int64_t size = edit.saved_size();
  ALKAID_ASSIGN_OR_RAISE(uint8_t* const out, Reserve(size));
  ALKAID_RETURN_NOT_OK(edit.Save(std::span<uint8_t>(out, static_cast<size_t>(size))));
  declared_ = InForce(out, size, declared_);
  builder_.UnsafeAdvance(size);
  whole_bytes_ = builder_.length();
  ++whole_dgrams_;
  return PassOn(flush_bytes_);
}

Status DgramWriter::Declare(const Names& names) {
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "Declare"));
  if (!configure_) {
    return Drop(status::FailedPrecondition("Declare in a datagram that is no Configure"));
  }
  for (const Names& there : declaring_) {
    if (there.id() != names.id()) continue;
    return Drop(status::AlreadyExists("NamesId ", names.id().ToString(), " of ", names.ToString(),
                                      " is that of ", there.ToString()));
  }
  const int64_t extent = internal::NamesExtent(names);
  const Result<uint8_t*> xtc = Reserve(extent);
  if (!xtc.ok()) return Drop(xtc.status());
  declaring_.push_back(names);
  internal::StoreNames(*xtc, names);
  builder_.UnsafeAdvance(extent);
  return absl::OkStatus();
}

Result<Names> DgramWriter::Declare(DetectorDefinition definition) {
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "Declare"));
  Result<Names> names = MakeDeclaration(std::move(definition), declaring_);
  if (!names.ok()) return Drop(names.status());
  ALKAID_RETURN_NOT_OK(Declare(*names));
  return names;
}

Status DgramWriter::CheckData(const Names& names) const {
  const auto of = [&] {
    return absl::StrCat("data of ", names.ToString(), ", NamesId ", names.id().ToString(), ", ");
  };
  if (configure_ || declared_ != nullptr) {
    const Names* declared = configure_ ? nullptr : declared_->Find(names.id());
    for (size_t i = 0; configure_ && i < declaring_.size(); ++i) {
      if (declaring_[i].id() == names.id()) declared = &declaring_[i];
    }
    if (declared == nullptr || !internal::SameDeclaration(*declared, names)) [[unlikely]] {
      return status::Invalid(of(), "which the Configure does not declare so");
    }
  }
  if (std::find(given_.begin(), given_.end(), names.id()) != given_.end()) [[unlikely]] {
    return status::AlreadyExists(of(), "which the datagram carries already");
  }
  return absl::OkStatus();
}

Status DgramWriter::Data(const Names& names, std::span<const FieldValue> values, Damage damage) {
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "Data"));
  Status allowed = CheckData(names);
  if (!allowed.ok()) return Drop(std::move(allowed));
  const Result<int64_t> extent = internal::ShapesDataExtent(names, values);
  if (!extent.ok()) return Drop(extent.status());
  const Result<uint8_t*> xtc = Reserve(*extent);
  if (!xtc.ok()) return Drop(xtc.status());
  if (given_.capacity() == 0) given_.reserve(kUsualData);
  given_.push_back(names.id());
  internal::StoreShapesData(*xtc, names, values, damage, *extent);
  builder_.UnsafeAdvance(*extent);
  return absl::OkStatus();
}

Status DgramWriter::BeginData(const Names& names, Damage damage) {
  ALKAID_RETURN_NOT_OK(Expect(State::kDgram, "BeginData"));
  Status allowed = CheckData(names);
  if (!allowed.ok()) return Drop(std::move(allowed));
  const int64_t nbytes = internal::DataOffset(names) + kXtcHeaderBytes;
  const Result<uint8_t*> xtc = Reserve(nbytes);
  if (!xtc.ok()) return Drop(xtc.status());
  if (given_.capacity() == 0) given_.reserve(kUsualData);
  given_.push_back(names.id());
  // The extents that depend on the fields are set at EndData.
  const uint32_t src = names.id().key();
  const int64_t data = internal::DataOffset(names);
  std::memset(*xtc, 0, static_cast<size_t>(nbytes));
  internal::StoreXtc(*xtc, src, damage, TypeId::kShapesData, 0);
  internal::StoreXtc(*xtc + kXtcHeaderBytes, src, Damage(), TypeId::kShapes, names.shapes_extent());
  internal::StoreXtc(*xtc + data, src, Damage(), TypeId::kData, 0);
  shapes_data_at_ = builder_.length();
  shape_at_ = shapes_data_at_ + 2 * kXtcHeaderBytes;
  data_at_ = shapes_data_at_ + data;
  builder_.UnsafeAdvance(nbytes);
  open_ = State::kData;
  names_ = &names;
  next_field_ = 0;
  return absl::OkStatus();
}

Status DgramWriter::Value(const FieldValue& value) {
  ALKAID_RETURN_NOT_OK(Expect(State::kData, "a field"));
  if (next_field_ == names_->fields().size()) {
    return Drop(
        status::Invalid("more values than the ", next_field_, " fields of ", names_->ToString()));
  }
  Status status = value.Check(*names_, next_field_);
  if (!status.ok()) return Drop(std::move(status));
  const Result<uint8_t*> out = Reserve(value.nbytes());
  if (!out.ok()) return Drop(out.status());
  value.StoreTo(*out);
  builder_.UnsafeAdvance(value.nbytes());
  if (value.rank() != 0) {
    value.StoreShapeTo(builder_.mutable_data() + shape_at_);
    shape_at_ += kShapeBytes;
  }
  ++next_field_;
  return absl::OkStatus();
}

Status DgramWriter::EndData() {
  ALKAID_RETURN_NOT_OK(Expect(State::kData, "EndData"));
  if (next_field_ != names_->fields().size()) {
    return Drop(status::Invalid(next_field_, " of the ", names_->fields().size(), " fields of ",
                                names_->ToString(), " were given"));
  }
  Status status = PatchExtent(data_at_);
  if (status.ok()) status = PatchExtent(shapes_data_at_);
  if (!status.ok()) return Drop(status);
  open_ = State::kDgram;
  names_ = nullptr;
  return absl::OkStatus();
}

Result<std::shared_ptr<Buffer>> DgramWriter::Finish() {
  ALKAID_RETURN_NOT_OK(Expect(State::kNothing, "Finish"));
  if (sink_ != nullptr) {
    return status::FailedPrecondition("Finish of a writer that has a sink; Close ends it");
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, builder_.Finish());
  whole_bytes_ = 0;
  whole_dgrams_ = 0;
  return buffer;
}

Status DgramWriter::Close() {
  if (closed_) return sink_status_;
  if (sink_status_.ok()) {
    ALKAID_RETURN_NOT_OK(Expect(State::kNothing, "Close"));
    PassOn(0).IgnoreError();
  }
  closed_ = true;
  if (sink_ == nullptr) return sink_status_;
  const Status closing = sink_->Close();
  if (sink_status_.ok()) sink_status_ = closing;
  return sink_status_;
}

}  // namespace alkaid::dgram
