// FileInputStream: the bytes of a pipe, FIFO, terminal, socket or file, read once and in order.
//
// For sources that cannot be read at a position, and so cannot be a ReadableFile. "-" is standard
// input, from its current position. A named socket is connected to. A FIFO is opened at once; its
// first read waits for a writer, without limit, and it ends when its last writer closes it. A
// non-blocking descriptor is waited for all the same.
//
// A signal whose handler was installed without SA_RESTART ends a wait with EINTR's kUnavailable: in
// ReadSome at any time, in the other calls before their first byte. The read may then be repeated.
// A failure in the middle of a Read loses the bytes of that Read.
//
// Ownership: owns its descriptor; for standard input that is a duplicate. The pool must outlive the
// Buffers read. Threads: one at a time. Out of memory: kResourceExhausted, and nothing is lost.
// Errors: as errno maps, with the name and how many bytes came before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid::io {

// Whether `path` names a source that can only be read once and in order: "-", a FIFO, a socket, a
// device that is not a disk. False if nothing has that name.
ALKAID_EXPORT bool IsStream(const std::string& path);

class ALKAID_EXPORT FileInputStream final : public InputStream {
 public:
  // A directory is refused. `pool`: allocates the Buffers that the stream returns; null means the
  // default.
  static Result<std::shared_ptr<FileInputStream>> Open(const std::string& path,
                                                       PoolHandle pool = {});
  // Takes over `fd` on success.
  static Result<std::shared_ptr<FileInputStream>> OpenFd(int fd, PoolHandle pool = {});
  ~FileInputStream() override;

  Status Close() override;
  bool closed() const override { return fd_ < 0; }
  // How many bytes were read.
  Result<int64_t> Tell() const override;
  Result<int64_t> Read(int64_t nbytes, void* out) override;
  // Allocates memory for all of `nbytes`.
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override;
  Result<int64_t> ReadSome(int64_t nbytes, void* out) override;
  Status Advance(int64_t nbytes) override;

  // "stdin" for "-", else as given to Open; "file descriptor N" from OpenFd.
  const std::string& name() const { return name_; }

 private:
  FileInputStream(std::string name, PoolHandle pool)
      : name_(std::move(name)), pool_(std::move(pool)) {}
  static Result<std::shared_ptr<FileInputStream>> Own(int fd, std::string name, bool fifo,
                                                      PoolHandle pool);
  bool WaitForBytes() const;
  int64_t TryRead(int64_t nbytes, void* out);

  int fd_ = -1;
  const std::string name_;
  const PoolHandle pool_;
  int64_t position_ = 0;
  // A FIFO that may not have had a writer yet: a read would take that for its end.
  bool without_writer_ = false;
};

}  // namespace alkaid::io
