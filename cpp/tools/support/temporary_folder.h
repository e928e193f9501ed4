// A folder for files of the moment, in TMPDIR or /tmp, gone with what is in it when this goes.
//
// A signal that ends the program leaves it behind: hold an Interruption or ChildProcesses longer.
// Threads: as a value's. Out of memory: throws std::bad_alloc.
#pragma once

#include <memory>
#include <string>

#include "alkaid/base/status.h"

namespace alkaid::tools {

class TemporaryFolder {
 public:
  // "alkaid-NAME-" and six characters that make it unique. As errno maps where it cannot be made.
  static Result<std::unique_ptr<TemporaryFolder>> Make(const std::string& name);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

}  // namespace alkaid::tools
