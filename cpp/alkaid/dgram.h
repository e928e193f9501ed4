// Datagrams in the XTC2 format, as views of the batches that they were read in: all that
// alkaid/dgram/ offers.
#pragma once

#include "alkaid/base/export.h"                  // first: it asks for C++20
#include "alkaid/dgram/array_view.h"             // IWYU pragma: export
#include "alkaid/dgram/batch.h"                  // IWYU pragma: export
#include "alkaid/dgram/batch_reader.h"           // IWYU pragma: export
#include "alkaid/dgram/block_recycler.h"         // IWYU pragma: export
#include "alkaid/dgram/configuration.h"          // IWYU pragma: export
#include "alkaid/dgram/configuration_history.h"  // IWYU pragma: export
#include "alkaid/dgram/data_fault.h"             // IWYU pragma: export
#include "alkaid/dgram/detector_definition.h"    // IWYU pragma: export
#include "alkaid/dgram/dgram.h"                  // IWYU pragma: export
#include "alkaid/dgram/dgram_edit.h"             // IWYU pragma: export
#include "alkaid/dgram/fault_policy.h"           // IWYU pragma: export
#include "alkaid/dgram/field_value.h"            // IWYU pragma: export
#include "alkaid/dgram/field_view.h"             // IWYU pragma: export
#include "alkaid/dgram/names.h"                  // IWYU pragma: export
#include "alkaid/dgram/names_id_set.h"           // IWYU pragma: export
#include "alkaid/dgram/not_xtc2.h"               // IWYU pragma: export
#include "alkaid/dgram/ring_source.h"            // IWYU pragma: export
#include "alkaid/dgram/shapes_data.h"            // IWYU pragma: export
#include "alkaid/dgram/slot_ring.h"              // IWYU pragma: export
#include "alkaid/dgram/source_times.h"           // IWYU pragma: export
#include "alkaid/dgram/verify.h"                 // IWYU pragma: export
#include "alkaid/dgram/watched_view.h"           // IWYU pragma: export
#include "alkaid/dgram/writer.h"                 // IWYU pragma: export
#include "alkaid/dgram/xtc.h"                    // IWYU pragma: export
#include "alkaid/dgram/xtc_walk.h"               // IWYU pragma: export
