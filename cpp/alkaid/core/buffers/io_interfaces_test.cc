#include "alkaid/core/buffers/io_interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

// Implements only what a stream must.
class CountdownStream final : public InputStream {
 public:
  explicit CountdownStream(int64_t left) : left_(left) {}
  Status Close() override {
    closed_ = true;
    return absl::OkStatus();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return position_; }
  Result<int64_t> Read(int64_t nbytes, void* out) override {
    const int64_t count = std::min(nbytes, left_);
    std::memset(out, 'x', static_cast<size_t>(count));
    left_ -= count;
    position_ += count;
    return count;
  }
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override {
    std::string bytes(static_cast<size_t>(std::min(nbytes, left_)), '\0');
    ALKAID_RETURN_NOT_OK(Read(static_cast<int64_t>(bytes.size()), bytes.data()));
    return Buffer::FromString(std::move(bytes));
  }

 private:
  int64_t left_;
  int64_t position_ = 0;
  bool closed_ = false;
};

class TextStream final : public OutputStream {
 public:
  Status Close() override { return absl::OkStatus(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return static_cast<int64_t>(text.size()); }
  using Writable::Write;
  Status Write(const void* data, int64_t nbytes) override {
    text.append(static_cast<const char*>(data), static_cast<size_t>(nbytes));
    return absl::OkStatus();
  }
  std::string text;
};

TEST(InputStream, AdvanceSkipsWhatIsThere) {
  CountdownStream stream(10);
  ALKAID_ASSERT_OK(stream.Advance(7));
  EXPECT_THAT(stream.Tell(), IsOkAndHolds(7));
  ALKAID_ASSERT_OK(stream.Advance(7));
  EXPECT_THAT(stream.Tell(), IsOkAndHolds(10));
  EXPECT_FALSE(stream.supports_zero_copy());
}

TEST(OutputStream, WritesBuffersAndTextByItsOneFunction) {
  TextStream stream;
  ALKAID_ASSERT_OK(stream.Write("hello "));
  ALKAID_ASSERT_OK(stream.Write(Buffer::FromString("world")));
  ALKAID_ASSERT_OK(stream.Flush());
  EXPECT_EQ(stream.text, "hello world");
  EXPECT_THAT(stream.Write(std::shared_ptr<Buffer>()), StatusIs(StatusCode::kInvalidArgument));
}

// Has no ReadAt of its own; its Seek may run out of memory, as a program's may.
class TextFile final : public RandomAccessFile {
 public:
  explicit TextFile(std::string bytes) : bytes_(std::move(bytes)) {}
  Status Close() override { return absl::OkStatus(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return position_; }
  Status Seek(int64_t position) override {
    if (no_memory) throw std::bad_alloc();
    position_ = position;
    return absl::OkStatus();
  }
  Result<int64_t> GetSize() override { return std::ssize(bytes_); }
  Result<int64_t> Read(int64_t nbytes, void* out) override {
    const int64_t count = std::clamp<int64_t>(std::ssize(bytes_) - position_, 0, nbytes);
    std::memcpy(out, bytes_.data() + position_, static_cast<size_t>(count));
    position_ += count;
    return count;
  }
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override {
    std::string bytes(static_cast<size_t>(nbytes), '\0');
    ALKAID_ASSIGN_OR_RAISE(const int64_t count, Read(nbytes, bytes.data()));
    bytes.resize(static_cast<size_t>(count));
    return Buffer::FromString(std::move(bytes));
  }
  bool no_memory = false;

 private:
  std::string bytes_;
  int64_t position_ = 0;
};

TEST(RandomAccessFile, ReadsAtAPositionBySeekingAndReading) {
  TextFile file("0123456789");
  char out[4];
  EXPECT_THAT(file.ReadAt(8, 4, out), IsOkAndHolds(2));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, file.ReadAt(2, 3));
  EXPECT_EQ(buffer->ToString(), "234");
  EXPECT_THAT(file.ReadAt(-1, 4, out), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(file.ReadAt(0, -4), StatusIs(StatusCode::kInvalidArgument));
  file.no_memory = true;
  EXPECT_THAT(file.ReadAt(2, 3), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(file.ReadAt(2, 3, out), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(file.ReadAt(2, 3, /*allow_short_read=*/false),
              StatusIs(StatusCode::kResourceExhausted));
  file.no_memory = false;
  EXPECT_THAT(file.ReadAt(2, 3, out), IsOkAndHolds(3)) << "no lock is left";
}

TEST(RandomAccessFile, AWholeReadThatIsNotAllThereNamesTheNumbers) {
  TextFile file("0123456789");
  char out[4];
  EXPECT_THAT(file.ReadAt(8, 4, /*allow_short_read=*/true, out), IsOkAndHolds(2));
  const auto missing =
      StatusIs(StatusCode::kOutOfRange,
               ::testing::HasSubstr("RandomAccessFile: 4 bytes are wanted at 8, and there are 2"));
  EXPECT_THAT(file.ReadAt(8, 4, /*allow_short_read=*/false, out), missing);
  EXPECT_THAT(file.ReadAt(8, 4, /*allow_short_read=*/false), missing);
  EXPECT_THAT(file.ReadAt(6, 4, /*allow_short_read=*/false, out), IsOkAndHolds(4));
}

TEST(InputStream, CannotPeekUnlessItSaysSo) {
  CountdownStream stream(10);
  EXPECT_THAT(stream.Peek(3), StatusIs(StatusCode::kUnimplemented, ::testing::HasSubstr("3")));
}

TEST(FileInterface, AbortClosesWhereNothingElseIsSaid) {
  CountdownStream stream(10);
  ALKAID_ASSERT_OK(stream.Abort());
  EXPECT_TRUE(stream.closed());
  EXPECT_EQ(stream.mode(), FileMode::READ);
}

}  // namespace
}  // namespace alkaid::io
