// The whole public API of Alkaid's core: one include for pools, buffers, builders, devices and I/O.
//
// Each header below says who owns what, what threads may do, and what happens when memory runs out.
#pragma once

#include "alkaid/base/export.h"                        // first: it asks for C++20
#include "alkaid/base/status.h"                        // IWYU pragma: export
#include "alkaid/core/buffers/bitmap_bits.h"           // IWYU pragma: export
#include "alkaid/core/buffers/bitmap_operations.h"     // IWYU pragma: export
#include "alkaid/core/buffers/buffer.h"                // IWYU pragma: export
#include "alkaid/core/buffers/buffer_builder.h"        // IWYU pragma: export
#include "alkaid/core/buffers/buffer_output_stream.h"  // IWYU pragma: export
#include "alkaid/core/buffers/device.h"                // IWYU pragma: export
#include "alkaid/core/buffers/foreign_buffer.h"        // IWYU pragma: export
#include "alkaid/core/buffers/io_interfaces.h"         // IWYU pragma: export
#include "alkaid/core/buffers/memory_io.h"             // IWYU pragma: export
#include "alkaid/core/buffers/mutable_buffer.h"        // IWYU pragma: export
#include "alkaid/core/files/durable_file.h"            // IWYU pragma: export
#include "alkaid/core/files/file_input_stream.h"       // IWYU pragma: export
#include "alkaid/core/files/file_io.h"                 // IWYU pragma: export
#include "alkaid/core/files/live_file.h"               // IWYU pragma: export
#include "alkaid/core/files/live_watch.h"              // IWYU pragma: export
#include "alkaid/core/files/memory_mapped_file.h"      // IWYU pragma: export
#include "alkaid/core/files/open_input.h"              // IWYU pragma: export
#include "alkaid/core/files/partial_read.h"            // IWYU pragma: export
#include "alkaid/core/files/read_queue.h"              // IWYU pragma: export
#include "alkaid/core/observers/builder_events.h"      // IWYU pragma: export
#include "alkaid/core/observers/label.h"               // IWYU pragma: export
#include "alkaid/core/observers/memory_events.h"       // IWYU pragma: export
#include "alkaid/core/observers/source_note.h"         // IWYU pragma: export
#include "alkaid/core/pools/absent_backends.h"         // IWYU pragma: export
#include "alkaid/core/pools/allocator_statistics.h"    // IWYU pragma: export
#include "alkaid/core/pools/capped_memory_pool.h"      // IWYU pragma: export
#include "alkaid/core/pools/forwarding_memory_pool.h"  // IWYU pragma: export
#include "alkaid/core/pools/guarded_memory_pool.h"     // IWYU pragma: export
#include "alkaid/core/pools/jemalloc.h"                // IWYU pragma: export
#include "alkaid/core/pools/labelled_memory_pool.h"    // IWYU pragma: export
#include "alkaid/core/pools/logging_memory_pool.h"     // IWYU pragma: export
#include "alkaid/core/pools/memory_pool.h"             // IWYU pragma: export
#include "alkaid/core/pools/memory_pool_registry.h"    // IWYU pragma: export
#include "alkaid/core/pools/memory_pool_stats.h"       // IWYU pragma: export
#include "alkaid/core/pools/pmr.h"                     // IWYU pragma: export
#include "alkaid/core/pools/pool_handle.h"             // IWYU pragma: export
#include "alkaid/core/pools/proxy_memory_pool.h"       // IWYU pragma: export
#include "alkaid/core/pools/quota_memory_pool.h"       // IWYU pragma: export
#include "alkaid/core/pools/stl_allocator.h"           // IWYU pragma: export
