// JSON output of the `alkaid dgram` commands. Each kind of thing is written in one place, so a key
// means the same everywhere. docs/datagrams.md lists the keys.
//
// Most readers of JSON keep 53 bits of a number. So timestamps, and values of UINT64 and INT64, are
// always text in decimal digits; counts, sizes and offsets are numbers below 2^53 and text from
// there on.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/base/status.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/shapes_data.h"

namespace alkaid::tools {

// A count, a number of bytes, or a place in a file.
nlohmann::ordered_json NumberJson(int64_t number);

nlohmann::ordered_json TimestampJson(dgram::Timestamp timestamp);

// The header: service, timestamp (also as seconds and nanoseconds), size, env, damage.
nlohmann::ordered_json HeaderJson(const dgram::Dgram& dgram);

// The header, with index and offset in its file.
nlohmann::ordered_json DgramJson(const dgram::Dgram& dgram);

nlohmann::ordered_json NamesJson(const dgram::Names& names);

// The field with its first `elements` elements (field_text.h).
nlohmann::ordered_json FieldJson(const dgram::ShapesData& data, const dgram::FieldView& field,
                                 int64_t elements);

// The label of an enumeration's value, "" where it has none.
std::string LabelOf(const dgram::ShapesData& data, const dgram::FieldView& field);

// kInvalidArgument where a command would write its file and its report to the same place: `output`
// and stdout are the same.
Status CheckReportApart(const std::string& output);

}  // namespace alkaid::tools
