#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <stdexcept>

#include "alkaid/base/spare_stack_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::internal {
namespace {

// Touches this many bytes of the stack, and throws and catches there.
void UseStack(void* argument) {
  volatile char bytes[200'000];
  for (size_t i = 0; i < sizeof(bytes); i += 1000) bytes[i] = 1;
  try {
    throw std::runtime_error("caught");
  } catch (const std::exception&) {
    *static_cast<int*>(argument) += 1;
  }
}

TEST(SpareStack, HoldsWhatAThreadWithASmallStackCannot) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer watches stacks, so the thread's own is used";
#endif
  static int calls = 0;
  pthread_attr_t attributes;
  ASSERT_EQ(::pthread_attr_init(&attributes), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&attributes, static_cast<size_t>(PTHREAD_STACK_MIN)), 0);
  const auto run = [](void*) -> void* {
    for (int i = 0; i < 3; ++i) {
      if (CallOnSpareStack(UseStack, &calls) != 0) return nullptr;
    }
    return &calls;
  };
  pthread_t thread;
  void* result = nullptr;
  ASSERT_EQ(::pthread_create(&thread, &attributes, run, nullptr), 0);
  ASSERT_EQ(::pthread_join(thread, &result), 0);
  ::pthread_attr_destroy(&attributes);
  EXPECT_EQ(result, &calls);
  EXPECT_EQ(calls, 3);
}

TEST(SpareStack, IsNoneWithoutMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer watches stacks, so the thread's own is used";
#endif
  const int code = RunInChild([] {
    const rlimit none = {0, 0};
    ::setrlimit(RLIMIT_AS, &none);
    int calls = 0;
    const int error = CallOnSpareStack(UseStack, &calls);
    return error != ENOMEM || calls != 0 ? 1 : 0;
  });
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace alkaid::internal
