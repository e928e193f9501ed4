// The handles of fields and of their keys.
//
// Ownership: a field holds its datagram, and with it bytes and declarations. Threads: as in
// alkaid/c/fields.h. Out of memory: allocates nothing by itself.
#pragma once

#include <memory>

#include "alkaid/c/fields.h"
#include "alkaid/c/handles_internal.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/field_view.h"
#include "alkaid/dgram/names.h"

namespace alkaid::c {
class FieldCursor;
}

struct alkaid_field_key : alkaid::c::Handle {
  alkaid::dgram::FieldHandle handle;
};
struct alkaid_field : alkaid::c::Handle {
  alkaid_field();
  ~alkaid_field();

  // The members that live as long as `dgram`.
  alkaid::dgram::Dgram dgram;
  alkaid::dgram::FieldView view;
  const alkaid::dgram::Names* names = nullptr;
  // The walk that reached this field and can go on; null if the field was found by name, or the
  // walk has gone on.
  std::unique_ptr<alkaid::c::FieldCursor> cursor;
};

namespace alkaid::c {

// The bytes of the field, as a slice of its datagram's buffer. Throws std::bad_alloc.
std::shared_ptr<Buffer> BytesOf(const alkaid_field& field);

}  // namespace alkaid::c
