// Programs that derive streams of their own from Arrow's interfaces (arrow_io_program.h).
#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/arrow_io_program.h"

namespace arrow_program {
namespace {

// Implements only what it must.
class StringSink : public arrow::io::OutputStream {
 public:
  StringSink() { set_mode(arrow::io::FileMode::WRITE); }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return static_cast<int64_t>(text.size()); }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t nbytes) override {
    if (closed_) return Failed("closed");
    text.append(static_cast<const char*>(data), static_cast<size_t>(nbytes));
    return arrow::Status();
  }
  std::string text;

 private:
  bool closed_ = false;
};

// Counts up, without an end.
class Numbers : public arrow::io::InputStream {
 public:
  explicit Numbers(int64_t end) : end_(end) {}
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Result<int64_t> Read(int64_t nbytes, void* out) override {
    const int64_t count = std::min(nbytes, end_ - position_);
    for (int64_t i = 0; i < count; ++i) {
      static_cast<char*>(out)[i] = static_cast<char>('0' + position_++ % 10);
    }
    return count;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t nbytes) override {
    auto buffer = Get(arrow::AllocateResizableBuffer(nbytes));
    auto count = Read(nbytes, buffer->mutable_data());
    if (!count.ok()) return count.status();
    if (auto status = buffer->Resize(*count); !status.ok()) return status;
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 private:
  int64_t end_;
  int64_t position_ = 0;
  bool closed_ = false;
};

TEST(ArrowOwnStreams, AnOutputStreamNeedsOneWrite) {
  StringSink sink;
  arrow::io::OutputStream& stream = sink;
  ASSERT_DONE(stream.Write("bytes, ", 7));
  ASSERT_DONE(stream.Write(std::string_view("a view, ")));
  ASSERT_DONE(stream.Write(arrow::Buffer::FromString("a buffer")));
  ASSERT_DONE(stream.Flush());
  EXPECT_EQ(sink.text, "bytes, a view, a buffer");
  EXPECT_EQ(stream.mode(), arrow::io::FileMode::WRITE);
  ASSERT_DONE(stream.Abort());
  EXPECT_TRUE(stream.closed());
  EXPECT_FAILS(stream.Write("x"));
}

// Keeps the buffers that are written, instead of copies of them.
class BufferSink : public StringSink {
 public:
  using StringSink::Write;
  arrow::Status Write(const std::shared_ptr<arrow::Buffer>& data) override {
    buffers.push_back(data);
    return arrow::Status();
  }
  std::vector<std::shared_ptr<arrow::Buffer>> buffers;
};

TEST(ArrowOwnStreams, AnOutputStreamMayKeepBuffers) {
  auto sink = std::make_shared<BufferSink>();
  const std::shared_ptr<arrow::io::OutputStream> stream = sink;
  const auto buffer = arrow::Buffer::FromString("kept");
  ASSERT_DONE(stream->Write(buffer));
  ASSERT_EQ(sink->buffers.size(), 1u);
  EXPECT_EQ(sink->buffers[0], buffer);
  EXPECT_EQ(sink->text, "");
}

TEST(ArrowOwnStreams, AnInputStreamNeedsTwoReads) {
  Numbers numbers(25);
  arrow::io::InputStream& stream = numbers;
  ASSERT_DONE(stream.Advance(3));
  EXPECT_EQ(Text(stream.Read(5)), "34567");
  char out[4] = {};
  EXPECT_EQ(Get(stream.Read(3, out)), 3);
  EXPECT_STREQ(out, "890");
  EXPECT_EQ(Get(stream.Tell()), 11);
  EXPECT_FAILS(stream.Peek(2));
  EXPECT_FALSE(stream.supports_zero_copy());
  EXPECT_EQ(stream.mode(), arrow::io::FileMode::READ);
  ASSERT_DONE(stream.Advance(100));
  EXPECT_EQ(Text(stream.Read(5)), "");
  ASSERT_DONE(stream.Abort());
  EXPECT_TRUE(stream.closed());
}

// A copy function of such programs, for files of every kind.
arrow::Result<int64_t> Copy(arrow::io::InputStream* from, arrow::io::OutputStream* to) {
  int64_t total = 0;
  while (true) {
    auto buffer = from->Read(7);
    if (!buffer.ok()) return buffer.status();
    if ((*buffer)->size() == 0) return total;
    total += (*buffer)->size();
    if (auto status = to->Write(*buffer); !status.ok()) return status;
  }
}

TEST(ArrowOwnStreams, AreCopiedIntoOneAnother) {
  Numbers numbers(30);
  auto grown = Get(arrow::io::BufferOutputStream::Create(4));
  EXPECT_EQ(Get(Copy(&numbers, grown.get())), 30);
  arrow::io::BufferReader reader(Get(grown->Finish()));
  StringSink sink;
  EXPECT_EQ(Get(Copy(&reader, &sink)), 30);
  EXPECT_EQ(sink.text, "012345678901234567890123456789");
}

// A file in memory for reading and writing.
class MemoryFile : public arrow::io::ReadWriteFileInterface {
 public:
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Seek(int64_t position) override {
    position_ = position;
    return arrow::Status();
  }
  arrow::Result<int64_t> GetSize() override { return static_cast<int64_t>(bytes_.size()); }
  arrow::Result<int64_t> Read(int64_t nbytes, void* out) override {
    const int64_t count = std::clamp<int64_t>(std::ssize(bytes_) - position_, 0, nbytes);
    std::memcpy(out, bytes_.data() + position_, static_cast<size_t>(count));
    position_ += count;
    return count;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t nbytes) override {
    std::string bytes(static_cast<size_t>(nbytes), '\0');
    auto count = Read(nbytes, bytes.data());
    if (!count.ok()) return count.status();
    bytes.resize(static_cast<size_t>(*count));
    return arrow::Buffer::FromString(std::move(bytes));
  }
  using arrow::io::Writable::Write;
  arrow::Status Write(const void* data, int64_t nbytes) override {
    auto status = WriteAt(position_, data, nbytes);
    position_ += nbytes;
    return status;
  }
  arrow::Status WriteAt(int64_t position, const void* data, int64_t nbytes) override {
    if (position + nbytes > std::ssize(bytes_))
      bytes_.resize(static_cast<size_t>(position + nbytes));
    std::memcpy(bytes_.data() + position, data, static_cast<size_t>(nbytes));
    return arrow::Status();
  }

 private:
  std::string bytes_;
  int64_t position_ = 0;
  bool closed_ = false;
};

TEST(ArrowOwnStreams, AFileMayBeReadAndWritten) {
  MemoryFile file;
  EXPECT_EQ(file.mode(), arrow::io::FileMode::READWRITE);
  arrow::io::WritableFile& writable = file;
  ASSERT_DONE(writable.Write("hello world"));
  ASSERT_DONE(writable.WriteAt(6, "W", 1));
  ASSERT_DONE(writable.Seek(0));
  arrow::io::RandomAccessFile& readable = file;
  EXPECT_EQ(Text(readable.Read(5)), "hello");
  EXPECT_EQ(Text(readable.ReadAt(6, 5)), "World");
  EXPECT_EQ(Get(readable.GetSize()), 11);
}

// Both directions in one object, like a socket.
class Loop : public arrow::io::InputStream, public arrow::io::OutputStream {
 public:
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return read_; }
  arrow::Result<int64_t> Read(int64_t nbytes, void* out) override {
    const int64_t count = std::min<int64_t>(nbytes, std::ssize(bytes_) - read_);
    std::memcpy(out, bytes_.data() + read_, static_cast<size_t>(count));
    read_ += count;
    return count;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t) override { return Failed("unused"); }
  arrow::Result<std::string_view> Peek(int64_t nbytes) override {
    return std::string_view(bytes_).substr(static_cast<size_t>(read_), static_cast<size_t>(nbytes));
  }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t nbytes) override {
    bytes_.append(static_cast<const char*>(data), static_cast<size_t>(nbytes));
    return arrow::Status();
  }

 private:
  std::string bytes_;
  int64_t read_ = 0;
  bool closed_ = false;
};

TEST(ArrowOwnStreams, OneObjectMayBeBothEnds) {
  auto loop = std::make_shared<Loop>();
  const std::shared_ptr<arrow::io::OutputStream> in = loop;
  const std::shared_ptr<arrow::io::InputStream> out = loop;
  ASSERT_DONE(in->Write("round"));
  EXPECT_EQ(Get(out->Peek(3)), "rou");
  char bytes[8] = {};
  EXPECT_EQ(Get(out->Read(8, bytes)), 5);
  EXPECT_STREQ(bytes, "round");
  ASSERT_DONE(in->Close());
  EXPECT_TRUE(out->closed());
  EXPECT_EQ(in->shared_from_this(), out->shared_from_this());
}

// A filter over another stream, like those for checksums and ciphers.
class Inverting : public arrow::io::OutputStream {
 public:
  explicit Inverting(std::shared_ptr<arrow::io::OutputStream> below) : below_(std::move(below)) {}
  arrow::Status Close() override { return below_->Close(); }
  arrow::Status Abort() override {
    aborted = true;
    return below_->Abort();
  }
  bool closed() const override { return below_->closed(); }
  arrow::Result<int64_t> Tell() const override { return below_->Tell(); }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t nbytes) override {
    std::string bytes(static_cast<const char*>(data), static_cast<size_t>(nbytes));
    for (char& byte : bytes) byte = static_cast<char>(~byte);
    return below_->Write(bytes);
  }
  arrow::Status Flush() override {
    ++flushes;
    return below_->Flush();
  }
  bool aborted = false;
  int flushes = 0;

 private:
  std::shared_ptr<arrow::io::OutputStream> below_;
};

TEST(ArrowOwnStreams, FiltersPassOnWhatTheyAreAsked) {
  auto grown = Get(arrow::io::BufferOutputStream::Create());
  auto filter = std::make_shared<Inverting>(grown);
  auto filters = std::make_shared<Inverting>(filter);
  ASSERT_DONE(filters->Write("twice inverted"));
  ASSERT_DONE(filters->Flush());
  EXPECT_EQ(filter->flushes, 1);
  ASSERT_DONE(filters->Abort());
  EXPECT_TRUE(filter->aborted);
  EXPECT_TRUE(filters->closed());
  EXPECT_EQ(Text(grown->Finish()), "twice inverted");
}

}  // namespace
}  // namespace arrow_program
