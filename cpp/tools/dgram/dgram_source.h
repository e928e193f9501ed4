// What the `alkaid dgram` commands that read have in common: the file, its options, and reading it
// from end to end.
//
// Threads: one. Out of memory: kResourceExhausted, or std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "alkaid/dgram/batch_reader.h"

namespace alkaid::tools {

struct DgramSource {
  std::string file;
  std::string config;
  int64_t batch_bytes = dgram::BatchReaderOptions().batch_bytes;

  // FILE, --config and --batch-bytes.
  void AddOptions(CLI::App& command);

  // Opens the file, under the Configuration of --config where that is given.
  Result<std::unique_ptr<dgram::BatchReader>> Open(bool require_configuration = true) const;
};

// The first Configuration of a file. kDataLoss where it starts with something else.
Result<std::shared_ptr<const dgram::Configuration>> ReadConfiguration(const std::string& path);

// kDataLoss where a file has nothing: no Configure, so nothing that could be edited or listed. Of a
// stream that is known once it was read.
Status CheckNotEmpty(const dgram::BatchReader& reader, const std::string& path);

// kInvalidArgument where two of the paths name one stream (io::IsStream): what was read for the one
// is not there for the other.
Status CheckStreamsDiffer(const std::vector<std::string>& paths);

// Calls `visit` for every datagram, until it or the reader fails, and shows progress. Returns the
// failure.
Status ForEachDgram(dgram::BatchReader& reader, const std::string& label,
                    const std::function<Status(const dgram::Dgram&)>& visit);

}  // namespace alkaid::tools
