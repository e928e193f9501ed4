// TemporaryFolder: a folder in TMPDIR or /tmp that is removed with its content on destruction.
//
// A signal that ends the program leaves it there: an Interruption or ChildProcesses must outlive
// it.
// Threads: as a value's. Out of memory: throws std::bad_alloc.
#pragma once

#include <memory>
#include <string>

#include "alkaid/base/status.h"

namespace alkaid::tools {

class TemporaryFolder {
 public:
  // Named "alkaid-NAME-" and six characters that make it unique. Fails as errno maps.
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
