// alkaid dgram read: the whole pipeline, from small data through events to the datagrams of big
// data.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/big_data_reader.h"
#include "alkaid/growth/process_profile.h"
#include "tools/commands.h"
#include "tools/dgram/dgram_json.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/event_source.h"
#include "tools/support/exit_code.h"
#include "tools/support/interruption.h"
#include "tools/support/json_report.h"
#include "tools/support/option_limits.h"
#include "tools/support/progress.h"
#include "tools/support/sha256.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;

struct ReadOptions {
  EventSource source;
  std::vector<std::string> data;
  int64_t chunk_bytes = events::BigDataReaderOptions().chunk_bytes;
  int prefetch = events::BigDataReaderOptions().prefetch;
  int max_retries = events::BigDataReaderOptions().max_retries;
  std::string queue = "automatic";
  std::vector<int> use_small_data;
  bool no_follow = false;
  bool fields = false;
  bool batches = false;
  bool json = false;
};

// The list of one batch of small data for --batches.
struct BatchList {
  Json reads = Json::array();
  Json events = Json::array();
};

Json ReadJson(const events::BigDataRead& read) {
  if (read.kind == events::BigDataRead::Kind::kOpenChunk) {
    const size_t slash = read.path.rfind('/');
    return {{"stream", read.stream},
            {"chunk_id", read.chunk_id},
            {"filename", read.path.substr(slash == std::string::npos ? 0 : slash + 1)}};
  }
  return {{"stream", read.stream},
          {"offset", NumberJson(read.offset)},
          {"size", NumberJson(read.nbytes)}};
}

Json EventJson(const events::BigDataEvent& event) {
  Json dgrams = Json::array();
  for (int i = 0; i < event.stream_count(); ++i) {
    const dgram::Dgram& dgram = event.dgram(i);
    if (!event.has(i)) {
      dgrams.push_back(nullptr);
      continue;
    }
    Json json = HeaderJson(dgram);
    json["sha256"] = Sha256::Of(dgram.data(), static_cast<size_t>(dgram.size()));
    dgrams.push_back(std::move(json));
  }
  return {{"service", dgram::TransitionName(event.service())},
          {"timestamp", TimestampJson(event.timestamp())},
          {"dgrams", std::move(dgrams)}};
}

class Pipeline {
 public:
  explicit Pipeline(const ReadOptions& options) : options_(options), pool_(default_memory_pool()) {}

  // `list`: whether Run lists batches.
  Status Open(bool list) {
    ALKAID_ASSIGN_OR_RAISE(opened_, options_.source.Open(&pool_));
    ALKAID_ASSIGN_OR_RAISE(reader_, OpenBigData(list));
    return absl::OkStatus();
  }
  // All members from here on: only after Open.
  Status Run(JsonReport* report) {
    Progress progress("reading", opened_.reader->total_bytes());
    const auto start = std::chrono::steady_clock::now();
    const Status status = ReadEvents(*reader_, *opened_.reader, &progress, report);
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return status;
  }
  const events::EventBuilder& builder() const { return *opened_.builder; }
  // Null where the files are complete.
  const io::LiveWatch* live() const { return opened_.live.get(); }

  Json Summary() const {
    struct rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto rate = [&](int64_t count) {
      return seconds_ > 0 ? static_cast<double>(count) / seconds_ : 0.0;
    };
    const events::BigDataReader::Statistics& statistics = reader_->statistics();
    Json json = {{"n_events", NumberJson(statistics.events)},
                 {"n_dgrams", NumberJson(statistics.dgrams)},
                 {"bytes_in", NumberJson(statistics.dgram_bytes)},
                 {"n_reads", NumberJson(statistics.reads)},
                 {"n_retries", NumberJson(statistics.retries)},
                 {"n_files", NumberJson(statistics.files_opened)}};
    if (options_.fields) json["n_fields"] = NumberJson(fields_);
    options_.source.skips.AddTo(&json);
    json["elapsed_seconds"] = seconds_;
    json["events_per_second"] = rate(statistics.events);
    json["bytes_per_second"] = rate(statistics.dgram_bytes);
    json["backend"] = pool_.backend_name();
    json["read_queue"] = io::ToString(reader_->queue_kind());
    json["pool_peak_bytes"] = pool_.max_memory();
    json["process_peak_bytes"] = int64_t{usage.ru_maxrss} * 1024;
    return json;
  }

 private:
  Result<std::unique_ptr<events::BigDataReader>> OpenBigData(bool list) {
    events::BigDataReaderOptions reading;
    reading.chunk_bytes = options_.chunk_bytes;
    reading.max_dgram_bytes = options_.source.reading.max_dgram_bytes;
    reading.on_fault = options_.source.skips.on_fault();
    reading.on_skip = options_.source.skips.Teller();
    reading.prefetch = options_.prefetch;
    reading.max_retries = options_.max_retries;
    reading.follow_chunks = !options_.no_follow;
    reading.pool = &pool_;
    reading.live = opened_.live;
    for (const auto kind :
         {io::ReadQueueKind::kIoUring, io::ReadQueueKind::kThreads, io::ReadQueueKind::kInline}) {
      if (options_.queue == io::ToString(kind)) reading.queue = kind;
    }
    if (!options_.use_small_data.empty()) {
      reading.use_small_data.resize(options_.data.size());
      for (const int stream : options_.use_small_data) {
        if (stream < 0 || stream >= static_cast<int>(options_.data.size())) {
          return status::IndexError("--use-smd ", stream, " of ", options_.data.size(), " streams");
        }
        reading.use_small_data[static_cast<size_t>(stream)] = true;
      }
    }
    if (list) {
      reading.on_read = [this](const events::BigDataRead& read) {
        Lists(read.batch).reads.push_back(ReadJson(read));
      };
    }
    return events::BigDataReader::Open(
        options_.data,
        [this, builder = opened_.builder]() -> Result<std::optional<events::EventBatch>> {
          ALKAID_ASSIGN_OR_RAISE(const events::EventBatches built, builder->Next());
          if (built.done()) return std::optional<events::EventBatch>();
          ++batches_;
          return std::optional<events::EventBatch>(built.batch());
        },
        std::move(reading));
  }

  BatchList& Lists(int64_t batch) {
    const auto index = static_cast<size_t>(batch - listed_);
    if (lists_.size() <= index) lists_.resize(index + 1);
    return lists_[index];
  }
  // Prints the lists of all batches before `batch`.
  void ListUpTo(int64_t batch, JsonReport* report) {
    for (; listed_ < batch; ++listed_) {
      BatchList list;
      if (!lists_.empty()) {
        list = std::move(lists_.front());
        lists_.erase(lists_.begin());
      }
      report->Add({{"reads", std::move(list.reads)}, {"events", std::move(list.events)}});
    }
  }

  // Also lists what came before a fault.
  Status ReadEvents(events::BigDataReader& reader, const events::SmdReader& small_data,
                    Progress* progress, JsonReport* report) {
    int64_t batch = -1;
    const Status status = ReadEvents(reader, small_data, progress, report, &batch);
    if (batch >= 0) growth::StampEvent();
    // Also lists batches that a filter left empty, or that needed no read.
    const auto planned = listed_ + static_cast<int64_t>(lists_.size());
    if (report != nullptr) ListUpTo(std::max({batch + 1, planned, batches_}), report);
    return status;
  }
  // Sets `batch` to the batch of the last event.
  Status ReadEvents(events::BigDataReader& reader, const events::SmdReader& small_data,
                    Progress* progress, JsonReport* report, int64_t* last_batch) {
    events::BigDataEvent event;
    int64_t& batch = *last_batch;
    int64_t position = 0;
    while (true) {
      if (live() != nullptr && opened_.live->Stopped()) break;
      ALKAID_ASSIGN_OR_RAISE(const bool more, reader.Next(&event));
      if (!more) break;
      if (event.batch_index() != batch) {
        if (batch >= 0) growth::StampEvent();
        batch = event.batch_index();
        const int64_t now = small_data.position();
        progress->Advance(now - position);
        position = now;
        if (report != nullptr) ListUpTo(batch, report);
        if (live() != nullptr) std::fflush(stdout);
      }
      if (report != nullptr) Lists(batch).events.push_back(EventJson(event));
      if (options_.fields) ALKAID_RETURN_NOT_OK(LocateFields(event));
    }
    return absl::OkStatus();
  }

  Status LocateFields(const events::BigDataEvent& event) {
    for (int i = 0; i < event.stream_count(); ++i) {
      if (!event.has(i)) continue;
      ALKAID_RETURN_NOT_OK(dgram::ForEachField(
          event.dgram(i), [&](const dgram::ShapesData&, const dgram::FieldView&) { ++fields_; }));
    }
    return absl::OkStatus();
  }

  const ReadOptions& options_;
  ProxyMemoryPool pool_;
  EventSource::Opened opened_;
  std::unique_ptr<events::BigDataReader> reader_;
  double seconds_ = 0;
  int64_t fields_ = 0;
  // The number of batches of small data.
  int64_t batches_ = 0;
  // From batch `listed_` on.
  std::vector<BatchList> lists_;
  int64_t listed_ = 0;
};

void PrintSummary(const Json& summary) {
  const auto number = [&](const char* name) { return summary[name].get<double>(); };
  const auto count = [&](const char* name) { return summary[name].get<int64_t>(); };
  constexpr double kMega = 1e6;
  std::printf("events         %12" PRId64 "   %.3f M a second\n", count("n_events"),
              number("events_per_second") / kMega);
  std::printf("datagrams read %12" PRId64 "   %.3f MB, %.1f MB a second\n", count("n_dgrams"),
              number("bytes_in") / kMega, number("bytes_per_second") / kMega);
  if (summary.contains("n_fields")) {
    std::printf("fields located %12" PRId64 "\n", count("n_fields"));
  }
  std::printf("reads          %12" PRId64 "   %" PRId64 " retries, %" PRId64 " files, queue: %s\n",
              count("n_reads"), count("n_retries"), count("n_files"),
              summary["read_queue"].get<std::string>().c_str());
  std::printf("time           %12.3f s\n", number("elapsed_seconds"));
  std::printf("peak memory    %12.3f MB from the pool '%s', %.1f MB of the whole process\n",
              number("pool_peak_bytes") / kMega, summary["backend"].get<std::string>().c_str(),
              number("process_peak_bytes") / kMega);
}

Status CheckPairs(const ReadOptions& options) {
  if (options.source.smd.size() == options.data.size()) return absl::OkStatus();
  return status::Invalid(options.source.smd.size(), " files of small data and ",
                         options.data.size(), " of big data; they go in pairs");
}

int Finish(const Status& status, const Pipeline& pipeline) {
  if (status.ok()) {
    EventSource::TellMissing(pipeline.builder(), pipeline.live());
    ReportLiveEnd(pipeline.live());
  }
  return Interruption::Report(status);
}

int Run(const ReadOptions& options) {
  std::optional<Interruption> interruption;
  if (options.source.live.given()) interruption.emplace();
  Pipeline pipeline(options);
  Status status = CheckPairs(options);
  if (status.ok()) status = pipeline.Open(options.batches);
  if (!options.json) {
    if (!status.ok()) return Interruption::Report(status);
    status = pipeline.Run(nullptr);
    PrintSummary(pipeline.Summary());
    return Finish(status, pipeline);
  }
  Json head = options.source.Describe();
  head["data"] = options.data;
  head["chunk_bytes"] = NumberJson(options.chunk_bytes);
  JsonReport report(head, "batches");
  Json summary = Json::object();
  if (status.ok()) {
    status = pipeline.Run(options.batches ? &report : nullptr);
    summary = pipeline.Summary();
    if (status.ok()) options.source.DescribeMissing(pipeline.builder(), &summary);
    DescribeLiveEnd(pipeline.live(), status, &summary);
  }
  report.Finish(status, summary);
  return Finish(status, pipeline);
}

}  // namespace

void AddDgramReadCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "read",
      "Read a run: events from small data, then the datagrams themselves from big data, every one "
      "compared with its record. Prints rates and memory.");
  auto options = std::make_shared<ReadOptions>();
  command->add_option("--smd", options->source.smd, "Files of small data, one for each stream")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--data", options->data,
                   "Files of big data, in the same order; chunks that continue them are found")
      ->type_name("FILE")
      ->required();
  options->source.AddOptions(*command);
  command
      ->add_option("--chunk-bytes", options->chunk_bytes,
                   "Datagrams that lie together are read at once as long as they are less")
      ->check(AtLeast(int64_t{1}))
      ->capture_default_str();
  command->add_option("--prefetch", options->prefetch, "Reads that run ahead")
      ->check(Between(0, io::ReadQueue::kMaxDepth - 1))
      ->capture_default_str();
  command->add_option("--queue", options->queue, "What reads ahead")
      ->check(OneOf({"automatic", "io_uring", "threads", "inline"}))
      ->capture_default_str();
  command
      ->add_option("--max-retries", options->max_retries,
                   "How often the rest of a short read is tried again, 0.1 s apart")
      ->check(AtLeast(int64_t{0}))
      ->capture_default_str();
  command
      ->add_option("--use-smd", options->use_small_data,
                   "Streams (from 0) whose small data are taken as they are; what --data names for "
                   "them is not opened")
      ->check(AtLeast(int64_t{0}))
      ->delimiter(',');
  command->add_flag("--no-follow", options->no_follow,
                    "Read the files of --data alone, whatever chunks are announced");
  command->add_flag("--fields", options->fields, "Locate every field too");
  CLI::Option* const json = command->add_flag("--json", options->json, kJsonHelp);
  command
      ->add_flag("--batches", options->batches,
                 "With --json: list the reads and datagrams of each batch")
      ->needs(json);
  SetDetails(
      command,
      {.reads = "small data, and the big data that they point to",
       .prints = "how much was read, how fast and with how much memory; or one JSON object",
       .examples = {{"alkaid dgram read --smd run-s000.smd.xtc2 --data run-s000-c000.xtc2", ""}},
       .exit_codes = ExitCodesOfReaders()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
