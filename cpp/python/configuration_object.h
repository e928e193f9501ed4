// alkaid.Configuration: the declarations of a stream.
#pragma once

#include <memory>

#include "alkaid/dgram/configuration.h"
#include "stable_python.h"
#include "typed_object.h"

namespace alkaid::python {

using ConfigurationObject = Object<std::shared_ptr<const dgram::Configuration>>;

bool MakeConfigurationType(PyObject* module);

// The configuration of a Configuration object, or the one under which a Dgram was read. A TypeError
// for others.
bool AsConfiguration(PyObject* object, std::shared_ptr<const dgram::Configuration>* out);

}  // namespace alkaid::python
