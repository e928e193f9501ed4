// ConfigurationHistory: all Configurations of a stream, each with the time from which it counts.
//
// For datagrams whose Configure is in another file: those of a file that continues it. A stream may
// be configured anew in the middle, with other types for the same NamesIds; each datagram then
// belongs to the last Configure that is not later than it.
//
//   options.history = *ConfigurationHistory::Read("run-c000.xtc2");
//   auto reader = BatchReader::Open("run-c001.xtc2", options);
//
// Configures that declare the same count as one. If only one is left, it counts for every datagram,
// also for earlier ones. If several are left, a datagram earlier than the first of them has no
// Configuration: the one it was recorded under is not known.
//
// Ownership: shared_ptr; owns its Configurations, keeps no datagram and no file.
// Threads: immutable, read from any thread. Out of memory: kResourceExhausted; Why throws
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
  // Reads a file, or a stream up to its end. Between Configures only headers are read. A partial
  // last datagram that is no Configure ends the history like the end of the file. Errors:
  //   - kDataLoss, naming file and byte: the file does not begin with a Configure, a Configure is
  //     malformed, or no datagram begins where one must (another Configure may follow)
  //   - kFailedPrecondition: Configures with different declarations are not in the order of time
  //   - kResourceExhausted: a Configure is larger than `max_dgram_bytes`
  static Result<std::shared_ptr<const ConfigurationHistory>> Read(
      const std::string& path, int64_t max_dgram_bytes = kMaxDgramBytes);

  ConfigurationHistory(const ConfigurationHistory&) = delete;
  ConfigurationHistory& operator=(const ConfigurationHistory&) = delete;

  // The Configuration of a datagram of that time; null where it is not known.
  std::shared_ptr<const Configuration> At(Timestamp timestamp) const;
  // How many Configurations there are that differ from the one before.
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
  std::vector<Entry> entries_;  // not empty; sorted by time
};

}  // namespace alkaid::dgram
