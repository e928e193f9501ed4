// alkaid demo-row: reads files through the default pool, checks every field, and prints one row as
// JSON.
//
// Hidden: `alkaid demo` starts it once for each backend, with only ALKAID_DEFAULT_MEMORY_POOL
// changed.

#include "tools/demo/demo_row.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "tools/commands.h"
#include "tools/demo/synthetic_run.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/field_digest.h"
#include "tools/support/exit_code.h"
#include "tools/support/option_limits.h"

namespace alkaid::tools {
namespace {

using Clock = std::chrono::steady_clock;

// The peak of the process's resident memory, in bytes; 0 where the system does not say. Not by
// getrusage, whose figure begins with that of the process that forked this one.
int64_t PeakResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024;
  }
  return 0;
}

// Reads all files in order. Each is read under the Configuration at the end of the file before,
// until it has its own.
class RunReader {
 public:
  RunReader(const DemoOptions& options, std::shared_ptr<const dgram::ConfigurationHistory> history)
      : options_(options), history_(std::move(history)) {}

  // Calls `visit(file index, dgram)`.
  template <typename Visitor>
  Status Read(const char* doing, Visitor&& visit) {
    std::shared_ptr<const dgram::Configuration> configuration;
    std::shared_ptr<const dgram::ConfigurationHistory> history = history_;
    for (size_t i = 0; i < options_.files.size(); ++i) {
      dgram::BatchReaderOptions reading;
      reading.batch_bytes = options_.batch_bytes;
      reading.max_dgram_bytes = options_.max_dgram_bytes;
      reading.configuration = configuration;
      reading.history = history;
      ALKAID_ASSIGN_OR_RAISE(const auto reader,
                             dgram::BatchReader::Open(options_.files[i], std::move(reading)));
      backend_ = reader->pool()->backend_name();
      const Status read =
          ForEachDgram(*reader, absl::StrCat(backend_, ": ", doing, " ", options_.files[i]),
                       [&](const dgram::Dgram& dgram) {
                         if (dgram.service() == dgram::TransitionId::kConfigure) history = nullptr;
                         return visit(i, dgram);
                       });
      configuration = reader->configuration();
      bytes_ += reader->position();
      ALKAID_RETURN_NOT_OK(read);
    }
    return absl::OkStatus();
  }
  const std::string& backend() const { return backend_; }
  int64_t bytes() const { return bytes_; }

 private:
  const DemoOptions& options_;
  const std::shared_ptr<const dgram::ConfigurationHistory> history_;
  std::string backend_;
  int64_t bytes_ = 0;
};

Result<DemoRow> Measure(const DemoOptions& options) {
  std::shared_ptr<const dgram::ConfigurationHistory> history;
  if (!options.config.empty()) {
    ALKAID_ASSIGN_OR_RAISE(
        history, dgram::ConfigurationHistory::Read(options.config, options.max_dgram_bytes));
  }

  const bool synthetic = options.events > 0;
  DemoRow row;
  const Clock::time_point start = Clock::now();
  RunReader checking(options, history);
  std::vector<EventCheck> checks;
  for (size_t i = 0; i < options.files.size(); ++i)
    checks.emplace_back(static_cast<int>(i), options.events);
  row.fault = checking.Read("checking", [&](size_t file, const dgram::Dgram& dgram) {
    ++row.datagrams;
    return synthetic ? checks[file].Check(dgram) : dgram::CheckDgram(dgram);
  });
  // Malformed data of the user end the reading, but not the row: what is before them counts.
  if (!row.fault.ok() && (synthetic || row.fault.code() != StatusCode::kDataLoss)) {
    return row.fault;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  for (const EventCheck& check : checks) {
    if (synthetic) ALKAID_RETURN_NOT_OK(check.CheckComplete());
  }

  FieldDigest digest;
  RunReader digesting(options, history);
  const Status digested = digesting.Read(
      "digesting", [&](size_t, const dgram::Dgram& dgram) { return digest.Add(dgram); });
  if (digested.code() != row.fault.code()) return digested;

  // If the first datagram is malformed, no batch was served.
  row.backend = row.datagrams > 0 ? checking.backend() : default_memory_pool()->backend_name();
  row.datagrams_per_s = seconds > 0 ? static_cast<double>(row.datagrams) / seconds : 0;
  row.mb_per_s = seconds > 0 ? static_cast<double>(checking.bytes()) / 1e6 / seconds : 0;
  row.digest = digest.Hex();
  return row;
}

int RunRow(const DemoOptions& options) {
  Result<DemoRow> row = Measure(options);
  if (!row.ok()) return ReportStatus(row.status());
  const MemoryPool* const pool = default_memory_pool();
  row->peak_pool_bytes = pool->max_memory();
  row->live_bytes = pool->bytes_allocated();
  row->rss_bytes = PeakResidentBytes();
  std::printf("%s\n", row->ToJson().c_str());
  return ReportStatus(row->fault);
}

}  // namespace

std::string DemoRow::ToJson() const {
  const nlohmann::ordered_json json = {{"backend", backend},
                                       {"datagrams", datagrams},
                                       {"datagrams_per_s", datagrams_per_s},
                                       {"mb_per_s", mb_per_s},
                                       {"peak_pool_bytes", peak_pool_bytes},
                                       {"rss_bytes", rss_bytes},
                                       {"live_bytes", live_bytes},
                                       {"digest", digest}};
  return json.dump(-1, ' ', /*ensure_ascii=*/true,
                   nlohmann::ordered_json::error_handler_t::replace);
}

Result<DemoRow> DemoRow::FromJson(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    DemoRow row;
    json.at("backend").get_to(row.backend);
    json.at("datagrams").get_to(row.datagrams);
    json.at("datagrams_per_s").get_to(row.datagrams_per_s);
    json.at("mb_per_s").get_to(row.mb_per_s);
    json.at("peak_pool_bytes").get_to(row.peak_pool_bytes);
    json.at("rss_bytes").get_to(row.rss_bytes);
    json.at("live_bytes").get_to(row.live_bytes);
    json.at("digest").get_to(row.digest);
    return row;
  } catch (const nlohmann::json::exception& error) {
    return status::Invalid("not a row of the demo: ", error.what());
  }
}

void AddDemoRowCommand(CLI::App& app, int* exit_code) {
  CLI::App* command = app.add_subcommand("demo-row", "One row of the demo's table.")->group("");
  auto options = std::make_shared<DemoOptions>();
  command->add_option("FILE", options->files)->required();
  command->add_option("--config", options->config);
  command->add_option("--batch-bytes", options->batch_bytes)->check(AtLeast(int64_t{1}));
  AddMaxDgramBytes(*command, &options->max_dgram_bytes);
  command->add_option("--events", options->events, "What FILEs were made with; 0: not synthetic");
  command->callback([options, exit_code] { *exit_code = RunRow(*options); });
}

}  // namespace alkaid::tools
