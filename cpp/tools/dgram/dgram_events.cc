// alkaid dgram events: builds events from small data and lists the batches.

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "alkaid/events/event_builder.h"
#include "alkaid/growth/process_profile.h"
#include "tools/commands.h"
#include "tools/dgram/dgram_json.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/event_source.h"
#include "tools/support/exit_code.h"
#include "tools/support/interruption.h"
#include "tools/support/json_report.h"
#include "tools/support/progress.h"
#include "tools/support/sha256.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;

struct EventsOptions {
  EventSource source;
  bool json = false;
  bool list_events = false;
};

struct EventTotals {
  int64_t batches = 0;
  int64_t events = 0;
  int64_t steps = 0;
};

std::string Digest(const events::EventBatch& batch) {
  if (batch.empty()) return Sha256::Of(nullptr, 0);
  return Sha256::Of(batch.buffer()->data(), static_cast<size_t>(batch.nbytes()));
}

Json EventJson(const events::Event& event) {
  Json sizes = Json::array();
  for (int i = 0; i < event.stream_count(); ++i) sizes.push_back(event.dgram_nbytes(i));
  return {{"service", dgram::TransitionName(event.service())},
          {"timestamp", TimestampJson(event.timestamp())},
          {"size", NumberJson(event.nbytes())},
          {"dgram_sizes", std::move(sizes)}};
}

Json BatchJson(const events::EventBatches& built, bool list_events) {
  Json json = {
      {"n_events", NumberJson(built.event_count)},     {"n_steps", NumberJson(built.steps.size())},
      {"size", NumberJson(built.batch().nbytes())},    {"sha256", Digest(built.batch())},
      {"step_size", NumberJson(built.steps.nbytes())}, {"step_sha256", Digest(built.steps)}};
  if (list_events) {
    json["events"] = Json::array();
    for (const events::Event& event : built.batch()) json["events"].push_back(EventJson(event));
  }
  return json;
}

void PrintEvent(const events::Event& event) {
  std::printf("      %-19s %20" PRIu64 " ", dgram::TransitionName(event.service()),
              event.timestamp().value());
  for (int i = 0; i < event.stream_count(); ++i) {
    if (event.has(i)) {
      std::printf(" %9" PRId64, event.dgram_nbytes(i));
    } else {
      std::printf(" %9s", "-");
    }
  }
  std::printf("\n");
}

void PrintBatch(const EventTotals& totals, const events::EventBatches& built, bool list_events) {
  const events::EventBatch& batch = built.batch();
  std::printf("%8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 " %12" PRId64 "  %s\n",
              totals.batches - 1, built.event_count, batch.size(), built.steps.size(),
              batch.nbytes(), Digest(batch).substr(0, 16).c_str());
  if (!list_events) return;
  for (const events::Event& event : batch) PrintEvent(event);
}

Status Build(const EventsOptions& options, const EventSource::Opened& opened, JsonReport* report,
             EventTotals* totals) {
  Progress progress("building events", opened.reader->total_bytes());
  int64_t position = 0;
  while (true) {
    if (opened.live != nullptr) std::fflush(stdout);
    ALKAID_ASSIGN_OR_RAISE(const events::EventBatches built, opened.builder->Next());
    if (built.done()) return absl::OkStatus();
    ++totals->batches;
    totals->events += built.event_count;
    totals->steps += built.steps.size();
    if (report != nullptr) {
      report->Add(BatchJson(built, options.list_events));
    } else {
      PrintBatch(*totals, built, options.list_events);
    }
    const int64_t now = opened.reader->position();
    progress.Advance(now - position);
    position = now;
    growth::StampEvent();
  }
}

int Run(const EventsOptions& options) {
  std::optional<Interruption> interruption;
  if (options.source.live.given()) interruption.emplace();
  const auto opened = options.source.Open();
  EventTotals totals;
  Status status = opened.status();
  if (options.json) {
    JsonReport report(options.source.Describe(), "batches");
    if (status.ok()) status = Build(options, *opened, &report, &totals);
    Json tail = {{"n_batches", NumberJson(totals.batches)},
                 {"n_events", NumberJson(totals.events)},
                 {"n_steps", NumberJson(totals.steps)}};
    if (status.ok()) options.source.DescribeMissing(*opened->builder, &tail);
    options.source.skips.AddTo(&tail);
    if (opened.ok()) DescribeLiveEnd(opened->live.get(), status, &tail);
    report.Finish(status, tail);
  } else if (!status.ok()) {
    return Interruption::Report(status);
  } else {
    std::printf("%8s %8s %8s %8s %12s  %s\n", "batch", "events", "kept", "steps", "bytes",
                "sha256 of the batch");
    status = Build(options, *opened, nullptr, &totals);
    std::printf("batches %" PRId64 ", events %" PRId64 ", of which transitions %" PRId64 "\n",
                totals.batches, totals.events, totals.steps);
  }
  if (status.ok()) {
    EventSource::TellMissing(*opened->builder, opened->live.get());
    ReportLiveEnd(opened->live.get());
  }
  return Interruption::Report(status);
}

}  // namespace

void AddDgramEventsCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "events",
      "Build events from files of small data, one file for each stream, and list their batches: "
      "events gathered, those kept by --timestamps, transitions, bytes, and a digest.");
  auto options = std::make_shared<EventsOptions>();
  command->add_option("SMD", options->source.smd, "Files of small data, one for each stream")
      ->required();
  options->source.AddOptions(*command);
  command->add_flag("--events", options->list_events, "List the events of each batch too");
  command->add_flag("--json", options->json, kJsonHelp);
  SetDetails(command,
             {.reads = "small data, which `alkaid dgram smd` makes",
              .prints = "a line for each batch and a sum, or one JSON object",
              .examples = {{"alkaid dgram events run-s000.smd.xtc2 run-s001.smd.xtc2", ""}},
              .exit_codes = ExitCodesOfReaders()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
