// OutputFile: a file that is there whole, or not at all.
//
// Bytes go into a file beside it, with ".partial" and the process's number behind the name. Commit
// puts them on the disk and gives them their name, in place of what had it before; without Commit
// they are removed, and what had the name keeps it.
//
// Threads: one at a time. Errors: the system's, as errno maps.
#pragma once

#include <memory>
#include <string>

#include "alkaid/base/status.h"
#include "alkaid/core/io_interfaces.h"

namespace alkaid::tools {

class OutputFile {
 public:
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Where the bytes go; not to be closed.
  io::OutputStream* stream() { return stream_.get(); }
  // Only once, and nothing is written after it.
  Status Commit();

 private:
  friend Result<std::unique_ptr<OutputFile>> OpenOutput(const std::string& path);
  OutputFile(std::string path, std::string partial, int fd,
             std::shared_ptr<io::OutputStream> stream);

  const std::string path_;
  const std::string partial_;
  const int fd_;
  const std::shared_ptr<io::OutputStream> stream_;
  bool committed_ = false;
};

// kInvalidArgument where `path` is something else than a regular file: a device would be replaced.
// A symbolic link stays, and its target is replaced.
Result<std::unique_ptr<OutputFile>> OpenOutput(const std::string& path);

}  // namespace alkaid::tools
