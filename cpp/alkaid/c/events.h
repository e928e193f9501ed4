// Events of the C interface: what several streams recorded at the same time.
//
// Ownership, errors: alkaid.h. An event keeps its datagrams alive, and a datagram its bytes.
// Threads: alkaid_events is for one thread at a time; its events are for any.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "alkaid/c/dgrams.h"
#include "alkaid/c/errors.h"
#include "alkaid/c/pools.h"

#ifdef __cplusplus
extern "C" {
#endif

// Files that are read in parallel, as one series of events.
typedef struct alkaid_events alkaid_events;
typedef struct alkaid_event alkaid_event;

typedef struct alkaid_events_options {
  size_t struct_size;
  // Events that are built at a time; 0 means 1000.
  int64_t batch_size;
  // Bytes of one read of small data and of big data; 0 means 4 MiB and 16 MiB.
  int64_t small_chunk_bytes;
  int64_t big_chunk_bytes;
  // Bytes of the largest accepted datagram; 0 means 256 MiB.
  int64_t max_dgram_bytes;
  // If given, only L1Accepts of these timestamps are kept, and all transitions. In any order;
  // copied by the call.
  const uint64_t* timestamps;
  int64_t timestamp_count;
  // The pool of the blocks; NULL: the default pool.
  alkaid_pool* pool;
  // Reads of big data ahead of the event; 0 means 2, -1 means none.
  int32_t prefetch;
  // One of ALKAID_ON_FAULT_.
  int32_t on_fault;
  alkaid_skip_function on_skip;
  void* on_skip_context;
} alkaid_events_options;

// Opens the small data of `stream_count` streams, and the (first) file of big data of each, by
// their paths. `big_paths` NULL: events of small data alone, whose datagrams say where the big data
// is. `options` may be NULL.
ALKAID_C_EXPORT alkaid_status alkaid_events_open(const char* const* small_paths,
                                                 const char* const* big_paths, int32_t stream_count,
                                                 const alkaid_events_options* options,
                                                 alkaid_events** out);
// The next event, including transitions except the Configures that open the streams; `*out` is NULL
// at the end. ALKAID_DATA_LOSS names stream, byte and timestamp, and every later call returns it
// again; after any other failure the call may be repeated.
ALKAID_C_EXPORT alkaid_status alkaid_events_next(alkaid_events* events, alkaid_event** out);
ALKAID_C_EXPORT void alkaid_events_retain(alkaid_events* events);
ALKAID_C_EXPORT void alkaid_events_release(alkaid_events* events);

// Seconds in the upper 32 bits, nanoseconds in the lower. 0 if `event` is NULL.
ALKAID_C_EXPORT uint64_t alkaid_event_timestamp(const alkaid_event* event);
// As alkaid_dgram_service. -1 if `event` is NULL; so are the next two.
ALKAID_C_EXPORT int32_t alkaid_event_service(const alkaid_event* event);
// Its number in its alkaid_events, from 0.
ALKAID_C_EXPORT int64_t alkaid_event_index(const alkaid_event* event);
ALKAID_C_EXPORT int32_t alkaid_event_stream_count(const alkaid_event* event);
// The datagram of that stream; `*out` is NULL if the stream recorded none. ALKAID_OUT_OF_RANGE for
// a stream that does not exist.
ALKAID_C_EXPORT alkaid_status alkaid_event_dgram(const alkaid_event* event, int32_t stream,
                                                 alkaid_dgram** out);
ALKAID_C_EXPORT void alkaid_event_retain(alkaid_event* event);
ALKAID_C_EXPORT void alkaid_event_release(alkaid_event* event);

#ifdef __cplusplus
}
#endif
