#include "alkaid/core/pools/memory_pool_registry.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_join.h"
#include "alkaid/base/environment.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/pools/guarded_sampler_internal.h"
#include "alkaid/core/pools/memory_pool_backends_internal.h"

namespace alkaid {
namespace {

struct Entry {
  MemoryBackend backend;
  // Makes a pool that guards some of its blocks.
  std::function<std::unique_ptr<MemoryPool>(const GuardedSampling&)> make;
};

// Makes a pool by a program's factory, in the debug mode when that is on. If blocks are to be
// guarded, a pool over an allocator gets an adaptor, whose slots take that allocator's place. Any
// other pool gets its blocks from a pool below, which can guard them within its limit and label; or
// from a source that only the program knows.
std::unique_ptr<MemoryPool> MakeRegistered(const MemoryPoolFactory& factory,
                                           const GuardedSampling& sampling) {
  std::unique_ptr<MemoryPool> pool = factory();
  if (pool == nullptr) return pool;
  if (internal::MemoryDebugOn()) return internal::InDebugMode(std::move(pool));
  if (!sampling.on() || dynamic_cast<internal::PoolOverAllocator*>(pool.get()) == nullptr ||
      dynamic_cast<internal::GuardingPool*>(pool.get()) != nullptr) {
    return pool;
  }
  return std::make_unique<GuardedMemoryPool>(std::shared_ptr<MemoryPool>(std::move(pool)),
                                             sampling);
}

struct Registry {
  internal::ForkGuarded<std::mutex> lock;
  std::vector<Entry> entries;
  std::optional<const DefaultMemoryBackend> chosen;  // set when the default is first asked for

  Registry() {
    // In the order in which the default is looked for.
#if ALKAID_HAVE_MIMALLOC
    entries.push_back(
        {{"mimalloc", internal::MimallocVersion(), true}, internal::MakeMimallocPool});
#endif
#if ALKAID_HAVE_JEMALLOC
    entries.push_back(
        {{"jemalloc", internal::JemallocVersion(), true}, internal::MakeJemallocPool});
#endif
    entries.push_back(
        {{"system", internal::SystemAllocatorVersion(), true}, internal::MakeSystemPool});
  }

  const Entry* Find(const std::string& name) const {
    for (const Entry& entry : entries) {
      if (entry.backend.name == name) return &entry;
    }
    return nullptr;
  }

  std::vector<std::string> BuiltInNames() const {
    std::vector<std::string> names;
    for (const Entry& entry : entries) {
      if (entry.backend.built_in) names.push_back(entry.backend.name);
    }
    return names;
  }

  std::string Names() const {
    return absl::StrJoin(entries, ", ", [](std::string* out, const Entry& entry) {
      out->append(entry.backend.name);
    });
  }
};

Registry& TheRegistry() {
  static Registry* const registry = new Registry;  // never destroyed, like the pools it makes
  return *registry;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { TheRegistry(); }

// Under the registry's lock. The environment may choose a built-in backend even if the process has
// more rights than the caller, but not one that the program registered.
DefaultMemoryBackend Choose(const Registry& registry) {
  const std::string asked =
      internal::GetEnvironment(internal::kDefaultMemoryPoolVariable, registry.BuiltInNames());
  const std::string first = registry.entries.front().backend.name;
  if (asked.empty()) {
    return {first,
            absl::StrCat(internal::kDefaultMemoryPoolVariable, " is not set; ", first,
                         " comes first among the backends of this build (", registry.Names(), ")")};
  }
  if (registry.Find(asked) != nullptr) {
    return {asked, absl::StrCat(internal::kDefaultMemoryPoolVariable, "=", asked)};
  }
  const std::string reason =
      absl::StrCat(internal::kDefaultMemoryPoolVariable, "=", asked,
                   " is not a backend (supported: ", registry.Names(), "); fell back to ", first);
  internal::Notice(internal::Printable(reason));
  return {first, reason};
}

class RunningFactory;
constinit thread_local const RunningFactory* innermost_factory
    __attribute__((tls_model("initial-exec"))) = nullptr;

// A backend whose factory the calling thread is in; `name` is the caller's.
class RunningFactory {
 public:
  // Throws if the thread is in this backend's factory already, which would never end.
  explicit RunningFactory(const std::string& name) : name_(name) {
    for (const RunningFactory* factory = outer_; factory != nullptr; factory = factory->outer_) {
      if (factory->name_ != name) continue;
      throw std::logic_error("the factory of the memory backend '" + name +
                             "' requests a pool over this backend, which it makes itself");
    }
    innermost_factory = this;
  }
  ~RunningFactory() { innermost_factory = outer_; }
  RunningFactory(const RunningFactory&) = delete;
  RunningFactory& operator=(const RunningFactory&) = delete;

 private:
  const std::string& name_;
  const RunningFactory* const outer_ = innermost_factory;
};

}  // namespace

Status RegisterMemoryBackend(const std::string& name, MemoryPoolFactory factory,
                             const std::string& version) try {
  if (name.empty()) return status::Invalid("register memory backend: the name is empty");
  if (!factory) return status::Invalid("register memory backend '", name, "': no factory given");
  Registry& registry = TheRegistry();
  const std::lock_guard guard(registry.lock);
  if (registry.Find(name) != nullptr) {
    return status::AlreadyExists("register memory backend '", name,
                                 "': the name is taken; there are ", registry.Names());
  }
  if (registry.chosen) {
    return status::FailedPrecondition("register memory backend '", name,
                                      "': the default memory pool has already been chosen; "
                                      "register before its first use");
  }
  Entry entry;
  entry.backend = {name, version, false};
  entry.make = [factory = std::move(factory)](const GuardedSampling& sampling) {
    return MakeRegistered(factory, sampling);
  };
  registry.entries.push_back(std::move(entry));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

std::vector<MemoryBackend> MemoryBackends() {
  Registry& registry = TheRegistry();
  const std::lock_guard guard(registry.lock);
  std::vector<MemoryBackend> backends;
  for (const Entry& entry : registry.entries) backends.push_back(entry.backend);
  return backends;
}

Result<std::unique_ptr<MemoryPool>> CreateMemoryPool(const std::string& backend) try {
  return internal::CreateMemoryPoolThatGuards(backend, internal::GuardedSamplingOfEnvironment());
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<MemoryPool>> internal::CreateMemoryPoolThatGuards(
    const std::string& backend, const GuardedSampling& sampling) try {
  Registry& registry = TheRegistry();
  decltype(Entry::make) make;
  {
    const std::lock_guard guard(registry.lock);
    const Entry* entry = registry.Find(backend);
    if (entry == nullptr) {
      return status::KeyError("create memory pool: no backend is named '", backend, "'; there are ",
                              registry.Names());
    }
    make = entry->make;
  }
  std::unique_ptr<MemoryPool> pool;
  {
    const RunningFactory running(backend);
    pool = make(sampling);
  }
  if (pool == nullptr) {
    return status::FailedPrecondition("create memory pool: the factory of backend '", backend,
                                      "' returned no pool");
  }
  return pool;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

const DefaultMemoryBackend& ChosenDefaultMemoryBackend() {
  Registry& registry = TheRegistry();
  const std::lock_guard guard(registry.lock);
  if (!registry.chosen) registry.chosen.emplace(Choose(registry));
  return *registry.chosen;
}

}  // namespace alkaid
