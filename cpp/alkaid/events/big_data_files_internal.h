// BigDataFiles: opens the files of big data, when they are first read.
//
// A chunk that small data announced has to exist, even if nothing of it is read: OpenAnnounced
// checks that at the end.
//
// Ownership: borrows the options and the statistics; shares the announced chunks. Threads: one at a
// time. Out of memory: kResourceExhausted or std::bad_alloc; a call may be repeated.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "alkaid/core/files/live_file.h"
#include "alkaid/events/big_data_plan_internal.h"
#include "alkaid/events/big_data_reader.h"

namespace alkaid::events::internal {

// The result of a wait that the program ended.
inline Status StoppedStatus() {
  return absl::CancelledError("stopped before the data were written");
}

class BigDataFiles {
 public:
  using Missing = io::LiveFile::Missing;

  BigDataFiles(const BigDataReaderOptions& options, BigDataReader::Statistics* statistics)
      : options_(options), statistics_(statistics) {}

  // Opens the file, if it is not open. `missing` says what to do about a file that is still to be
  // written: a read that is needed now waits for it.
  Status Open(BigDataFile* file, Missing missing);
  // Takes a chunk that reading continues in.
  void Announce(std::shared_ptr<BigDataFile> chunk) { announced_.push_back(std::move(chunk)); }
  // Opens, or waits for, the announced chunks that were not read.
  Status OpenAnnounced();
  // Whether the program ended the wait.
  bool IsStop(const Status& status) const {
    return options_.live != nullptr && status.code() == StatusCode::kCancelled;
  }

 private:
  Status OpenAnew(BigDataFile* file, Missing missing) const;

  const BigDataReaderOptions& options_;
  BigDataReader::Statistics* const statistics_;
  std::vector<std::shared_ptr<BigDataFile>> announced_;  // and not opened yet
};

}  // namespace alkaid::events::internal
