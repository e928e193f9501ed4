// Datagrams of the C interface: read in batches, each of which is one buffer.
//
//   alkaid_batch* batch = NULL;
//   while ((status = alkaid_reader_next(reader, &batch)) == ALKAID_OK && batch != NULL) {
//     alkaid_dgram* dgram = NULL;
//     while ((status = alkaid_batch_next(batch, &dgram)) == ALKAID_OK && dgram != NULL) {
//       use(alkaid_dgram_timestamp(dgram), alkaid_dgram_data(dgram), alkaid_dgram_size(dgram));
//     }
//     alkaid_dgram_release(dgram);
//     alkaid_batch_release(batch);
//   }
//
// Ownership, errors: alkaid.h. A datagram keeps the bytes of its batch alive. Threads: a reader is
// for one thread at a time; batches and datagrams are for any. Units: bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "alkaid/c/buffers.h"
#include "alkaid/c/errors.h"
#include "alkaid/c/pools.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct alkaid_reader alkaid_reader;
typedef struct alkaid_batch alkaid_batch;
typedef struct alkaid_dgram alkaid_dgram;
// The declarations of a Configure: which detectors have which fields. Functions: c/fields.h.
typedef struct alkaid_configuration alkaid_configuration;

// What a reader does about malformed data.
enum {
  // Delivers what comes before a fault, then reports the fault, at every further call too.
  ALKAID_ON_FAULT_STOP = 0,
  // Leaves out a malformed datagram whose extent is sound.
  ALKAID_ON_FAULT_SKIP = 1,
  // As SKIP; and if no datagram begins at a place, searches for the next one.
  ALKAID_ON_FAULT_RESYNC = 2
};
// Notified of what was left out, as text that is valid during the call: source, bytes, timestamps,
// fault.
typedef void (*alkaid_skip_function)(const char* text, void* context);

typedef struct alkaid_reader_options {
  size_t struct_size;
  // Bytes of one read; 0 means 4 MiB.
  int64_t batch_bytes;
  // Bytes of the largest accepted datagram; 0 means 256 MiB.
  int64_t max_dgram_bytes;
  // The range to read; a datagram must start at `begin`. `end` 0 means the end of the source.
  int64_t begin;
  int64_t end;
  // The pool of the blocks; NULL: the default pool.
  alkaid_pool* pool;
  // Declares the fields until a Configure comes, for files that continue another; may be NULL.
  alkaid_configuration* configuration;
  // One of ALKAID_ON_FAULT_.
  int32_t on_fault;
  // If not 0, a datagram before any Configure is no fault, and has no fields.
  int32_t without_configuration;
  alkaid_skip_function on_skip;
  void* on_skip_context;
} alkaid_reader_options;

// Opens a file, or a source that can only be read once: a FIFO, "-" for standard input. `options`
// may be NULL.
ALKAID_C_EXPORT alkaid_status alkaid_reader_open(const char* path,
                                                 const alkaid_reader_options* options,
                                                 alkaid_reader** out);
// The same over bytes in memory; batches point into them.
ALKAID_C_EXPORT alkaid_status alkaid_reader_open_buffer(alkaid_buffer* buffer,
                                                        const alkaid_reader_options* options,
                                                        alkaid_reader** out);
// The next batch; `*out` is NULL at the end. ALKAID_DATA_LOSS names source, byte and datagram, and
// every later call returns it again; after any other failure the call may be repeated.
ALKAID_C_EXPORT alkaid_status alkaid_reader_next(alkaid_reader* reader, alkaid_batch** out);
ALKAID_C_EXPORT void alkaid_reader_retain(alkaid_reader* reader);
ALKAID_C_EXPORT void alkaid_reader_release(alkaid_reader* reader);

// The number of datagrams, and their total bytes. -1 if `batch` is NULL.
ALKAID_C_EXPORT int64_t alkaid_batch_count(const alkaid_batch* batch);
ALKAID_C_EXPORT int64_t alkaid_batch_size(const alkaid_batch* batch);
// All datagrams back to back, as a slice of what was read.
ALKAID_C_EXPORT alkaid_status alkaid_batch_buffer(const alkaid_batch* batch, alkaid_buffer** out);
// The configuration under which the batch's datagrams were read; `*out` is NULL before any
// Configure.
ALKAID_C_EXPORT alkaid_status alkaid_batch_configuration(const alkaid_batch* batch,
                                                         alkaid_configuration** out);
// Steps to the next datagram: to the first if `*dgram` is NULL, else to the one after it, releasing
// `*dgram`'s reference; at the end it is NULL. To keep a datagram, retain it first. A caller that
// stops early must release `*dgram`. ALKAID_INVALID for a datagram of another batch. On failure
// `*dgram` stays.
ALKAID_C_EXPORT alkaid_status alkaid_batch_next(const alkaid_batch* batch, alkaid_dgram** dgram);
ALKAID_C_EXPORT void alkaid_batch_retain(alkaid_batch* batch);
ALKAID_C_EXPORT void alkaid_batch_release(alkaid_batch* batch);

// The services of datagrams: values of alkaid_dgram_service.
enum {
  ALKAID_CONFIGURE = 2,
  ALKAID_UNCONFIGURE = 3,
  ALKAID_BEGIN_RUN = 4,
  ALKAID_END_RUN = 5,
  ALKAID_BEGIN_STEP = 6,
  ALKAID_END_STEP = 7,
  ALKAID_ENABLE = 8,
  ALKAID_DISABLE = 9,
  ALKAID_SLOW_UPDATE = 10,
  ALKAID_L1_ACCEPT_END_OF_BATCH = 11,
  ALKAID_L1_ACCEPT = 12
};
// "L1Accept" and so on; static storage. "Invalid" for numbers above 15 or below 0.
ALKAID_C_EXPORT const char* alkaid_service_name(int32_t service);

// The datagram that starts at byte `offset` of `buffer`. `configuration` declares its fields. It
// may be NULL: the datagram then has none, unless it is a Configure.
ALKAID_C_EXPORT alkaid_status alkaid_dgram_from_buffer(alkaid_buffer* buffer, int64_t offset,
                                                       alkaid_configuration* configuration,
                                                       alkaid_dgram** out);
// A copy of the datagram that keeps no batch alive, from `pool` (NULL: the default).
ALKAID_C_EXPORT alkaid_status alkaid_dgram_copy(const alkaid_dgram* dgram, alkaid_pool* pool,
                                                alkaid_dgram** out);
// Seconds in the upper 32 bits, nanoseconds in the lower. 0 if `dgram` is NULL.
ALKAID_C_EXPORT uint64_t alkaid_dgram_timestamp(const alkaid_dgram* dgram);
// One of the services above. -1 if `dgram` is NULL; so are the next four.
ALKAID_C_EXPORT int32_t alkaid_dgram_service(const alkaid_dgram* dgram);
// What went wrong with it, as the data acquisition recorded it: 16 bits; 0 means nothing.
ALKAID_C_EXPORT int32_t alkaid_dgram_damage(const alkaid_dgram* dgram);
// Its number in its source, from 0, and the byte where it starts there.
ALKAID_C_EXPORT int64_t alkaid_dgram_index(const alkaid_dgram* dgram);
ALKAID_C_EXPORT int64_t alkaid_dgram_offset(const alkaid_dgram* dgram);
// The bytes of header and payload, and their address.
ALKAID_C_EXPORT int64_t alkaid_dgram_size(const alkaid_dgram* dgram);
ALKAID_C_EXPORT const uint8_t* alkaid_dgram_data(const alkaid_dgram* dgram);
// Only the payload: `*size` is the datagram's size without its header of 24 bytes.
ALKAID_C_EXPORT alkaid_status alkaid_dgram_payload(const alkaid_dgram* dgram, const uint8_t** data,
                                                   int64_t* size);
// The bytes of the datagram, as a slice of its batch.
ALKAID_C_EXPORT alkaid_status alkaid_dgram_buffer(const alkaid_dgram* dgram, alkaid_buffer** out);
ALKAID_C_EXPORT alkaid_status alkaid_dgram_configuration(const alkaid_dgram* dgram,
                                                         alkaid_configuration** out);
ALKAID_C_EXPORT void alkaid_dgram_retain(alkaid_dgram* dgram);
ALKAID_C_EXPORT void alkaid_dgram_release(alkaid_dgram* dgram);

#ifdef __cplusplus
}
#endif
