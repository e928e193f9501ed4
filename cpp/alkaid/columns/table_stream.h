// OpenTable: a whole source of datagrams as one table, batch by batch, for Arrow's stream
// interface.
//
//   ALKAID_ASSIGN_OR_RAISE(auto reader, dgram::BatchReader::Open("run.xtc2"));
//   ALKAID_ASSIGN_OR_RAISE(auto table, OpenTable(std::move(reader)));
//   interop::ExportStream(std::move(table), &stream);  // pyarrow.RecordBatchReader, and others
//
// Each batch of the source that has rows is one array of the stream (table.h). When the
// Configuration changes, the fields are looked up again: one that is no longer declared is null,
// one of another type is an error.
//
// Ownership: owns the source. Arrays from Next keep their batch, and may outlive both. Threads: one
// at a time. Out of memory: kResourceExhausted, and the next call returns what this one would have.
#pragma once

#include <memory>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/columns/column.h"
#include "alkaid/columns/field_path.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/interop/arrow_stream.h"

namespace alkaid::columns {

// Reads the first batch, whose Configuration must declare the fields; if `fields` is empty, takes
// all that it declares. Errors: of the source; kNotFound as MakeColumn, and for an empty source.
//
// Next: errors of the source and of MakeTable. After an error in a batch, such as a field of
// another type, the next call continues with the batch after it.
ALKAID_EXPORT Result<std::unique_ptr<interop::ArrayStream>> OpenTable(
    std::unique_ptr<dgram::BatchSource> source, std::vector<FieldPath> fields = {},
    ColumnOptions options = {});

}  // namespace alkaid::columns
