// Visits the rows of a batch, each with the requested field.
//
// Ownership: borrows. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/columns/column.h"
#include "alkaid/columns/resolved_field_internal.h"
#include "alkaid/columns/same_place_internal.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/shapes_data.h"

namespace alkaid::columns::internal {

inline bool IsRow(const dgram::Dgram& dgram, const ColumnOptions& options) {
  if (options.rows == Rows::kL1Accepts && !dgram.is_l1_accept()) return false;
  return !options.take || options.take(dgram);
}

// kFailedPrecondition: this datagram's field has another type than the column.
Status TypeChanged(const dgram::Dgram& dgram, const std::string& name, const ColumnType& is,
                   const ColumnType& was);

// "field det/0/raw/x of datagram 3 of run.xtc2, at byte 52": the place in the source of `data`,
// which is in one of the batch's datagrams. For messages: searches the batch.
ALKAID_EXPORT std::string PlaceText(const dgram::DgramBatch& batch, const std::string& name,
                                    const uint8_t* data);

// Walks the datagrams of a batch to where the field is.
class ALKAID_EXPORT CellFinder {
 public:
  CellFinder(const dgram::DgramBatch& batch, const ResolvedField& wanted)
      : wanted_(wanted), dgram_(batch.begin()) {}

  // Returns the datagram that begins at `data`. It must be that of the last call or a later one.
  const dgram::Dgram& At(const uint8_t* data) {
    while (dgram_->data() != data) ++dgram_;
    return *dgram_;
  }
  // Finds the field in the datagram that At returned. Errors: of the walk, and TypeChanged.
  Status Find(Cell* cell);

  // Where later datagrams may also have the field.
  const SamePlace& place() const { return place_; }
  void CountSame(int64_t count) { same_ += count; }

 private:
  const ResolvedField& wanted_;
  dgram::DgramIterator dgram_;
  SamePlace place_;
  int64_t same_ = 0;
  int64_t learnt_ = 0;
};

// Visits the rows in order. Errors: of the walk, and TypeChanged. Both functions of Visit return
// whether to go on:
//   bool Visit::Add(const Cell& cell)
//     Adds one row.
//   bool Visit::AddRun(const uint8_t* data, int64_t stride, int64_t count, const Cell& like)
//     Adds `count` rows that equal `like`, a cell that was added before, except for their data. The
//     data of the first row are at `data`, those of each next row `stride` bytes further.
template <typename Visit>
Status ForEachRow(const dgram::DgramBatch& batch, const ResolvedField& wanted,
                  const ColumnOptions& options, Visit* visit) {
  using dgram::DgramHeader;
  CellFinder finder(batch, wanted);
  const SamePlace& place = finder.place();
  const bool transitions = options.rows == Rows::kAllDatagrams;
  const bool all = !options.take;
  const ServiceOf service = transitions ? ServiceOf::kAllDatagrams : ServiceOf::kL1Accepts;
  const uint8_t* at = batch.begin()->data();
  const uint8_t* const end = at + batch.nbytes();
  while (at != end) {
    if (!transitions && DgramHeader::ServiceOf(at) != dgram::TransitionId::kL1Accept) {
      at += DgramHeader::SizeOf(at);
      continue;
    }
    if (const int64_t count = all ? place.CountFrom(at, end, service) : 0; count > 0) {
      finder.CountSame(count);
      if (!visit->AddRun(at + place.data_offset(), place.dgram_bytes(), count, place.cell())) {
        return absl::OkStatus();
      }
      at += count * place.dgram_bytes();
      continue;
    }
    const dgram::Dgram& dgram = finder.At(at);
    if (all || options.take(dgram)) {
      Cell cell;
      ALKAID_RETURN_NOT_OK(finder.Find(&cell));
      if (!visit->Add(cell)) return absl::OkStatus();
    }
    at += dgram.size();
  }
  return absl::OkStatus();
}

}  // namespace alkaid::columns::internal
