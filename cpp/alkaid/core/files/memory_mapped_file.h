// MemoryMappedFile: a regular file as memory.
//
//   ALKAID_ASSIGN_OR_RAISE(auto file, io::MemoryMappedFile::Open(path, io::FileMode::READ));
//   ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> header, file->ReadAt(0, 64));  // no copy
//
// The Buffers that it returns are slices of the mapping. They keep the mapping alive, even after
// Close, and cannot be written through; writes to the file, by this object or by others, show in
// them.
//
// The mapping has the size that the file had at Open. Three things raise SIGBUS, in any thread that
// touches the page and through buffers returned earlier:
// - somebody else cuts the file, and the page is past its new end
// - the page is a new part of the file for which the disk has no room
// - a bad sector
// No Status can report these: read a file that others may cut by ReadableFile. Resize of this
// object is safe, since it refuses while buffers show the mapping.
//
// Ownership: owns its descriptor, until Close, and shares the mapping with its buffers.
// Threads: all functions, from many threads at once, with one position for all; calls that take a
// position do not wait for one another.
// Out of memory: kResourceExhausted, and nothing has changed. Allocates only small objects, from
// operator new, and address space.
// Errors: as errno maps, with the path.
// - kInvalidArgument: a file that is not regular, and bad numbers
// - kOutOfRange: a write past the end, which is refused as a whole
// - kFailedPrecondition: a write or Resize that the mode, the mapped part or a live buffer forbids
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
  // Creates the file, or empties it, which cuts it for others that map it. Gives it `size` zero
  // bytes, and maps it for reading and writing. Links are followed, or refused, as
  // DurableFileOutputStream does.
  static Result<std::shared_ptr<MemoryMappedFile>> Create(const std::string& path, int64_t size);
  // Maps all of a file; READ waits for a lease as ReadableFile does. WRITE and READWRITE are the
  // same: both also read, and create an empty file if there is none.
  static Result<std::shared_ptr<MemoryMappedFile>> Open(const std::string& path,
                                                        FileMode::type mode);
  // Maps `length` bytes from `offset` on, a multiple of the page size; -1: to the end. Positions
  // count from `offset`.
  static Result<std::shared_ptr<MemoryMappedFile>> Open(const std::string& path,
                                                        FileMode::type mode, int64_t offset,
                                                        int64_t length);
  ~MemoryMappedFile() override;

  Status Close() override;
  bool closed() const override;
  Result<int64_t> Tell() const override;
  // Past the end is allowed.
  Status Seek(int64_t position) override;
  // How many bytes are mapped.
  Result<int64_t> GetSize() override;
  Result<int64_t> Read(int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override;
  Status Advance(int64_t nbytes) override;
  // Valid as long as a buffer of the mapping exists or the file is open.
  Result<std::string_view> Peek(int64_t nbytes) override;
  using RandomAccessFile::ReadAt;
  Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes) override;
  bool supports_zero_copy() const override { return true; }

  using Writable::Write;
  Status Write(const void* data, int64_t nbytes) override;
  Status WriteAt(int64_t position, const void* data, int64_t nbytes) override;
  // Gives the file `new_size` bytes, new ones zero, and maps them. A position past the new end
  // moves to the end. Refused while a buffer shows the mapping.
  Status Resize(int64_t new_size);

  // -1 once closed.
  int file_descriptor() const;
  // As given to Open.
  const std::string& name() const { return name_; }

 protected:
  const char* NameInErrors() const override { return name_.c_str(); }

 private:
  MemoryMappedFile(std::string name, FileMode::type mode);
  // Takes over `fd` on success.
  static Result<std::shared_ptr<MemoryMappedFile>> Own(int fd, const std::string& name,
                                                       FileMode::type mode, int64_t offset,
                                                       int64_t length);
  Result<int64_t> Available(int64_t position, int64_t nbytes) const;
  Result<std::shared_ptr<Buffer>> Slice(int64_t position, int64_t nbytes) const;
  Result<int64_t> CopyOut(int64_t position, int64_t nbytes, void* out) const;
  Status CopyIn(int64_t position, const void* data, int64_t nbytes);
  Status CheckWritable(const char* what) const;

  const std::string name_;
  // Held shared to read the mapping or to copy, exclusively to change the members.
  mutable std::shared_mutex mutex_;
  int fd_ = -1;
  bool whole_ = true;
  std::shared_ptr<Buffer> region_;
  int64_t position_ = 0;
};

}  // namespace alkaid::io
