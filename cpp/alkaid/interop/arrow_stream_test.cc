#include "alkaid/interop/arrow_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/testing/matchers.h"

namespace alkaid::interop {
namespace {

using ::testing::HasSubstr;

// Returns arrays 0; 0, 1; 0, 1, 2; and so on, with an error in place of array `bad`.
class Counting final : public ArrayStream {
 public:
  explicit Counting(int count, int bad = -1, Status error = {}, int* deleted = nullptr)
      : count_(count), bad_(bad), error_(std::move(error)), deleted_(deleted) {
    field_.format = "i";
    field_.name = "n";
  }
  ~Counting() override {
    if (deleted_ != nullptr) ++*deleted_;
  }
  const Field& field() const override { return field_; }
  Result<std::optional<ArrayData>> Next() override {
    const int number = next_++;
    if (number == bad_) return error_;
    if (number >= count_) return std::nullopt;
    std::vector<int32_t> values;
    for (int i = 0; i <= number; ++i) values.push_back(i);
    return MakeFixedWidth(number + 1, Buffer::FromVector(std::move(values)));
  }

 private:
  Field field_;
  int count_;
  int bad_;
  Status error_;
  int* deleted_;
  int next_ = 0;
};

TEST(ArrowStream, GivesTheSameArraysOnTheOtherSide) {
  int deleted = 0;
  ArrowArrayStream stream{};
  ALKAID_ASSERT_OK(ExportStream(std::make_unique<Counting>(3, -1, Status(), &deleted), &stream));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto imported, ImportStream(&stream));
  EXPECT_EQ(stream.release, nullptr);
  EXPECT_EQ(imported->field().name, "n");
  std::vector<ArrayData> arrays;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(auto array, imported->Next());
    if (!array.has_value()) break;
    arrays.push_back(*std::move(array));
  }
  ASSERT_EQ(arrays.size(), 3U);
  EXPECT_FALSE(imported->Next()->has_value());
  imported.reset();
  EXPECT_EQ(deleted, 1);
  // The arrays outlive their stream.
  EXPECT_EQ(arrays[2].length, 3);
  EXPECT_EQ(arrays[2].buffers[1]->span_as<int32_t>()[2], 2);
}

TEST(ArrowStream, ErrorsArriveWithTheirTextAndTheNextArrayAfterThem) {
  ArrowArrayStream stream{};
  ALKAID_ASSERT_OK(ExportStream(
      std::make_unique<Counting>(3, 1, status::DataLoss("byte 17 of run.xtc2")), &stream));
  ArrowArray array{};
  EXPECT_EQ(stream.get_last_error(&stream), nullptr);
  ASSERT_EQ(stream.get_next(&stream, &array), 0);
  array.release(&array);
  EXPECT_EQ(stream.get_next(&stream, &array), EIO);
  EXPECT_STREQ(stream.get_last_error(&stream), "byte 17 of run.xtc2");
  ASSERT_EQ(stream.get_next(&stream, &array), 0);
  EXPECT_EQ(stream.get_last_error(&stream), nullptr);
  array.release(&array);
  stream.release(&stream);
  EXPECT_EQ(stream.release, nullptr);

  ALKAID_ASSERT_OK(ExportStream(
      std::make_unique<Counting>(3, 0, status::OutOfMemory("no room for 5 bytes")), &stream));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto imported, ImportStream(&stream));
  EXPECT_THAT(imported->Next(),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("no room for 5 bytes")));
}

// Makes the calls of several threads coincide: none returns before the others are about to enter.
class Meeting final : public ArrayStream {
 public:
  explicit Meeting(int threads) : threads_(threads) { field_.format = "i"; }
  const Field& field() const override { return field_; }
  Result<std::optional<ArrayData>> Next() override {
    if (inside_.exchange(true)) return absl::UnknownError("two at once");
    while (coming_.load() < threads_) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    inside_.store(false);
    return status::DataLoss("call ", ++calls_);
  }
  void Come() { ++coming_; }

 private:
  const int threads_;
  Field field_;
  std::atomic<int> coming_{0};
  std::atomic<bool> inside_{false};
  int calls_ = 0;
};

TEST(ArrowStream, CallsOfSeveralThreadsFollowOneAnother) {
  constexpr int kThreads = 4;
  auto made = std::make_unique<Meeting>(kThreads);
  Meeting* const meeting = made.get();
  ArrowArrayStream stream{};
  ALKAID_ASSERT_OK(ExportStream(std::move(made), &stream));
  std::vector<std::string> texts(kThreads);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&] {
      ArrowArray array{};
      meeting->Come();
      EXPECT_EQ(stream.get_next(&stream, &array), EIO);
      text = stream.get_last_error(&stream);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(texts, ::testing::UnorderedElementsAre("call 1", "call 2", "call 3", "call 4"));
  EXPECT_EQ(stream.get_last_error(&stream), nullptr);
  stream.release(&stream);
}

TEST(ArrowStream, WhatIsRefusedIsTheCallersAsBefore) {
  ArrowArrayStream stream{};
  EXPECT_THAT(ImportStream(&stream), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ImportStream(nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ExportStream(nullptr, &stream), StatusIs(StatusCode::kInvalidArgument));
  ALKAID_ASSERT_OK(ExportStream(std::make_unique<Counting>(1), &stream));
  const auto get_schema = stream.get_schema;
  stream.get_schema = [](ArrowArrayStream*, ArrowSchema*) { return EINVAL; };
  EXPECT_THAT(ImportStream(&stream), StatusIs(StatusCode::kInvalidArgument));
  ASSERT_NE(stream.release, nullptr);
  stream.get_schema = get_schema;
  EXPECT_TRUE(ImportStream(&stream).ok());
}

}  // namespace
}  // namespace alkaid::interop
