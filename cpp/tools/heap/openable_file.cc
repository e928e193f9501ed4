#include "tools/heap/openable_file.h"

#include <sys/stat.h>

namespace alkaid::tools {

bool IsRegularOrMissing(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode);
}

}  // namespace alkaid::tools
