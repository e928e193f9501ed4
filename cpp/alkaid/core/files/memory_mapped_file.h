// MemoryMappedFile: a regular file as memory.
//
//   ALKAID_ASSIGN_OR_RAISE(auto file, io::MemoryMappedFile::Open(path, io::FileMode::READ));
//   ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> header, file->ReadAt(0, 64));  // no copy
//
// Buffers that it gives are slices of the mapping. They keep it, also after Close, and cannot be
// written through; what is written to the file, by this object or by others, shows in them.
//
// What is mapped is the file as large as it was at Open. Where somebody else cuts it below that,
// touching a page past its new end raises SIGBUS, in whichever thread reads or writes there, and in
// buffers that were given earlier; so does a page of a new part of the file for which the disk has
// no room, and a bad sector. No Status can come of these: a file that others may cut is better read
// by ReadableFile. Resize of this object is safe, since it refuses while buffers show the mapping.
//
// Ownership: owns its descriptor, until Close, and shares the mapping with its buffers.
// Threads: everything may be called from many at once, with one position for all; the calls with a
// position of their own do not wait for one another.
// Out of memory: kResourceExhausted, and nothing has changed. Takes memory for small objects only,
// from operator new, and address space.
// Errors: as errno maps, with the path; kInvalidArgument for what is no regular file, and for bad
// numbers; kOutOfRange for a write past the end, which is refused whole; kFailedPrecondition for a
// write or a Resize that the mode, the mapped part or a live buffer does not allow.
#pragma once

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"

namespace alkaid::io {

class ALKAID_EXPORT MemoryMappedFile final : public ReadWriteFileInterface {
 public:
  // Makes the file, or empties it, which cuts it for those who map it; gives it `size` bytes, which
  // are zero, and maps it to be read and written. Links are followed, and not followed, as
  // DurableFileOutputStream does.
  static Result<std::shared_ptr<MemoryMappedFile>> Create(const std::string& path, int64_t size);
  // Maps all of a file; READ waits for a lease as ReadableFile does. WRITE and READWRITE do the
  // same: both read, too, and make an empty file where there is none.
  static Result<std::shared_ptr<MemoryMappedFile>> Open(const std::string& path,
                                                        FileMode::type mode);
  // Maps `length` bytes from `offset` on, a multiple of the page size. Positions count from
  // `offset`. -1: all that there is.
  static Result<std::shared_ptr<MemoryMappedFile>> Open(const std::string& path,
                                                        FileMode::type mode, int64_t offset,
                                                        int64_t length);
  ~MemoryMappedFile() override;

  Status Close() override;
  bool closed() const override;
  Result<int64_t> Tell() const override;
  // Past the end is allowed.
  Status Seek(int64_t position) override;
  // Bytes that are mapped.
  Result<int64_t> GetSize() override;
  Result<int64_t> Read(int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override;
  Status Advance(int64_t nbytes) override;
  // Valid as long as a buffer of the mapping, or the open file, is.
  Result<std::string_view> Peek(int64_t nbytes) override;
  using RandomAccessFile::ReadAt;
  Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes) override;
  bool supports_zero_copy() const override { return true; }

  using Writable::Write;
  Status Write(const void* data, int64_t nbytes) override;
  Status WriteAt(int64_t position, const void* data, int64_t nbytes) override;
  // Gives the file `new_size` bytes, new ones zero, and maps them. A position past the new end
  // moves there. Refused while a buffer shows the mapping.
  Status Resize(int64_t new_size);

  // -1 once closed.
  int file_descriptor() const;
  // As given to Open.
  const std::string& name() const { return name_; }

 protected:
  const char* NameInErrors() const override { return name_.c_str(); }

 private:
  MemoryMappedFile(std::string name, FileMode::type mode);
  // Takes over `fd` when it succeeds.
  static Result<std::shared_ptr<MemoryMappedFile>> Own(int fd, const std::string& name,
                                                       FileMode::type mode, int64_t offset,
                                                       int64_t length);
  Result<int64_t> Available(int64_t position, int64_t nbytes) const;
  Result<std::shared_ptr<Buffer>> Slice(int64_t position, int64_t nbytes) const;
  Result<int64_t> CopyOut(int64_t position, int64_t nbytes, void* out) const;
  Status CopyIn(int64_t position, const void* data, int64_t nbytes);
  Status CheckWritable(const char* what) const;

  const std::string name_;
  // Shared by what looks at the mapping or copies, alone by what changes the members.
  mutable std::shared_mutex mutex_;
  int fd_ = -1;
  bool whole_ = true;
  std::shared_ptr<Buffer> region_;
  int64_t position_ = 0;
};

}  // namespace alkaid::io
