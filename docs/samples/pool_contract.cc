// The pool contract run over a pool of the program's own.
#include <alkaid/core/memory.h>
#include <alkaid/testing/pool_contract.h>

ALKAID_INSTANTIATE_POOL_CONTRACT(CappedAtOneGibibyte, [] {
  return std::make_shared<alkaid::CappedMemoryPool>(alkaid::default_memory_pool(),
                                                    int64_t{1} << 30);
});
