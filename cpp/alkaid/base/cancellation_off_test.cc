#include <gtest/gtest.h>
#include <pthread.h>

#include "alkaid/base/cancellation_off_internal.h"

namespace alkaid::internal {
namespace {

struct Places {
  bool after_inner = false;
  bool after_outer = false;
};

[[gnu::noinline]] void PassWithin(Places* passed) {
  const CancellationOff off;
  {
    const CancellationOff inner;
    ::pthread_testcancel();
  }
  ::pthread_testcancel();
  passed->after_inner = true;
}

// Is cancelled before it reaches any place. Has no variables: AddressSanitizer does not see that a
// cancellation leaves their scope.
void* Pass(void* places) {
  ::pthread_cancel(::pthread_self());
  PassWithin(static_cast<Places*>(places));
  ::pthread_testcancel();
  static_cast<Places*>(places)->after_outer = true;
  return nullptr;
}

TEST(CancellationOff, LastsForTheOuterScopeAndLosesNothing) {
  Places passed;
  pthread_t thread;
  ASSERT_EQ(::pthread_create(&thread, nullptr, Pass, &passed), 0);
  void* result = nullptr;
  ASSERT_EQ(::pthread_join(thread, &result), 0);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  EXPECT_TRUE(passed.after_inner);
  EXPECT_FALSE(passed.after_outer);
}

}  // namespace
}  // namespace alkaid::internal
