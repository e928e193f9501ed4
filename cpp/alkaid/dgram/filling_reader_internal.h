// Readers of sources whose bytes come one by one: streams, and files that are still being written.
// A block is filled after the datagrams that were given out of it, so small reads take no more
// memory than large ones.
//
// Ownership, threads, out of memory, errors: as BatchReader.
#pragma once

#include <memory>

#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/files/live_file.h"
#include "alkaid/dgram/batch_reader.h"

namespace alkaid::dgram::internal {

// The source is not null, and the name is not empty.
Result<std::unique_ptr<BatchReader>> OpenStream(std::shared_ptr<io::InputStream> stream,
                                                BatchReaderOptions options);
Result<std::unique_ptr<BatchReader>> OpenLive(std::unique_ptr<io::LiveFile> file,
                                              BatchReaderOptions options);

}  // namespace alkaid::dgram::internal
