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

  // kNotFound, naming the declared fields, if none declares it or there is no Configuration.
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
  std::vector<Place> places;  // each with its type; `type` is the first one's
};

// The declarations, or the first of them, as text for messages: "xpphsd/0/raw, xppcspad/0/raw".
std::string WhatThereIs(const dgram::Configuration& configuration);

}  // namespace alkaid::columns::internal
