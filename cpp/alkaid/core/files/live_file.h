// LiveFile: a file that is still being written.
//
//   ALKAID_ASSIGN_OR_RAISE(auto watch, LiveWatch::Make({.silence = std::chrono::seconds(30)}));
//   ALKAID_ASSIGN_OR_RAISE(auto file, LiveFile::Open("run.xtc2", watch));
//   ALKAID_ASSIGN_OR_RAISE(const int64_t got, file->ReadSome(position, nbytes, out));
//
// ReadSome waits at the end until something is there. Nothing is said of how the writer cuts what
// it writes: a read may give half of it.
//
// Writers of runs add ".inprogress" to a name and take it away when they are done. Either name
// finds the file under either. Where the name was taken away by a copy, the copy is read on, from
// where the reader was, if it begins with what was read.
//
// Ownership: shares its watch and its file. Threads: one at a time, and one at a time with all that
// share the watch. Out of memory: kResourceExhausted, and the same call may be made again. Errors:
// kDataLoss where the file has become shorter than what was read of it, or was replaced by another;
// else as the file's.
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

  // What to do about a file that is not there, under either name.
  enum class Missing { kFail, kWait };

  // kNotFound where it is not there, or where it was waited for until the watch ended that.
  // kInvalidArgument for a stream (IsStream).
  static Result<std::unique_ptr<LiveFile>> Open(const std::string& path,
                                                std::shared_ptr<LiveWatch> watch,
                                                Missing missing = Missing::kFail);
  // Over a file that is open already, and is followed nowhere. It may grow from read to read.
  static Result<std::unique_ptr<LiveFile>> Over(std::shared_ptr<RandomAccessFile> file,
                                                const std::string& name,
                                                std::shared_ptr<LiveWatch> watch);
  ~LiveFile() override;
  LiveFile(const LiveFile&) = delete;
  LiveFile& operator=(const LiveFile&) = delete;

  // From 1 to `nbytes` bytes from `position` on: waits until there is one. 0 where the watch ended
  // that.
  Result<int64_t> ReadSome(int64_t position, int64_t nbytes, void* out);
  // The same without waiting: 0 where there is none now. Nothing once the watch was stopped.
  Result<int64_t> ReadPresent(int64_t position, int64_t nbytes, void* out);

  // Where the file is read from now.
  const std::shared_ptr<RandomAccessFile>& file() const { return file_; }
  // As it was given.
  const std::string& name() const { return name_; }
  const LiveWatch& watch() const { return *watch_; }

 private:
  LiveFile(std::string name, std::shared_ptr<LiveWatch> watch)
      : name_(std::move(name)), watch_(std::move(watch)) {}

  bool Grew() override;
  void Use(std::shared_ptr<RandomAccessFile> file, int file_descriptor);
  Status CheckNotCut() const;
  // Goes on in the copy that took the place of the file; answers whether there is one.
  Result<bool> Follow();
  Status CheckGoesOn(RandomAccessFile& copy) const;

  const std::string name_;
  const std::shared_ptr<LiveWatch> watch_;
  // Under which the file may be found; none where it is not looked for.
  std::vector<std::string> names_;
  std::shared_ptr<RandomAccessFile> file_;
  int file_descriptor_ = -1;
  int notification_ = -1;
  // Bytes that were read, up to the last of them, and those there when it was asked whether it
  // grew.
  int64_t seen_ = 0;
  int64_t size_ = 0;
};

}  // namespace alkaid::io
