// Exchange of the C interface: exports buffers and fields to other libraries, without a copy.
//
// The structs are those of DLPack and of Arrow's C data interface. A program that looks into them
// includes dlpack.h, or nanoarrow's or Arrow's abi.h, in any order.
//
// Ownership: an export keeps the bytes alive until its consumer calls its `deleter` or `release`,
// once, on any thread. Errors: alkaid.h. Threads: any.
#pragma once

#include <stdint.h>

#include "alkaid/c/buffers.h"
#include "alkaid/c/errors.h"
#include "alkaid/c/fields.h"

#ifdef __cplusplus
extern "C" {
#endif

struct DLManagedTensorVersioned;
struct ArrowSchema;
struct ArrowArray;

// Whether the consumer gets a copy.
enum {
  // If the elements are misaligned for their type.
  ALKAID_COPY_IF_NEEDED = 0,
  ALKAID_COPY_ALWAYS = 1,
  // ALKAID_FAILED_PRECONDITION, naming the address, if they are misaligned.
  ALKAID_COPY_NEVER = 2
};

// The bytes as a one-dimensional tensor of uint8.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_to_dlpack(const alkaid_buffer* buffer, int32_t copy,
                                                      struct DLManagedTensorVersioned** out);
// A field as a tensor of its type and shape: text as uint8, enumerations as int32.
ALKAID_C_EXPORT alkaid_status alkaid_field_to_dlpack(const alkaid_field* field, int32_t copy,
                                                     struct DLManagedTensorVersioned** out);

// The bytes as a column of uint8. Both structs are the caller's; they are overwritten on success,
// and stay on failure.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_to_arrow(const alkaid_buffer* buffer, int32_t copy,
                                                     struct ArrowSchema* schema,
                                                     struct ArrowArray* array);
// A field as a column along its first dimension; the others are nested lists of fixed size. A
// scalar has one row. The column has the field's name. Text is bytes (uint8), enumerations are
// int32.
ALKAID_C_EXPORT alkaid_status alkaid_field_to_arrow(const alkaid_field* field, int32_t copy,
                                                    struct ArrowSchema* schema,
                                                    struct ArrowArray* array);

#ifdef __cplusplus
}
#endif
