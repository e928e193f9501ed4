// alkaid dgram write: makes a run from parameters, in one file or one for each stream.

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/files/durable_file.h"
#include "alkaid/dgram/writer.h"
#include "tools/commands.h"
#include "tools/dgram/dgram_json.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/synthetic_detectors.h"
#include "tools/support/exit_code.h"
#include "tools/support/interruption.h"
#include "tools/support/json_report.h"
#include "tools/support/option_limits.h"
#include "tools/support/progress.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using dgram::DataType;
using dgram::DgramWriter;
using dgram::FieldValue;
using dgram::Names;
using dgram::Timestamp;
using dgram::TransitionId;
using internal::CountText;

// Bytes between two updates of the progress bar.
constexpr int64_t kTold = int64_t{1} << 20;

struct WriteOptions {
  std::string output;
  int64_t streams = 1;
  uint32_t segment = 0;
  int64_t steps = 1;
  int64_t events_per_step = 10;
  uint32_t digitizers = 2;
  uint32_t payload = 0;
  uint32_t start = 1;
  int64_t period = 1;
  int64_t epics_period = 0;
  bool json = false;
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;

  bool has_payload() const { return payload > 0; }
  uint32_t segments_of_stream() const {
    return has_payload() ? 1 : std::max<uint32_t>(digitizers, 1);
  }
};

// "run-{}.xtc2" is run-000.xtc2 for stream 0.
std::string PathOf(const WriteOptions& options, int64_t stream) {
  std::string path = options.output;
  const size_t at = path.find("{}");
  if (at == std::string::npos) return path;
  std::string number = std::to_string(stream);
  number.insert(0, number.size() < 3 ? 3 - number.size() : 0, '0');
  return path.replace(at, 2, number);
}

// Writes one stream. All streams have the same datagrams with the same timestamps, but only the
// first has environment data.
class StreamWriter {
 public:
  static Result<std::unique_ptr<StreamWriter>> Make(const WriteOptions& options, int64_t stream) {
    auto writer = std::unique_ptr<StreamWriter>(new StreamWriter(options, stream));
    const uint32_t segment =
        options.segment + static_cast<uint32_t>(stream) * options.segments_of_stream();
    std::vector<SyntheticDetector> detectors =
        options.has_payload() ? ImageDetector(DataType::kUInt8, {options.payload}, segment)
                              : SmallDetectors(options.digitizers, segment);
    if (options.epics_period > 0 && stream == 0) {
      detectors.push_back({"epics",
                           "epics",
                           0,
                           {{"temperature", DataType::kDouble, {}},
                            {"pressure", DataType::kDouble, {}},
                            {"sequence", DataType::kUInt32, {}}}});
      writer->has_epics_ = true;
    }
    ALKAID_ASSIGN_OR_RAISE(writer->names_, DeclarationsOf(detectors));
    for (size_t i = 0; i < detectors.size(); ++i) {
      writer->values_.push_back(ValuesOf(writer->names_[i], detectors[i]));
    }
    return writer;
  }

  // The number of detectors in every event.
  size_t event_detectors() const { return names_.size() - (has_epics_ ? 1 : 0); }
  int64_t event_bytes() const {
    int64_t bytes = dgram::kDgramHeaderBytes;
    for (size_t d = 0; d < event_detectors(); ++d) {
      bytes += 2 * dgram::kXtcHeaderBytes + names_[d].shapes_extent();
      for (const FieldValue& value : values_[d].values()) bytes += value.nbytes();
    }
    return bytes;
  }

  // The approximate size, for the progress bar.
  int64_t bytes() const {
    int64_t all = 0;
    const int64_t transitions = options_.steps * 4 * dgram::kDgramHeaderBytes;
    const bool overflow =
        __builtin_mul_overflow(options_.steps * options_.events_per_step, event_bytes(), &all) ||
        __builtin_add_overflow(all, transitions, &all);
    return overflow ? std::numeric_limits<int64_t>::max() : all;
  }

  Status Write(DgramWriter& writer, Progress& progress) {
    progress_ = &progress;
    ALKAID_RETURN_NOT_OK(Begin(writer, TransitionId::kConfigure));
    for (const Names& names : names_) ALKAID_RETURN_NOT_OK(writer.Declare(names));
    ALKAID_RETURN_NOT_OK(writer.End());
    ALKAID_RETURN_NOT_OK(Transition(writer, TransitionId::kBeginRun));
    for (int64_t step = 0; step < options_.steps; ++step) {
      ALKAID_RETURN_NOT_OK(Transition(writer, TransitionId::kBeginStep));
      ALKAID_RETURN_NOT_OK(Transition(writer, TransitionId::kEnable));
      for (int64_t i = 0; i < options_.events_per_step; ++i) {
        ALKAID_RETURN_NOT_OK(Event(writer));
        if (options_.epics_period > 0 && event_ % options_.epics_period == 0) {
          ALKAID_RETURN_NOT_OK(SlowUpdate(writer));
        }
      }
      ALKAID_RETURN_NOT_OK(Transition(writer, TransitionId::kDisable));
      ALKAID_RETURN_NOT_OK(Transition(writer, TransitionId::kEndStep));
    }
    return Transition(writer, TransitionId::kEndRun);
  }

 private:
  StreamWriter(const WriteOptions& options, int64_t stream) : options_(options), stream_(stream) {}

  Status Begin(DgramWriter& writer, TransitionId service) {
    ALKAID_RETURN_NOT_OK(Interruption::Check());
    if (writer.length() - told_ >= kTold) {
      progress_->Advance(writer.length() - std::exchange(told_, writer.length()));
    }
    constexpr int64_t kSecond = 1'000'000'000;
    const int64_t seconds = int64_t{options_.start} + nanoseconds_ / kSecond;
    if (seconds > 0xffffffff) {
      return status::Invalid("datagram ", writer.size(), " is at second ", seconds,
                             ", a timestamp can state ", 0xffffffff);
    }
    const Timestamp timestamp(static_cast<uint32_t>(seconds),
                              static_cast<uint32_t>(nanoseconds_ % kSecond));
    nanoseconds_ += options_.period;
    return writer.Begin(service, timestamp);
  }
  Status Transition(DgramWriter& writer, TransitionId service) {
    ALKAID_RETURN_NOT_OK(Begin(writer, service));
    return writer.End();
  }
  Status Data(DgramWriter& writer, size_t detector) {
    for (size_t field = 0; field < names_[detector].fields().size(); ++field) {
      values_[detector].Count(field, SyntheticBase(stream_, event_, detector, field));
    }
    return writer.Data(names_[detector], values_[detector].values());
  }
  Status Event(DgramWriter& writer) {
    ALKAID_RETURN_NOT_OK(Begin(writer, TransitionId::kL1Accept));
    for (size_t d = 0; d < event_detectors(); ++d) ALKAID_RETURN_NOT_OK(Data(writer, d));
    ++event_;
    return writer.End();
  }
  Status SlowUpdate(DgramWriter& writer) {
    ALKAID_RETURN_NOT_OK(Begin(writer, TransitionId::kSlowUpdate));
    if (has_epics_) ALKAID_RETURN_NOT_OK(Data(writer, names_.size() - 1));
    return writer.End();
  }

  const WriteOptions& options_;
  const int64_t stream_;
  Progress* progress_ = nullptr;
  std::vector<Names> names_;
  std::vector<CountingValues> values_;
  bool has_epics_ = false;
  int64_t event_ = 0;
  int64_t nanoseconds_ = 0;
  int64_t told_ = 0;
};

// `report` null: prints text for people.
Status RunWrite(const WriteOptions& options, JsonReport* report) {
  if (options.streams > 1 && options.output.find("{}") == std::string::npos) {
    return status::Invalid("the output \"", options.output, "\" has no {} for the number of ",
                           options.streams, " streams");
  }
  const Interruption interruption;
  for (int64_t i = 0; i < options.streams; ++i) {
    const std::string path = PathOf(options, i);
    if (report != nullptr) ALKAID_RETURN_NOT_OK(CheckReportApart(path));
    // One stream at a time, since its values may be as large as its events.
    ALKAID_ASSIGN_OR_RAISE(const auto stream, StreamWriter::Make(options, i));
    ALKAID_ASSIGN_OR_RAISE(const auto file, io::DurableFileOutputStream::Open(path));
    DgramWriter writer(file, {.max_dgram_bytes = options.max_dgram_bytes});
    {
      Progress progress("writing " + path, stream->bytes());
      ALKAID_RETURN_NOT_OK(stream->Write(writer, progress));
      ALKAID_RETURN_NOT_OK(writer.Close());
    }
    const int64_t events = options.steps * options.events_per_step;
    if (report != nullptr) {
      report->Add({{"output", path},
                   {"n_dgrams", NumberJson(writer.size())},
                   {"n_l1_accepts", NumberJson(events)},
                   {"bytes_out", NumberJson(writer.length())}});
    } else if (!file->straight()) {
      std::printf("%s: %s, %s, %s\n", internal::Printable(path).c_str(),
                  CountText(writer.size(), "datagram").c_str(), CountText(events, "event").c_str(),
                  CountText(writer.length(), "byte").c_str());
    }
  }
  return absl::OkStatus();
}

int Run(const WriteOptions& options) {
  if (!options.json) return Interruption::Report(RunWrite(options, nullptr));
  JsonReport report(nullptr, "outputs");
  const Status status = RunWrite(options, &report);
  report.Finish(status);
  return Interruption::Report(status);
}

void AddTimes(CLI::App* command, WriteOptions* options) {
  command->add_option("--start", options->start, "Second of the first timestamp")
      ->type_name("SECONDS")
      ->capture_default_str();
  command->add_option("--period", options->period, "Nanoseconds from one datagram to the next")
      ->check(Between(int64_t{1}, int64_t{1'000'000'000'000}))
      ->type_name("NANOSECONDS")
      ->capture_default_str();
  command
      ->add_option("--epics-period", options->epics_period,
                   "Events from one SlowUpdate to the next; 0: none")
      ->check(AtLeast(int64_t{0}))
      ->type_name("N")
      ->capture_default_str();
}

}  // namespace

void AddDgramWriteCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "write",
      "Write a run that follows from these options alone: equal options give equal files.");
  auto options = std::make_shared<WriteOptions>();
  command
      ->add_option("-o,--output", options->output,
                   "The file to write; with --streams, \"{}\" in it is the stream's number")
      ->type_name("FILE")
      ->required();
  command->add_option("--streams", options->streams, "Files with events of the same timestamps")
      ->check(Between(1, 999))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--segment", options->segment, "The first segment of each detector")
      ->check(Between(0, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--steps", options->steps, "Steps of the run")
      ->check(Between(int64_t{0}, int64_t{1'000'000'000}))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--events-per-step,--events", options->events_per_step, "L1Accepts of each step")
      ->check(Between(int64_t{0}, int64_t{1'000'000'000}))
      ->type_name("N")
      ->capture_default_str();
  auto* digitizers =
      command
          ->add_option("--digitizers", options->digitizers,
                       "Digitizers beside the camera; two make events of about 850 bytes")
          ->check(Between(0, 250))
          ->type_name("N")
          ->capture_default_str();
  command
      ->add_option("--payload", options->payload,
                   "Instead of these, one detector with an image of that many bytes")
      ->check(Between(uint32_t{1}, uint32_t{1} << 30))
      ->type_name("BYTES")
      ->excludes(digitizers);
  AddTimes(command, options.get());
  AddMaxDgramBytes(*command, &options->max_dgram_bytes);
  command->add_flag("--json", options->json, kJsonHelp);
  command->footer(kMakerFooter);
  SetDetails(command, {.prints = "what was written: files, datagrams and bytes; or one JSON object",
                       .examples = {{"alkaid dgram write -o run-s{}.xtc2 --streams 2 --events 1000",
                                     "Makes run-s0.xtc2 and run-s1.xtc2."}},
                       .exit_codes = ExitCodesOfMakers()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
