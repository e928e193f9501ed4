// Fields of the C interface: the contents of a datagram, found by name or walked one by one.
//
//   alkaid_field* field = NULL;
//   if (alkaid_dgram_find(dgram, "camera", 0, "raw", "image", &field) == ALKAID_OK) {
//     use(alkaid_field_type(field), alkaid_field_dim(field, 0), alkaid_field_data(field));
//   }
//   alkaid_field_release(field);
//
// Ownership, errors: alkaid.h. A field keeps the bytes of its datagram's batch and its declaration
// alive. Texts that functions return live as long as the handle they came from. Threads: any; one
// at a time for a field that is passed to alkaid_dgram_next_field. Units: bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "alkaid/c/buffers.h"
#include "alkaid/c/dgrams.h"
#include "alkaid/c/errors.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct alkaid_field alkaid_field;
// Where a named field is declared, for datagrams read under one configuration.
typedef struct alkaid_field_key alkaid_field_key;

// Types of elements.
enum {
  ALKAID_UINT8 = 0,
  ALKAID_UINT16 = 1,
  ALKAID_UINT32 = 2,
  ALKAID_UINT64 = 3,
  ALKAID_INT8 = 4,
  ALKAID_INT16 = 5,
  ALKAID_INT32 = 6,
  ALKAID_INT64 = 7,
  ALKAID_FLOAT = 8,
  ALKAID_DOUBLE = 9,
  // Text: rank 1, ends at its first NUL or with its shape.
  ALKAID_CHAR_STRING = 10,
  // int32: a value of an enumeration. The field is named "value:enumeration".
  ALKAID_ENUM_VALUE = 11,
  // int32: the number of a label of an enumeration. The field is named "label:enumeration".
  ALKAID_ENUM_LABEL = 12
};
// "UINT8", "CHARSTR" and so on; static storage. NULL for other numbers.
ALKAID_C_EXPORT const char* alkaid_type_name(int32_t type);
// Bytes of one element. -1 for other numbers.
ALKAID_C_EXPORT int32_t alkaid_type_size(int32_t type);

// The declaration of a field. The texts live as long as the configuration.
typedef struct alkaid_field_declaration {
  size_t struct_size;
  const char* detector;
  const char* detector_type;
  const char* detector_id;
  const char* algorithm;
  const char* name;
  // major << 16 | minor << 8 | micro.
  uint32_t algorithm_version;
  uint32_t segment;
  // One of the types above.
  int32_t type;
  // Dimensions, 0 to 5; 0 is a scalar.
  int32_t rank;
} alkaid_field_declaration;

// The number of fields of all detectors together. -1 if `configuration` is NULL.
ALKAID_C_EXPORT int64_t alkaid_configuration_field_count(const alkaid_configuration* configuration);
// Describes a field; they are numbered from 0 in order of declaration. Fills the first
// `declaration->struct_size` bytes; bytes past the members above become 0. ALKAID_OUT_OF_RANGE for
// an index that is not below the count.
ALKAID_C_EXPORT alkaid_status
alkaid_configuration_get_field(const alkaid_configuration* configuration, int64_t index,
                               alkaid_field_declaration* declaration);
// Looks a field up once, for many datagrams. ALKAID_NOT_FOUND says how far the names matched.
ALKAID_C_EXPORT alkaid_status alkaid_configuration_find(const alkaid_configuration* configuration,
                                                        const char* detector, uint32_t segment,
                                                        const char* algorithm, const char* name,
                                                        alkaid_field_key** out);
// 1 if both declare the same in the same order, else 0; -1 if one is NULL.
ALKAID_C_EXPORT int32_t alkaid_configuration_equals(const alkaid_configuration* a,
                                                    const alkaid_configuration* b);
ALKAID_C_EXPORT void alkaid_configuration_retain(alkaid_configuration* configuration);
ALKAID_C_EXPORT void alkaid_configuration_release(alkaid_configuration* configuration);

// The field of that key. ALKAID_NOT_FOUND if the datagram does not carry it.
// ALKAID_FAILED_PRECONDITION if the datagram was read under another configuration than the key's:
// after a later Configure a new key is needed.
ALKAID_C_EXPORT alkaid_status alkaid_dgram_get_field(const alkaid_dgram* dgram,
                                                     const alkaid_field_key* key,
                                                     alkaid_field** out);
// Both steps in one, for a single lookup. ALKAID_FAILED_PRECONDITION if the datagram was read
// without a configuration.
ALKAID_C_EXPORT alkaid_status alkaid_dgram_find(const alkaid_dgram* dgram, const char* detector,
                                                uint32_t segment, const char* algorithm,
                                                const char* name, alkaid_field** out);
// Walks over every field of `dgram`. `*field` is NULL at the start, and becomes the first field.
// Each further call releases the caller's reference to `*field` and sets it to the next field. Past
// the last one it is NULL. To keep a field, retain it before the next call. A caller that stops
// early must release `*field`. On failure `*field` stays:
// - ALKAID_DATA_LOSS: the next field is malformed
// - ALKAID_INVALID: `*field` is not from a walk over this datagram, or it was retained and the walk
//   has gone past it
ALKAID_C_EXPORT alkaid_status alkaid_dgram_next_field(const alkaid_dgram* dgram,
                                                      alkaid_field** field);
ALKAID_C_EXPORT void alkaid_field_key_retain(alkaid_field_key* key);
ALKAID_C_EXPORT void alkaid_field_key_release(alkaid_field_key* key);

// As alkaid_configuration_get_field.
ALKAID_C_EXPORT alkaid_status alkaid_field_get_declaration(const alkaid_field* field,
                                                           alkaid_field_declaration* declaration);
// -1 if `field` is NULL, as for the next four functions.
ALKAID_C_EXPORT int32_t alkaid_field_type(const alkaid_field* field);
ALKAID_C_EXPORT int32_t alkaid_field_rank(const alkaid_field* field);
// The number of elements in dimension `dimension`; -1 also if that is not below the rank.
ALKAID_C_EXPORT int64_t alkaid_field_dim(const alkaid_field* field, int32_t dimension);
// The number of elements, and their bytes.
ALKAID_C_EXPORT int64_t alkaid_field_count(const alkaid_field* field);
ALKAID_C_EXPORT int64_t alkaid_field_size(const alkaid_field* field);
// The elements, row by row, little-endian. They may be misaligned for their type: copy them, or
// read them by memcpy. NULL if `field` is NULL.
ALKAID_C_EXPORT const uint8_t* alkaid_field_data(const alkaid_field* field);
// The bytes of the field, as a slice that keeps them alive after the field is gone.
ALKAID_C_EXPORT alkaid_status alkaid_field_buffer(const alkaid_field* field, alkaid_buffer** out);

// The value of a scalar, by the next three functions. ALKAID_INVALID for an array, and for a type
// that the function is not for. ALKAID_OUT_OF_RANGE if the number does not fit.
//
// The first two are for integers of any width, and for enumerations.
ALKAID_C_EXPORT alkaid_status alkaid_field_get_int64(const alkaid_field* field, int64_t* out);
ALKAID_C_EXPORT alkaid_status alkaid_field_get_uint64(const alkaid_field* field, uint64_t* out);
// For floating point, and integers of at most 32 bits.
ALKAID_C_EXPORT alkaid_status alkaid_field_get_double(const alkaid_field* field, double* out);
// Text up to its first NUL, or all of it if there is none: `*size` bytes, which belong to the
// field. ALKAID_INVALID for other types.
ALKAID_C_EXPORT alkaid_status alkaid_field_get_text(const alkaid_field* field, const char** out,
                                                    int64_t* size);
ALKAID_C_EXPORT void alkaid_field_retain(alkaid_field* field);
ALKAID_C_EXPORT void alkaid_field_release(alkaid_field* field);

#ifdef __cplusplus
}
#endif
