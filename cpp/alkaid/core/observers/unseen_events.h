// A part of a thread's work whose memory events reach nobody: where a pool lies over another and
// both would report the same block, each with addresses and sizes of its own.
//
// Costs nothing where nobody observes. Ownership: a scope belongs to its thread and ends on it.
// Threads: each for itself. Nothing here allocates.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// How many scopes the calling thread is in. 4 bytes of static TLS.
ALKAID_EXPORT extern constinit thread_local uint32_t unseen_event_scopes
    __attribute__((tls_model("initial-exec")));

class UnseenEvents {
 public:
  UnseenEvents() { ++unseen_event_scopes; }
  ~UnseenEvents() { --unseen_event_scopes; }
  UnseenEvents(const UnseenEvents&) = delete;
  UnseenEvents& operator=(const UnseenEvents&) = delete;
};

}  // namespace alkaid::internal
