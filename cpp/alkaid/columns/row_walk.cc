#include "absl/strings/str_cat.h"
#include "alkaid/columns/row_walk_internal.h"

namespace alkaid::columns::internal {

Status TypeChanged(const dgram::Dgram& dgram, const std::string& name, const ColumnType& is,
                   const ColumnType& was) {
  return status::FailedPrecondition("field ", name, " is ", is.ToString(), " from datagram ",
                                    dgram.index(), " of ", dgram.source(), " on, at byte ",
                                    dgram::internal::SourceByteOf(dgram), "; it was ",
                                    was.ToString(), ", and a column has one type");
}

std::string PlaceText(const dgram::DgramBatch& batch, const std::string& name,
                      const uint8_t* data) {
  for (const dgram::Dgram& dgram : batch) {
    if (data > dgram.data() + dgram.size()) continue;
    const int64_t start = dgram::internal::SourceByteOf(dgram);
    return absl::StrCat("field ", name, " of datagram ", dgram.index(), " of ", dgram.source(),
                        ", at byte ", start < 0 ? start : start + (data - dgram.data()));
  }
  return absl::StrCat("field ", name);
}

Status CellFinder::Find(Cell* cell) {
  // If shapes vary, what was learnt of one datagram seldom holds for another: only a few attempts.
  constexpr int64_t kAttempts = 8;
  const dgram::Dgram& dgram = *dgram_;
  dgram::ShapesDataWalk walk(dgram);
  const ResolvedField::Place* place = nullptr;
  while (place == nullptr && walk.Next()) place = wanted_.Find(walk.shapes_data().names());
  if (place == nullptr) return walk.status();
  if (place->type != wanted_.type) {
    return TypeChanged(dgram, wanted_.name, place->type, wanted_.type);
  }
  dgram::FieldWalk fields(walk.shapes_data());
  do {
    if (!fields.Next()) return fields.status();
  } while (fields.index() != place->field);
  const dgram::FieldView& field = fields.field();
  cell->data = field.data();
  cell->nbytes = field.nbytes();
  for (int i = 0; i < field.rank(); ++i) {
    cell->shape[static_cast<size_t>(i)] = static_cast<uint32_t>(field.dim(i));
  }
  if (learnt_ < kAttempts + same_) {
    ++learnt_;
    place_.Learn(dgram, walk.shapes_data(), place->field, *cell);
  }
  return absl::OkStatus();
}

}  // namespace alkaid::columns::internal
