// alkaid demo: the main task, once with each backend.
//
// Without files it writes a synthetic run. It then starts this executable again for each backend,
// with only ALKAID_DEFAULT_MEMORY_POOL changed, to read the run, check it and compute its digest.
// Prints a table, or the same as JSON. Fails when rows disagree, when a row was served by another
// backend than the requested one, or when bytes stay live.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/pools/memory_pool.h"
#include "tools/commands.h"
#include "tools/demo/demo_row.h"
#include "tools/demo/synthetic_run.h"
#include "tools/dgram/dgram_source.h"
#include "tools/support/exit_code.h"
#include "tools/support/interruption.h"
#include "tools/support/option_limits.h"
#include "tools/support/temporary_folder.h"
#include "tools/usage/command_description.h"

extern "C" char** environ;  // NOLINT(readability-redundant-declaration)

namespace alkaid::tools {
namespace {

// The environment with one variable changed.
std::vector<std::string> EnvironmentWith(const std::string& name, const std::string& value) {
  std::vector<std::string> all;
  const std::string prefix = name + "=";
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (text.compare(0, prefix.size(), prefix) != 0) all.push_back(text);
  }
  all.push_back(prefix + value);
  return all;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

struct Child {
  int exit_code = kExitFailure;
  std::string output;
};

// Runs this executable and collects its stdout; its stderr is this process's.
Result<Child> RunSelf(std::vector<std::string> arguments, std::vector<std::string> environment) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return status::IOError(errno, "pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr,
                                   Pointers(arguments).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(ends[0]);
    return status::IOError(failed, "starting a row of the demo");
  }

  Child child;
  std::array<char, 4096> chunk;
  while (true) {
    const ssize_t got = ::read(ends[0], chunk.data(), chunk.size());
    if (got > 0) child.output.append(chunk.data(), static_cast<size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) break;
  }
  ::close(ends[0]);
  int wait_status = 0;
  while (::waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(wait_status)) {
    child.exit_code = WEXITSTATUS(wait_status);
  } else if (WIFSIGNALED(wait_status)) {
    return absl::AbortedError(
        absl::StrCat("a row of the demo ended by signal ", WTERMSIG(wait_status)));
  }
  return child;
}

void PrintTable(const std::vector<DemoRow>& rows) {
  std::printf("%-10s %12s %10s %16s %14s %11s  %s\n", "backend", "datagrams/s", "MB/s",
              "peak pool bytes", "RSS bytes", "live bytes", "digest");
  for (const DemoRow& row : rows) {
    std::printf("%-10s %12.0f %10.0f %16" PRId64 " %14" PRId64 " %11" PRId64 "  %.16s\n",
                row.backend.c_str(), row.datagrams_per_s, row.mb_per_s, row.peak_pool_bytes,
                row.rss_bytes, row.live_bytes, row.digest.c_str());
  }
  std::printf("[\n");
  for (size_t i = 0; i < rows.size(); ++i) {
    std::printf("%s%s\n", rows[i].ToJson().c_str(), i + 1 < rows.size() ? "," : "");
  }
  std::printf("]\n");
}

// Checks a row against the first one. Its own process has checked everything else.
Status CheckRow(const DemoRow& row, const std::string& asked, const DemoRow& first) {
  if (row.backend != asked) {
    return status::FailedPrecondition("row ", asked, ": its batches came from backend ",
                                      row.backend);
  }
  if (row.live_bytes != 0) {
    return status::FailedPrecondition("row ", asked, ": ", row.live_bytes,
                                      " bytes are live at the end");
  }
  if (row.digest != first.digest || row.datagrams != first.datagrams) {
    return status::FailedPrecondition("row ", asked, ": digest ", row.digest, " over ",
                                      row.datagrams, " datagrams, row ", first.backend, " has ",
                                      first.digest, " over ", first.datagrams);
  }
  return absl::OkStatus();
}

int RunRows(const std::vector<std::string>& row_arguments) {
  std::vector<DemoRow> rows;
  int exit_code = kExitOk;
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    const Result<Child> child =
        RunSelf(row_arguments, EnvironmentWith(internal::kDefaultMemoryPoolVariable, backend));
    if (Interruption::Came()) return Interruption::ExitCode();
    if (!child.ok()) return ReportStatus(child.status());
    // A row with malformed files covers what is before the fault.
    if (child->exit_code != kExitOk && child->exit_code != kExitMalformed) return child->exit_code;
    exit_code = std::max(exit_code, child->exit_code);
    const Result<DemoRow> row = DemoRow::FromJson(child->output);
    if (!row.ok()) return ReportStatus(row.status());
    rows.push_back(*row);
    const int row_code = ReportStatus(CheckRow(rows.back(), backend, rows.front()));
    if (row_code != kExitOk) exit_code = row_code;
  }
  PrintTable(rows);
  return exit_code;
}

// Refuses streams, since each row reads all files again.
Status CheckNoStream(const DemoOptions& options) {
  std::vector<std::string> paths = options.files;
  if (!options.config.empty()) paths.push_back(options.config);
  for (const std::string& path : paths) {
    if (!io::IsStream(path)) continue;
    return status::Invalid(path,
                           ": the demo reads all of it several times, and the bytes of a pipe, a "
                           "socket or a terminal come once: that takes a file");
  }
  return absl::OkStatus();
}

int RunDemo(const DemoOptions& options) {
  const Status readable = CheckNoStream(options);
  if (!readable.ok()) return ReportStatus(readable);
  std::vector<std::string> arguments = {"alkaid",
                                        "demo-row",
                                        "--batch-bytes",
                                        std::to_string(options.batch_bytes),
                                        "--max-dgram-bytes",
                                        std::to_string(options.max_dgram_bytes)};
  if (!options.config.empty()) {
    arguments.insert(arguments.end(), {"--config", options.config});
  }
  std::vector<std::string> files = options.files;
  std::optional<Interruption> interruption;  // must outlive the folder
  std::unique_ptr<TemporaryFolder> folder;
  if (files.empty()) {
    interruption.emplace();
    Result<std::unique_ptr<TemporaryFolder>> made = TemporaryFolder::Make("demo");
    if (!made.ok()) return ReportStatus(made.status());
    folder = *std::move(made);
    Result<std::vector<std::string>> written =
        WriteSyntheticRun(folder->path(), options.events, Interruption::Came);
    if (Interruption::Came()) return Interruption::ExitCode();
    if (!written.ok()) return ReportStatus(written.status());
    files = *std::move(written);
    arguments.insert(arguments.end(), {"--events", std::to_string(options.events)});
  }
  arguments.push_back("--");
  arguments.insert(arguments.end(), files.begin(), files.end());
  return RunRows(arguments);
}

}  // namespace

void AddDemoCommand(CLI::App& app, int* exit_code) {
  CLI::App* command = app.add_subcommand(
      "demo",
      "Read files, or a synthetic run, through each backend, check every field, and compare.");
  auto options = std::make_shared<DemoOptions>();
  options->events = kSmallEvents;
  command->add_option("FILE", options->files,
                      "XTC2 files; one without a Configure continues the one before it");
  command->add_option("--config", options->config, ConfigHelp("FILEs before the first with one"))
      ->type_name("FILE");
  command->add_option("--batch-bytes", options->batch_bytes, "Bytes of each read")
      ->check(AtLeast(int64_t{1}))
      ->capture_default_str();
  AddMaxDgramBytes(*command, &options->max_dgram_bytes);
  command
      ->add_option("--events", options->events,
                   "Events in each small stream of the synthetic run; a hundredth of it large")
      ->check(Between(int64_t{100}, int64_t{100'000'000}))
      ->capture_default_str();
  SetDetails(
      command,
      {.reads = "the files that are named; without any, a run that it writes and removes again",
       .prints = "a table of rates and memory, a row for each backend, and the same as JSON",
       .examples = {{"alkaid demo", ""}},
       .exit_codes = ExitCodesOfReaders()});
  command->callback([options, exit_code] { *exit_code = RunDemo(*options); });
}

}  // namespace alkaid::tools
