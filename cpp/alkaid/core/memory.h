// The whole public API of Alkaid's core: one include for pools, buffers, builders, devices and I/O.
//
// Each header below says of itself who owns what, what threads may do, and what happens when memory
// runs out.
#pragma once

#include "alkaid/base/status.h"                  // IWYU pragma: export
#include "alkaid/core/bitmap_bits.h"             // IWYU pragma: export
#include "alkaid/core/buffer.h"                  // IWYU pragma: export
#include "alkaid/core/buffer_builder.h"          // IWYU pragma: export
#include "alkaid/core/builder_events.h"          // IWYU pragma: export
#include "alkaid/core/capped_memory_pool.h"      // IWYU pragma: export
#include "alkaid/core/device.h"                  // IWYU pragma: export
#include "alkaid/core/durable_file.h"            // IWYU pragma: export
#include "alkaid/core/file_io.h"                 // IWYU pragma: export
#include "alkaid/core/foreign_buffer.h"          // IWYU pragma: export
#include "alkaid/core/forwarding_memory_pool.h"  // IWYU pragma: export
#include "alkaid/core/io_interfaces.h"           // IWYU pragma: export
#include "alkaid/core/jemalloc.h"                // IWYU pragma: export
#include "alkaid/core/label.h"                   // IWYU pragma: export
#include "alkaid/core/labelled_memory_pool.h"    // IWYU pragma: export
#include "alkaid/core/logging_memory_pool.h"     // IWYU pragma: export
#include "alkaid/core/memory_events.h"           // IWYU pragma: export
#include "alkaid/core/memory_io.h"               // IWYU pragma: export
#include "alkaid/core/memory_pool.h"             // IWYU pragma: export
#include "alkaid/core/memory_pool_registry.h"    // IWYU pragma: export
#include "alkaid/core/mutable_buffer.h"          // IWYU pragma: export
#include "alkaid/core/pmr.h"                     // IWYU pragma: export
#include "alkaid/core/proxy_memory_pool.h"       // IWYU pragma: export
#include "alkaid/core/read_queue.h"              // IWYU pragma: export
#include "alkaid/core/source_note.h"             // IWYU pragma: export
#include "alkaid/core/stl_allocator.h"           // IWYU pragma: export
