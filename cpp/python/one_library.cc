#include "one_library.h"

#include <link.h>

#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/version.h"
#include "errors.h"

namespace alkaid::python {
namespace {

// Adds the path of every loaded object of such a name.
int AddPath(dl_phdr_info* info, size_t /*size*/, void* paths) {
  const std::string_view path = info->dlpi_name;
  const std::string_view file = path.substr(path.rfind('/') + 1);
  if (file.starts_with("libalkaid.so")) {
    static_cast<std::vector<std::string>*>(paths)->emplace_back(path);
  }
  return 0;
}

}  // namespace

bool CheckOneLibrary() try {
  std::vector<std::string> paths;
  dl_iterate_phdr(&AddPath, &paths);
  if (paths.size() > 1) {
    PyErr_Format(PyExc_ImportError,
                 "this process has two libraries of Alkaid, %s and %s: its module works with one",
                 paths[0].c_str(), paths[1].c_str());
    return false;
  }
  if (std::string_view(Version()) != ALKAID_VERSION_STRING) {
    PyErr_Format(PyExc_ImportError, "this module is of Alkaid %s, and %s of %s",
                 ALKAID_VERSION_STRING, paths.empty() ? "libalkaid.so" : paths[0].c_str(),
                 Version());
    return false;
  }
  return true;
} catch (...) {
  RaiseCaught();
  return false;
}

}  // namespace alkaid::python
