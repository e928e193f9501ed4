// Which backends there are, and how the default pool is chosen among them.
//
// A backend is a name and a factory of pools. "mimalloc", "jemalloc" and "system" are built in, as
// far as the build has them; a program adds its own before the first use of the default pool, and
// users pick one by ALKAID_DEFAULT_MEMORY_POOL.
//
// Ownership: the registry keeps factories for ever; a pool belongs to who asked for it. Threads:
// all functions, from any thread, static initialisers included; factories are called without a lock
// held. Where several threads ask first for the default pool, each may call the factory, and the
// pools but one are destroyed. A factory cannot ask for what it is to make: a pool over its own
// backend, by name or as the default, is std::logic_error by every way that leads to its factory
// again in the same thread, through other factories too. Once the default pool is there, a factory
// may use it. What else a factory throws passes through to who asked, and the next call tries
// again.
// Out of memory: RegisterMemoryBackend and CreateMemoryPool say kResourceExhausted, also where a
// factory throws std::bad_alloc; the functions that return values throw it. Nothing has changed
// then.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid {

// Makes a new pool with statistics of its own. Never null.
using MemoryPoolFactory = std::function<std::unique_ptr<MemoryPool>()>;

struct MemoryBackend {
  std::string name;
  std::string version;    // the allocator's, in its own words
  bool built_in = false;  // else registered by the program
};

// Adds a backend. kAlreadyExists where the name is taken, kInvalidArgument where the name or the
// factory is empty, kFailedPrecondition once the default has been chosen: a name that users may
// give must mean one thing all the time.
ALKAID_EXPORT Status RegisterMemoryBackend(const std::string& name, MemoryPoolFactory factory,
                                           const std::string& version = "");

// All backends, built in (mimalloc, jemalloc, system) and then registered, in order of
// registration.
ALKAID_EXPORT std::vector<MemoryBackend> MemoryBackends();

// A new pool over the named backend. kNotFound names the backends that there are.
ALKAID_EXPORT Result<std::unique_ptr<MemoryPool>> CreateMemoryPool(const std::string& backend);

// Which backend serves default_memory_pool(), and why, in a sentence for people. Asking settles the
// choice.
struct DefaultMemoryBackend {
  std::string name;
  std::string reason;
};
ALKAID_EXPORT const DefaultMemoryBackend& ChosenDefaultMemoryBackend();

}  // namespace alkaid
