// The processor stops after each instruction, and the handler asks what was interrupted.

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "alkaid/unwind/interrupted_code_internal.h"
#include "fixtures/libc_malloc.h"

namespace alkaid::unwind {
namespace {

using internal::kMallocIsSanitizers;

volatile int yes = 0;
volatile int no = 0;

volatile int depth = 0;  // calls between the handler and the question

[[gnu::noinline]] void AskBelow(int calls) {
  if (calls > 0) {
    AskBelow(calls - 1);
    asm volatile("");  // no tail call
  } else if (HasInterruptedMalloc()) {
    yes = yes + 1;
  } else {
    no = no + 1;
  }
}

void Ask(int /*signal*/) { AskBelow(depth); }

void Forget() {
  yes = 0;
  no = 0;
}

class InterruptedCode : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer's runtime is malloc and much else";
    LearnWhereMallocIs();
    Forget();
    struct sigaction action = {};
    action.sa_handler = Ask;
    ASSERT_EQ(::sigaction(SIGTRAP, &action, &before_), 0);
  }
  void TearDown() override {
    if (!kMallocIsSanitizers) ::sigaction(SIGTRAP, &before_, nullptr);
  }

  // Inlined, so that only the steps of `call` and a few of the test's own are seen.
  template <typename Call>
  [[gnu::always_inline]] static void Step(const Call& call) {
    asm volatile("pushfq\n orq $0x100, (%%rsp)\n popfq" ::: "cc", "memory");
    call();
    asm volatile("pushfq\n andq $~0x100, (%%rsp)\n popfq" ::: "cc", "memory");
  }

 private:
  struct sigaction before_ = {};
};

TEST_F(InterruptedCode, IsMallocsWhereAHandlerInterruptedIt) {
  void* volatile block = nullptr;
  // Functions are looked up at their first call.
  block = std::malloc(3000);
  block = std::realloc(block, 4000);
  std::free(block);
  Step([&] { block = std::malloc(3000); });
  EXPECT_GT(yes, 10);
  EXPECT_LT(no, 20);
  Forget();
  Step([&] { block = std::realloc(block, 300'000); });
  EXPECT_GT(yes, 50);
  EXPECT_LT(no, 20);
  Forget();
  Step([&] { std::free(block); });
  EXPECT_GT(yes, 10);
  EXPECT_LT(no, 20);
}

TEST_F(InterruptedCode, IsMallocsHoweverDeepTheHandlerIs) {
  void* volatile block = std::malloc(3000);
  std::free(block);  // functions are looked up at their first call
  block = std::malloc(3000);
  depth = 1000;
  Step([&] { std::free(block); });
  depth = 0;
  EXPECT_GT(yes, 10);
  EXPECT_LT(no, 20);
}

TEST_F(InterruptedCode, IsNotMallocsWhereAHandlerInterruptedTheProgramOrAnotherFunction) {
  char text[200];
  volatile double sum = 0;
  const auto call = [&] {
    std::memset(text, 'x', sizeof(text) - 1);
    text[199] = '\0';
    sum = sum + std::strtod("123.5e3", nullptr);
    ::raise(SIGCONT);
  };
  call();
  Step(call);
  // At a few instructions at the ends of functions the caller cannot be seen.
  EXPECT_LT(yes, no / 20);
  EXPECT_GT(no, 100);
}

TEST_F(InterruptedCode, IsNotMallocsOutsideOfHandlers) { EXPECT_FALSE(HasInterruptedMalloc()); }

}  // namespace
}  // namespace alkaid::unwind
