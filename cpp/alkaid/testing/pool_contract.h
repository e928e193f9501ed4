// What every MemoryPool promises, as rules that are tested: run them over a pool of your own with
// one line.
//
//   #include <alkaid/testing/pool_contract.h>
//   ALKAID_INSTANTIATE_POOL_CONTRACT(MyPool, [] { return std::make_shared<MyPool>(); });
//
// in a test program that links alkaid::testing and GoogleTest's main. It is one test,
// MyPool.KeepsThePoolContract, which goes through all rules, also after one that is broken. Each
// rule calls the factory once. A failure names the rule, and so does the last line on stdout where
// the pool crashes or hangs. The pool must grant 64 MiB and be safe for several threads. It may be
// in use already, and its figures may stand anywhere: the rules look at what changes.
//
// Ownership: a factory that returns a MemoryPool* lends it for the length of a rule; one that
// returns a shared_ptr or unique_ptr gives it. One that returns null has the test skipped (a
// backend that this build does not have).
// Threads: the instantiation runs before main; the rules start threads of their own.
// Out of memory: a failed test.
#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "alkaid/core/pools/memory_pool.h"

namespace alkaid {

// The pool to test; null: there is none here.
using ContractPoolFactory = std::function<std::shared_ptr<MemoryPool>()>;

// Registers the test with GoogleTest, as <name>.KeepsThePoolContract, before RUN_ALL_TESTS. `file`
// and `line` are shown for it. Always true, so that it can initialise a constant.
bool RegisterPoolContract(const char* name, const char* file, int line, ContractPoolFactory make);

namespace internal {

template <typename Make>
ContractPoolFactory ContractPoolFactoryOf(Make make) {
  if constexpr (std::is_convertible_v<std::invoke_result_t<Make>, MemoryPool*>) {
    return [make = std::move(make)] {
      return std::shared_ptr<MemoryPool>(std::shared_ptr<void>(), make());
    };
  } else {
    return [make = std::move(make)] { return std::shared_ptr<MemoryPool>(make()); };
  }
}

}  // namespace internal
}  // namespace alkaid

// `Name`: an identifier that begins the test's name. The rest: a function without arguments that
// returns the pool.
#define ALKAID_INSTANTIATE_POOL_CONTRACT(Name, ...)                                                \
  [[maybe_unused]] static const bool alkaid_pool_contract_##Name = ::alkaid::RegisterPoolContract( \
      #Name, __FILE__, __LINE__, ::alkaid::internal::ContractPoolFactoryOf(__VA_ARGS__))
