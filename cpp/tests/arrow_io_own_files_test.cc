// Programs that derive a RandomAccessFile of their own (arrow_io_program.h).
#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include "tests/arrow_io_program.h"

namespace arrow_program {
namespace {

// The program's own file, with only Seek and Read.
class StringFile : public arrow::io::RandomAccessFile {
 public:
  explicit StringFile(std::string bytes) : bytes_(std::move(bytes)) {}
  ~StringFile() override { ++destroyed; }
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
    const int64_t count = Left(nbytes);
    std::memcpy(out, bytes_.data() + std::min<int64_t>(position_, bytes_.size()),
                static_cast<size_t>(count));
    position_ += count;
    return count;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t nbytes) override {
    const int64_t count = Left(nbytes);
    auto buffer = arrow::Buffer::FromString(
        count > 0 ? bytes_.substr(static_cast<size_t>(position_), static_cast<size_t>(count)) : "");
    position_ += count;
    return buffer;
  }
  static inline std::atomic<int> destroyed = 0;

 private:
  int64_t Left(int64_t nbytes) const {
    return std::clamp<int64_t>(static_cast<int64_t>(bytes_.size()) - position_, 0, nbytes);
  }
  std::string bytes_;
  int64_t position_ = 0;
  bool closed_ = false;
};

TEST(ArrowOwnStreams, AFileNeedsSeekAndReadForReadAt) {
  StringFile file("0123456789");
  arrow::io::RandomAccessFile& base = file;
  char out[8] = {};
  EXPECT_EQ(Get(base.ReadAt(3, 4, out)), 4);
  EXPECT_STREQ(out, "3456");
  EXPECT_EQ(Text(base.ReadAt(8, 4)), "89");
  EXPECT_EQ(Get(base.ReadAt(8, 4, /*allow_short_read=*/true, out)), 2);
  EXPECT_FAILS(base.ReadAt(8, 4, /*allow_short_read=*/false, out));
  EXPECT_FAILS(base.ReadAt(8, 4, /*allow_short_read=*/false));
  EXPECT_EQ(Text(base.ReadAt(10, 4)), "");
}

TEST(ArrowOwnStreams, TheReadAtThatIsThereMayRunOnManyThreads) {
  std::string bytes(10'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 % 251);
  StringFile file(bytes);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 500; ++i) {
        const int64_t position = (i * 97 + thread * 1009) % 9'900;
        char out[64];
        const auto count = file.ReadAt(position, 64, out);
        wrong += !count.ok() || *count != 64 || std::memcmp(out, bytes.data() + position, 64) != 0;
        const auto buffer = file.ReadAt(position, 32);
        wrong += !buffer.ok() || std::memcmp((*buffer)->data(), bytes.data() + position, 32) != 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// Records what is requested at which position.
class CountingFile : public StringFile {
 public:
  using arrow::io::RandomAccessFile::ReadAt;
  using StringFile::StringFile;
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override {
    bytes_at[position] += nbytes;
    return StringFile::ReadAt(position, nbytes, out);
  }
  std::map<int64_t, int64_t> bytes_at;
};

TEST(ArrowOwnStreams, AReadAtOfTheirOwnServesTheWholeReadToo) {
  CountingFile file("0123456789");
  char out[4];
  EXPECT_EQ(Get(file.ReadAt(2, 4, out)), 4);
  EXPECT_EQ(Get(file.ReadAt(2, 3, /*allow_short_read=*/false, out)), 3);
  EXPECT_EQ(file.bytes_at[2], 7);
}

TEST(ArrowGetStream, ReadsPartsOfAFileSideBySide) {
  StringFile::destroyed = 0;
  auto file = std::make_shared<StringFile>("0123456789");
  auto first = Get(arrow::io::RandomAccessFile::GetStream(file, 0, 5));
  auto second = Get(arrow::io::RandomAccessFile::GetStream(file, 4, 100));
  EXPECT_EQ(Text(first->Read(3)), "012");
  EXPECT_EQ(Text(second->Read(2)), "45");
  char out[8] = {};
  EXPECT_EQ(Get(first->Read(8, out)), 2);
  EXPECT_STREQ(out, "34");
  EXPECT_EQ(Text(first->Read(1)), "");
  ASSERT_DONE(second->Advance(1));
  EXPECT_EQ(Get(second->Tell()), 3);
  EXPECT_EQ(Text(second->Read(100)), "789");
  EXPECT_FALSE(second->supports_zero_copy());
  ASSERT_DONE(first->Close());
  EXPECT_TRUE(first->closed());
  EXPECT_FAILS(first->Read(1));
  EXPECT_FAILS(first->Tell());
  EXPECT_FALSE(file->closed());
  EXPECT_FAILS(arrow::io::RandomAccessFile::GetStream(file, -1, 5));
  EXPECT_FAILS(arrow::io::RandomAccessFile::GetStream(file, 1, -5));
  file.reset();
  EXPECT_EQ(StringFile::destroyed, 0) << "the second stream holds it";
  second.reset();
  first.reset();
  EXPECT_EQ(StringFile::destroyed, 1);
}

TEST(ArrowGetStream, OfABufferCopiesNothing) {
  const auto buffer = arrow::Buffer::FromString("0123456789");
  auto stream = Get(arrow::io::RandomAccessFile::GetStream(
      std::make_shared<arrow::io::BufferReader>(buffer), 2, 6));
  const auto slice = Get(stream->Read(4));
  EXPECT_EQ(slice->data(), buffer->data() + 2);
  EXPECT_EQ(slice->ToString(), "2345");
}

// A file that fails at the third request.
class FailingFile : public StringFile {
 public:
  using StringFile::StringFile;
  arrow::Status Seek(int64_t position) override {
    if (++seeks_ == 3) return Failed("the third seek");
    return StringFile::Seek(position);
  }

 private:
  int seeks_ = 0;
};

TEST(ArrowOwnStreams, TheirFailuresComeThrough) {
  auto file = std::make_shared<FailingFile>("0123456789");
  auto stream = Get(arrow::io::RandomAccessFile::GetStream(file, 0, 10));
  EXPECT_EQ(Text(stream->Read(2)), "01");
  EXPECT_EQ(Text(stream->Read(2)), "23");
  const auto third = stream->Read(2);
  ASSERT_FALSE(third.ok());
  EXPECT_NE(third.status().ToString().find("the third seek"), std::string::npos);
  EXPECT_EQ(Get(stream->Tell()), 4);
  EXPECT_EQ(Text(stream->Read(2)), "45");
}

}  // namespace
}  // namespace arrow_program
