#include "synthetic_run.h"

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "alkaid/core/file_io.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "progress.h"

namespace alkaid::tools {
namespace {

using dgram::DataType;
using dgram::DgramWriter;
using dgram::Field;
using dgram::Names;
using dgram::NamesId;
using dgram::Timestamp;
using dgram::TransitionId;

constexpr int64_t kBatchBytes = int64_t{1} << 20;

// A field and the shape that it has in every event. Text is 12 characters and its NUL, in 16 bytes.
struct FieldSpec {
  const char* name;
  DataType type;
  std::vector<uint32_t> shape;
};
constexpr int64_t kTextLength = 12;

struct DetectorSpec {
  const char* detector;
  const char* type;
  uint32_t segment;
  std::vector<FieldSpec> fields;
};

std::vector<FieldSpec> DigitizerFields() {
  return {{"trigger", DataType::kDouble, {}},  {"pulse", DataType::kUInt64, {}},
          {"gate", DataType::kUInt32, {}},     {"waveform", DataType::kFloat, {3, 3}},
          {"flags", DataType::kUInt16, {}},    {"peaks", DataType::kUInt16, {16}},
          {"channel", DataType::kUInt8, {}},   {"counts", DataType::kUInt8, {2, 4, 3}},
          {"offset", DataType::kInt32, {}},    {"baseline", DataType::kFloat, {}},
          {"moments", DataType::kDouble, {6}}, {"polarity", DataType::kInt8, {}}};
}

// What a stream's events carry, in order. Between them the small detectors have 32 fields, 10
// arrays, and odd lengths that leave many fields misaligned.
const std::vector<DetectorSpec>& Detectors(bool large) {
  static const auto* const small =
      new std::vector<DetectorSpec>{{"digitizer", "hsd", 0, DigitizerFields()},
                                    {"digitizer", "hsd", 1, DigitizerFields()},
                                    {"camera",
                                     "cspad",
                                     0,
                                     {{"gain:gainEnum", DataType::kEnumVal, {}},
                                      {"low:gainEnum", DataType::kEnumDict, {}},
                                      {"high:gainEnum", DataType::kEnumDict, {}},
                                      {"exposure", DataType::kDouble, {}},
                                      {"tile", DataType::kInt16, {8, 8}},
                                      {"note", DataType::kCharStr, {16}},
                                      {"sequence", DataType::kInt64, {}},
                                      {"quality", DataType::kInt16, {}}}}};
  static const auto* const image = new std::vector<DetectorSpec>{
      {"imager",
       "epix",
       0,
       {{"frame", DataType::kUInt32, {}}, {"image", DataType::kUInt16, {256, 512}}}}};
  return large ? *image : *small;
}

Result<std::vector<Names>> Declarations(bool large) {
  std::vector<Names> all;
  for (const DetectorSpec& detector : Detectors(large)) {
    std::vector<Field> fields;
    for (const FieldSpec& spec : detector.fields) {
      fields.push_back({spec.name, spec.type, static_cast<int>(spec.shape.size()), {}});
    }
    ALKAID_ASSIGN_OR_RAISE(
        Names names, Names::Make(NamesId(1, static_cast<uint32_t>(all.size() + 1)),
                                 detector.detector, detector.type, "synthetic", detector.segment,
                                 {"raw", 0x010203}, std::move(fields)));
    all.push_back(std::move(names));
  }
  return all;
}

// Where the values of one field of one event start; elements count up from here. Small enough for a
// float to hold.
uint32_t Base(int stream, int64_t event, size_t detector, size_t field) {
  return static_cast<uint32_t>((event * 7 + int64_t{stream} * 1009 +
                                static_cast<int64_t>(detector) * 101 +
                                static_cast<int64_t>(field) * 13) &
                               0x3fffff);
}

template <typename T>
T ValueAt(uint32_t base, int64_t element) {
  const uint32_t value = base + static_cast<uint32_t>(element);
  return static_cast<T>(value);
}

// Calls `visit` with a zero of the type that `type` is read as. Text counts as its bytes.
template <typename Visitor>
auto WithType(DataType type, Visitor&& visit) {
  switch (type) {
    case DataType::kUInt8:
    case DataType::kCharStr:
      return visit(uint8_t{});
    case DataType::kUInt16:
      return visit(uint16_t{});
    case DataType::kUInt32:
      return visit(uint32_t{});
    case DataType::kUInt64:
      return visit(uint64_t{});
    case DataType::kInt8:
      return visit(int8_t{});
    case DataType::kInt16:
      return visit(int16_t{});
    case DataType::kInt64:
      return visit(int64_t{});
    case DataType::kFloat:
      return visit(float{});
    case DataType::kDouble:
      return visit(double{});
    case DataType::kInt32:
    case DataType::kEnumVal:
    case DataType::kEnumDict:
      break;
  }
  return visit(int32_t{});
}

std::string TextOf(uint32_t base) {
  std::string text = "event-" + std::to_string(base);
  text.resize(static_cast<size_t>(kTextLength), '.');
  return text;
}

int64_t CountOf(const FieldSpec& spec) {
  int64_t count = 1;
  for (const uint32_t dimension : spec.shape) count *= dimension;
  return count;
}

Status AddField(DgramWriter& writer, const FieldSpec& spec, uint32_t base,
                std::vector<uint8_t>& scratch) {
  if (spec.type == DataType::kCharStr) return writer.String(TextOf(base));
  return WithType(spec.type, [&](auto zero) -> Status {
    using T = decltype(zero);
    if (spec.shape.empty()) return writer.Scalar<T>(ValueAt<T>(base, 0));
    const int64_t count = CountOf(spec);
    scratch.resize(static_cast<size_t>(count) * sizeof(T));
    T* const values = reinterpret_cast<T*>(scratch.data());
    for (int64_t i = 0; i < count; ++i) values[i] = ValueAt<T>(base, i);
    return writer.Array(std::span<const T>(values, static_cast<size_t>(count)),
                        std::span<const uint32_t>(spec.shape));
  });
}

// Writes one file, a batch at a time.
class StreamFile {
 public:
  StreamFile(int stream, std::shared_ptr<io::FileOutputStream> file, std::vector<Names> names,
             Progress& progress)
      : stream_(stream), file_(std::move(file)), names_(std::move(names)), progress_(progress) {}

  Status Write(const std::vector<DetectorSpec>& detectors, int64_t events, bool (*stop)()) {
    ALKAID_RETURN_NOT_OK(writer_.Begin(TransitionId::kConfigure, Next()));
    for (const Names& names : names_) ALKAID_RETURN_NOT_OK(writer_.Declare(names));
    ALKAID_RETURN_NOT_OK(writer_.End());
    ALKAID_RETURN_NOT_OK(Transition(TransitionId::kBeginRun));
    ALKAID_RETURN_NOT_OK(Transition(TransitionId::kBeginStep));
    ALKAID_RETURN_NOT_OK(Transition(TransitionId::kEnable));
    for (int64_t event = 0; event < events; ++event) {
      ALKAID_RETURN_NOT_OK(Event(detectors, event));
      if (writer_.length() < kBatchBytes) continue;
      ALKAID_RETURN_NOT_OK(Flush());
      if (stop()) return absl::CancelledError("interrupted");
    }
    ALKAID_RETURN_NOT_OK(Transition(TransitionId::kDisable));
    ALKAID_RETURN_NOT_OK(Transition(TransitionId::kEndStep));
    ALKAID_RETURN_NOT_OK(Transition(TransitionId::kEndRun));
    ALKAID_RETURN_NOT_OK(Flush());
    return file_->Close();
  }

 private:
  Timestamp Next() { return Timestamp(1, ++nanoseconds_); }

  Status Transition(TransitionId service) {
    ALKAID_RETURN_NOT_OK(writer_.Begin(service, Next()));
    return writer_.End();
  }
  Status Event(const std::vector<DetectorSpec>& detectors, int64_t event) {
    ALKAID_RETURN_NOT_OK(writer_.Begin(TransitionId::kL1Accept, Next()));
    for (size_t d = 0; d < detectors.size(); ++d) {
      ALKAID_RETURN_NOT_OK(writer_.BeginData(names_[d]));
      for (size_t f = 0; f < detectors[d].fields.size(); ++f) {
        ALKAID_RETURN_NOT_OK(
            AddField(writer_, detectors[d].fields[f], Base(stream_, event, d, f), scratch_));
      }
      ALKAID_RETURN_NOT_OK(writer_.EndData());
    }
    return writer_.End();
  }
  Status Flush() {
    ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> batch, writer_.Finish());
    ALKAID_RETURN_NOT_OK(file_->Write(batch));
    progress_.Advance(batch->size());
    return absl::OkStatus();
  }

  const int stream_;
  const std::shared_ptr<io::FileOutputStream> file_;
  const std::vector<Names> names_;
  Progress& progress_;
  DgramWriter writer_;
  uint32_t nanoseconds_ = 0;
  // Aligned enough for any element: operator new sees to that.
  std::vector<uint8_t> scratch_;
};

bool IsLarge(int stream) { return stream == kSyntheticStreams - 1; }
int64_t EventsOf(int stream, int64_t small_events) {
  return IsLarge(stream) ? small_events / 100 : small_events;
}

// The number of elements that are not what they should be.
template <typename T>
int64_t CountWrong(const uint8_t* data, int64_t count, uint32_t base) {
  int64_t wrong = 0;
  for (int64_t i = 0; i < count; ++i) {
    wrong +=
        dgram::LoadUnaligned<T>(data + i * static_cast<int64_t>(sizeof(T))) != ValueAt<T>(base, i);
  }
  return wrong;
}

}  // namespace

Result<std::vector<std::string>> WriteSyntheticRun(const std::string& directory,
                                                   int64_t small_events, bool (*stop)()) {
  // What the three files come to, near enough for a progress bar.
  Progress progress("writing a synthetic run", small_events * (2 * 852 + (256 << 10) / 100));
  std::vector<std::string> paths;
  for (int stream = 0; stream < kSyntheticStreams; ++stream) {
    paths.push_back(absl::StrCat(directory, "/synthetic-r0001-s00", stream, "-c000.xtc2"));
    ALKAID_ASSIGN_OR_RAISE(auto file, io::FileOutputStream::Open(paths.back()));
    ALKAID_ASSIGN_OR_RAISE(std::vector<Names> names, Declarations(IsLarge(stream)));
    StreamFile writer(stream, std::move(file), std::move(names), progress);
    ALKAID_RETURN_NOT_OK(
        writer.Write(Detectors(IsLarge(stream)), EventsOf(stream, small_events), stop));
  }
  return paths;
}

Status EventCheck::Check(const dgram::Dgram& dgram) {
  if (!dgram.is_l1_accept()) return dgram::CheckDgram(dgram);
  const std::vector<DetectorSpec>& detectors = Detectors(IsLarge(stream_));
  const int64_t event = events_++;
  size_t d = 0;
  dgram::ShapesDataWalk walk(dgram);
  while (walk.Next()) {
    const dgram::ShapesData& data = walk.shapes_data();
    if (d == detectors.size() || data.names().detector() != detectors[d].detector ||
        data.names().segment() != detectors[d].segment ||
        data.names().fields().size() != detectors[d].fields.size()) {
      return dgram.Fault(data.offset(), "not the detector that was written");
    }
    dgram::FieldWalk fields(data);
    for (size_t f = 0; fields.Next(); ++f) {
      const FieldSpec& spec = detectors[d].fields[f];
      const dgram::FieldView& field = fields.field();
      const uint32_t base = Base(stream_, event, d, f);
      bool right =
          field.name() == spec.name && field.type() == spec.type && field.size() == CountOf(spec);
      for (size_t i = 0; right && i < spec.shape.size(); ++i) {
        right = field.dim(static_cast<int>(i)) == spec.shape[i];
      }
      if (right && spec.type == DataType::kCharStr) {
        right = field.String().value() == TextOf(base);
      } else if (right) {
        right = WithType(spec.type, [&](auto zero) {
          return CountWrong<decltype(zero)>(field.data(), field.size(), base) == 0;
        });
      }
      if (!right) {
        return dgram.Fault(field.data() - dgram.data(),
                           absl::StrCat("field \"", field.name(), "\" is not what was written"));
      }
    }
    ALKAID_RETURN_NOT_OK(fields.status());
    ++d;
  }
  ALKAID_RETURN_NOT_OK(walk.status());
  if (d != detectors.size()) return dgram.Fault(0, "a detector is missing");
  return absl::OkStatus();
}

Status EventCheck::CheckComplete() const {
  if (events_ == EventsOf(stream_, small_events_)) return absl::OkStatus();
  return status::DataLoss("stream ", stream_, ": ", events_, " events were read, ",
                          EventsOf(stream_, small_events_), " were written");
}

}  // namespace alkaid::tools
