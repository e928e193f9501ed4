// What can be read and written: files, streams, and the bytes of a Buffer, by one set of
// interfaces, with Apache Arrow's names. Programs derive their own streams from them.
//
// Ownership: a stream owns what it reads from or writes to, and lets go at Close or in its
// destructor. Buffers that it hands out live on their own. Threads: RandomAccessFile::ReadAt and
// WritableFile::WriteAt from many at once; everything else uses the stream's one position, or ends
// it, and is for one thread at a time. Out of memory: kResourceExhausted from the calls that return
// a Buffer; the position is then where it was. Errors: the system's, as errno maps; a negative
// count, a null destination for a positive count, and a closed stream are kInvalidArgument; a
// negative position is kOutOfRange. Reading at or past the end is no error: it gives fewer bytes,
// or none. Where a whole read is asked for (`allow_short_read` is false) it is kOutOfRange, with
// the position and both numbers.
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

  // Lets go of what is behind. Closing again does nothing. Errors of the last writes can show here.
  virtual Status Close() = 0;
  // The same where the bytes that were not passed on yet are of no use any more. What holds none
  // back closes.
  virtual Status Abort();
  virtual bool closed() const = 0;
  // Bytes from the start to where the next Read or Write happens.
  virtual Result<int64_t> Tell() const = 0;
  // What the stream was opened for. READ in a class of the program's own that sets no other.
  FileMode::type mode() const { return mode_; }

 protected:
  FileInterface() = default;
  void set_mode(FileMode::type mode) { mode_ = mode; }

  FileMode::type mode_ = FileMode::READ;
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

class ALKAID_EXPORT InputStream : virtual public FileInterface, virtual public Readable {
 public:
  // Reads what is there, and waits only where that is nothing: 1 to `nbytes` bytes; 0 at the end,
  // and where `nbytes` is 0. Where nothing has to be waited for it is Read.
  virtual Result<int64_t> ReadSome(int64_t nbytes, void* out) { return Read(nbytes, out); }
  // Skips up to `nbytes`.
  virtual Status Advance(int64_t nbytes);
  // Up to `nbytes` that Read would give next, without a copy; the position stays. The bytes are
  // valid until the next call. kUnimplemented where the stream does not hold its bytes in memory.
  virtual Result<std::string_view> Peek(int64_t nbytes);
  // Whether the Buffers that Read gives are slices of a Buffer that is there anyway.
  virtual bool supports_zero_copy() const { return false; }
};

class ALKAID_EXPORT OutputStream : virtual public FileInterface, public Writable {};

// A class of the program's own needs no ReadAt: the one that is here seeks and reads, one thread
// after the other, and leaves the position where that ends.
class ALKAID_EXPORT RandomAccessFile : public InputStream, public Seekable {
 public:
  // `nbytes` of `file` from `file_offset` on, as a stream with a position of its own, which reads
  // by ReadAt and ends where the file does. It holds the file, and closing it does not close that.
  // kInvalidArgument for a null file and for negative numbers.
  static Result<std::shared_ptr<InputStream>> GetStream(std::shared_ptr<RandomAccessFile> file,
                                                        int64_t file_offset, int64_t nbytes);

  // Bytes in all.
  virtual Result<int64_t> GetSize() = 0;
  // Reads up to `nbytes` from `position` on. Fewer bytes only at the end. The files of this library
  // leave their own position alone.
  virtual Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out);
  virtual Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes);
  // The same; without `allow_short_read`, all of `nbytes` or kOutOfRange.
  virtual Result<int64_t> ReadAt(int64_t position, int64_t nbytes, bool allow_short_read,
                                 void* out);
  virtual Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes,
                                                 bool allow_short_read);

 protected:
  // What errors call the file.
  virtual const char* NameInErrors() const { return "RandomAccessFile"; }

 private:
  std::mutex default_read_at_;
};

class ALKAID_EXPORT WritableFile : public OutputStream, public Seekable {
 public:
  // Writes all of `nbytes` from `position` on, or fails, and leaves the stream's own position
  // alone.
  virtual Status WriteAt(int64_t position, const void* data, int64_t nbytes) = 0;
};

// Both, with one position.
class ALKAID_EXPORT ReadWriteFileInterface : public RandomAccessFile, public WritableFile {
 protected:
  ReadWriteFileInterface() { set_mode(FileMode::READWRITE); }
};

}  // namespace io
}  // namespace alkaid
