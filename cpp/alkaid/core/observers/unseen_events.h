// UnseenEvents: a scope in which a thread's memory events reach nobody. For a pool over another
// pool, where both would report the same block, each with its own addresses and sizes.
//
// Costs nothing while nobody observes. Ownership: a scope belongs to its thread and ends on it.
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
