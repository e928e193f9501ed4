// FileInputStream: bytes in order, once: of a pipe, a FIFO, a terminal, a socket, or a file.
//
// For what cannot be read at a position, and so is no ReadableFile. "-" is standard input, from
// where its position is. A named socket is connected to. A FIFO is opened at once; the first read
// waits for a writer, as long as it likes, and the end is where the last writer has closed it. A
// descriptor that does not block is waited for all the same.
//
// A signal whose handler was installed without SA_RESTART ends a wait of ReadSome, and of the
// others before their first byte, with EINTR's kUnavailable: the read may be made again. A failure
// in the middle of a Read loses what that had read.
//
// Ownership: owns its descriptor, of standard input a duplicate. The pool must outlive the Buffers
// read. Threads: one at a time. Out of memory: kResourceExhausted, and nothing is lost.
// Errors: as errno maps, with the name and how many bytes came before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::io {

// Whether what `path` names can be read once and in order alone: "-", a FIFO, a socket, a device
// that is no disk. Not so where there is nothing of the name.
ALKAID_EXPORT bool IsStream(const std::string& path);

class ALKAID_EXPORT FileInputStream final : public InputStream {
 public:
  // A directory is refused. `pool`: where the Buffers that the stream gives come from; null means
  // the default.
  static Result<std::shared_ptr<FileInputStream>> Open(const std::string& path,
                                                       MemoryPool* pool = nullptr);
  // Takes over `fd` when it succeeds.
  static Result<std::shared_ptr<FileInputStream>> OpenFd(int fd, MemoryPool* pool = nullptr);
  ~FileInputStream() override;

  Status Close() override;
  bool closed() const override { return fd_ < 0; }
  // Bytes that were read.
  Result<int64_t> Tell() const override;
  Result<int64_t> Read(int64_t nbytes, void* out) override;
  // Takes memory for all that is asked for.
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override;
  Result<int64_t> ReadSome(int64_t nbytes, void* out) override;
  Status Advance(int64_t nbytes) override;

  // "stdin" for "-", else as given to Open; "file descriptor N" from OpenFd.
  const std::string& name() const { return name_; }

 private:
  FileInputStream(std::string name, MemoryPool* pool) : name_(std::move(name)), pool_(pool) {}
  static Result<std::shared_ptr<FileInputStream>> Own(int fd, std::string name, bool fifo,
                                                      MemoryPool* pool);
  bool WaitForBytes() const;
  int64_t TryRead(int64_t nbytes, void* out);

  int fd_ = -1;
  const std::string name_;
  MemoryPool* const pool_;
  int64_t position_ = 0;
  // A FIFO that perhaps had no writer yet: a read would take that for its end.
  bool without_writer_ = false;
};

}  // namespace alkaid::io
