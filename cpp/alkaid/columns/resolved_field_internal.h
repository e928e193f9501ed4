// ResolvedField: where a field is declared. Looked up once for a batch, so that datagrams are not
// searched by name.
//
// Ownership: borrows the Configuration. Threads: immutable. Out of memory: throws std::bad_alloc;
// Resolve returns kResourceExhausted.
#pragma once

#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/columns/column_type_internal.h"
#include "alkaid/columns/field_path.h"
#include "alkaid/dgram/configuration.h"

namespace alkaid::columns::internal {

struct ALKAID_EXPORT ResolvedField {
  struct Place {
    const dgram::Names* names;
    int field;
    ColumnType type;
  };

  // kNotFound if the Configuration does not declare the field, or there is no Configuration. The
  // message lists at most 16 names:
  // - the fields of that detector, segment and algorithm, if these are declared
  // - else the declarations, as "xpphsd/0/raw"
  // - nothing without a Configuration
  static Result<ResolvedField> Resolve(const dgram::Configuration* configuration,
                                       const FieldPath& path);

  const Place* Find(const dgram::Names& names) const {
    for (const Place& place : places) {
      if (place.names == &names) return &place;
    }
    return nullptr;
  }

  std::string name;
  ColumnType type;
  std::vector<Place> places;  // each has its own type; `type` above is that of the first
};

// The declarations as text for messages: "xpphsd/0/raw, xppcspad/0/raw". It names at most 16, and
// says how many more there are.
std::string WhatThereIs(const dgram::Configuration& configuration);

}  // namespace alkaid::columns::internal
