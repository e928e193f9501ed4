// What stands between a Dgram and an array: `d.hsd`, `d.hsd[0]`, `d.hsd[0].raw`.
//
// Each is a small object that holds the Dgram and is made when it is asked for. Presence is that in
// the datagram, not in what is declared: `hasattr(d, "hsd")` is whether this one carries it.
//
// Fields with dots in their names are nested, as in psana: `d.hsd[0].config.expert.enable`. Labels
// of enumerations (ENUMDICT) are no fields here: they are in the `names` of their enumeration.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// The detector of that name in the Dgram; null without an error where it carries none.
PyObject* FindDetector(PyObject* dgram, PyObject* name);
// All detectors that the Dgram carries: a dictionary. The getter of its __dict__.
PyObject* DetectorsOf(PyObject* dgram, void* unused);

bool MakeFieldViewTypes(PyObject* module);

}  // namespace alkaid::python
