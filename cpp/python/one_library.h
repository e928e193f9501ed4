// Checks that the process has one libalkaid.so, and the one that this module was made for.
//
// Two in one process would each have their own pools, counters and tables, and objects of one would
// be passed to the other. The dynamic linker ensures that there is only one if the name in the
// library (libalkaid.so.0) is the same: a wheel then finds the library that a program links, or
// that `alkaid run --track` preloads. This check finds the other cases.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// Returns false, with an ImportError that names the paths, if there are two, or one of another
// version.
bool CheckOneLibrary();

}  // namespace alkaid::python
