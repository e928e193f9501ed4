// A field's value, and the names in a datagram, as text and as JSON.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "alkaid/dgram/shapes_data.h"

namespace alkaid::tools {

// The value of a scalar, the text of a CHARSTR, or the first `elements` elements of an array, in
// memory order. Elements of UINT64 and INT64 are text in decimal digits, as most readers of JSON
// keep only 53 bits of a number. NaN and the infinities, for which JSON has no numbers, are "NaN",
// "Infinity" and "-Infinity". Text that is not UTF-8 is replaced by the printer.
nlohmann::ordered_json ValueJson(const dgram::FieldView& field, int64_t elements);

// The same for people: numbers without quotes, text with them.
std::string ValueText(const dgram::FieldView& field, int64_t elements);

// "UINT16[5]", "DOUBLE", "UINT32[2x3]".
std::string FieldTypeText(const dgram::FieldView& field);

// A name from a datagram for a line of text: unchanged if it consists of letters, digits, '_', '.',
// ':' and '-'; else in quotes, with quotes and terminal escapes in it escaped.
std::string NameText(std::string_view name);

// "xpphsd/0/raw", each as NameText.
std::string PathText(const dgram::Names& names);

}  // namespace alkaid::tools
