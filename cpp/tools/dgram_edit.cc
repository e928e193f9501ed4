// alkaid dgram edit: a file with data added, data removed, or other headers, into another file.

#include "alkaid/dgram/dgram_edit.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/durable_file.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "commands.h"
#include "detector_spec.h"
#include "dgram_source.h"
#include "exit_code.h"
#include "interruption.h"

namespace alkaid::tools {
namespace {

using dgram::Dgram;
using dgram::DgramEdit;
using dgram::DgramWriter;
using dgram::TransitionId;

struct EditOptions {
  DgramSource source;
  std::string output;
  std::vector<std::string> removals;
  std::vector<std::string> detectors;
  std::string data = "count";
  uint16_t damage = 0;
  bool set_damage = false;
  int64_t time_offset = 0;
};

constexpr char kEditFooter[] =
    "SPEC is a list of parts between commas:\n"
    "  name=NAME,alg=NAME[:VERSION],field=NAME:TYPE[:SHAPE][,field=...]\n"
    "  [,type=TEXT][,id=TEXT][,segment=N][,node=N][,number=N]\n"
    "TYPE is UINT8 ... UINT64, INT8 ... INT64, FLOAT, DOUBLE, CHARSTR, ENUMVAL or ENUMDICT.\n"
    "For example: name=fex,alg=fex:1.0.0,field=energy:DOUBLE,field=calib:FLOAT:2x3\n"
    "\n"
    "The data are, by --add-data:\n"
    "  count      field i of event n counts up from n + i, both from 0; text says it\n"
    "  zeros      zeros, and empty texts\n"
    "  none       there are none\n"
    "  FILE.json  {\"DETECTOR.ALGORITHM\": {\"FIELD\": VALUE, ...}, ...}, the same in all events;\n"
    "             a VALUE is a number, a text or a list of numbers; what is not named is zero\n"
    "\n"
    "Removals come before additions. The file is checked as it is read: a malformed one is\n"
    "refused, unless what is malformed is removed, and leaves no output.";

// What is done to each datagram.
class FileEdit {
 public:
  static Result<std::unique_ptr<FileEdit>> Make(const EditOptions& options) {
    ALKAID_ASSIGN_OR_RAISE(DgramEdit edit,
                           DgramEdit::Make(TransitionId::kEnable, dgram::Timestamp()));
    auto all = std::unique_ptr<FileEdit>(new FileEdit(options, std::move(edit)));
    for (const std::string& text : options.removals) {
      ALKAID_ASSIGN_OR_RAISE(DetectorChoice choice, ParseDetectorChoice(text));
      all->removals_.push_back({std::move(choice), false});
    }
    for (const std::string& text : options.detectors) {
      ALKAID_ASSIGN_OR_RAISE(DetectorSpec spec, ParseDetectorSpec(text));
      all->detectors_.push_back(std::move(spec));
    }
    ALKAID_RETURN_NOT_OK(all->PrepareValues());
    return all;
  }

  // Whether anything is done for which fields have to be declared.
  bool looks_into_fields() const { return !removals_.empty() || !detectors_.empty(); }

  Status Edit(const Dgram& dgram, DgramWriter& writer) {
    ALKAID_RETURN_NOT_OK(edit_.Reset(dgram));
    ALKAID_RETURN_NOT_OK(Retime(dgram));
    if (dgram.damage().corrupted()) {
      ++corrupted_;
    } else if (dgram.service() == TransitionId::kConfigure) {
      ALKAID_RETURN_NOT_OK(AddDetectors(dgram));
    } else {
      ALKAID_RETURN_NOT_OK(Remove(dgram));
      if (dgram.is_l1_accept()) ALKAID_RETURN_NOT_OK(AddData(dgram));
    }
    if (dgram.is_l1_accept()) {
      ++events_;
      if (options_.set_damage) edit_.UpdateDamage(dgram::Damage(options_.damage));
    }
    return writer.Append(edit_);
  }

  int64_t events() const { return events_; }
  // Datagrams that were not looked into, because their damage says so.
  int64_t corrupted() const { return looks_into_fields() ? corrupted_ : 0; }

 private:
  struct Removal {
    DetectorChoice choice;
    bool known;
  };

  FileEdit(const EditOptions& options, DgramEdit edit)
      : options_(options), edit_(std::move(edit)) {}

  Status PrepareValues() {
    std::vector<dgram::Names> names;
    for (const DetectorSpec& spec : detectors_) {
      ALKAID_ASSIGN_OR_RAISE(dgram::Names one, dgram::MakeDeclaration(spec.definition, {}));
      values_.emplace_back(one, spec.shapes);
      names.push_back(std::move(one));
    }
    if (options_.data == "count" || options_.data == "zeros" || options_.data == "none") {
      return absl::OkStatus();
    }
    return SetValuesFromJson(options_.data, names, values_);
  }

  Status Retime(const Dgram& dgram) {
    if (options_.time_offset == 0) return absl::OkStatus();
    constexpr int64_t kSecond = 1'000'000'000;
    // Below 2^63: seconds and nanoseconds are 32 bits each.
    const auto then = static_cast<int64_t>(dgram.timestamp().total_nanoseconds());
    int64_t moved = 0;
    if (__builtin_add_overflow(then, options_.time_offset, &moved) || moved < 0 ||
        moved / kSecond > 0xffffffff) {
      return status::Invalid("datagram ", dgram.index(), ": ", options_.time_offset,
                             " ns from its time is a time that no timestamp can state");
    }
    edit_.UpdateTimestamp(dgram::Timestamp(static_cast<uint32_t>(moved / kSecond),
                                           static_cast<uint32_t>(moved % kSecond)));
    return absl::OkStatus();
  }

  // A later Configure of the file starts anew, and gets them too.
  Status AddDetectors(const Dgram& dgram) {
    ALKAID_RETURN_NOT_OK(dgram::CheckDgram(dgram));
    added_.clear();
    for (const DetectorSpec& spec : detectors_) {
      ALKAID_ASSIGN_OR_RAISE(dgram::Names names, edit_.AddDetector(spec.definition));
      added_.push_back(std::move(names));
    }
    return absl::OkStatus();
  }

  // What is kept has to be sound; what is malformed may be removed.
  Status CheckKept(const Dgram& dgram) const {
    dgram::ShapesDataWalk walk(dgram);
    while (walk.Next()) {
      const dgram::ShapesData& data = walk.shapes_data();
      const bool goes = std::any_of(
          removals_.begin(), removals_.end(),
          [&](const Removal& removal) { return removal.choice.Includes(data.names()); });
      if (goes) continue;
      ALKAID_RETURN_NOT_OK(
          data.ForEachField([](const dgram::ShapesData&, const dgram::FieldView&) {}));
    }
    return walk.status();
  }

  Status Remove(const Dgram& dgram) {
    if (dgram.configuration() != nullptr) ALKAID_RETURN_NOT_OK(CheckKept(dgram));
    for (Removal& removal : removals_) {
      const DetectorChoice& choice = removal.choice;
      const Status status = edit_.RemoveData(choice.detector, choice.algorithm, choice.segment);
      // A later Configure need not declare it again.
      if (!status.ok() && !removal.known) return status;
      removal.known = true;
    }
    return absl::OkStatus();
  }

  Status AddData(const Dgram& dgram) {
    if (detectors_.empty() || options_.data == "none") return absl::OkStatus();
    if (added_.empty()) {
      return status::FailedPrecondition(dgram.source(),
                                        " has no Configure before its events: there is nothing to "
                                        "add a detector to");
    }
    for (size_t i = 0; i < added_.size(); ++i) {
      if (options_.data == "count") {
        for (size_t field = 0; field < values_[i].values().size(); ++field) {
          values_[i].Count(
              field, static_cast<uint32_t>((events_ + static_cast<int64_t>(field)) & 0x3fffff));
        }
      }
      ALKAID_RETURN_NOT_OK(edit_.AddData(added_[i], values_[i].values()));
    }
    return absl::OkStatus();
  }

  const EditOptions& options_;
  DgramEdit edit_;
  std::vector<Removal> removals_;
  std::vector<DetectorSpec> detectors_;
  std::vector<CountingValues> values_;
  std::vector<dgram::Names> added_;
  int64_t events_ = 0;
  int64_t corrupted_ = 0;
};

Status RunEdit(const EditOptions& options) {
  ALKAID_ASSIGN_OR_RAISE(const auto edit, FileEdit::Make(options));
  ALKAID_ASSIGN_OR_RAISE(const auto reader, options.source.Open(edit->looks_into_fields()));
  const Interruption interruption;
  // Removes what was written wherever this returns before Close.
  ALKAID_ASSIGN_OR_RAISE(const auto file, io::DurableFileOutputStream::Open(options.output));
  DgramWriter writer(file);
  const auto edit_one = [&](const Dgram& dgram) {
    const Status status = Interruption::Check();
    return status.ok() ? edit->Edit(dgram, writer) : status;
  };
  ALKAID_RETURN_NOT_OK(ForEachDgram(*reader, "editing " + options.source.file, edit_one));
  ALKAID_RETURN_NOT_OK(writer.Close());
  if (edit->corrupted() > 0) {
    std::fprintf(stderr,
                 "alkaid: %" PRId64 " datagrams whose damage says corrupted were not looked into\n",
                 edit->corrupted());
  }
  if (!file->straight()) {
    std::printf("%s: %" PRId64 " datagrams, %" PRId64 " events, %" PRId64 " bytes\n",
                options.output.c_str(), writer.size(), edit->events(), writer.length());
  }
  return absl::OkStatus();
}

}  // namespace

void AddDgramEditCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "edit", "Write a file's datagrams with data added, data removed, or other headers.");
  auto options = std::make_shared<EditOptions>();
  options->source.AddOptions(*command);
  command
      ->add_option("-o,--output", options->output,
                   "The file to write; appears only when all is written, and may be FILE")
      ->required();
  command->add_option("--remove", options->removals, "Remove these data; declarations stay")
      ->type_name("DETECTOR.ALGORITHM[.SEGMENT]")
      ->allow_extra_args(false);
  command->add_option("--add-detector", options->detectors, "Add a detector to every Configure")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  command
      ->add_option("--add-data", options->data, "What each L1Accept holds of the detectors added")
      ->type_name("count|zeros|none|FILE.json")
      ->capture_default_str();
  auto* damage =
      command->add_option("--set-damage", options->damage, "The damage of every L1Accept, 16 bits")
          ->type_name("N");
  command->add_option("--time-offset", options->time_offset, "Added to every timestamp")
      ->type_name("NANOSECONDS");
  command->footer(kEditFooter);
  command->callback([options, damage, exit_code] {
    options->set_damage = damage->count() > 0;
    const Status status = RunEdit(*options);
    *exit_code = ReportStatus(status);
    if (Interruption::Came()) *exit_code = kExitInterrupted;
  });
}

}  // namespace alkaid::tools
