// SmdRecord: the place of a datagram in its big-data file, as small data state it.
//
// In a small-data file every L1Accept stands for a datagram of the big-data file and holds two
// words, its offset and its size. They are ordinary fields: detector "smdinfo", segment 0,
// algorithm "offsetAlg", fields intOffset and intDgramSize, UINT64 each.
//
// Ownership: SmdInfo is a plain value that shares its Configuration.
// Threads: immutable.
// Out of memory: kResourceExhausted; Read allocates only messages.
#pragma once

#include <cstdint>
#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/names.h"

namespace alkaid::events {

struct SmdRecord {
  // Bytes from the start of the big-data file, and the size of the whole datagram there.
  int64_t offset = 0;
  int64_t size = 0;
};

class ALKAID_EXPORT SmdInfo {
 public:
  // Bytes of a datagram that holds only a record.
  static constexpr int64_t kDgramBytes = 76;

  // The declaration that a writer of small data adds to a Configure.
  static Result<dgram::Names> Declaration(dgram::NamesId id);
  // Finds the declaration in a Configure of small data. kNotFound where there is none;
  // kInvalidArgument for null.
  static Result<SmdInfo> Find(std::shared_ptr<const dgram::Configuration> configuration);

  dgram::NamesId id() const { return id_; }
  const std::shared_ptr<const dgram::Configuration>& configuration() const {
    return configuration_;
  }

  // The record of a datagram of that Configuration. Errors:
  //   - kFailedPrecondition where the datagram was read under another Configuration (a later
  //     Configure replaces the first: call Find again)
  //   - kNotFound where it carries no record
  //   - kDataLoss where the record is malformed, or states less than a header's bytes, more than a
  //     datagram's extent can state, or a place past what an int64 counts
  Result<SmdRecord> Read(const dgram::Dgram& smd) const;

 private:
  Result<SmdRecord> ReadAnyForm(const dgram::Dgram& smd) const;

  std::shared_ptr<const dgram::Configuration> configuration_;
  dgram::NamesId id_;
  int offset_field_ = 0;
  int size_field_ = 1;
  // The key of `id_` where the declaration has only the two fields, in order, as every known writer
  // makes it. Otherwise a value that is no key.
  uint32_t plain_key_ = ~uint32_t{0};
};

}  // namespace alkaid::events
