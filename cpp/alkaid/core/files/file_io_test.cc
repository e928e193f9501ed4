#include "alkaid/core/files/file_io.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/files/file_io_internal.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileIO : public ::testing::Test {
 protected:
  FileIO() {
    std::string name = ::testing::TempDir() + "alkaid_file_io_XXXXXX";
    const int fd = ::mkstemp(name.data());
    EXPECT_GE(fd, 0);
    ::close(fd);
    path = name;
  }
  ~FileIO() override { ::unlink(path.c_str()); }

  void Fill(std::string_view bytes) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, FileOutputStream::Open(path));
    ALKAID_ASSERT_OK(file->Write(bytes));
    ALKAID_ASSERT_OK(file->Close());
  }
  std::string Content() {
    const auto file = ReadableFile::Open(path);
    EXPECT_THAT(file, IsOk());
    const auto bytes = (*file)->Read(1 << 20);
    EXPECT_THAT(bytes, IsOk());
    return (*bytes)->ToString();
  }

  std::string path;
};

TEST_F(FileIO, ReadsWhatWasWritten) {
  Fill("hello world");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open(path));
  EXPECT_EQ(file->name(), path);
  char out[6] = {};
  EXPECT_THAT(file->Read(5, out), IsOkAndHolds(5));
  EXPECT_STREQ(out, "hello");
  ALKAID_ASSERT_OK(file->Advance(1));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto rest, file->Read(100));
  EXPECT_EQ(rest->ToString(), "world");
  EXPECT_THAT(file->Tell(), IsOkAndHolds(11));
  EXPECT_THAT(file->GetSize(), IsOkAndHolds(11));
  EXPECT_FALSE(file->supports_zero_copy());
}

TEST_F(FileIO, ReadingAtAPositionLeavesTheStreamsOwn) {
  Fill("0123456789");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open(path));
  char out[4] = {};
  EXPECT_THAT(file->ReadAt(3, 3, out), IsOkAndHolds(3));
  EXPECT_STREQ(out, "345");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, file->ReadAt(7, 2));
  EXPECT_EQ(buffer->ToString(), "78");
  EXPECT_THAT(file->Tell(), IsOkAndHolds(0));
}

TEST_F(FileIO, ReadsAtTheEndAreShort) {
  Fill("0123456789");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open(path));
  char out[20];
  EXPECT_THAT(file->ReadAt(8, 20, out), IsOkAndHolds(2));
  EXPECT_THAT(file->ReadAt(10, 1, out), IsOkAndHolds(0));
  EXPECT_THAT(file->ReadAt(INT64_MAX, INT64_MAX, out), IsOkAndHolds(0));
  ALKAID_ASSERT_OK(file->Seek(1000));
  EXPECT_THAT(file->Read(1, out), IsOkAndHolds(0));
  ALKAID_ASSERT_OK(file->Advance(5));
  EXPECT_THAT(file->Tell(), IsOkAndHolds(1000));
}

TEST_F(FileIO, ABufferReadPastTheEndAllocatesNoMoreThanIsThere) {
  Fill("0123456789");
  ProxyMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open(path, &pool));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, file->ReadAt(4, INT64_MAX));
  EXPECT_EQ(buffer->ToString(), "456789");
  EXPECT_EQ(pool.bytes_allocated(), 64);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto after, file->ReadAt(11, INT64_MAX));
  EXPECT_EQ(after->size(), 0);
}

TEST_F(FileIO, FilesThatTheSystemMakesUpAreReadToTheirEnd) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open("/proc/self/status"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, file->ReadAt(0, 1 << 16));
  EXPECT_THAT(buffer->ToString(), HasSubstr("Pid:"));
  EXPECT_LT(buffer->size(), 1 << 16);
  for (int64_t i = buffer->size(); i < buffer->capacity(); ++i) ASSERT_EQ(buffer->data()[i], 0);
}

TEST_F(FileIO, AnEmptyFileTakesNoMemoryForWhatItDoesNotHave) {
  ProxyMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(auto file, ReadableFile::Open(path, &pool));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, file->ReadAt(0, int64_t{1} << 40));
  EXPECT_EQ(buffer->size(), 0);
  EXPECT_LE(pool.max_memory(), 1 << 16);
}

TEST_F(FileIO, ADeviceHasNoSizeButIsReadInSteps) {
  ALKAID_ASSERT_OK_AND_ASSIGN(auto file, ReadableFile::Open("/dev/zero"));
  EXPECT_EQ(file->GetSize().status().code(), StatusCode::kUnimplemented);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, file->ReadAt(0, 300000));
  EXPECT_EQ(buffer->size(), 300000);
  EXPECT_EQ(buffer->ToString(), std::string(300000, '\0'));
}

TEST_F(FileIO, AFifoWithoutAWriterIsRefusedAndNotWaitedFor) {
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(ReadableFile::Open(path).ok());
}

TEST_F(FileIO, ADescriptorThatOnlyAppendsRefusesToWriteAtAPosition) {
  Fill("start ");
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND);
  ASSERT_GE(fd, 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto stream, FileOutputStream::OpenFd(fd));
  ALKAID_ASSERT_OK(stream->Write(std::string_view("more")));
  EXPECT_FALSE(stream->WriteAt(0, "XX", 2).ok());
  EXPECT_FALSE(stream->Seek(0).ok());
  ALKAID_ASSERT_OK(stream->Close());
  ALKAID_ASSERT_OK_AND_ASSIGN(auto file, ReadableFile::Open(path));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, file->ReadAt(0, 100));
  EXPECT_EQ(buffer->ToString(), "start more");
}

TEST_F(FileIO, ManyBytesComeBackAsTheyWere) {
  std::string bytes(3 << 20, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  Fill(bytes);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open(path));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, file->Read(INT64_MAX));
  EXPECT_TRUE(buffer->Equals(Buffer(bytes)));
}

TEST_F(FileIO, TakesOverADescriptorAndStartsAtItsBeginning) {
  Fill("abcdef");
  const int fd = ::open(path.c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::lseek(fd, 3, SEEK_SET), 3);
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::OpenFd(fd));
    EXPECT_EQ(file->file_descriptor(), fd);
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, file->Read(3));
    EXPECT_EQ(buffer->ToString(), "abc");
  }
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1) << "the stream closes what it took over";
}

TEST_F(FileIO, StartsWhereATakenDescriptorIsAndLeavesThatThere) {
  Fill("abcdef");
  const int fd = ::open(path.c_str(), O_RDONLY);
  const int other = ::dup(fd);
  ASSERT_EQ(::lseek(fd, 3, SEEK_SET), 3);
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open(fd));
    EXPECT_THAT(file->Tell(), IsOkAndHolds(3));
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, file->Read(2));
    EXPECT_EQ(buffer->ToString(), "de");
  }
  EXPECT_EQ(::lseek(other, 0, SEEK_CUR), 3);
  ::close(other);
}

TEST_F(FileIO, AWholeReadThatIsNotAllThereNamesTheFile) {
  Fill("abcdef");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open(path));
  EXPECT_THAT(file->ReadAt(4, 3, /*allow_short_read=*/false),
              StatusIs(StatusCode::kOutOfRange,
                       HasSubstr(path + ": 3 bytes are wanted at 4, and there are 2")));
}

TEST_F(FileIO, SaysWhatItWasOpenedFor) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto out, FileOutputStream::Open(path));
  EXPECT_EQ(out->mode(), FileMode::WRITE);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto in, ReadableFile::Open(path));
  EXPECT_EQ(in->mode(), FileMode::READ);
}

TEST_F(FileIO, WhatCanNotBeOpenedIsNamedWithItsReason) {
  EXPECT_THAT(ReadableFile::Open(path + ".missing"),
              StatusIs(StatusCode::kNotFound, HasSubstr(path + ".missing")));
  EXPECT_THAT(ReadableFile::Open(::testing::TempDir()),
              StatusIs(::testing::Not(StatusCode::kOk), HasSubstr("Is a directory")));
}

TEST_F(FileIO, PipesAndBadDescriptorsAreRefusedForReading) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_THAT(ReadableFile::OpenFd(ends[0]), ::testing::Not(IsOk()));
  EXPECT_NE(::fcntl(ends[0], F_GETFD), -1) << "a refused descriptor is still the caller's";
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_THAT(ReadableFile::OpenFd(-1), StatusIs(::testing::Not(StatusCode::kOk)));
  EXPECT_THAT(FileOutputStream::OpenFd(-1), StatusIs(::testing::Not(StatusCode::kOk)));
}

TEST_F(FileIO, RefusesBadArgumentsAndUseAfterClose) {
  Fill("abc");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open(path));
  char out[3];
  EXPECT_THAT(file->Read(-1, out),
              StatusIs(StatusCode::kInvalidArgument, AllOf(HasSubstr("-1"), HasSubstr(path))));
  EXPECT_THAT(file->ReadAt(0, -1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(file->ReadAt(-1, 1, out), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(file->Read(1, nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(file->Seek(-1), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(file->Advance(-1), StatusIs(StatusCode::kInvalidArgument));
  ALKAID_ASSERT_OK(file->Close());
  ALKAID_ASSERT_OK(file->Close());
  const auto closed = StatusIs(StatusCode::kInvalidArgument, HasSubstr("closed"));
  EXPECT_THAT(file->Read(1, out), closed);
  EXPECT_THAT(file->Read(1), closed);
  EXPECT_THAT(file->GetSize(), closed);
  EXPECT_THAT(file->Tell(), closed);
  EXPECT_THAT(file->Seek(0), closed);
}

TEST_F(FileIO, WritesOnAppendsAndWritesAtAPosition) {
  Fill("0123456789");
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, FileOutputStream::Open(path, /*append=*/true));
    EXPECT_THAT(file->Tell(), IsOkAndHolds(10));
    ALKAID_ASSERT_OK(file->Write("abc"));
    ALKAID_ASSERT_OK(file->WriteAt(2, "XY", 2));
    ALKAID_ASSERT_OK(file->Write(Buffer::FromString("d")));
    ALKAID_ASSERT_OK(file->Seek(0));
    ALKAID_ASSERT_OK(file->Write("Z"));
  }
  EXPECT_EQ(Content(), "Z1XY456789abcd");
  ALKAID_ASSERT_OK(FileOutputStream::Open(path));
  EXPECT_EQ(Content(), "");
}

TEST_F(FileIO, WritesToAPipeInOrderButNotAtAPosition) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, FileOutputStream::OpenFd(ends[1]));
    ALKAID_ASSERT_OK(file->Write("abc"));
    ALKAID_ASSERT_OK(file->Write("def"));
    EXPECT_THAT(file->Tell(), IsOkAndHolds(6));
    EXPECT_THAT(file->WriteAt(0, "x", 1), StatusIs(::testing::Not(StatusCode::kOk)));
    EXPECT_THAT(file->Seek(0), StatusIs(::testing::Not(StatusCode::kOk)));
  }
  char out[8] = {};
  EXPECT_EQ(::read(ends[0], out, 8), 6);
  EXPECT_STREQ(out, "abcdef");
  ::close(ends[0]);
}

TEST_F(FileIO, AFullDiskIsReportedWithThePathAndThePosition) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "this system has no /dev/full";
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, FileOutputStream::Open("/dev/full"));
  EXPECT_THAT(file->Write("abc"),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("/dev/full"), HasSubstr("3 bytes at 0"))));
}

TEST_F(FileIO, WritingRefusesBadArgumentsAndUseAfterClose) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, FileOutputStream::Open(path));
  EXPECT_THAT(file->Write("x", -1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(file->Write(nullptr, 1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(file->WriteAt(-1, "x", 1), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(file->WriteAt(INT64_MAX, "xy", 2), StatusIs(::testing::Not(StatusCode::kOk)));
  EXPECT_THAT(file->Seek(-1), StatusIs(StatusCode::kOutOfRange));
  ALKAID_ASSERT_OK(file->Close());
  EXPECT_TRUE(file->closed());
  EXPECT_THAT(file->Write("x"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("closed")));
}

TEST_F(FileIO, LeavesNothingBehindWhereverItsPoolFails) {
  Fill(std::string(1000, 'x'));
  const int64_t tried = ForEachAllocationFailure(default_memory_pool(), [&](MemoryPool* pool) {
    ALKAID_ASSIGN_OR_RAISE(const auto file, ReadableFile::Open(path, pool));
    ALKAID_ASSIGN_OR_RAISE(const auto first, file->Read(500));
    ALKAID_ASSIGN_OR_RAISE(const auto second, file->ReadAt(900, 500));
    EXPECT_EQ(second->size(), 100);
    return absl::OkStatus();
  });
  EXPECT_EQ(tried, 2);
}

// What a transfer is called with, and what it returns: a count, or an errno if negative.
class ScriptedTransfer {
 public:
  explicit ScriptedTransfer(std::vector<int64_t> answers) : answers_(std::move(answers)) {}
  internal::TransferResult Run(int64_t nbytes) {
    size_t next = 0;
    return internal::TransferAll(nbytes, [&](int64_t done, int64_t count) -> int64_t {
      asked.push_back({done, count});
      const int64_t answer = next < answers_.size() ? answers_[next++] : count;
      if (answer >= 0) return answer;
      errno = static_cast<int>(-answer);
      return -1;
    });
  }
  std::vector<std::pair<int64_t, int64_t>> asked;

 private:
  std::vector<int64_t> answers_;
};

TEST(TransferAll, GoesOnAfterShortTransfersAndInterrupts) {
  ScriptedTransfer transfer({3, -EINTR, 4, -EINTR, -EINTR, 3});
  const auto result = transfer.Run(10);
  EXPECT_EQ(result.count, 10);
  EXPECT_EQ(result.error, 0);
  EXPECT_EQ(transfer.asked.size(), 6u);
  EXPECT_EQ(transfer.asked.back(), std::pair(int64_t{7}, int64_t{3}));
}

TEST(TransferAll, StopsAtTheEndOfTheFileAndAtErrors) {
  const auto at_end = ScriptedTransfer({3, 0}).Run(10);
  EXPECT_EQ(at_end.count, 3);
  EXPECT_EQ(at_end.error, 0);
  const auto failed = ScriptedTransfer({3, -EIO}).Run(10);
  EXPECT_EQ(failed.count, 3);
  EXPECT_EQ(failed.error, EIO);
}

TEST(TransferAll, SplitsWhatTheSystemTakesNotAtOnce) {
  ScriptedTransfer transfer({});
  constexpr int64_t kMuch = (int64_t{5} << 30) / 2;
  EXPECT_EQ(transfer.Run(kMuch).count, kMuch);
  constexpr int64_t kGiB = int64_t{1} << 30;
  EXPECT_THAT(transfer.asked, ElementsAre(std::pair(int64_t{0}, kGiB), std::pair(kGiB, kGiB),
                                          std::pair(2 * kGiB, kGiB / 2)));
}

TEST_F(FileIO, AWholeFileIsReadUpToItsLimit) {
  Fill("hello");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto bytes, ReadWholeFile(path, 5, "a greeting"));
  EXPECT_EQ(bytes->ToString(), "hello");
  EXPECT_THAT(ReadWholeFile(path, 4, "a greeting"),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(path), HasSubstr("5 bytes; a greeting has at most 4"))));
  EXPECT_THAT(ReadWholeFileAsString(path, 5, "a greeting"), IsOkAndHolds("hello"));
  EXPECT_THAT(ReadWholeFileAsString(path, 4, "a greeting"), StatusIs(StatusCode::kInvalidArgument));
  Fill("");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto nothing, ReadWholeFile(path, 0, "a greeting"));
  EXPECT_EQ(nothing->size(), 0);
}

TEST_F(FileIO, OnlyARegularFileIsReadAsAWhole) {
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_THAT(ReadWholeFile(path, 1, "a greeting"), StatusIs(StatusCode::kNotFound));
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(
      ReadWholeFile(path, 1, "a greeting"),
      StatusIs(StatusCode::kInvalidArgument,
               AllOf(HasSubstr(path), HasSubstr("a pipe, and a greeting is only read from"))));
  EXPECT_THAT(ReadWholeFile("/dev/zero", 1, "a greeting"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("a device")));
  EXPECT_FALSE(ReadWholeFile("/", 1, "a greeting").ok());
}

}  // namespace
}  // namespace alkaid::io
