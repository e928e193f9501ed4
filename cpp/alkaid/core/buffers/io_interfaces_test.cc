#include "alkaid/core/buffers/io_interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

// Implements no more than a stream must.
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

}  // namespace
}  // namespace alkaid::io
