#include "alkaid/columns/row_walk_internal.h"

namespace alkaid::columns::internal {

Status TypeChanged(const dgram::Dgram& dgram, const std::string& name, const ColumnType& is,
                   const ColumnType& was) {
  return status::FailedPrecondition("field ", name, " is ", is.ToString(), " from datagram ",
                                    dgram.index(), " of ", dgram.source(), " on, at byte ",
                                    dgram::internal::SourceByteOf(dgram), "; it was ",
                                    was.ToString(), ", and a column has one type");
}

}  // namespace alkaid::columns::internal
