#include "tools/demo/synthetic_run.h"

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "alkaid/core/files/file_io.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "tools/dgram/synthetic_detectors.h"
#include "tools/support/progress.h"

namespace alkaid::tools {
namespace {

using dgram::DataType;
using dgram::DgramWriter;
using dgram::Names;
using dgram::Timestamp;
using dgram::TransitionId;

constexpr int64_t kBatchBytes = int64_t{1} << 20;

// The detectors in a stream's events, in order.
const std::vector<SyntheticDetector>& Detectors(bool large) {
  static const auto* const small = new std::vector<SyntheticDetector>(SmallDetectors());
  static const auto* const image =
      new std::vector<SyntheticDetector>(ImageDetector(DataType::kUInt16, {256, 512}));
  return large ? *image : *small;
}

// Writes one file, a batch at a time.
class StreamFile {
 public:
  StreamFile(int stream, std::shared_ptr<io::FileOutputStream> file, std::vector<Names> names,
             Progress& progress)
      : stream_(stream), file_(std::move(file)), names_(std::move(names)), progress_(progress) {}

  Status Write(const std::vector<SyntheticDetector>& detectors, int64_t events, bool (*stop)()) {
    for (size_t d = 0; d < detectors.size(); ++d) {
      values_.push_back(ValuesOf(names_[d], detectors[d]));
    }
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
  Status Event(const std::vector<SyntheticDetector>& detectors, int64_t event) {
    ALKAID_RETURN_NOT_OK(writer_.Begin(TransitionId::kL1Accept, Next()));
    for (size_t d = 0; d < detectors.size(); ++d) {
      for (size_t f = 0; f < detectors[d].fields.size(); ++f) {
        values_[d].Count(f, SyntheticBase(stream_, event, d, f));
      }
      ALKAID_RETURN_NOT_OK(writer_.Data(names_[d], values_[d].values()));
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
  std::vector<CountingValues> values_;
};

bool IsLarge(int stream) { return stream == kSyntheticStreams - 1; }
int64_t EventsOf(int stream, int64_t small_events) {
  return IsLarge(stream) ? small_events / 100 : small_events;
}

// The number of elements that differ from the expected ones.
template <typename T>
int64_t CountWrong(const uint8_t* data, int64_t count, uint32_t base) {
  int64_t wrong = 0;
  for (int64_t i = 0; i < count; ++i) {
    wrong += dgram::LoadUnaligned<T>(data + i * static_cast<int64_t>(sizeof(T))) !=
             CountedValue<T>(base, i);
  }
  return wrong;
}

}  // namespace

Result<std::vector<std::string>> WriteSyntheticRun(const std::string& directory,
                                                   int64_t small_events, bool (*stop)()) {
  // The approximate size of the three files, for the progress bar.
  Progress progress("writing a synthetic run", small_events * (2 * 852 + (256 << 10) / 100));
  std::vector<std::string> paths;
  for (int stream = 0; stream < kSyntheticStreams; ++stream) {
    paths.push_back(absl::StrCat(directory, "/synthetic-r0001-s00", stream, "-c000.xtc2"));
    ALKAID_ASSIGN_OR_RAISE(auto file, io::FileOutputStream::Open(paths.back()));
    ALKAID_ASSIGN_OR_RAISE(std::vector<Names> names, DeclarationsOf(Detectors(IsLarge(stream))));
    StreamFile writer(stream, std::move(file), std::move(names), progress);
    ALKAID_RETURN_NOT_OK(
        writer.Write(Detectors(IsLarge(stream)), EventsOf(stream, small_events), stop));
  }
  return paths;
}

Status EventCheck::Check(const dgram::Dgram& dgram) {
  if (!dgram.is_l1_accept()) return dgram::CheckDgram(dgram);
  const std::vector<SyntheticDetector>& detectors = Detectors(IsLarge(stream_));
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
      const SyntheticField& spec = detectors[d].fields[f];
      const dgram::FieldView& field = fields.field();
      const uint32_t base = SyntheticBase(stream_, event, d, f);
      bool right = field.name() == spec.name && field.type() == spec.type &&
                   field.size() == ElementsOf(spec.shape);
      for (size_t i = 0; right && i < spec.shape.size(); ++i) {
        right = field.dim(static_cast<int>(i)) == spec.shape[i];
      }
      if (right && spec.type == DataType::kCharStr) {
        right = field.String().value() == CountedText(base);
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
