// Several streams as events: all that alkaid/events/ offers.
#pragma once

#include "alkaid/base/export.h"                 // first: it asks for C++20
#include "alkaid/events/big_data_event.h"       // IWYU pragma: export
#include "alkaid/events/big_data_reader.h"      // IWYU pragma: export
#include "alkaid/events/chunk_info.h"           // IWYU pragma: export
#include "alkaid/events/dgram_batch_builder.h"  // IWYU pragma: export
#include "alkaid/events/event_batch.h"          // IWYU pragma: export
#include "alkaid/events/event_builder.h"        // IWYU pragma: export
#include "alkaid/events/packet_footer.h"        // IWYU pragma: export
#include "alkaid/events/smd_reader.h"           // IWYU pragma: export
#include "alkaid/events/smd_record.h"           // IWYU pragma: export
#include "alkaid/events/smd_window.h"           // IWYU pragma: export
#include "alkaid/events/smd_writer.h"           // IWYU pragma: export
#include "alkaid/events/whole_exposures.h"      // IWYU pragma: export
