// A program that puts its own streams into Arrow's namespaces, as parts of Arrow and its extensions
// do: it is compiled with -Darrow=alkaid (arrow_io_program.h).
#include <algorithm>
#include <cstring>

#include "tests/arrow_io_program.h"

namespace arrow {

class Buffer;

namespace io {

class CountingOutputStream : public OutputStream {
 public:
  Status Close() override {
    open_ = false;
    return Status();
  }
  bool closed() const override { return !open_; }
  Result<int64_t> Tell() const override { return count_; }
  using OutputStream::Write;
  Status Write(const void*, int64_t nbytes) override {
    count_ += nbytes;
    return Status();
  }

 private:
  int64_t count_ = 0;
  bool open_ = true;
};

namespace internal {

class OneByteFile : public RandomAccessFile {
 public:
  explicit OneByteFile(char byte) : byte_(byte) {}
  Status Close() override { return Status(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return position_; }
  Status Seek(int64_t position) override {
    position_ = position;
    return Status();
  }
  Result<int64_t> GetSize() override { return 100; }
  Result<int64_t> Read(int64_t nbytes, void* out) override {
    nbytes = std::clamp<int64_t>(100 - position_, 0, nbytes);
    std::memset(out, byte_, static_cast<size_t>(nbytes));
    position_ += nbytes;
    return nbytes;
  }
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override {
    auto buffer = AllocateBuffer(std::clamp<int64_t>(100 - position_, 0, nbytes));
    if (!buffer.ok()) return buffer.status();
    auto count = Read((*buffer)->size(), (*buffer)->mutable_data());
    if (!count.ok()) return count.status();
    return std::shared_ptr<Buffer>(*std::move(buffer));
  }

 private:
  char byte_;
  int64_t position_ = 0;
};

}  // namespace internal
}  // namespace io

namespace {

TEST(ArrowReopened, StreamsOfAProgramStandBesideTheLibrarys) {
  io::CountingOutputStream counting;
  EXPECT_DONE(counting.Write("12345"));
  EXPECT_DONE(counting.Write(Buffer::FromString("678")));
  EXPECT_EQ(*counting.Tell(), 8);
  auto file = std::make_shared<io::internal::OneByteFile>('x');
  EXPECT_EQ(arrow_program::Text(file->ReadAt(98, 10)), "xx");
  auto stream = arrow_program::Get(io::RandomAccessFile::GetStream(file, 95, 10));
  EXPECT_EQ(arrow_program::Text(stream->Read(10)), "xxxxx");
  auto grown = arrow_program::Get(::arrow::io::BufferOutputStream::Create());
  EXPECT_DONE(grown->Write(*file->ReadAt(0, 3)));
  EXPECT_EQ(arrow_program::Text(grown->Finish()), "xxx");
}

}  // namespace
}  // namespace arrow
