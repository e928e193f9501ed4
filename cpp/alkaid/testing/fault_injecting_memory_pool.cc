#include "alkaid/testing/fault_injecting_memory_pool.h"

#include <utility>

#include "alkaid/base/status.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {

FaultInjectingMemoryPool::FaultInjectingMemoryPool(PoolHandle pool)
    : ForwardingMemoryPool(std::move(pool)) {}

void FaultInjectingMemoryPool::Arm(int64_t n, bool all_that_follow) {
  countdown_.store(0);
  all_that_follow_.store(all_that_follow);
  countdown_.store(n > 0 ? n : 0);
}

bool FaultInjectingMemoryPool::Strikes() {
  int64_t left = countdown_.load();
  do {
    if (left == 0) return false;
    if (left == 1 && all_that_follow_.load()) break;
  } while (!countdown_.compare_exchange_weak(left, left - 1));
  if (left > 1) return false;
  ++failures_;
  return true;
}

Status FaultInjectingMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  ++allocations_;
  if (Strikes()) {
    return status::OutOfMemory("injected failure: allocate ", size, " bytes aligned to ",
                               alignment);
  }
  return wrapped()->Allocate(size, alignment, out);
}

Status FaultInjectingMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                            uint8_t** ptr) {
  ++reallocations_;
  if (Strikes()) {
    return status::OutOfMemory("injected failure: reallocate ", old_size, " to ", new_size,
                               " bytes aligned to ", alignment);
  }
  return wrapped()->Reallocate(old_size, new_size, alignment, ptr);
}

void FaultInjectingMemoryPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  ++frees_;
  wrapped()->Free(buffer, size, alignment);
}

int64_t ForEachAllocationFailure(MemoryPool* pool,
                                 const std::function<Status(FaultInjectingMemoryPool*)>& code) {
  constexpr int64_t kMaxRuns = 10'000;
  FaultInjectingMemoryPool faulty(pool);
  for (int64_t n = 1; n <= kMaxRuns; ++n) {
    const int64_t bytes_before = pool->bytes_allocated();
    const int64_t failures_before = faulty.failures_injected();
    faulty.fail_after(n);
    const Status status = code(&faulty);
    faulty.fail_after(0);
    EXPECT_EQ(pool->bytes_allocated(), bytes_before) << "after failing allocation " << n;
    if (faulty.failures_injected() == failures_before) {
      EXPECT_THAT(status, IsOk()) << "with no failure injected";
      return n - 1;
    }
    EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted))
        << "after failing allocation " << n;
  }
  ADD_FAILURE() << "still failing after " << kMaxRuns << " runs";
  return kMaxRuns;
}

}  // namespace alkaid
