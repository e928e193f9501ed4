// What can be read and written: files, streams, and the bytes of a Buffer behind one set of
// interfaces.
//
// Ownership: a stream owns what it reads from or writes to, and lets go at Close or in its
// destructor. Buffers that it hands out live on their own. Threads: RandomAccessFile::ReadAt and
// WritableFile::WriteAt from many at once; everything else uses the stream's one position, or ends
// it, and is for one thread at a time. Out of memory: kResourceExhausted from the calls that return
// a Buffer; the position is then where it was. Errors: the system's, as errno maps; a negative
// count, a null destination for a positive count, and a closed stream are kInvalidArgument; a
// negative position is kOutOfRange. Reading at or past the end is no error: it gives fewer bytes,
// or none.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid {

class Buffer;

namespace io {

class ALKAID_EXPORT FileInterface {
 public:
  virtual ~FileInterface();
  FileInterface(const FileInterface&) = delete;
  FileInterface& operator=(const FileInterface&) = delete;

  // Lets go of what is behind. Closing again does nothing. Errors of the last writes can show here.
  virtual Status Close() = 0;
  virtual bool closed() const = 0;
  // Bytes from the start to where the next Read or Write happens.
  virtual Result<int64_t> Tell() const = 0;

 protected:
  FileInterface() = default;
};

class ALKAID_EXPORT Seekable {
 public:
  virtual ~Seekable();
  // Puts the position `position` bytes from the start; past the end is allowed for a file.
  virtual Status Seek(int64_t position) = 0;
};

class ALKAID_EXPORT Readable {
 public:
  virtual ~Readable();
  // Reads up to `nbytes` to `out` and answers how many it was: fewer only at the end.
  virtual Result<int64_t> Read(int64_t nbytes, void* out) = 0;
  // The same into a Buffer, whose size is what was read. Without a copy where the source is a
  // Buffer.
  virtual Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) = 0;
};

class ALKAID_EXPORT Writable {
 public:
  virtual ~Writable();
  // Writes all of `nbytes`, or fails.
  virtual Status Write(const void* data, int64_t nbytes) = 0;
  // Writes the bytes of a buffer that the CPU can read (else kInvalidArgument).
  virtual Status Write(const std::shared_ptr<Buffer>& data);
  Status Write(std::string_view data) {
    return Write(data.data(), static_cast<int64_t>(data.size()));
  }
  // Passes on what the stream itself holds back. Says nothing of the disk.
  virtual Status Flush();
};

class ALKAID_EXPORT InputStream : virtual public FileInterface, public Readable {
 public:
  // Reads what is there, and waits only where that is nothing: 1 to `nbytes` bytes; 0 at the end,
  // and where `nbytes` is 0. Where nothing has to be waited for it is Read.
  virtual Result<int64_t> ReadSome(int64_t nbytes, void* out) { return Read(nbytes, out); }
  // Skips up to `nbytes`.
  virtual Status Advance(int64_t nbytes);
  // Whether the Buffers that Read gives are slices of a Buffer that is there anyway.
  virtual bool supports_zero_copy() const { return false; }
};

class ALKAID_EXPORT OutputStream : virtual public FileInterface, public Writable {};

class ALKAID_EXPORT RandomAccessFile : public InputStream, public Seekable {
 public:
  // Bytes in all.
  virtual Result<int64_t> GetSize() = 0;
  // Reads up to `nbytes` from `position` on, and leaves the stream's own position alone. Fewer
  // bytes only at the end.
  virtual Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) = 0;
  virtual Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes) = 0;
};

class ALKAID_EXPORT WritableFile : public OutputStream, public Seekable {
 public:
  // Writes all of `nbytes` from `position` on, or fails, and leaves the stream's own position
  // alone.
  virtual Status WriteAt(int64_t position, const void* data, int64_t nbytes) = 0;
};

}  // namespace io
}  // namespace alkaid
