// DemoRow: one row of the demo's table: what one process measured while it read all files with one
// backend.
//
// Threads: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/base/status.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::tools {

struct DemoRow {
  std::string backend;  // the one that actually served the batches
  int64_t datagrams = 0;
  double datagrams_per_s = 0;
  double mb_per_s = 0;  // 10^6 bytes
  int64_t peak_pool_bytes = 0;
  int64_t rss_bytes = 0;  // the process's peak
  int64_t live_bytes = 0;
  std::string digest;
  // The malformed data that ended the reading of the user's files; not in the JSON.
  Status fault;

  // One JSON object on one line.
  std::string ToJson() const;
  // kInvalidArgument where `json` is not output of ToJson.
  static Result<DemoRow> FromJson(const std::string& json);
};

struct DemoOptions {
  // The user's files; if empty, a synthetic run is made.
  std::vector<std::string> files;
  std::string config;
  // Events in each small stream of the synthetic run.
  int64_t events = 0;
  int64_t batch_bytes = int64_t{4} << 20;
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;
};

}  // namespace alkaid::tools
