// FieldDigest: one SHA-256 over every field of a stream of datagrams, independent of their layout
// in files.
//
// For each field, in order, hashes ASCII "index|detector|segment|algorithm|name|TYPE|shape|", where
// shape is "3x6" or "scalar", then the field's bytes, then a newline (XTC2, section 13). A "|" in a
// name is hashed as a NUL, which no name contains, so different names give different digests. Equal
// fields give equal digests, whatever the unused bytes of the files.
//
// Ownership: owns its hash. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>

#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/shapes_data.h"
#include "tools/support/sha256.h"

namespace alkaid::tools {

class FieldDigest {
 public:
  // Adds all fields of a datagram. At a fault the fields before it have been added: kDataLoss, as
  // ForEachField.
  Status Add(const dgram::Dgram& dgram);
  // 64 hexadecimal digits, of everything added so far.
  std::string Hex() const { return hash_.Hex(); }

 private:
  void AddName(const std::string& name);

  Sha256 hash_;
  std::string line_;
};

}  // namespace alkaid::tools
