// One set of interfaces, with Apache Arrow's names, for reading and writing files, streams and the
// bytes of a Buffer. Programs derive their own streams from them.
//
// Ownership: a stream owns what it reads from or writes to, until Close or its destructor. The
// Buffers it hands out live on their own. Threads: RandomAccessFile::ReadAt and
// WritableFile::WriteAt from many threads at once; everything else uses or ends the stream's one
// position, and is for one thread at a time. Out of memory: kResourceExhausted from calls that
// return a Buffer; the position stays.
// Errors:
// - the system's, as errno maps
// - kInvalidArgument: a negative count, a null destination for a positive count, a closed stream
// - kOutOfRange: a negative position; and, where a whole read is requested (`allow_short_read` is
//   false), an end before that, with the position and both numbers
// Otherwise reading at or past the end is no error: it returns fewer bytes, or none.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid {

class Buffer;

namespace io {

struct FileMode {
  enum type { READ, WRITE, READWRITE };
};

class ALKAID_EXPORT FileInterface : public std::enable_shared_from_this<FileInterface> {
 public:
  virtual ~FileInterface();
  FileInterface(const FileInterface&) = delete;
  FileInterface& operator=(const FileInterface&) = delete;

  // Releases the underlying file or buffer. Closing again does nothing. May report errors of the
  // last writes.
  virtual Status Close() = 0;
  // As Close, if the bytes not yet passed on are no longer needed. A stream that holds none back
  // closes.
  virtual Status Abort();
  virtual bool closed() const = 0;
  // Bytes from the start to where the next Read or Write happens.
  virtual Result<int64_t> Tell() const = 0;
  // What the stream was opened for. READ in a class that does not set it.
  FileMode::type mode() const { return mode_; }

 protected:
  FileInterface() = default;
  void set_mode(FileMode::type mode) { mode_ = mode; }

  FileMode::type mode_ = FileMode::READ;
};

class ALKAID_EXPORT Seekable {
 public:
  virtual ~Seekable();
  // Moves to `position` bytes from the start; past the end is allowed for a file.
  virtual Status Seek(int64_t position) = 0;
};

class ALKAID_EXPORT Readable {
 public:
  virtual ~Readable();
  // Reads up to `nbytes` to `out` and returns how many it read: fewer only at the end.
  virtual Result<int64_t> Read(int64_t nbytes, void* out) = 0;
  // The same into a Buffer, whose size is what was read. No copy if the source is a Buffer.
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
  // Passes on what the stream itself holds back. Guarantees nothing about the disk.
  virtual Status Flush();
};

class ALKAID_EXPORT InputStream : virtual public FileInterface, virtual public Readable {
 public:
  // Reads what is available, and waits only if nothing is: returns 1 to `nbytes` bytes; 0 at the
  // end, or if `nbytes` is 0. The same as Read for a stream that never has to wait.
  virtual Result<int64_t> ReadSome(int64_t nbytes, void* out) { return Read(nbytes, out); }
  // Skips up to `nbytes`.
  virtual Status Advance(int64_t nbytes);
  // Up to `nbytes` that the next Read would return, without a copy; the position stays. The bytes
  // are valid until the next call. kUnimplemented if the stream does not hold its bytes in memory.
  virtual Result<std::string_view> Peek(int64_t nbytes);
  // Whether the Buffers that Read returns are slices of a Buffer that exists already.
  virtual bool supports_zero_copy() const { return false; }
};

class ALKAID_EXPORT OutputStream : virtual public FileInterface, public Writable {};

// A derived class needs no ReadAt: the default one seeks and reads, one thread at a time, and
// leaves the position at the end of what it read.
class ALKAID_EXPORT RandomAccessFile : public InputStream, public Seekable {
 public:
  // `nbytes` of `file` from `file_offset` on, as a stream with its own position, which reads by
  // ReadAt and ends no later than the file. It holds the file; closing it does not close the file.
  // kInvalidArgument for a null file and for negative numbers.
  static Result<std::shared_ptr<InputStream>> GetStream(std::shared_ptr<RandomAccessFile> file,
                                                        int64_t file_offset, int64_t nbytes);

  // Bytes in all.
  virtual Result<int64_t> GetSize() = 0;
  // Reads up to `nbytes` from `position` on. Fewer bytes only at the end. The files of this library
  // keep their own position.
  virtual Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out);
  virtual Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes);
  // The same; without `allow_short_read`, all of `nbytes` or kOutOfRange.
  virtual Result<int64_t> ReadAt(int64_t position, int64_t nbytes, bool allow_short_read,
                                 void* out);
  virtual Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes,
                                                 bool allow_short_read);

 protected:
  // The file's name in errors.
  virtual const char* NameInErrors() const { return "RandomAccessFile"; }

 private:
  std::mutex default_read_at_;
};

class ALKAID_EXPORT WritableFile : public OutputStream, public Seekable {
 public:
  // Writes all of `nbytes` from `position` on, or fails. The stream's own position stays.
  virtual Status WriteAt(int64_t position, const void* data, int64_t nbytes) = 0;
};

// Reading and writing, with one position.
class ALKAID_EXPORT ReadWriteFileInterface : public RandomAccessFile, public WritableFile {
 protected:
  ReadWriteFileInterface() { set_mode(FileMode::READWRITE); }
};

}  // namespace io
}  // namespace alkaid
