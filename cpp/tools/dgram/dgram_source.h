// What the `alkaid dgram` commands that read have in common: the file, its options, and reading it
// from end to end.
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

// The help of --json, of every command that has it.
inline constexpr char kJsonHelp[] = "Print one JSON object";

struct DgramSource {
  std::string file;
  std::string config;
  int64_t batch_bytes = dgram::BatchReaderOptions().batch_bytes;
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;
  // Where the file is still being written.
  std::shared_ptr<io::LiveWatch> live;

  SkipReport skips;

  // FILE, --config, --batch-bytes, --max-dgram-bytes and --on-fault.
  void AddOptions(CLI::App& command);

  // Opens the file, under the Configurations of --config where that is given.
  Result<std::unique_ptr<dgram::BatchReader>> Open(bool require_configuration = true) const;
  // Opens the file and calls `visit` for every datagram, until it or the reader fails, and shows
  // progress. Returns the failure.
  Status ForEach(const std::function<Status(const dgram::Dgram&)>& visit,
                 bool require_configuration = true) const;
};

// --max-dgram-bytes, of every command: the bytes of the largest datagram that is read or written.
void AddMaxDgramBytes(CLI::App& command, int64_t* max_dgram_bytes);

// The help of --config, of every command that has it, for what `files` names.
std::string ConfigHelp(const std::string& files);

// kDataLoss where a file has nothing: no Configure, so nothing that could be edited or listed. Of a
// stream that is known once it was read.
Status CheckNotEmpty(const dgram::BatchReader& reader, const std::string& path);

// kInvalidArgument where two of the paths name one stream (io::IsStream): what was read for the one
// is not there for the other.
Status CheckStreamsDiffer(const std::vector<std::string>& paths);

// DgramSource::ForEach, of a reader that is open. With `live`, what `visit` prints is passed on
// whenever there is no more yet.
Status ForEachDgram(dgram::BatchReader& reader, const std::string& label,
                    const std::function<Status(const dgram::Dgram&)>& visit,
                    const io::LiveWatch* live = nullptr);

}  // namespace alkaid::tools
