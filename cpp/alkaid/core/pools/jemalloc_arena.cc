#include "alkaid/core/pools/jemalloc_arena.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>

#if ALKAID_HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

namespace alkaid::internal {

#if ALKAID_HAVE_JEMALLOC

Result<unsigned> MakeJemallocArena(int64_t step) {
  unsigned arena = 0;
  size_t length = sizeof(arena);
  if (const int error = je_alkaid_mallctl("arenas.create", &arena, &length, nullptr, 0)) {
    return status::IOError(error, "jemalloc cannot create an arena");
  }
  auto limit = static_cast<size_t>(step);
  // Needs no memory of the program: an arena that was made stays.
  std::array<char, 64> name;
  std::snprintf(name.data(), name.size(), "arena.%u.retain_grow_limit", arena);
  // ENOENT: it retains nothing, and so maps only what is requested.
  const int error = je_alkaid_mallctl(name.data(), nullptr, nullptr, &limit, sizeof(limit));
  if (error != 0 && error != ENOENT)
    return status::IOError(error, "jemalloc: ", name.data(), " = ", step);
  return arena;
}

JemallocArenaScope::JemallocArenaScope(unsigned arena) {
  size_t length = sizeof(outer_);
  switched_ = je_alkaid_mallctl("thread.arena", &outer_, &length, &arena, sizeof(arena)) == 0;
}

JemallocArenaScope::~JemallocArenaScope() {
  if (!switched_) return;
  je_alkaid_mallctl("thread.arena", nullptr, nullptr, &outer_, sizeof(outer_));
}

#else

Result<unsigned> MakeJemallocArena(int64_t /*step*/) {
  return status::NotImplemented("MakeJemallocArena: this build of Alkaid has no jemalloc");
}
JemallocArenaScope::JemallocArenaScope(unsigned /*arena*/) {}
JemallocArenaScope::~JemallocArenaScope() = default;

#endif

}  // namespace alkaid::internal
