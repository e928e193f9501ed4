// Events of the C interface: what several streams recorded at the same time.
//
// Ownership, errors: alkaid.h. An event keeps its datagrams, and a datagram the bytes that it lies
// in. Threads: alkaid_events is for one thread at a time; what it gives is for any.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "alkaid/c/dgrams.h"
#include "alkaid/c/errors.h"
#include "alkaid/c/pools.h"

#ifdef __cplusplus
extern "C" {
#endif

// Files that are read side by side.
typedef struct alkaid_events alkaid_events;
typedef struct alkaid_event alkaid_event;

typedef struct alkaid_events_options {
  size_t struct_size;
  // Events that are built at a time; 0 is 1000.
  int64_t batch_size;
  // Bytes that one read of small data and of big data asks for; 0 is 4 MiB and 16 MiB.
  int64_t small_chunk_bytes;
  int64_t big_chunk_bytes;
  // Bytes of the largest datagram that is accepted; 0 is 256 MiB.
  int64_t max_dgram_bytes;
  // Where given, L1Accepts of other timestamps are left out, and transitions are kept. In any
  // order; copied by the call.
  const uint64_t* timestamps;
  int64_t timestamp_count;
  // Where blocks come from; NULL: the default pool.
  alkaid_pool* pool;
  // Reads of big data ahead of the event; 0 is 2, -1 is none.
  int32_t prefetch;
  // One of ALKAID_ON_FAULT_.
  int32_t on_fault;
  alkaid_skip_function on_skip;
  void* on_skip_context;
} alkaid_events_options;

// Opens the small data of `stream_count` streams, and of each the (first) file of big data, by
// their paths. `big_paths` NULL: events of small data alone, whose datagrams say where those of big
// data lie. `options` may be NULL.
ALKAID_C_EXPORT alkaid_status alkaid_events_open(const char* const* small_paths,
                                                 const char* const* big_paths, int32_t stream_count,
                                                 const alkaid_events_options* options,
                                                 alkaid_events** out);
// The next event, transitions included but for the Configures that open the streams; `*out` is NULL
// at the end. ALKAID_DATA_LOSS, naming stream,
// byte and timestamp, stays; after any other failure this may be called again.
ALKAID_C_EXPORT alkaid_status alkaid_events_next(alkaid_events* events, alkaid_event** out);
ALKAID_C_EXPORT void alkaid_events_retain(alkaid_events* events);
ALKAID_C_EXPORT void alkaid_events_release(alkaid_events* events);

// Seconds in the upper 32 bits, nanoseconds in the lower. 0 where `event` is NULL.
ALKAID_C_EXPORT uint64_t alkaid_event_timestamp(const alkaid_event* event);
// As alkaid_dgram_service. -1 where `event` is NULL, as are the next two.
ALKAID_C_EXPORT int32_t alkaid_event_service(const alkaid_event* event);
// Which event of its alkaid_events it is, from 0.
ALKAID_C_EXPORT int64_t alkaid_event_index(const alkaid_event* event);
ALKAID_C_EXPORT int32_t alkaid_event_stream_count(const alkaid_event* event);
// The datagram of that stream; `*out` is NULL where the stream recorded none. ALKAID_OUT_OF_RANGE
// for a stream that there is not.
ALKAID_C_EXPORT alkaid_status alkaid_event_dgram(const alkaid_event* event, int32_t stream,
                                                 alkaid_dgram** out);
ALKAID_C_EXPORT void alkaid_event_retain(alkaid_event* event);
ALKAID_C_EXPORT void alkaid_event_release(alkaid_event* event);

#ifdef __cplusplus
}
#endif
