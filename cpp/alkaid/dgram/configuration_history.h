// ConfigurationHistory: all Configurations of a stream, and from when on each counts.
//
// For datagrams whose Configure stands in another file: those of a file that continues it. A stream
// may be configured anew in the middle, with other types for the same NamesIds; then each datagram
// belongs to the last Configure that is not later than it.
//
//   options.history = *ConfigurationHistory::Read("run-c000.xtc2");
//   auto reader = BatchReader::Open("run-c001.xtc2", options);
//
// Configures that declare the same count as one. Where only one is left, it counts for every
// datagram, also for earlier ones. Where several are, a datagram earlier than the first of them has
// no Configuration: which one it was recorded under cannot be told.
//
// Ownership: shared_ptr; owns its Configurations, keeps no datagram and no file.
// Threads: immutable, read from any thread. Out of memory: kResourceExhausted, and Why throws
// std::bad_alloc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

class ALKAID_EXPORT ConfigurationHistory {
 public:
  // Of a file, or of a stream up to its end. Between Configures only headers are looked at. A last
  // datagram that is partial, and no Configure, ends the history as the end does. kDataLoss, naming
  // file and byte: it begins with no Configure, a Configure is malformed, or no datagram begins
  // where one has to: another Configure may follow. kFailedPrecondition where Configures that
  // declare other things do not follow each other in time. kResourceExhausted for a Configure
  // larger than `max_dgram_bytes`.
  static Result<std::shared_ptr<const ConfigurationHistory>> Read(
      const std::string& path, int64_t max_dgram_bytes = kMaxDgramBytes);

  ConfigurationHistory(const ConfigurationHistory&) = delete;
  ConfigurationHistory& operator=(const ConfigurationHistory&) = delete;

  // What a datagram of that time was recorded under; null where that cannot be told.
  std::shared_ptr<const Configuration> At(Timestamp timestamp) const;
  // How many that differ from the one before.
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  // Why there is none at a time that is earlier than all.
  std::string Why(Timestamp timestamp) const;

 private:
  struct Entry {
    Timestamp from;
    std::shared_ptr<const Configuration> configuration;
  };
  class Walk;

  explicit ConfigurationHistory(std::string name) : name_(std::move(name)) {}
  Status Add(Timestamp from, int64_t byte, std::shared_ptr<const Configuration> configuration);

  const std::string name_;
  std::vector<Entry> entries_;  // not empty; by time, where there are several
};

}  // namespace alkaid::dgram
