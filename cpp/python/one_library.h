// Whether the process has one libalkaid.so, and the one that this module was made for.
//
// Two in one process would each have pools, counters and tables of their own, and an object of one
// would be handed to the other. The dynamic linker sees to it that there is one wherever the name in
// the library (libalkaid.so.0) is the same: then a wheel finds the library that a program links, or
// that `alkaid run --track` preloads. This finds the other cases.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// False, with an ImportError that names the paths, where there are two, or one of another version.
bool CheckOneLibrary();

}  // namespace alkaid::python
