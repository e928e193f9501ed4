// Object<Value>: how the types of this module hold C++ values.
#pragma once

#include <new>
#include <utility>

#include "owners.h"
#include "stable_python.h"

namespace alkaid::python {

// A Python object with one C++ value, which is made and destroyed with it. The value may hold
// references to other objects only if that cannot make a cycle: these types do not take part in
// garbage collection, which keeps them cheap. A value that holds an object of the program has
// Traverse and Clear, as tp_traverse and tp_clear, and then takes part. A Value whose destructor
// drops no Buffer has a member kNeedsNoEntry.
template <typename Value>
struct Object {
  PyObject_HEAD Value value;

  // Made by MakeType; one for each Value.
  static inline PyTypeObject* type = nullptr;

  static Value& Of(PyObject* self) { return reinterpret_cast<Object*>(self)->value; }
  static bool Is(PyObject* object) { return PyObject_TypeCheck(object, type) != 0; }

  static constexpr bool kCollected = requires(Value held, visitproc visit) {
    held.Traverse(visit, nullptr);
  };

  // A new object, or null and a MemoryError.
  template <typename... Args>
  static PyObject* Make(Args&&... args) {
    Object* self;
    if constexpr (kCollected) {
      self = PyObject_GC_New(Object, type);
    } else {
      self = PyObject_New(Object, type);
    }
    if (self != nullptr) new (&self->value) Value{std::forward<Args>(args)...};
    if constexpr (kCollected) {
      if (self != nullptr) PyObject_GC_Track(self);
    }
    return reinterpret_cast<PyObject*>(self);
  }
  static void Dealloc(PyObject* self) {
    if constexpr (requires { Value::kNeedsNoEntry; }) {
      Free(self);
    } else {
      const Entry entry;
      Free(self);
    }
  }

  // `name` is, for example, "alkaid.Buffer". The slots omit Py_tp_dealloc and end with {0,
  // nullptr}. Only Make makes objects, unless the slots have Py_tp_new. The type becomes an
  // attribute of the module.
  static bool MakeType(PyObject* module, const char* name, PyType_Slot* slots,
                       unsigned long flags = 0) {
    constexpr int kMax = 64;
    PyType_Slot all[kMax];
    int count = 0;
    bool made = false;
    for (; slots[count].slot != 0 && count < kMax - 4; ++count) {
      all[count] = slots[count];
      made = made || slots[count].slot == Py_tp_new;
    }
    all[count++] = {Py_tp_dealloc, reinterpret_cast<void*>(&Dealloc)};
    if constexpr (kCollected) {
      all[count++] = {Py_tp_traverse, reinterpret_cast<void*>(&Traverse)};
      all[count++] = {Py_tp_clear, reinterpret_cast<void*>(&Clear)};
      flags |= Py_TPFLAGS_HAVE_GC;
    }
    all[count] = {0, nullptr};
    PyType_Spec spec = {
        name, sizeof(Object), 0,
        static_cast<unsigned>(Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | flags |
                              (made ? 0 : Py_TPFLAGS_DISALLOW_INSTANTIATION)),
        all};
    type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    return type != nullptr && PyModule_AddType(module, type) == 0;
  }

 private:
  static int Traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    return Of(self).Traverse(visit, arg);
  }
  static int Clear(PyObject* self) {
    Of(self).Clear();
    return 0;
  }
  static void Free(PyObject* self) {
    PyTypeObject* const its = Py_TYPE(self);
    if constexpr (kCollected) PyObject_GC_UnTrack(self);
    Of(self).~Value();
    if constexpr (kCollected) {
      PyObject_GC_Del(self);
    } else {
      PyObject_Free(self);
    }
    Py_DECREF(its);
  }
};

template <typename Function>
void* Slot(Function* function) {
  return reinterpret_cast<void*>(function);
}

}  // namespace alkaid::python
