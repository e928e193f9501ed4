// A user's own pool under the contract suite that alkaid::testing brings; here, one of the
// library's.
#include <alkaid/core/pools/memory_pool.h>
#include <alkaid/testing/pool_contract.h>

ALKAID_INSTANTIATE_POOL_CONTRACT(DefaultPool, [] { return alkaid::default_memory_pool(); });
