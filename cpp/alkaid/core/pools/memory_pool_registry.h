// The backends of memory pools, and the choice of the default among them.
//
// A backend is a name and a factory of pools. "mimalloc", "jemalloc" and "system" are built in, as
// far as the build has them. A program adds its own before the first use of the default pool, and
// users pick one by ALKAID_DEFAULT_MEMORY_POOL.
//
// Ownership: the registry keeps factories for ever; a pool belongs to its requester.
// Threads: all functions, from any thread, static initialisers included. Factories are called
// without a lock held. If several threads request the default pool first, each may call the
// factory, and all but one of the pools are destroyed.
// Factories: a factory cannot ask for what it is to make, a pool over its own backend, by name or
// as the default. Any way that leads back to a factory in the same thread, even through other
// factories, throws std::logic_error. Once the default pool exists, a factory may use it. Other
// exceptions of a factory pass through to the requester, and the next call tries again.
// Out of memory: RegisterMemoryBackend and CreateMemoryPool return kResourceExhausted, also if a
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
  std::string version;    // the allocator's own text
  bool built_in = false;  // else registered by the program
};

// Adds a backend. kAlreadyExists if the name is taken, kInvalidArgument if the name or the factory
// is empty. kFailedPrecondition once the default has been chosen: a name that users may give must
// always mean the same.
ALKAID_EXPORT Status RegisterMemoryBackend(const std::string& name, MemoryPoolFactory factory,
                                           const std::string& version = "");

// All backends: the built-in ones (mimalloc, jemalloc, system), then the registered ones in order
// of registration.
ALKAID_EXPORT std::vector<MemoryBackend> MemoryBackends();

// A new pool over the named backend. kNotFound names the available backends.
ALKAID_EXPORT Result<std::unique_ptr<MemoryPool>> CreateMemoryPool(const std::string& backend);

// The backend of default_memory_pool(), and why, in a sentence for people. The call settles the
// choice.
struct DefaultMemoryBackend {
  std::string name;
  std::string reason;
};
ALKAID_EXPORT const DefaultMemoryBackend& ChosenDefaultMemoryBackend();

}  // namespace alkaid
