#include "alkaid/core/buffers/foreign_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

TEST(ForeignBuffer, HoldsTheOwnerUntilItsLastSliceIsGone) {
  auto owner = std::make_shared<std::string>("foreign bytes");
  const std::weak_ptr<std::string> watch = owner;
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer,
                              ForeignBuffer::Make(owner->data(), 13, std::shared_ptr<void>(owner)));
  owner.reset();
  EXPECT_FALSE(buffer->is_mutable());
  auto slice = SliceBuffer(std::move(buffer), 8);
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(slice->ToString(), "bytes");
  slice.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(ForeignBuffer, CallsItsReleaseCallbackOnceAfterTheLastReference) {
  int calls = 0;
  const char bytes[] = "abc";
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, ForeignBuffer::Make(bytes, 3, [&calls] { ++calls; }));
  auto slice = SliceBuffer(buffer, 1, 1);
  auto copy = buffer;
  buffer.reset();
  copy.reset();
  EXPECT_EQ(calls, 0);
  slice.reset();
  EXPECT_EQ(calls, 1);
}

TEST(ForeignBuffer, CallsItsReleaseCallbackOnTheThreadThatLetsGo) {
  std::thread::id where;
  ALKAID_ASSERT_OK_AND_ASSIGN(
      auto buffer, ForeignBuffer::Make("abc", 3, [&where] { where = std::this_thread::get_id(); }));
  std::thread::id other;
  std::thread([&other, buffer = std::move(buffer)]() mutable {
    other = std::this_thread::get_id();
    buffer.reset();
  }).join();
  EXPECT_EQ(where, other);
}

TEST(ForeignBuffer, CanBeWrittenWhenMadeMutable) {
  char bytes[] = "abc";
  int calls = 0;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer,
                                ForeignBuffer::MakeMutable(bytes, 3, [&calls] { ++calls; }));
    ASSERT_TRUE(buffer->is_mutable());
    SliceMutableBuffer(buffer, 1)->mutable_data()[0] = 'X';
    EXPECT_STREQ(bytes, "aXc");
  }
  EXPECT_EQ(calls, 1);
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const auto owned,
      ForeignBuffer::MakeMutable(bytes, 3, std::shared_ptr<void>(std::make_shared<int>(1))));
  EXPECT_EQ(owned->mutable_data(), reinterpret_cast<uint8_t*>(bytes));
}

TEST(ForeignBuffer, RefusesWhatMakesNoSenseAndReleasesNothingThen) {
  int calls = 0;
  const auto release = [&calls] { ++calls; };
  const auto owner = std::shared_ptr<void>(std::make_shared<int>(1));
  EXPECT_THAT(ForeignBuffer::Make("abc", -1, release),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_THAT(ForeignBuffer::Make(nullptr, 3, owner),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("null data for 3")));
  EXPECT_THAT(ForeignBuffer::MakeMutable(nullptr, 3, release),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ForeignBuffer::Make("abc", 3, std::shared_ptr<void>()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("owner")));
  EXPECT_THAT(ForeignBuffer::Make("abc", 3, std::function<void()>()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("callback")));
  EXPECT_EQ(calls, 0);
}

TEST(ForeignBuffer, OfNoBytesNeedsNoAddress) {
  int calls = 0;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer,
                                ForeignBuffer::Make(nullptr, 0, [&calls] { ++calls; }));
    EXPECT_EQ(buffer->size(), 0);
  }
  EXPECT_EQ(calls, 1);
}

TEST(ForeignBuffer, TellsObserversOfItsEndBeforeTheOwnerGoes) {
  class Watch final : public MemoryObserver {
   public:
    explicit Watch(std::string* log) : log_(log) { AddMemoryObserver(this); }
    ~Watch() override { RemoveMemoryObserver(this); }
    void OnRootRelease(const Buffer*, const void*, int64_t size) override {
      *log_ += "root of " + std::to_string(size) + " bytes, ";
    }

   private:
    std::string* log_;
  };
  std::string log;
  Watch watch(&log);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer,
                              ForeignBuffer::Make("abc", 3, [&log] { log += "owner"; }));
  buffer.reset();
  EXPECT_EQ(log, "root of 3 bytes, owner");
}

}  // namespace
}  // namespace alkaid
