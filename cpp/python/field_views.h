// The objects between a Dgram and an array: `d.hsd`, `d.hsd[0]`, `d.hsd[0].raw`.
//
// Each is a small object that holds the Dgram and is made on access. A detector is present if the
// datagram carries it, not if it is declared: `hasattr(d, "hsd")` tests this datagram.
//
// Fields with dots in their names are nested, as in psana: `d.hsd[0].config.expert.enable`. Labels
// of enumerations (ENUMDICT) are not fields here: they are in the `names` of their enumeration.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// The detector of that name in the Dgram; null without an error if it carries none.
PyObject* FindDetector(PyObject* dgram, PyObject* name);
// All detectors that the Dgram carries: a dictionary. The getter of its __dict__.
PyObject* DetectorsOf(PyObject* dgram, void* unused);

bool MakeFieldViewTypes(PyObject* module);

}  // namespace alkaid::python
