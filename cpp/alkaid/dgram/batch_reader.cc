#include "alkaid/dgram/batch_reader.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/files/live_file.h"
#include "alkaid/dgram/filling_reader_internal.h"
#include "alkaid/dgram/source_reader_internal.h"

namespace alkaid::dgram {
namespace {

// For a complete file. Options are moved as rarely as possible, since they are large.
Result<std::unique_ptr<BatchReader>> OpenComplete(std::shared_ptr<io::RandomAccessFile> file,
                                                  BatchReaderOptions&& options) {
  if (options.on_fault == OnFault::kStop) {
    return internal::OpenFile(std::move(file), std::move(options));
  }
  return internal::OpenSkipping(
      {[file](BatchReaderOptions inner) { return BatchReader::Open(file, std::move(inner)); },
       [file](int64_t position, int64_t nbytes, void* out) {
         return file->ReadAt(position, nbytes, out);
       }},
      std::move(options));
}

}  // namespace

Result<std::unique_ptr<BatchReader>> BatchReader::Open(const std::string& path,
                                                       BatchReaderOptions options) try {
  if (options.live == nullptr && io::IsStream(path)) {
    ALKAID_ASSIGN_OR_RAISE(auto stream, io::FileInputStream::Open(path, options.pool));
    if (options.name.empty()) options.name = stream->name();
    return OpenStream(std::move(stream), std::move(options));
  }
  if (options.name.empty()) options.name = path;
  if (options.live != nullptr) {
    ALKAID_ASSIGN_OR_RAISE(auto live, io::LiveFile::Open(path, options.live));
    return Open(std::move(live), std::move(options));
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<io::RandomAccessFile> file,
                         io::ReadableFile::Open(path, options.pool));
  return OpenComplete(std::move(file), std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<BatchReader>> BatchReader::Open(std::shared_ptr<io::RandomAccessFile> file,
                                                       BatchReaderOptions options) try {
  if (file == nullptr) return status::Invalid("a reader needs a file, and has null");
  if (options.name.empty()) options.name = "file";
  if (options.live != nullptr) {
    ALKAID_ASSIGN_OR_RAISE(auto live,
                           io::LiveFile::Over(std::move(file), options.name, options.live));
    return Open(std::move(live), std::move(options));
  }
  return OpenComplete(std::move(file), std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<BatchReader>> BatchReader::Open(std::unique_ptr<io::LiveFile> file,
                                                       BatchReaderOptions options) try {
  if (file == nullptr) return status::Invalid("a reader needs a file, and has null");
  if (options.name.empty()) options.name = file->name();
  return internal::OpenLive(std::move(file), std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<BatchReader>> BatchReader::OpenStream(
    std::shared_ptr<io::InputStream> stream, BatchReaderOptions options) try {
  if (stream == nullptr) return status::Invalid("a reader needs a stream, and has null");
  if (options.name.empty()) options.name = "stream";
  return internal::OpenStream(std::move(stream), std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<BatchReader>> BatchReader::Open(std::shared_ptr<Buffer> buffer,
                                                       BatchReaderOptions options) try {
  if (buffer == nullptr) return status::Invalid("a reader needs a buffer, and has null");
  if (!buffer->is_cpu()) {
    return status::Invalid("a reader needs a buffer that the CPU can read; this one is on ",
                           buffer->device()->ToString());
  }
  if (options.name.empty()) options.name = "buffer";
  if (options.live != nullptr) {
    return status::Invalid(options.name, ": a buffer does not grow, and is not waited for");
  }
  if (options.on_fault != OnFault::kStop) {
    return internal::OpenSkipping(
        {[buffer](BatchReaderOptions inner) { return Open(buffer, std::move(inner)); },
         [buffer](int64_t position, int64_t nbytes, void* out) -> Result<int64_t> {
           const int64_t count = std::clamp<int64_t>(buffer->size() - position, 0, nbytes);
           if (count > 0) std::memcpy(out, buffer->data() + position, static_cast<size_t>(count));
           return count;
         }},
        std::move(options));
  }
  return internal::OpenBuffer(std::move(buffer), std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
