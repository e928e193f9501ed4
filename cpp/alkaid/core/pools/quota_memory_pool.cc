#include "alkaid/core/pools/quota_memory_pool.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/print_stats_internal.h"

namespace alkaid {
// Bytes reserved for a call to the pool below. They go back at the end of the scope unless the call
// got them: if the pool refused, or threw.
class QuotaMemoryPool::Reservation {
 public:
  Reservation(QuotaMemoryPool* pool, int64_t bytes) : pool_(pool), bytes_(bytes) {}
  ~Reservation() {
    if (bytes_ != 0) pool_->Unreserve(bytes_);
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  void Keep() { bytes_ = 0; }

 private:
  QuotaMemoryPool* const pool_;
  int64_t bytes_;
};

QuotaMemoryPool::QuotaMemoryPool(PoolHandle pool, int64_t bytes_limit)
    : ForwardingMemoryPool(std::move(pool)), limit_(std::max<int64_t>(bytes_limit, 0)) {
  counters_.Describe(this, absl::StrCat("quota of ", limit_, " bytes, over ", backend_name()));
}

Status QuotaMemoryPool::Reserve(int64_t growth, int64_t size) try {
  int64_t in_use = reserved_.load(std::memory_order_relaxed);
  do {
    // in_use never passes limit_, so the difference cannot overflow.
    if (growth > limit_ - in_use) {
      return status::OutOfMemory("quota pool over ", backend_name(), ": ", size,
                                 " bytes requested, ", growth, " of them new; the limit is ",
                                 limit_, " bytes, of which ", in_use, " are in use");
    }
  } while (!reserved_.compare_exchange_weak(in_use, in_use + growth, std::memory_order_relaxed));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void QuotaMemoryPool::Unreserve(int64_t bytes) {
  reserved_.fetch_sub(bytes, std::memory_order_relaxed);
}

Status QuotaMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  ALKAID_RETURN_NOT_OK(internal::CheckArguments("allocate", size, alignment));
  ALKAID_RETURN_NOT_OK(Reserve(size, size));
  Reservation reservation(this, size);
  ALKAID_RETURN_NOT_OK(internal::AllocateChecked(wrapped(), size, alignment, out));
  reservation.Keep();
  counters_.DidAllocate(size);
  return absl::OkStatus();
}

Status QuotaMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                   uint8_t** ptr) {
  ALKAID_RETURN_NOT_OK(internal::CheckArguments("reallocate to", new_size, alignment));
  // A negative old size reserves nothing: the wrapped pool refuses it.
  const int64_t growth = old_size < 0 ? 0 : std::max<int64_t>(new_size - old_size, 0);
  ALKAID_RETURN_NOT_OK(Reserve(growth, new_size));
  Reservation reservation(this, growth);
  ALKAID_RETURN_NOT_OK(internal::ReallocateChecked(wrapped(), old_size, new_size, alignment, ptr));
  reservation.Keep();
  counters_.DidReallocate(old_size, new_size);
  if (new_size < old_size) Unreserve(old_size - new_size);
  return absl::OkStatus();
}

void QuotaMemoryPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  wrapped()->Free(buffer, size, alignment);
  counters_.DidFree(size);
  Unreserve(size);
}

void QuotaMemoryPool::PrintStats() {
  char what[64];
  std::snprintf(what, sizeof(what), "pool with a quota of %lld bytes",
                static_cast<long long>(limit_));
  internal::PrintAdaptorStats(what, *this);
  wrapped()->PrintStats();
}

int64_t QuotaMemoryPool::bytes_allocated() const { return counters_.bytes_allocated(); }

int64_t QuotaMemoryPool::max_memory() const {
  // The counters may be above the truth when several threads allocate; the truth is never above the
  // limit.
  return std::min(counters_.max_memory(), limit_);
}

int64_t QuotaMemoryPool::total_bytes_allocated() const { return counters_.total_bytes_allocated(); }
int64_t QuotaMemoryPool::num_allocations() const { return counters_.num_allocations(); }

}  // namespace alkaid
