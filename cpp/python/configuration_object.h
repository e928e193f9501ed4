// alkaid.Configuration: what a stream declares.
#pragma once

#include <memory>

#include "alkaid/dgram/configuration.h"
#include "stable_python.h"
#include "typed_object.h"

namespace alkaid::python {

using ConfigurationObject = Object<std::shared_ptr<const dgram::Configuration>>;

bool MakeConfigurationType(PyObject* module);

}  // namespace alkaid::python
