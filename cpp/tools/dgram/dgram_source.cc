#include "tools/dgram/dgram_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <set>
#include <utility>

#include "alkaid/core/files/file_input_stream.h"
#include "tools/support/option_limits.h"
#include "tools/support/progress.h"

namespace alkaid::tools {

void DgramSource::AddOptions(CLI::App& command) {
  command.add_option("FILE", file, "XTC2 file; - for standard input")->required();
  command.add_option("--config", config, ConfigHelp("a FILE without one"))->type_name("FILE");
  command.add_option("--batch-bytes", batch_bytes, "Bytes of each read")
      ->check(AtLeast(int64_t{1}))
      ->capture_default_str();
  AddMaxDgramBytes(command, &max_dgram_bytes);
  skips.AddOption(command);
}

void AddMaxDgramBytes(CLI::App& command, int64_t* max_dgram_bytes) {
  // The largest size that a header can state.
  constexpr int64_t kMax = int64_t{0xffffffff} + dgram::kDgramHeaderBytes - dgram::kXtcHeaderBytes;
  command
      .add_option("--max-dgram-bytes", *max_dgram_bytes,
                  "Bytes of the largest datagram that is read or written")
      ->check(Between(dgram::kDgramHeaderBytes, kMax))
      ->type_name("BYTES")
      ->capture_default_str();
}

std::string ConfigHelp(const std::string& files) {
  return "XTC2 file whose Configure declares the fields, for " + files +
         "; of several Configures the last that is not later than the datagram";
}

Status CheckNotEmpty(const dgram::BatchReader& reader, const std::string& path) {
  if (reader.end() != 0) return absl::OkStatus();
  return status::DataLoss(path, ": no Configure: the file is empty");
}

Status CheckStreamsDiffer(const std::vector<std::string>& paths) {
  std::set<std::pair<dev_t, ino_t>> streams;
  for (const std::string& path : paths) {
    struct stat info;
    if (!io::IsStream(path)) continue;
    const int failed = path == "-" ? ::fstat(STDIN_FILENO, &info) : ::stat(path.c_str(), &info);
    if (failed != 0 || streams.emplace(info.st_dev, info.st_ino).second) continue;
    return status::Invalid(path, ": a stream that is named twice, and its bytes come once");
  }
  return absl::OkStatus();
}

Result<std::unique_ptr<dgram::BatchReader>> DgramSource::Open(bool require_configuration) const {
  dgram::BatchReaderOptions options;
  options.batch_bytes = batch_bytes;
  options.max_dgram_bytes = max_dgram_bytes;
  options.require_configuration = require_configuration;
  options.on_fault = skips.on_fault();
  options.on_skip = skips.Teller();
  options.live = live;
  if (!config.empty()) {
    ALKAID_RETURN_NOT_OK(CheckStreamsDiffer({file, config}));
    ALKAID_ASSIGN_OR_RAISE(options.history,
                           dgram::ConfigurationHistory::Read(config, max_dgram_bytes));
  }
  return dgram::BatchReader::Open(file, std::move(options));
}

Status DgramSource::ForEach(const std::function<Status(const dgram::Dgram&)>& visit,
                            bool require_configuration) const {
  ALKAID_ASSIGN_OR_RAISE(const auto reader, Open(require_configuration));
  return ForEachDgram(*reader, "reading " + file, visit, live.get());
}

Status ForEachDgram(dgram::BatchReader& reader, const std::string& label,
                    const std::function<Status(const dgram::Dgram&)>& visit,
                    const io::LiveWatch* live) {
  const int64_t end = reader.end();
  Progress progress(label, end < 0 ? -1 : end - reader.position());
  while (true) {
    if (live != nullptr) std::fflush(stdout);
    ALKAID_ASSIGN_OR_RAISE(const dgram::DgramBatch batch, reader.Next());
    if (batch.empty()) return absl::OkStatus();
    for (const dgram::Dgram& dgram : batch) ALKAID_RETURN_NOT_OK(visit(dgram));
    progress.Advance(batch.nbytes());
  }
}

}  // namespace alkaid::tools
