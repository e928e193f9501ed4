// alkaid dgram smd: makes a small-data file from a big-data file.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/files/durable_file.h"
#include "alkaid/core/files/live_file.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/events/chunk_info.h"
#include "alkaid/events/smd_writer.h"
#include "tools/commands.h"
#include "tools/dgram/dgram_json.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/live_flag.h"
#include "tools/support/exit_code.h"
#include "tools/support/interruption.h"
#include "tools/support/json_report.h"
#include "tools/support/progress.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using internal::CountText;

struct SmdArguments {
  std::string in;
  std::string out;
  bool no_follow = false;
  bool json = false;
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;
  SkipReport skips;
  LiveFlag live;
};

struct SmdTotals {
  int64_t files = 0;
  int64_t dgrams = 0;
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;
};

// One big-data file, or one chunk of it.
class SmdRun {
 public:
  // `live` null: the files are complete.
  SmdRun(const SmdArguments& arguments, io::OutputStream* out, std::shared_ptr<io::LiveWatch> live,
         SmdTotals* totals)
      : arguments_(arguments),
        out_(out),
        live_(std::move(live)),
        totals_(*totals),
        path_(arguments.in),
        chunk_id_(events::ChunkInfo::ChunkIdOf(path_)) {}

  Status All() {
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(const events::ChunkInfo next, Chunk());
      if (next.filename.empty()) return absl::OkStatus();
      announced_in_ = std::exchange(path_, next.PathBeside(path_));
      chunk_id_ = next.chunk_id;
      ALKAID_RETURN_NOT_OK(CheckNotRead());
    }
  }

 private:
  // Processes all of `path_`. Returns the next chunk; its filename is empty where there is none.
  Result<events::ChunkInfo> Chunk() {
    ALKAID_RETURN_NOT_OK(CheckNotOutput());
    Result<std::unique_ptr<dgram::BatchReader>> opened = Open();
    // An announced chunk that did not come.
    if (!opened.ok() && WasStopped()) return events::ChunkInfo();
    ALKAID_RETURN_NOT_OK(opened);
    const std::unique_ptr<dgram::BatchReader> reader = *std::move(opened);
    ALKAID_RETURN_NOT_OK(CheckNothingCame());
    read_.push_back(path_);
    if (read_.size() == 1) ALKAID_RETURN_NOT_OK(CheckNotEmpty(*reader, path_));
    ++totals_.files;
    Progress progress("making small data of " + path_, reader->end());
    events::ChunkInfo next;
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(const dgram::DgramBatch batch, reader->Next());
      if (batch.empty()) {
        if (totals_.dgrams == 0 && WasStopped()) {
          return absl::CancelledError(path_ + ": stopped before a Configure came");
        }
        if (read_.size() == 1) ALKAID_RETURN_NOT_OK(CheckNotEmpty(*reader, path_));
        break;
      }
      for (const dgram::Dgram& dgram : batch) {
        if (live_ == nullptr) ALKAID_RETURN_NOT_OK(Interruption::Check());
        if (!next.filename.empty()) return AfterAnnouncement(dgram, next);
        ALKAID_RETURN_NOT_OK(writer_.Append(dgram));
        ++totals_.dgrams;
        totals_.bytes_in += dgram.size();
        if (!arguments_.no_follow) ALKAID_RETURN_NOT_OK(LookForChunk(dgram, &next));
      }
      totals_.bytes_out += writer_.length();
      ALKAID_RETURN_NOT_OK(writer_.Drain(out_));
      configuration_ = reader->configuration();
      progress.Advance(batch.nbytes());
      if (live_ == nullptr || next.filename.empty()) continue;
      // Nothing may follow the announcement of the next file. Whether something did is known once
      // the writer has gone on.
      left_ = {path_, reader->position(), reader->next_index(), next};
      break;
    }
    return next;
  }

  bool WasStopped() const { return live_ != nullptr && live_->end() == io::LiveEnd::kStopped; }

  // Checks the file that was left at the announcement of the next.
  Status CheckNothingCame() const {
    if (left_.path.empty()) return absl::OkStatus();
    io::LiveOptions as_it_is;
    as_it_is.silence = io::LiveOptions::Duration(0);
    dgram::BatchReaderOptions options;
    ALKAID_ASSIGN_OR_RAISE(options.live, io::LiveWatch::Make(std::move(as_it_is)));
    options.configuration = configuration_;
    options.max_dgram_bytes = arguments_.max_dgram_bytes;
    options.begin = left_.position;
    options.first_index = left_.index;
    ALKAID_ASSIGN_OR_RAISE(const auto reader,
                           dgram::BatchReader::Open(left_.path, std::move(options)));
    ALKAID_ASSIGN_OR_RAISE(const dgram::DgramBatch batch, reader->Next());
    return batch.empty() ? absl::OkStatus() : AfterAnnouncement(*batch.begin(), left_.next);
  }

  Result<std::unique_ptr<dgram::BatchReader>> Open() const {
    dgram::BatchReaderOptions options;
    options.configuration = configuration_;
    options.max_dgram_bytes = arguments_.max_dgram_bytes;
    options.on_fault = arguments_.skips.on_fault();
    options.on_skip = arguments_.skips.Teller();
    auto reader = OpenAs(std::move(options));
    if (reader.ok() || announced_in_.empty()) return reader;
    return Status(reader.status().code(),
                  absl::StrCat(reader.status().message(), " (chunk ", chunk_id_, ", announced in ",
                               announced_in_, "; --no-follow stops there)"));
  }

  Result<std::unique_ptr<dgram::BatchReader>> OpenAs(dgram::BatchReaderOptions options) const {
    if (live_ == nullptr) return dgram::BatchReader::Open(path_, std::move(options));
    const auto missing =
        announced_in_.empty() ? io::LiveFile::Missing::kFail : io::LiveFile::Missing::kWait;
    ALKAID_ASSIGN_OR_RAISE(auto file, io::LiveFile::Open(path_, live_, missing));
    return dgram::BatchReader::Open(std::move(file), std::move(options));
  }

  Status LookForChunk(const dgram::Dgram& dgram, events::ChunkInfo* next) const {
    Result<std::optional<events::ChunkInfo>> found =
        events::ChunkInfo::Next(dgram, path_, chunk_id_);
    if (!found.ok()) {
      return Status(found.status().code(),
                    absl::StrCat(found.status().message(), "; --no-follow reads this file alone"));
    }
    if (found->has_value()) *next = **std::move(found);
    return absl::OkStatus();
  }

  static Status AfterAnnouncement(const dgram::Dgram& dgram, const events::ChunkInfo& next) {
    return dgram.Fault(
        0, absl::StrCat(dgram::TransitionName(dgram.service()),
                        " after the announcement that sends readers on to ", next.filename,
                        ", where offsets start again; with --no-follow this file is read alone"));
  }

  // Whether both are names of one file, which need not exist.
  static bool SamePlace(const std::string& one, const std::string& other) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::path place = fs::weakly_canonical(fs::absolute(one, error), error);
    if (error) return false;
    return fs::weakly_canonical(fs::absolute(other, error), error) == place;
  }

  Status CheckNotOutput() const {
    const std::string final_name = io::LiveFile::FinalName(path_);
    for (const std::string& name :
         {path_, final_name, final_name + std::string(io::LiveFile::kInProgress)}) {
      std::error_code error;
      const bool is_it = std::filesystem::equivalent(name, arguments_.out, error) && !error;
      // The final name of big data that are being written counts too.
      if (!is_it && (live_ == nullptr || !SamePlace(name, arguments_.out))) continue;
      return status::Invalid(arguments_.out, ": would replace the big data that it is made from");
    }
    return absl::OkStatus();
  }

  // If a writer announces its own file or an earlier one, every event would be written twice.
  Status CheckNotRead() const {
    for (const std::string& read : read_) {
      std::error_code error;
      if (!std::filesystem::equivalent(read, path_, error) || error) continue;
      return status::DataLoss(announced_in_, ": announces ", path_, " as chunk ", chunk_id_,
                              ", which was read before; with --no-follow this file is read alone");
    }
    return absl::OkStatus();
  }

  struct Left {
    std::string path;
    int64_t position = 0;
    int64_t index = 0;
    events::ChunkInfo next;
  };

  const SmdArguments& arguments_;
  io::OutputStream* const out_;
  const std::shared_ptr<io::LiveWatch> live_;
  Left left_;
  SmdTotals& totals_;
  events::SmdWriter writer_;
  std::string path_;
  uint32_t chunk_id_;
  std::string announced_in_;
  std::vector<std::string> read_;
  std::shared_ptr<const dgram::Configuration> configuration_;
};

// `live` receives the watch that it makes.
Status MakeSmd(const SmdArguments& arguments, SmdTotals* totals,
               std::shared_ptr<io::LiveWatch>* live) {
  if (arguments.json) ALKAID_RETURN_NOT_OK(CheckReportApart(arguments.out));
  const Interruption interruption;
  ALKAID_ASSIGN_OR_RAISE(*live, arguments.live.Watch(LiveFlag::Makes::kFile));
  ALKAID_ASSIGN_OR_RAISE(const auto out, io::DurableFileOutputStream::Open(arguments.out));
  SmdRun run(arguments, out.get(), *live, totals);
  ALKAID_RETURN_NOT_OK(run.All());
  ALKAID_RETURN_NOT_OK(out->Close());
  ReportLiveEnd(live->get());
  if (out->straight() || arguments.json) return absl::OkStatus();
  std::printf(
      "%s: %s, %s, of %s in %s\n", internal::Printable(arguments.out).c_str(),
      CountText(totals->dgrams, "datagram").c_str(), CountText(totals->bytes_out, "byte").c_str(),
      CountText(totals->bytes_in, "byte").c_str(), CountText(totals->files, "file").c_str());
  return absl::OkStatus();
}

int Run(const SmdArguments& arguments) {
  SmdTotals totals;
  std::shared_ptr<io::LiveWatch> live;
  const Status status = MakeSmd(arguments, &totals, &live);
  if (arguments.json) {
    nlohmann::ordered_json members = {{"file", arguments.in},
                                      {"output", arguments.out},
                                      {"n_files", NumberJson(totals.files)},
                                      {"n_dgrams", NumberJson(totals.dgrams)},
                                      {"bytes_in", NumberJson(totals.bytes_in)},
                                      {"bytes_out", NumberJson(totals.bytes_out)}};
    arguments.skips.AddTo(&members);
    DescribeLiveEnd(live.get(), status, &members);
    JsonReport::Print(members, status);
  }
  return Interruption::Report(status);
}

}  // namespace

void AddDgramSmdCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "smd",
      "Make the small-data file of a big-data file and the chunks that continue it: where each "
      "L1Accept lies, and the transitions.");
  auto arguments = std::make_shared<SmdArguments>();
  command->add_option("IN", arguments->in, "XTC2 file of big data")->required();
  command->add_option("-o,--output", arguments->out, "XTC2 file to make")
      ->type_name("FILE")
      ->required();
  command->add_flag("--no-follow", arguments->no_follow,
                    "Read IN alone, whatever chunks are announced");
  AddMaxDgramBytes(*command, &arguments->max_dgram_bytes);
  arguments->skips.AddOption(*command);
  command->add_flag("--json", arguments->json, kJsonHelp);
  arguments->live.AddOption(*command);
  command->footer(kMakerFooter);
  SetDetails(command,
             {.reads = "one file of XTC2 datagrams, and the chunks that it announces",
              .prints = "what was written: datagrams and bytes; or one JSON object",
              .examples = {{"alkaid dgram smd run-s000-c000.xtc2 -o run-s000.smd.xtc2", ""}},
              .exit_codes = ExitCodesOfMakers()});
  command->callback([arguments, exit_code] { *exit_code = Run(*arguments); });
}

}  // namespace alkaid::tools
