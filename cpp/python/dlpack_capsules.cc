#include "dlpack_capsules.h"

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "alkaid/interop/dlpack.h"
#include "alkaid/interop/dlpack_abi_internal.h"
#include "buffer_object.h"
#include "errors.h"
#include "owners.h"

namespace alkaid::python {
namespace {

// The names of a capsule, before and after a consumer took it, by the structure in it.
template <typename Managed>
constexpr const char* kName = nullptr;
template <>
constexpr const char* kName<DLManagedTensor> = "dltensor";
template <>
constexpr const char* kName<DLManagedTensorVersioned> = "dltensor_versioned";
template <typename Managed>
constexpr const char* kUsedName = nullptr;
template <>
constexpr const char* kUsedName<DLManagedTensor> = "used_dltensor";
template <>
constexpr const char* kUsedName<DLManagedTensorVersioned> = "used_dltensor_versioned";

// Export.

// A consumer that took the structure has renamed the capsule.
template <typename Managed>
void DeleteUnconsumed(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, kName<Managed>) == 0) return;
  const Entry entry;
  auto* const managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, kName<Managed>));
  if (managed->deleter != nullptr) managed->deleter(managed);
}

// The exception by which Python reports that such an export is impossible.
PyObject* Refuse(const Status& status) {
  if (status.code() == StatusCode::kResourceExhausted) return Raise(status);
  PyErr_SetString(PyExc_BufferError, std::string(status.message()).c_str());
  return nullptr;
}

template <typename Managed>
PyObject* MakeCapsule(const Result<Managed*>& managed) {
  if (!managed.ok()) return Refuse(managed.status());
  PyObject* const capsule = PyCapsule_New(*managed, kName<Managed>, &DeleteUnconsumed<Managed>);
  if (capsule == nullptr) (*managed)->deleter(*managed);
  return capsule;
}

// None, True or False.
bool ReadCopy(PyObject* object, std::optional<bool>* copy) {
  if (object == Py_None) return true;
  const int truth = PyObject_IsTrue(object);
  if (truth >= 0) *copy = truth != 0;
  return truth >= 0;
}

// The manager of (type, id); none if the bytes are there already.
bool ReadDevice(PyObject* object, const Buffer& buffer, std::shared_ptr<MemoryManager>* manager) {
  if (object == Py_None) return true;
  int type = 0;
  long long id = 0;
  if (PyTuple_Check(object) == 0) {
    PyErr_Format(PyExc_TypeError, "dl_device is a tuple (type, id), not %R", Py_TYPE(object));
    return false;
  }
  if (PyArg_ParseTuple(object, "iL;dl_device is a tuple (type, id)", &type, &id) == 0) return false;
  constexpr int kCpu = static_cast<int>(DeviceAllocationType::kCPU);
  using Number = std::underlying_type_t<DeviceAllocationType>;
  if (type <= 0 || type > std::numeric_limits<Number>::max()) {
    PyErr_Format(PyExc_BufferError, "dl_device (%d, %lld): there is no such type of device", type,
                 id);
    return false;
  }
  if (type == static_cast<int>(buffer.device_type()) && type == kCpu) return true;
  const auto mapper = GetDeviceMapper(static_cast<DeviceAllocationType>(type));
  if (!mapper.ok()) return Refuse(mapper.status()) != nullptr;
  auto found = (*mapper)(type == kCpu ? -1 : id);
  if (!found.ok()) return Refuse(found.status()) != nullptr;
  *manager = *std::move(found);
  return true;
}

// The arguments of __dlpack__, borrowed.
struct Wishes {
  PyObject* stream = Py_None;
  PyObject* max_version = Py_None;
  PyObject* dl_device = Py_None;
  PyObject* copy = Py_None;

  bool Read(PyObject* const* values, Py_ssize_t positional, PyObject* names) {
    if (positional != 0) {
      PyErr_SetString(PyExc_TypeError, "__dlpack__ takes its arguments by name");
      return false;
    }
    const Py_ssize_t count = names != nullptr ? PyTuple_Size(names) : 0;
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* const name = PyTuple_GetItem(names, i);
      PyObject** const place = Place(name);
      if (place == nullptr) {
        PyErr_Format(PyExc_TypeError, "__dlpack__ has no argument %R", name);
        return false;
      }
      *place = values[i];
    }
    return true;
  }

 private:
  PyObject** Place(PyObject* name) {
    if (PyUnicode_CompareWithASCIIString(name, "max_version") == 0) return &max_version;
    if (PyUnicode_CompareWithASCIIString(name, "copy") == 0) return &copy;
    if (PyUnicode_CompareWithASCIIString(name, "dl_device") == 0) return &dl_device;
    if (PyUnicode_CompareWithASCIIString(name, "stream") == 0) return &stream;
    return nullptr;
  }
};

// The major of (major, minor).
bool ReadMajor(PyObject* version, long* major) {
  if (PyTuple_Check(version) == 0 || PyTuple_Size(version) != 2) {
    PyErr_Format(PyExc_TypeError, "max_version is a tuple (major, minor), not %R", version);
    return false;
  }
  *major = PyLong_AsLong(PyTuple_GetItem(version, 0));
  return *major != -1 || PyErr_Occurred() == nullptr;
}

// Import.

// A replacement for the producer's structure, whose deleter may wait for the GIL.
template <typename Managed>
struct Import {
  Managed managed;
  std::shared_ptr<void> owner;  // calls the producer's deleter

  explicit Import(const Managed& theirs) : managed(theirs) {
    managed.manager_ctx = this;
    managed.deleter = [](Managed* self) { delete static_cast<Import*>(self->manager_ctx); };
  }
};

template <typename Managed>
void CallDeleter(void* theirs) {
  auto* const managed = static_cast<Managed*>(theirs);
  if (managed->deleter != nullptr) managed->deleter(managed);
}

bool IsKnown(const DLManagedTensor& /*theirs*/) { return true; }
bool IsKnown(const DLManagedTensorVersioned& theirs) {
  const DLPackVersion version = theirs.version;
  if (version.major == interop::kDLPackVersion.major) return true;
  PyErr_Format(PyExc_BufferError, "DLPack %u.%u: only version %u is known", version.major,
               version.minor, interop::kDLPackVersion.major);
  return false;
}

// The Buffer of all elements, row-major.
PyObject* BytesOf(const interop::Tensor& tensor, std::optional<bool> copy) {
  // The buffer of an import has exactly the elements.
  if (copy != true && tensor.is_contiguous()) return BufferObject::Make(tensor.buffer());
  if (copy == false) {
    PyErr_SetString(PyExc_BufferError,
                    "the elements are not contiguous in C order, and no copy was allowed");
    return nullptr;
  }
  auto made = tensor.Copy();
  if (!made.ok()) return Refuse(made.status());
  return BufferObject::Make(made->buffer());
}

template <typename Managed>
PyObject* TakeOver(PyObject* capsule, std::optional<bool> copy) {
  auto* const theirs = static_cast<Managed*>(PyCapsule_GetPointer(capsule, kName<Managed>));
  if (theirs == nullptr || !IsKnown(*theirs)) return nullptr;
  auto import = std::make_unique<Import<Managed>>(*theirs);
  const auto tensor = interop::ImportDLPack(&import->managed);
  if (!tensor.ok()) return Refuse(tensor.status());
  // The tensor owns it now; it is destroyed with the tensor, and has no deleter yet.
  Import<Managed>* const taken = import.release();
  taken->owner = KeepCall(&CallDeleter<Managed>, theirs);
  if (taken->owner == nullptr) return nullptr;
  if (PyCapsule_SetName(capsule, kUsedName<Managed>) != 0) return nullptr;
  return BytesOf(*tensor, copy);
}

PyObject* ImportCapsule(PyObject* /*self*/, PyObject* arguments) try {
  const Entry entry;
  PyObject* capsule = nullptr;
  PyObject* copies = Py_None;
  std::optional<bool> copy;
  if (PyArg_ParseTuple(arguments, "O|O", &capsule, &copies) == 0 || !ReadCopy(copies, &copy)) {
    return nullptr;
  }
  if (PyCapsule_IsValid(capsule, kName<DLManagedTensorVersioned>) != 0) {
    return TakeOver<DLManagedTensorVersioned>(capsule, copy);
  }
  if (PyCapsule_IsValid(capsule, kName<DLManagedTensor>) != 0) {
    return TakeOver<DLManagedTensor>(capsule, copy);
  }
  if (PyCapsule_IsValid(capsule, kUsedName<DLManagedTensorVersioned>) != 0 ||
      PyCapsule_IsValid(capsule, kUsedName<DLManagedTensor>) != 0) {
    PyErr_SetString(PyExc_ValueError, "this DLPack capsule has been consumed");
    return nullptr;
  }
  return PyErr_Format(PyExc_TypeError, "a DLPack capsule, not %R", capsule);
} catch (...) {
  return RaiseCaught();
}

}  // namespace

PyObject* ExportBufferByDLPack(PyObject* self, PyObject* const* values, Py_ssize_t positional,
                               PyObject* names) try {
  const Entry entry;
  Wishes wishes;
  if (!wishes.Read(values, positional, names)) return nullptr;
  if (wishes.stream != Py_None) {
    return PyErr_Format(PyExc_ValueError, "stream %R: bytes on the CPU need none", wishes.stream);
  }
  long major = 0;
  if (wishes.max_version != Py_None && !ReadMajor(wishes.max_version, &major)) return nullptr;
  const std::shared_ptr<Buffer>& buffer = BufferObject::Of(self);
  interop::DLPackOptions options;
  if (!ReadCopy(wishes.copy, &options.copy) ||
      !ReadDevice(wishes.dl_device, *buffer, &options.memory_manager)) {
    return nullptr;
  }
  return major >= 1 ? MakeCapsule(interop::ExportDLPack(buffer, options))
                    : MakeCapsule(interop::ExportLegacyDLPack(buffer, options));
} catch (...) {
  return RaiseCaught();
}

PyObject* BufferDLPackDevice(PyObject* self, PyObject* /*unused*/) {
  const Buffer& buffer = *BufferObject::Of(self);
  const long long id = buffer.is_cpu() ? 0 : buffer.device()->device_id();
  return Py_BuildValue("(iL)", static_cast<int>(buffer.device_type()), id < 0 ? 0 : id);
}

bool AddDLPackFunctions(PyObject* module) {
  static PyMethodDef functions[] = {
      {"_import_dlpack", &ImportCapsule, METH_VARARGS,
       "_import_dlpack(capsule, copy=None) -> Buffer\n\nSee from_dlpack."},
      {nullptr, nullptr, 0, nullptr},
  };
  return PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace alkaid::python
