// FindDgram: the datagram of a group that a record of small data refers to, compared with it.
//
// Ownership: the datagram shares the group's bytes. Threads: free of state. Out of memory:
// std::bad_alloc.
#pragma once

#include <cstdint>

#include "alkaid/dgram/dgram.h"
#include "alkaid/events/big_data_plan_internal.h"
#include "alkaid/events/big_data_reader.h"
#include "alkaid/events/smd_record.h"

namespace alkaid::events::internal {

// `at` is where it begins in the group, which was read; `index` is its event's. kDataLoss where
// something else is there, or less than the record says; the group's own failure where the file
// could not be read that far.
Result<dgram::Dgram> FindDgram(const BigDataGroup& group, int64_t at, const SmdRecord& record,
                               dgram::Timestamp timestamp, int64_t index,
                               const BigDataReaderOptions& options);

}  // namespace alkaid::events::internal
