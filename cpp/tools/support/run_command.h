// Runs the `alkaid` command and collects its output; for the tests of this room.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace alkaid::tools {

struct CommandResult {
  int exit_code = -1;  // 128 + the signal that ended it
  std::string out;
  std::string err;
};

// `environment` changes or adds variables; the others are this process's.
CommandResult RunCommand(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment = {});

// A temporary folder for one test.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file and returns its path.
  std::string Write(const std::string& name, const std::string& bytes) const;

 private:
  std::string path_;
};

}  // namespace alkaid::tools
