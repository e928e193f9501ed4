#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/c/handles_internal.h"

namespace alkaid::c {
namespace {

struct Counted : Handle {
  explicit Counted(std::atomic<int>* to) : gone(to) {}
  ~Counted() { ++*gone; }
  std::atomic<int>* gone;
};

TEST(CHandles, GoWithTheLastReferenceOnWhicheverThread) {
  std::atomic<int> gone = 0;
  auto* const handle = new Counted(&gone);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    Retain(handle);
    threads.emplace_back([handle] {
      for (int j = 0; j < 1000; ++j) {
        // The analyzer assumes that each Release is the last.
        Retain(handle);  // NOLINT(clang-analyzer-cplusplus.NewDelete)
        Release(handle);
      }
      Release(handle);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(IsOnlyReference(*handle));
  EXPECT_EQ(gone, 0);
  Release(handle);
  EXPECT_EQ(gone, 1);
  Release(static_cast<Counted*>(nullptr));
}

TEST(CHandles, ACallLetsNoExceptionThrough) {
  EXPECT_EQ(Call("f", []() -> Status { throw std::bad_alloc(); }), ALKAID_OUT_OF_MEMORY);
  EXPECT_EQ(Call("f", []() -> Status { throw std::logic_error("of a factory"); }), ALKAID_UNKNOWN);
  EXPECT_STREQ(alkaid_last_error(), "f: of a factory");
  EXPECT_EQ(Call("f", []() -> Status { throw 1; }), ALKAID_UNKNOWN);
  EXPECT_STREQ(alkaid_last_error(), "f: an unknown exception");
  EXPECT_EQ(Call("f", [] { return absl::OkStatus(); }), ALKAID_OK);
}

TEST(CHandles, WhatFailsGivesNoHandle) {
  std::atomic<int> gone = 0;
  auto* out = reinterpret_cast<Counted*>(&gone);
  EXPECT_EQ(
      Make("f", &out, {},
           []() -> Result<std::unique_ptr<Counted>> { return status::KeyError("nothing there"); }),
      ALKAID_NOT_FOUND);
  EXPECT_EQ(out, nullptr);
  EXPECT_EQ(
      Make("f", static_cast<Counted**>(nullptr), {},
           [&]() -> Result<std::unique_ptr<Counted>> { return std::make_unique<Counted>(&gone); }),
      ALKAID_INVALID);
  EXPECT_STREQ(alkaid_last_error(), "f: argument 'out' is NULL");
  EXPECT_EQ(gone, 0) << "was made for nobody";
}

TEST(CHandles, ACancelledThreadUnwindsThroughACall) {
  const auto body = [](void*) -> void* {
    Call("f", []() -> Status {
      pthread_cancel(pthread_self());
      pthread_testcancel();
      return absl::OkStatus();
    });
    return nullptr;
  };
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, nullptr, body, nullptr), 0);
  void* ended = nullptr;
  ASSERT_EQ(pthread_join(thread, &ended), 0);
  EXPECT_EQ(ended, PTHREAD_CANCELED);
}

}  // namespace
}  // namespace alkaid::c
