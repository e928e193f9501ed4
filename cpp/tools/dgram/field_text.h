// A field's value, for people and for JSON.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/dgram/shapes_data.h"

namespace alkaid::tools {

// The value of a scalar, the text of a CHARSTR, or the first `elements` elements of an array, in
// memory order. What is not UTF-8 is for the printer to replace; NaN and infinities become null in
// JSON.
nlohmann::ordered_json ValueJson(const dgram::FieldView& field, int64_t elements);

// "UINT16[5]", "DOUBLE", "UINT32[2x3]".
std::string FieldTypeText(const dgram::FieldView& field);

}  // namespace alkaid::tools
