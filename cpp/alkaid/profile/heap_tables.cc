#include "alkaid/profile/heap_tables_internal.h"

namespace alkaid::profile {
namespace {

constinit std::atomic<char*> stack_chunks[StackTable::kMaxChunks] = {};
constinit TrackedPool tracked_pools[PoolIndex::kMaxPools] = {};

constinit HeapTables tables = {
    .blocks = {},
    .views = {},
    .stacks = {stack_chunks, &alkaid_heap_root.stack_chunk_count},
    .totals = {},
    .pools = {tracked_pools, &alkaid_heap_root.pool_count},
    .moves = PendingMoves(&alkaid_heap_root.moving),
    .serials = {},
};

}  // namespace

HeapTables& Tables() { return tables; }
HeapRoot& Root() { return alkaid_heap_root; }

}  // namespace alkaid::profile

constinit alkaid::profile::HeapRoot alkaid_heap_root = {
    .magic = {'A', 'L', 'K', 'H', 'E', 'A', 'P', 0},
    .version = alkaid::profile::kHeapLayoutVersion,
    .root_size = sizeof(alkaid::profile::HeapRoot),
    .state = 0,
    .max_frames = 0,
    .sample_bytes = 0,
    .started_ns = 0,
    .started_unix_ns = 0,
    .moving = 0,
    .lost = 0,
    .blocks = {alkaid::profile::tables.blocks.shards(), alkaid::profile::BlockTable::kShards,
               alkaid::profile::BlockTable::kShardSize, sizeof(alkaid::profile::LiveBlock), 0},
    .views = {alkaid::profile::tables.views.shards(), alkaid::profile::ViewTable::kShards,
              alkaid::profile::ViewTable::kShardSize, sizeof(alkaid::profile::LiveView), 0},
    .labels = nullptr,  // until tracking first begins
    .label_count = nullptr,
    .pools = alkaid::profile::tracked_pools,
    .pool_count = 0,
    .stack_chunk_count = 0,
    .stack_chunks = alkaid::profile::stack_chunks,
};
