// What the reading `alkaid dgram` commands share: the file, its options, and reading it from end to
// end.
//
// Threads: one. Out of memory: kResourceExhausted, or std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/dgram/batch_reader.h"
#include "tools/dgram/skip_report.h"

namespace alkaid::tools {

// The help of --json, for every command that has it.
inline constexpr char kJsonHelp[] = "Print one JSON object";

struct DgramSource {
  std::string file;
  std::string config;
  int64_t batch_bytes = dgram::BatchReaderOptions().batch_bytes;
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;
  // If the file is still being written; else null.
  std::shared_ptr<io::LiveWatch> live;

  SkipReport skips;

  // FILE, --config, --batch-bytes, --max-dgram-bytes and --on-fault.
  void AddOptions(CLI::App& command);

  // Opens the file, under the Configurations of --config if given.
  Result<std::unique_ptr<dgram::BatchReader>> Open(bool require_configuration = true) const;
  // Opens the file, calls `visit` for every datagram until it or the reader fails, and shows
  // progress. Returns the failure.
  Status ForEach(const std::function<Status(const dgram::Dgram&)>& visit,
                 bool require_configuration = true) const;
};

// --max-dgram-bytes, for every command: the largest datagram that is read or written, in bytes.
void AddMaxDgramBytes(CLI::App& command, int64_t* max_dgram_bytes);

// The help of --config, for every command that has it; `files` names its files.
std::string ConfigHelp(const std::string& files);

// kDataLoss where a file is empty: it has no Configure, so there is nothing to edit or list. For a
// stream this is known only after it was read.
Status CheckNotEmpty(const dgram::BatchReader& reader, const std::string& path);

// kInvalidArgument where two paths name one stream (io::IsStream): what was read by one would be
// missing in the other.
Status CheckStreamsDiffer(const std::vector<std::string>& paths);

// DgramSource::ForEach for an open reader. With `live`, flushes what `visit` prints whenever there
// is no more data yet.
Status ForEachDgram(dgram::BatchReader& reader, const std::string& label,
                    const std::function<Status(const dgram::Dgram&)>& visit,
                    const io::LiveWatch* live = nullptr);

}  // namespace alkaid::tools
