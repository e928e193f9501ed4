// LiveFile: a file that is still being written.
//
//   ALKAID_ASSIGN_OR_RAISE(auto watch, LiveWatch::Make({.silence = std::chrono::seconds(30)}));
//   ALKAID_ASSIGN_OR_RAISE(auto file, LiveFile::Open("run.xtc2", watch));
//   ALKAID_ASSIGN_OR_RAISE(const int64_t got, file->ReadSome(position, nbytes, out));
//
// ReadSome waits at the end of the file until something is there. Writers may write in any pieces:
// a read may return half of one.
//
// Writers of runs add ".inprogress" to a name and remove it when they are done. Under either name,
// the file is found under both. If the file was replaced by a copy under the final name, the reader
// continues in the copy at its position, provided the copy begins with what was read.
//
// Ownership: shares its watch and its file. Threads: one at a time, together with all that share
// the watch. Out of memory: kResourceExhausted, and the same call may be repeated. Errors:
// kDataLoss if the file has become shorter than what was read of it, or was replaced by a different
// one; else as the file's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/files/live_watch.h"

namespace alkaid::io {

class ALKAID_EXPORT LiveFile final : private LiveWatch::Watched {
 public:
  // What writers add to the name of a file.
  static constexpr std::string_view kInProgress = ".inprogress";
  // `path` without it.
  static std::string FinalName(const std::string& path);

  // What to do if the file exists under neither name.
  enum class Missing { kFail, kWait };

  // kNotFound if the file does not exist, or if the watch ended the wait for it. kInvalidArgument
  // for a stream (IsStream).
  static Result<std::unique_ptr<LiveFile>> Open(const std::string& path,
                                                std::shared_ptr<LiveWatch> watch,
                                                Missing missing = Missing::kFail);
  // Reads a file that is already open, without following renames. It may grow from read to read.
  static Result<std::unique_ptr<LiveFile>> Over(std::shared_ptr<RandomAccessFile> file,
                                                const std::string& name,
                                                std::shared_ptr<LiveWatch> watch);
  ~LiveFile() override;
  LiveFile(const LiveFile&) = delete;
  LiveFile& operator=(const LiveFile&) = delete;

  // Reads 1 to `nbytes` bytes from `position` on, and waits until there is one. Returns 0 if the
  // watch ended the wait.
  Result<int64_t> ReadSome(int64_t position, int64_t nbytes, void* out);
  // The same without waiting: 0 if there is none now, or once the watch was stopped.
  Result<int64_t> ReadPresent(int64_t position, int64_t nbytes, void* out);

  // The file that is read now.
  const std::shared_ptr<RandomAccessFile>& file() const { return file_; }
  // As given to Open or Over.
  const std::string& name() const { return name_; }
  const LiveWatch& watch() const { return *watch_; }

 private:
  LiveFile(std::string name, std::shared_ptr<LiveWatch> watch)
      : name_(std::move(name)), watch_(std::move(watch)) {}

  bool Grew() override;
  void Use(std::shared_ptr<RandomAccessFile> file, int file_descriptor);
  Status CheckNotCut() const;
  // Continues in the copy that replaced the file; returns whether there is one.
  Result<bool> Follow();
  Status CheckGoesOn(RandomAccessFile& copy) const;

  const std::string name_;
  const std::shared_ptr<LiveWatch> watch_;
  // The names under which the file may be found; empty if it is not searched.
  std::vector<std::string> names_;
  std::shared_ptr<RandomAccessFile> file_;
  int file_descriptor_ = -1;
  int notification_ = -1;
  // `seen_`: the end of the bytes that were read. `size_`: the size when growth was last checked.
  int64_t seen_ = 0;
  int64_t size_ = 0;
};

}  // namespace alkaid::io
