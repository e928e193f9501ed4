// ArrayStream: Arrow's C stream interface, many arrays of one type, made on demand.
//
// Ownership: an exported structure owns the stream until its `release` is called, once; an imported
// stream owns the structure. Threads: one thread at a time uses a stream, not always the same one.
// Calls of an exported structure, except `release`, may come from several threads; they wait for
// one another, and each thread has its own error text. Out of memory: kResourceExhausted.
//
// Source: https://arrow.apache.org/docs/format/CStreamInterface.html.
#pragma once

#include <memory>
#include <optional>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/interop/arrow_c_abi.h"
#include "alkaid/interop/arrow_data.h"

namespace alkaid::interop {

// Arrays of one type, one after the other.
class ALKAID_EXPORT ArrayStream {
 public:
  ArrayStream() = default;
  virtual ~ArrayStream();
  ArrayStream(const ArrayStream&) = delete;
  ArrayStream& operator=(const ArrayStream&) = delete;

  virtual const Field& field() const = 0;
  // No value at the end. After an error Next may be called again.
  virtual Result<std::optional<ArrayData>> Next() = 0;
};

// Errors of the stream reach the consumer as an errno, with the message: EINVAL, ENOMEM, ENOSYS, or
// EIO for all others.
ALKAID_EXPORT Status ExportStream(std::unique_ptr<ArrayStream> stream, ArrowArrayStream* out);
// Reads the type at once. A producer's errno becomes a code as in status::IOError.
ALKAID_EXPORT Result<std::unique_ptr<ArrayStream>> ImportStream(ArrowArrayStream* stream);

}  // namespace alkaid::interop
