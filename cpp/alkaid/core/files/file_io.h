// Files that implement the interfaces of io_interfaces.h, by pread and pwrite on a file descriptor.
//
// A read or write continues after an interrupt and after a short transfer, and is split where the
// system limits one transfer. Only the end of the file makes a read shorter than requested.
//
// Files are opened above descriptors 0 to 2, even if those are closed: what the program prints
// never lands in one.
//
// Ownership: a stream owns its descriptor and closes it at Close or in its destructor. The pool
// must outlive the Buffers read.
// Threads: ReadAt, WriteAt and FileOutputStream::Write from many threads at once; the rest one at a
// time.
// Out of memory: kResourceExhausted; the position stays.
// Errors: as errno maps, with the path and the position.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid::io {

class ALKAID_EXPORT ReadableFile final : public RandomAccessFile {
 public:
  // `pool`: allocates the Buffers that the stream returns; null means the default. Waits while
  // another process holds a lease on the file (open_input.h). Refuses a directory, and anything
  // that cannot be read at a position (a pipe, a terminal).
  static Result<std::shared_ptr<ReadableFile>> Open(const std::string& path, PoolHandle pool = {});
  // Takes over `fd` on success. The stream starts at the descriptor's own position, which stays.
  static Result<std::shared_ptr<ReadableFile>> Open(int fd, PoolHandle pool = {});
  // The same, but the stream starts at 0.
  static Result<std::shared_ptr<ReadableFile>> OpenFd(int fd, PoolHandle pool = {});
  ~ReadableFile() override;

  Status Close() override;
  bool closed() const override { return fd_ < 0; }
  Result<int64_t> Tell() const override;
  Status Seek(int64_t position) override;
  // The current size: files grow.
  Result<int64_t> GetSize() override;
  Result<int64_t> Read(int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override;
  Status Advance(int64_t nbytes) override;
  using RandomAccessFile::ReadAt;
  Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override;
  // A read that passes the end allocates only what is there.
  Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes) override;

  // -1 once closed.
  int file_descriptor() const { return fd_; }
  // As given to Open; "file descriptor N" if one was taken over.
  const std::string& name() const { return name_; }

 protected:
  const char* NameInErrors() const override { return name_.c_str(); }

 private:
  ReadableFile(int fd, std::string name, PoolHandle pool);
  static Result<std::shared_ptr<ReadableFile>> Own(int fd, std::string name, PoolHandle pool);

  int fd_;
  std::string name_;
  PoolHandle pool_;
  int64_t position_ = 0;
};

// Reads all of a regular file of at most `most_bytes`. `what` names such a file in errors: "a heap
// file". A file that is not regular is refused at once, however it was opened; a larger file is
// refused before any of it is read. Both are kInvalidArgument, with the path and the limit. A file
// that is cut during the read gives what is left of it. Files that the system generates as they are
// read have no size, and give nothing.
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> ReadWholeFile(const std::string& path,
                                                            int64_t most_bytes,
                                                            const std::string& what,
                                                            PoolHandle pool = {});
// The same with memory from operator new: for reads while the library is loaded, when the program
// has not chosen a default pool yet.
ALKAID_EXPORT Result<std::string> ReadWholeFileAsString(const std::string& path, int64_t most_bytes,
                                                        const std::string& what);

class ALKAID_EXPORT FileOutputStream final : public WritableFile {
 public:
  // Creates the file, or empties it; with `append`, continues at the end of its bytes. Links are
  // followed, or refused, as DurableFileOutputStream does.
  static Result<std::shared_ptr<FileOutputStream>> Open(const std::string& path,
                                                        bool append = false);
  // Takes over `fd` on success, and writes from its own position. Pipes and terminals can be
  // written in order, but not at a position.
  static Result<std::shared_ptr<FileOutputStream>> Open(int fd);
  // The same.
  static Result<std::shared_ptr<FileOutputStream>> OpenFd(int fd) { return Open(fd); }
  ~FileOutputStream() override;

  // Reports the system's last errors, for instance a full disk of a network file system.
  Status Close() override;
  bool closed() const override { return fd_ < 0; }
  Result<int64_t> Tell() const override;
  Status Seek(int64_t position) override;
  using Writable::Write;
  // From many threads: the bytes of each call stay together.
  Status Write(const void* data, int64_t nbytes) override;
  Status WriteAt(int64_t position, const void* data, int64_t nbytes) override;

  // -1 once closed.
  int file_descriptor() const { return fd_; }
  const std::string& name() const { return name_; }

 private:
  FileOutputStream(int fd, std::string name);
  static Result<std::shared_ptr<FileOutputStream>> Own(int fd, std::string name, bool append);

  int fd_;
  std::string name_;
  bool seekable_ = true;
  std::mutex writing_;
  int64_t position_ = 0;
};

}  // namespace alkaid::io
