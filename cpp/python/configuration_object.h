// alkaid.Configuration: what a stream declares.
#pragma once

#include <memory>

#include "alkaid/dgram/configuration.h"
#include "stable_python.h"
#include "typed_object.h"

namespace alkaid::python {

using ConfigurationObject = Object<std::shared_ptr<const dgram::Configuration>>;

bool MakeConfigurationType(PyObject* module);

// What a Configuration object is, or the Dgram under which it was read. A TypeError for others.
bool AsConfiguration(PyObject* object, std::shared_ptr<const dgram::Configuration>* out);

}  // namespace alkaid::python
