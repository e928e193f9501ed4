#include "alkaid/c/pools.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/c/handles_internal.h"
#include "alkaid/c/kept_pool_internal.h"
#include "alkaid/c/pools_internal.h"
#include "alkaid/c/structs_internal.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/core/pools/quota_memory_pool.h"

using alkaid::Result;
using alkaid::Status;
using alkaid::c::AlignmentOf;
using alkaid::c::Call;
using alkaid::c::CheckNeeded;
using alkaid::c::FailAs;
using alkaid::c::Get;
using alkaid::c::Make;
using alkaid::c::NewPool;
using alkaid::c::PoolOf;
using alkaid::c::Release;
using alkaid::c::Retain;
using alkaid::c::WriteResult;

struct alkaid_strings {
  std::vector<std::string> texts;
};

namespace alkaid::c {

std::unique_ptr<alkaid_pool> NewPool(std::shared_ptr<MemoryPool> pool) {
  auto handle = std::make_unique<alkaid_pool>();
  handle->backend_name = pool->backend_name();
  handle->pool = KeptWithBlocks(std::move(pool));
  return handle;
}

std::shared_ptr<MemoryPool> PoolOf(const alkaid_pool* pool) {
  if (pool != nullptr) return pool->pool;
  // Lives as long as the process, so the pointer owns nothing.
  return {std::shared_ptr<void>(), default_memory_pool()};
}

int64_t AlignmentOf(int64_t alignment) {
  return alignment == 0 ? kDefaultBufferAlignment : alignment;
}

}  // namespace alkaid::c

alkaid_status alkaid_pool_default(alkaid_pool** out) {
  return Make(__func__, out, {},
              []() -> Result<std::unique_ptr<alkaid_pool>> { return NewPool(PoolOf(nullptr)); });
}

alkaid_status alkaid_pool_create(const char* backend, alkaid_pool** out) {
  return Make(__func__, out, {}, [&]() -> Result<std::unique_ptr<alkaid_pool>> {
    if (backend == nullptr) return NewPool(alkaid::MemoryPool::CreateDefault());
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<alkaid::MemoryPool> pool,
                           alkaid::CreateMemoryPool(backend));
    return NewPool(std::move(pool));
  });
}

alkaid_status alkaid_pool_backends(alkaid_strings** out) {
  return Make(__func__, out, {}, []() -> Result<std::unique_ptr<alkaid_strings>> {
    auto handle = std::make_unique<alkaid_strings>();
    handle->texts = alkaid::SupportedMemoryBackendNames();
    return handle;
  });
}

alkaid_status alkaid_pool_proxy(alkaid_pool* below, alkaid_pool** out) {
  return Make(__func__, out, {}, [&]() -> Result<std::unique_ptr<alkaid_pool>> {
    return NewPool(std::make_shared<alkaid::ProxyMemoryPool>(PoolOf(below)));
  });
}

alkaid_status alkaid_pool_capped(alkaid_pool* below, int64_t limit, alkaid_pool** out) {
  return Make(__func__, out, {}, [&]() -> Result<std::unique_ptr<alkaid_pool>> {
    return NewPool(std::make_shared<alkaid::CappedMemoryPool>(PoolOf(below), limit));
  });
}

alkaid_status alkaid_pool_quota(alkaid_pool* below, int64_t limit, alkaid_pool** out) {
  return Make(__func__, out, {}, [&]() -> Result<std::unique_ptr<alkaid_pool>> {
    return NewPool(std::make_shared<alkaid::QuotaMemoryPool>(PoolOf(below), limit));
  });
}

void alkaid_pool_retain(alkaid_pool* pool) { Retain(pool); }
void alkaid_pool_release(alkaid_pool* pool) { Release(pool); }

alkaid_status alkaid_pool_get_figures(const alkaid_pool* pool, alkaid_pool_figures* figures) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"pool", pool}, {"figures", figures}}));
    const alkaid::MemoryPool& asked = *pool->pool;
    const alkaid_pool_figures result = {sizeof(result), asked.bytes_allocated(), asked.max_memory(),
                                        asked.total_bytes_allocated(), asked.num_allocations()};
    return WriteResult("alkaid_pool_figures", result, figures);
  });
}

const char* alkaid_pool_backend_name(const alkaid_pool* pool) {
  return Get(__func__, "pool", pool, static_cast<const char*>(nullptr),
             [](const alkaid_pool& of) { return of.backend_name.c_str(); });
}

alkaid_status alkaid_pool_release_unused(alkaid_pool* pool) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"pool", pool}}));
    pool->pool->ReleaseUnused();
    return absl::OkStatus();
  });
}

alkaid_status alkaid_pool_allocate(alkaid_pool* pool, int64_t size, int64_t alignment, void** out) {
  return Call(__func__, [&]() -> Status {
    if (out != nullptr) *out = nullptr;
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"out", out}}));
    uint8_t* block = nullptr;
    ALKAID_RETURN_NOT_OK(PoolOf(pool)->Allocate(size, AlignmentOf(alignment), &block));
    *out = block;
    return absl::OkStatus();
  });
}

alkaid_status alkaid_pool_reallocate(alkaid_pool* pool, int64_t old_size, int64_t new_size,
                                     int64_t alignment, void** block) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"block", block}}));
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"*block", *block}}));
    auto* moved = static_cast<uint8_t*>(*block);
    ALKAID_RETURN_NOT_OK(
        PoolOf(pool)->Reallocate(old_size, new_size, AlignmentOf(alignment), &moved));
    *block = moved;
    return absl::OkStatus();
  });
}

alkaid_status alkaid_pool_free(alkaid_pool* pool, void* block, int64_t size, int64_t alignment) {
  return Call(__func__, [&]() -> Status {
    if (block == nullptr) return absl::OkStatus();
    // Pools do not check these.
    ALKAID_RETURN_NOT_OK(alkaid::internal::CheckRequest("free", size, AlignmentOf(alignment)));
    PoolOf(pool)->Free(static_cast<uint8_t*>(block), size, AlignmentOf(alignment));
    return absl::OkStatus();
  });
}

int64_t alkaid_strings_count(const alkaid_strings* strings) {
  return Get(__func__, "strings", strings, int64_t{-1},
             [](const alkaid_strings& of) { return static_cast<int64_t>(of.texts.size()); });
}

const char* alkaid_strings_get(const alkaid_strings* strings, int64_t index) {
  return Get(__func__, "strings", strings, static_cast<const char*>(nullptr),
             [&](const alkaid_strings& of) -> const char* {
               const auto count = static_cast<int64_t>(of.texts.size());
               if (index >= 0 && index < count) return of.texts[static_cast<size_t>(index)].c_str();
               return FailAs<const char*>(
                   nullptr, "alkaid_strings_get",
                   alkaid::status::IndexError("text ", index, " of ", count));
             });
}

void alkaid_strings_release(alkaid_strings* strings) { delete strings; }
