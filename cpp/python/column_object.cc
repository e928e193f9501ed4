#include "column_object.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/columns/field_column.h"
#include "alkaid/columns/table.h"
#include "alkaid/columns/table_stream.h"
#include "alkaid/dgram/batch_reader.h"
#include "arrow_capsules.h"
#include "batch_object.h"
#include "errors.h"
#include "field_arguments.h"
#include "owners.h"
#include "pool_object.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

struct ColumnState {
  columns::Column column;
  Ref shapes = {};  // a ColumnObject, or null
};
struct StreamState {
  interop::Field type;
  std::unique_ptr<interop::ArrayStream> stream;  // null once it was handed on
};
using ColumnObject = Object<ColumnState>;
using StreamObject = Object<StreamState>;

PyObject* Text(const std::string& text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape");
}

// The options that Python's part (alkaid/_columns.py) passes on.
struct Wishes {
  int all_datagrams = 0;
  int allow_copy = 1;
  int allow_misaligned = 0;
  int large_lists = 0;
  int binary_text = 0;
  PyObject* pool = Py_None;

  // Returns false with a Python error.
  bool ToOptions(columns::ColumnOptions* options) const {
    std::shared_ptr<MemoryPool> held = PoolOf(pool);
    if (held == nullptr) return false;
    options->rows = all_datagrams != 0 ? columns::Rows::kAllDatagrams : columns::Rows::kL1Accepts;
    options->allow_copy = allow_copy != 0;
    options->allow_misaligned = allow_misaligned != 0;
    options->large_lists = large_lists != 0;
    options->binary_text = binary_text != 0;
    options->pool = std::move(held);
    return true;
  }
};

bool PathOf(PyObject* tuple, columns::FieldPath* path) {
  const char* detector = nullptr;
  uint32_t segment = 0;
  const char* algorithm = nullptr;
  const char* field = nullptr;
  if (PyTuple_Check(tuple) == 0) {
    PyErr_SetString(PyExc_TypeError, "a field is (detector, segment, algorithm, name)");
    return false;
  }
  if (PyArg_ParseTuple(tuple, "sO&ss", &detector, &AsUInt32, &segment, &algorithm, &field) == 0) {
    return false;
  }
  *path = {detector, segment, algorithm, field};
  return true;
}

PyObject* MakeColumn(PyObject* /*self*/, PyObject* arguments) try {
  const Entry entry;
  PyObject* batch = nullptr;
  PyObject* tuple = nullptr;
  Wishes wishes;
  if (PyArg_ParseTuple(arguments, "OOpppppO", &batch, &tuple, &wishes.all_datagrams,
                       &wishes.allow_copy, &wishes.allow_misaligned, &wishes.large_lists,
                       &wishes.binary_text, &wishes.pool) == 0) {
    return nullptr;
  }
  if (!BatchObject::Is(batch)) {
    return PyErr_Format(PyExc_TypeError, "a column is made of a Batch, not of %R", Py_TYPE(batch));
  }
  columns::FieldPath path;
  columns::ColumnOptions options;
  if (!PathOf(tuple, &path) || !wishes.ToOptions(&options)) return nullptr;
  std::optional<Result<columns::FieldColumn>> made;
  {
    const WithoutGil free;
    made.emplace(columns::MakeColumn(BatchObject::Of(batch).batch, path, options));
  }
  if (!made->ok()) return Raise(made->status());
  columns::FieldColumn& column = **made;
  Ref shapes;
  if (column.shapes.has_value()) {
    shapes = Ref(ColumnObject::Make(*std::move(column.shapes)));
    if (!shapes) return nullptr;
  }
  return ColumnObject::Make(static_cast<columns::Column&&>(column), std::move(shapes));
} catch (...) {
  return RaiseCaught();
}

PyObject* OpenTable(PyObject* /*self*/, PyObject* arguments) try {
  const Entry entry;
  PyObject* encoded = nullptr;
  PyObject* tuples = nullptr;
  long long batch_bytes = 0;
  Wishes wishes;
  if (PyArg_ParseTuple(arguments, "O&O!LpppppO", &PyUnicode_FSConverter, &encoded, &PyList_Type,
                       &tuples, &batch_bytes, &wishes.all_datagrams, &wishes.allow_copy,
                       &wishes.allow_misaligned, &wishes.large_lists, &wishes.binary_text,
                       &wishes.pool) == 0) {
    return nullptr;
  }
  const Ref held(encoded);
  std::vector<columns::FieldPath> fields(static_cast<size_t>(PyList_Size(tuples)));
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!PathOf(PyList_GetItem(tuples, static_cast<Py_ssize_t>(i)), &fields[i])) return nullptr;
  }
  columns::ColumnOptions options;
  if (!wishes.ToOptions(&options)) return nullptr;
  const std::string path = PyBytes_AsString(encoded);
  std::optional<Result<std::unique_ptr<interop::ArrayStream>>> table;
  Status opened;
  {
    const WithoutGil free;
    dgram::BatchReaderOptions reading;
    reading.batch_bytes = batch_bytes;
    reading.pool = options.pool;
    auto reader = dgram::BatchReader::Open(path, reading);
    if (reader.ok()) {
      table.emplace(columns::OpenTable(*std::move(reader), std::move(fields), options));
    } else {
      opened = reader.status();
    }
  }
  if (!opened.ok()) return RaiseOfFile(opened);
  if (!table->ok()) return Raise(table->status());
  interop::Field type = (**table)->field();
  return StreamObject::Make(std::move(type), **std::move(table));
} catch (...) {
  return RaiseCaught();
}

bool NoWish(PyObject* arguments, PyObject* keywords) {
  PyObject* requested = nullptr;  // the interface lets a producer ignore it
  static const char* const kNames[] = {"requested_schema", nullptr};
  return PyArg_ParseTupleAndKeywords(arguments, keywords, "|O", const_cast<char**>(kNames),
                                     &requested) != 0;
}

PyObject* ColumnSchema(PyObject* self, PyObject* /*unused*/) {
  const Entry entry;
  return MakeSchemaCapsule(ColumnObject::Of(self).column.field);
}
PyObject* ColumnArray(PyObject* self, PyObject* arguments, PyObject* keywords) {
  const Entry entry;
  if (!NoWish(arguments, keywords)) return nullptr;
  const columns::Column& column = ColumnObject::Of(self).column;
  return MakeArrayCapsules(column.field, column.array);
}
PyObject* StreamSchema(PyObject* self, PyObject* /*unused*/) {
  const Entry entry;
  return MakeSchemaCapsule(StreamObject::Of(self).type);
}
PyObject* ExportStream(PyObject* self, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  if (!NoWish(arguments, keywords)) return nullptr;
  StreamState& state = StreamObject::Of(self);
  if (state.stream == nullptr) {
    return Raise(
        status::FailedPrecondition("this table was already handed on; a file is read once"));
  }
  ArrowArrayStream stream;
  const Status status = interop::ExportStream(std::move(state.stream), &stream);
  return status.ok() ? MakeStreamCapsule(&stream) : Raise(status);
} catch (...) {
  return RaiseCaught();
}

Py_ssize_t Length(PyObject* self) {
  return static_cast<Py_ssize_t>(ColumnObject::Of(self).column.array.length);
}
PyObject* CopiedBytes(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(ColumnObject::Of(self).column.copied_bytes);
}
PyObject* WhyCopied(PyObject* self, void* /*unused*/) {
  return Text(ColumnObject::Of(self).column.why_copied);
}
PyObject* Name(PyObject* self, void* /*unused*/) {
  return Text(ColumnObject::Of(self).column.field.name);
}
PyObject* Shapes(PyObject* self, void* /*unused*/) {
  const Ref& shapes = ColumnObject::Of(self).shapes;
  return Py_NewRef(shapes ? shapes.get() : Py_None);
}

PyMethodDef functions[] = {
    {"_make_column", &MakeColumn, METH_VARARGS, nullptr},
    {"_open_table", &OpenTable, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyMethodDef column_methods[] = {
    {"__arrow_c_schema__", &ColumnSchema, METH_NOARGS, "The type, as an Arrow schema."},
    {"__arrow_c_array__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&ColumnArray)),
     METH_VARARGS | METH_KEYWORDS,
     "__arrow_c_array__(requested_schema=None)\n\nThe column, without a copy, in its own type "
     "whatever is requested."},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef column_properties[] = {
    {"name", &Name, nullptr, "The field's path, detector/segment/algorithm/name.", nullptr},
    {"copied_bytes", &CopiedBytes, nullptr,
     "Bytes of the batch that were copied; 0 if the column shows them in place.", nullptr},
    {"why_copied", &WhyCopied, nullptr, "Why they were copied; empty if they were not.", nullptr},
    {"shapes", &Shapes, nullptr,
     "The shape of each row, as a Column of lists of rank numbers; None for scalars and text.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef stream_methods[] = {
    {"__arrow_c_schema__", &StreamSchema, METH_NOARGS, "The type, as an Arrow schema."},
    {"__arrow_c_stream__",
     reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&ExportStream)),
     METH_VARARGS | METH_KEYWORDS,
     "__arrow_c_stream__(requested_schema=None)\n\nThe table, batch by batch; only once, since "
     "this reads the file."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool MakeColumnTypes(PyObject* module) {
  PyType_Slot column[] = {
      {Py_tp_doc,
       const_cast<char*>("One field over the datagrams of a Batch, in Arrow's layout.\n\n"
                         "Made by alkaid.column. Keeps the batch's memory. Immutable.")},
      {Py_tp_methods, column_methods},
      {Py_tp_getset, column_properties},
      {Py_sq_length, Slot(&Length)},
      {0, nullptr},
  };
  PyType_Slot stream[] = {
      {Py_tp_doc, const_cast<char*>("A file as one table of Arrow, batch by batch.\n\nMade by "
                                    "alkaid.open_table, for one consumer.")},
      {Py_tp_methods, stream_methods},
      {0, nullptr},
  };
  return ColumnObject::MakeType(module, "alkaid.Column", column) &&
         StreamObject::MakeType(module, "alkaid.TableStream", stream) &&
         PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace alkaid::python
