#include "alkaid/heap/tracking/heap_tables_internal.h"

namespace alkaid::heap {
namespace {

constinit std::atomic<char*> stack_chunks[StackTable::kMaxChunks] = {};
constinit TrackedPool tracked_pools[PoolIndex::kMaxPools] = {};

constinit ModuleTable module_table(&alkaid_heap_root.modules, &alkaid_heap_root.module_count);

constinit PythonPlaces python_places(&alkaid_heap_root.python_places,
                                     &alkaid_heap_root.python_place_count);

constinit HeapTables tables = {
    .gate = {},
    .log = {},
    .blocks = {},
    .views = {},
    .stacks = {stack_chunks, &alkaid_heap_root.stack_chunk_count, &alkaid_heap_root.stacks_dropped,
               StackTable::kMaxChunks, &module_table},
    .modules = module_table,
    .python = PythonFrames(&python_places),
    .totals = {},
    .pools = {tracked_pools, &alkaid_heap_root.pool_count},
    .moves = PendingMoves(&alkaid_heap_root.moving),
    .serials = {},
};

}  // namespace

HeapTables& Tables() { return tables; }
HeapRoot& Root() { return alkaid_heap_root; }

}  // namespace alkaid::heap

constinit alkaid::heap::HeapRoot alkaid_heap_root = {
    .magic = {'A', 'L', 'K', 'H', 'E', 'A', 'P', 0},
    .version = alkaid::heap::kHeapLayoutVersion,
    .root_size = sizeof(alkaid::heap::HeapRoot),
    .state = 0,
    .max_frames = 0,
    .sample_bytes = 0,
    .started_ns = 0,
    .started_unix_ns = 0,
    .moving = 0,
    .lost = 0,
    .blocks = {alkaid::heap::tables.blocks.shards(), alkaid::heap::BlockTable::kShards,
               alkaid::heap::BlockTable::kShardSize, sizeof(alkaid::heap::LiveBlock), 0},
    .views = {alkaid::heap::tables.views.shards(), alkaid::heap::ViewTable::kShards,
              alkaid::heap::ViewTable::kShardSize, sizeof(alkaid::heap::LiveView), 0},
    .labels = nullptr,  // until the first start
    .label_count = nullptr,
    .pools = alkaid::heap::tracked_pools,
    .pool_count = 0,
    .stack_chunk_count = 0,
    .stack_chunks = alkaid::heap::stack_chunks,
    .stacks_dropped = 0,
    .modules = nullptr,
    .module_count = 1,
    .module_size = sizeof(alkaid::heap::TrackedModule),
    .python_places = nullptr,
    .python_place_count = 0,
    .python_place_size = sizeof(alkaid::heap::TrackedPythonPlace),
};
