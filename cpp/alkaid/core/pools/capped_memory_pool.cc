#include "alkaid/core/pools/capped_memory_pool.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

#include "alkaid/base/checked_math.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/checked_allocation.h"

namespace alkaid {
namespace {

// How often a request looks whether the calls of others are over; after the first looks it pauses
// in between.
constexpr int kMaxLooks = 1200;
constexpr int kLooksWithoutPause = 200;
constexpr useconds_t kPauseMicroseconds = 100;

int64_t SaturatedSum(int64_t a, int64_t b) {
  int64_t sum;
  return AddOverflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

}  // namespace

// Bytes reserved for a call to the pool below. They go back at the end of the scope unless the call
// got them: if the pool refused, or threw.
class CappedMemoryPool::Reservation {
 public:
  Reservation(CappedMemoryPool* pool, int64_t bytes) : pool_(pool), bytes_(bytes) {}
  ~Reservation() {
    if (bytes_ != 0) pool_->reserved_.fetch_sub(bytes_, std::memory_order_relaxed);
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  // A thread that sees this also sees that the pool below has counted the bytes.
  void Settle() { pool_->settled_.fetch_add(std::exchange(bytes_, 0), std::memory_order_release); }

 private:
  CappedMemoryPool* const pool_;
  int64_t bytes_;
};

CappedMemoryPool::CappedMemoryPool(PoolHandle wrapped_pool, int64_t bytes_allocated_limit)
    : ForwardingMemoryPool(std::move(wrapped_pool)),
      limit_(std::max<int64_t>(bytes_allocated_limit, 0)) {}

CappedMemoryPool::Verdict CappedMemoryPool::TryReserve(int64_t growth) {
  int64_t own = reserved_.load(std::memory_order_relaxed);
  int64_t after;
  do {
    if (growth > limit_ || AddOverflow(own, growth, &after)) return Verdict::kRefused;
  } while (!reserved_.compare_exchange_weak(own, after, std::memory_order_acq_rel,
                                            std::memory_order_relaxed));
  // Read settled_ first, then the figure. A call that ends in between is only in the figure, and so
  // counts as others' bytes; no bytes are missed.
  const int64_t settled = settled_.load(std::memory_order_acquire);
  const int64_t in_use = wrapped()->bytes_allocated();
  const bool alone = settled == own && reserved_.load(std::memory_order_acquire) == after;
  // This pool's own bytes, exactly, plus what others hold.
  const int64_t has = alone ? in_use : SaturatedSum(own, std::max<int64_t>(in_use - settled, 0));
  if (has <= limit_ - growth) return Verdict::kGranted;
  reserved_.fetch_sub(growth, std::memory_order_relaxed);
  return alone || own > limit_ - growth ? Verdict::kRefused : Verdict::kUnclear;
}

Status CappedMemoryPool::Reserve(int64_t growth, int64_t size) {
  if (growth == 0) return absl::OkStatus();
  for (int look = 0; look < kMaxLooks; ++look) {
    const Verdict verdict = TryReserve(growth);
    if (verdict == Verdict::kGranted) [[likely]]
      return absl::OkStatus();
    if (verdict == Verdict::kRefused) break;
    if (look < kLooksWithoutPause) {
      ::sched_yield();
    } else {
      ::usleep(kPauseMicroseconds);
    }
  }
  return Refuse(growth, size);
}

Status CappedMemoryPool::Refuse(int64_t growth, int64_t size) const try {
  return status::OutOfMemory("capped pool over ", backend_name(), ": ", size, " bytes requested, ",
                             growth, " of them new; the limit is ", limit_, " bytes, of which ",
                             wrapped()->bytes_allocated(), " are in use");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status CappedMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  ALKAID_RETURN_NOT_OK(internal::CheckArguments("allocate", size, alignment));
  ALKAID_RETURN_NOT_OK(Reserve(size, size));
  Reservation reservation(this, size);
  ALKAID_RETURN_NOT_OK(internal::AllocateChecked(wrapped(), size, alignment, out));
  reservation.Settle();
  return absl::OkStatus();
}

Status CappedMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                    uint8_t** ptr) {
  ALKAID_RETURN_NOT_OK(internal::CheckArguments("reallocate to", new_size, alignment));
  // A negative old size reserves nothing: the wrapped pool refuses it.
  const int64_t growth = old_size < 0 ? 0 : std::max<int64_t>(new_size - old_size, 0);
  ALKAID_RETURN_NOT_OK(Reserve(growth, new_size));
  Reservation reservation(this, growth);
  ALKAID_RETURN_NOT_OK(internal::ReallocateChecked(wrapped(), old_size, new_size, alignment, ptr));
  reservation.Settle();
  if (new_size < old_size) {
    settled_.fetch_sub(old_size - new_size, std::memory_order_relaxed);
    reserved_.fetch_sub(old_size - new_size, std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

void CappedMemoryPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  settled_.fetch_sub(size, std::memory_order_relaxed);
  wrapped()->Free(buffer, size, alignment);
  reserved_.fetch_sub(size, std::memory_order_relaxed);
}

void CappedMemoryPool::PrintStats() {
  std::fprintf(stderr, "Alkaid memory pool with a limit of %lld bytes on the pool below:\n",
               static_cast<long long>(limit_));
  wrapped()->PrintStats();
}

}  // namespace alkaid
