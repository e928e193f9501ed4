// The listed pools and their live bytes, read from inside the process.
//
// Ownership: names are the pools' own, valid within the call. Threads: any; a pool that is being
// destroyed is visited completely or not at all. Allocates nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

struct ListedPool {
  std::string_view name;        // as in pool_list.h
  int64_t bytes_allocated = 0;  // live now
};

using ListedPoolVisitor = void (*)(const ListedPool& pool, void* context);

// Calls `visit` for every pool that has counters, under the lock that making and destroying pools
// takes: the visitor must neither allocate nor touch a pool.
ALKAID_EXPORT void VisitListedPools(ListedPoolVisitor visit, void* context);

}  // namespace alkaid::internal
