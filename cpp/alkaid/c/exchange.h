// Exchange of the C interface: buffers and fields for other libraries, without a copy.
//
// The structs are those of DLPack and of Arrow's C data interface; a program that looks into them
// includes dlpack.h, or nanoarrow's or Arrow's abi.h, in any order.
//
// Ownership: what is exported keeps the bytes until its consumer calls the `deleter` or `release`
// in it, once, on any thread. Errors: alkaid.h. Threads: any.
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
  // Where the elements are misaligned for their type.
  ALKAID_COPY_IF_NEEDED = 0,
  ALKAID_COPY_ALWAYS = 1,
  // ALKAID_FAILED_PRECONDITION, naming the address, where they are misaligned.
  ALKAID_COPY_NEVER = 2
};

// The bytes as a tensor of one dimension of uint8.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_to_dlpack(const alkaid_buffer* buffer, int32_t copy,
                                                      struct DLManagedTensorVersioned** out);
// A field as a tensor of its type and shape: text as uint8, enumerations as int32.
ALKAID_C_EXPORT alkaid_status alkaid_field_to_dlpack(const alkaid_field* field, int32_t copy,
                                                     struct DLManagedTensorVersioned** out);

// The bytes as a column of uint8. Both structs are the caller's, and are overwritten where this
// succeeds; where it fails they are as they were.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_to_arrow(const alkaid_buffer* buffer, int32_t copy,
                                                     struct ArrowSchema* schema,
                                                     struct ArrowArray* array);
// A field as a column of its first dimension, the others as nested lists of fixed size; a scalar
// has one row. The column is named as the field. Text is bytes (uint8), enumerations are int32.
ALKAID_C_EXPORT alkaid_status alkaid_field_to_arrow(const alkaid_field* field, int32_t copy,
                                                    struct ArrowSchema* schema,
                                                    struct ArrowArray* array);

#ifdef __cplusplus
}
#endif
