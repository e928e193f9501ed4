#include "tools/support/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace alkaid::tools {

Result<std::unique_ptr<TemporaryFolder>> TemporaryFolder::Make(const std::string& name) {
  const char* const root = std::getenv("TMPDIR");
  std::string path = root != nullptr && *root != '\0' ? root : "/tmp";
  path += "/alkaid-" + name + "-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return status::IOError(errno, "temporary folder ", path);
  return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(std::move(path)));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace alkaid::tools
