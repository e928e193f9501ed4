#include "tools/dgram/file_edit.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/files/durable_file.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "tools/dgram/detector_spec.h"
#include "tools/dgram/dgram_json.h"
#include "tools/support/interruption.h"
#include "tools/support/json_report.h"

namespace alkaid::tools {
namespace {

using dgram::Dgram;
using dgram::DgramEdit;
using dgram::DgramWriter;
using dgram::TransitionId;
using internal::CountText;

constexpr uint16_t kCorrupted = 0x8;

// The edits of each datagram.
class FileEdit {
 public:
  static Result<std::unique_ptr<FileEdit>> Make(const EditOptions& options) {
    ALKAID_ASSIGN_OR_RAISE(DgramEdit edit,
                           DgramEdit::Make(TransitionId::kEnable, dgram::Timestamp(), nullptr,
                                           {.room = options.room}));
    auto all = std::unique_ptr<FileEdit>(new FileEdit(options, std::move(edit)));
    if (!options.damage.empty()) {
      ALKAID_ASSIGN_OR_RAISE(all->damage_, ParseDamage(options.damage));
    }
    for (const std::string& text : options.removals) {
      ALKAID_ASSIGN_OR_RAISE(DetectorChoice choice, ParseDetectorChoice(text));
      all->removals_.push_back({std::move(choice), false});
    }
    int64_t room = options.room;
    for (const std::string& text : options.detectors) {
      ALKAID_ASSIGN_OR_RAISE(DetectorSpec spec, ParseDetectorSpec(text, room));
      room -= spec.nbytes;
      all->detectors_.push_back(std::move(spec));
    }
    ALKAID_RETURN_NOT_OK(all->PrepareValues());
    return all;
  }

  // Whether an edit needs declared fields.
  bool looks_into_fields() const { return !removals_.empty() || !detectors_.empty(); }

  Status Edit(const Dgram& dgram, DgramWriter& writer) {
    ALKAID_RETURN_NOT_OK(edit_.Reset(dgram));
    ALKAID_RETURN_NOT_OK(Retime(dgram));
    NoteDeclared(dgram);
    if (dgram.damage().corrupted()) {
      ALKAID_RETURN_NOT_OK(Keep(dgram));
    } else if (dgram.service() == TransitionId::kConfigure) {
      ALKAID_RETURN_NOT_OK(AddDetectors(dgram));
      configured_ = true;
    } else {
      ALKAID_RETURN_NOT_OK(Remove(dgram));
      if (dgram.is_l1_accept()) ALKAID_RETURN_NOT_OK(AddData(dgram));
    }
    if (dgram.is_l1_accept()) {
      ++events_;
      if (damage_) edit_.UpdateDamage(DamageOf(dgram));
    }
    return writer.Append(edit_);
  }

  // kNotFound for a removal that no Configure declares. A later Configure need not repeat a
  // detector, and an earlier one need not have it, so this is known only at the end of the file.
  Status CheckRemovals() const {
    for (const Removal& removal : removals_) {
      if (removal.known) continue;
      const DetectorChoice& choice = removal.choice;
      return status::KeyError(options_.source.file, ": no Configure declares \"", choice.detector,
                              "\" with algorithm \"", choice.algorithm, "\"",
                              choice.segment ? absl::StrCat(" and segment ", *choice.segment) : "",
                              ": there is nothing to remove");
    }
    return absl::OkStatus();
  }

  // Prints notes on stderr at the end.
  void PrintNotes() const {
    if (corrupted_ > 0 && looks_into_fields()) {
      std::fprintf(stderr, "alkaid: %s not parsed: damage says corrupted\n",
                   CountText(corrupted_, "datagram").c_str());
    }
    if (stayed_corrupted_ > 0) {
      std::fprintf(stderr, "alkaid: %s corrupted, as %s not parsed\n",
                   stayed_corrupted_ == 1
                       ? "1 datagram stays"
                       : absl::StrCat(stayed_corrupted_, " datagrams stay").c_str(),
                   stayed_corrupted_ == 1 ? "it was" : "they were");
    }
    for (const std::string& name : declared_twice_) {
      std::fprintf(stderr, "alkaid: %s was declared already; both declarations stay\n",
                   internal::Printable(name).c_str());
    }
  }

  int64_t events() const { return events_; }
  int64_t corrupted() const { return corrupted_; }
  const std::set<std::string>& declared_twice() const { return declared_twice_; }

 private:
  struct Removal {
    DetectorChoice choice;
    bool known;
  };

  FileEdit(const EditOptions& options, DgramEdit edit)
      : options_(options), edit_(std::move(edit)) {}

  // Decimal, or hexadecimal after 0x.
  static Result<uint16_t> ParseDamage(const std::string& text) {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    const char* const end = text.data() + text.size();
    uint16_t damage = 0;
    const auto [stopped, error] =
        std::from_chars(text.data() + (hexadecimal ? 2 : 0), end, damage, hexadecimal ? 16 : 10);
    if (stopped == end && error == std::errc()) return damage;
    return status::Invalid("--set-damage \"", text, "\" is not a number from 0 to 65535 or 0xffff");
  }

  // A corrupted datagram was not checked, and so must stay marked.
  dgram::Damage DamageOf(const Dgram& dgram) {
    if (!dgram.damage().corrupted() || (*damage_ & kCorrupted) != 0) return dgram::Damage(*damage_);
    ++stayed_corrupted_;
    return dgram::Damage(*damage_ | kCorrupted);
  }

  // Keeps the payload of a corrupted datagram. The declarations of a corrupted Configure are
  // unknown, and so nothing can be added to it.
  Status Keep(const Dgram& dgram) {
    ++corrupted_;
    if (dgram.service() != TransitionId::kConfigure || detectors_.empty()) return absl::OkStatus();
    added_.clear();
    return dgram.Fault(0, "the damage of this Configure says corrupted: no detector can be added");
  }

  // Records for which removals a Configuration has declarations.
  void NoteDeclared(const Dgram& dgram) {
    const dgram::Configuration* const configuration = dgram.configuration().get();
    if (configuration == nullptr || removals_.empty()) return;
    for (Removal& removal : removals_) {
      if (removal.known) continue;
      removal.known =
          std::any_of(configuration->names().begin(), configuration->names().end(),
                      [&](const dgram::Names& names) { return removal.choice.Includes(names); });
    }
  }

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
    // Below 2^63, since seconds and nanoseconds are 32 bits each.
    const auto then = static_cast<int64_t>(dgram.timestamp().total_nanoseconds());
    int64_t moved = 0;
    if (__builtin_add_overflow(then, options_.time_offset, &moved) || moved < 0 ||
        moved / kSecond > 0xffffffff) {
      return status::Invalid(dgram.source(), ": datagram ", dgram.index(), ": ",
                             options_.time_offset,
                             " ns from its time is a time that no timestamp can state");
    }
    edit_.UpdateTimestamp(dgram::Timestamp(static_cast<uint32_t>(moved / kSecond),
                                           static_cast<uint32_t>(moved % kSecond)));
    return absl::OkStatus();
  }

  // A later Configure of the file starts anew, and gets the detectors too.
  Status AddDetectors(const Dgram& dgram) {
    ALKAID_RETURN_NOT_OK(dgram::CheckDgram(dgram));
    added_.clear();
    for (const DetectorSpec& spec : detectors_) {
      ALKAID_ASSIGN_OR_RAISE(dgram::Names names, edit_.AddDetector(spec.definition));
      const auto& there = dgram.configuration()->names();
      if (std::any_of(there.begin(), there.end(), [&](const dgram::Names& other) {
            return other.detector() == names.detector() && other.segment() == names.segment() &&
                   other.algorithm().name == names.algorithm().name;
          })) {
        declared_twice_.insert(
            absl::StrCat(names.detector(), "/", names.segment(), "/", names.algorithm().name));
      }
      added_.push_back(std::move(names));
    }
    return absl::OkStatus();
  }

  // For events before any Configure of the file: --config declares the added detector, if it has
  // the same spelling there.
  Status FindAdded(const Dgram& dgram) {
    if (found_in_ == dgram.configuration()) return absl::OkStatus();
    added_.clear();
    for (const DetectorSpec& spec : detectors_) {
      const auto& declared = dgram.configuration()->names();
      const auto found = std::find_if(declared.begin(), declared.end(),
                                      [&](const dgram::Names& names) { return spec.Is(names); });
      if (found == declared.end()) {
        return status::FailedPrecondition(
            dgram.source(),
            " has no Configure before its events, and that of --config declares no ",
            spec.definition.detector, "/", spec.definition.segment, "/",
            spec.definition.algorithm.name, " of these fields and this version");
      }
      added_.push_back(*found);
    }
    found_in_ = dgram.configuration();
    return absl::OkStatus();
  }

  // Checks what is kept; what is malformed may be removed.
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
      // Not every Configure must declare it (CheckRemovals).
      if (status.code() != StatusCode::kNotFound) ALKAID_RETURN_NOT_OK(status);
    }
    return absl::OkStatus();
  }

  Status AddData(const Dgram& dgram) {
    if (detectors_.empty() || options_.data == "none") return absl::OkStatus();
    if (!configured_) ALKAID_RETURN_NOT_OK(FindAdded(dgram));
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
  // Whether the file had a Configure; and before that, the Configuration of --config that `added_`
  // was found in.
  bool configured_ = false;
  std::shared_ptr<const dgram::Configuration> found_in_;
  std::optional<uint16_t> damage_;
  std::set<std::string> declared_twice_;
  int64_t events_ = 0;
  int64_t corrupted_ = 0;
  int64_t stayed_corrupted_ = 0;
};

}  // namespace

Status EditFile(const EditOptions& options, EditTotals* totals) {
  if (options.json) ALKAID_RETURN_NOT_OK(CheckReportApart(options.output));
  ALKAID_ASSIGN_OR_RAISE(const auto edit, FileEdit::Make(options));
  ALKAID_ASSIGN_OR_RAISE(const auto reader, options.source.Open(edit->looks_into_fields()));
  ALKAID_RETURN_NOT_OK(CheckNotEmpty(*reader, options.source.file));
  const Interruption interruption;
  // Removes the output wherever this function returns before Close.
  ALKAID_ASSIGN_OR_RAISE(const auto file, io::DurableFileOutputStream::Open(options.output));
  DgramWriter writer(file, {.max_dgram_bytes = options.source.max_dgram_bytes});
  const auto edit_one = [&](const Dgram& dgram) {
    ALKAID_RETURN_NOT_OK(Interruption::Check());
    ALKAID_RETURN_NOT_OK(edit->Edit(dgram, writer));
    *totals = {writer.size(), edit->events(), writer.length(), edit->corrupted(), {}};
    return absl::OkStatus();
  };
  ALKAID_RETURN_NOT_OK(ForEachDgram(*reader, "editing " + options.source.file, edit_one));
  ALKAID_RETURN_NOT_OK(CheckNotEmpty(*reader, options.source.file));
  ALKAID_RETURN_NOT_OK(edit->CheckRemovals());
  ALKAID_RETURN_NOT_OK(writer.Close());
  edit->PrintNotes();
  totals->declared_twice = edit->declared_twice();
  if (!file->straight() && !options.json) {
    std::printf("%s: %s, %s, %s\n", internal::Printable(options.output).c_str(),
                CountText(totals->dgrams, "datagram").c_str(),
                CountText(totals->events, "event").c_str(),
                CountText(totals->bytes_out, "byte").c_str());
  }
  return absl::OkStatus();
}

}  // namespace alkaid::tools
