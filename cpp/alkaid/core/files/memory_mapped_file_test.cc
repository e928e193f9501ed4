#include "alkaid/core/files/memory_mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class MemoryMappedFileTest : public ::testing::Test {
 protected:
  MemoryMappedFileTest() {
    folder = ::testing::TempDir() + "alkaid_mapped_XXXXXX";
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    path = folder + "/file";
  }
  ~MemoryMappedFileTest() override {
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
  }
  void Fill(std::string_view bytes) const { std::ofstream(path) << bytes; }
  std::string Content() const {
    std::ifstream file(path);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }
  // How many mappings of the file this process has.
  int Mappings() const {
    int count = 0;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.find(path) != std::string::npos) ++count;
    }
    return count;
  }

  std::string folder;
  std::string path;
};

TEST_F(MemoryMappedFileTest, KeepsTheMappingWhileABufferShowsItAndNoLonger) {
  Fill("bytes of a file");
  ALKAID_ASSERT_OK_AND_ASSIGN(auto file, MemoryMappedFile::Open(path, FileMode::READ));
  EXPECT_EQ(Mappings(), 1);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, file->ReadAt(9, 6));
  std::shared_ptr<Buffer> slice = SliceBuffer(buffer, 2, 4);
  ALKAID_ASSERT_OK(file->Close());
  file.reset();
  buffer.reset();
  EXPECT_EQ(Mappings(), 1);
  EXPECT_EQ(slice->ToString(), "file");
  slice.reset();
  EXPECT_EQ(Mappings(), 0);
}

TEST_F(MemoryMappedFileTest, SaysWhatItWasOpenedFor) {
  Fill("x");
  for (const auto mode : {FileMode::READ, FileMode::WRITE, FileMode::READWRITE}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, MemoryMappedFile::Open(path, mode));
    EXPECT_EQ(file->mode(), mode);
    EXPECT_EQ(file->name(), path);
  }
}

TEST_F(MemoryMappedFileTest, RefusesWhatTheModeDoesNotAllow) {
  Fill("text");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, MemoryMappedFile::Open(path, FileMode::READ));
  const auto refused =
      StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr(path), HasSubstr("read-only")));
  EXPECT_THAT(file->Write("x"), refused);
  EXPECT_THAT(file->WriteAt(0, "x", 1), refused);
  EXPECT_THAT(file->Resize(2), refused);
  EXPECT_EQ(Content(), "text");
}

TEST_F(MemoryMappedFileTest, RefusesWholeWhatDoesNotFitAndNamesTheNumbers) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, MemoryMappedFile::Create(path, 8));
  ALKAID_ASSERT_OK(file->Write("abcdef"));
  EXPECT_THAT(file->Write("ghi"),
              StatusIs(StatusCode::kOutOfRange,
                       AllOf(HasSubstr(path), HasSubstr("3 bytes at 6"), HasSubstr("8 bytes"))));
  EXPECT_THAT(file->WriteAt(INT64_MAX, "x", 1), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(file->WriteAt(1, "x", INT64_MAX), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(file->WriteAt(0, nullptr, 1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(file->Write("x", -1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(file->Tell(), IsOkAndHolds(6));
  EXPECT_EQ(Content(), std::string("abcdef\0\0", 8));
}

TEST_F(MemoryMappedFileTest, ReadsAsFilesDoAtAndPastTheEnd) {
  Fill("0123456789");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, MemoryMappedFile::Open(path, FileMode::READ));
  char out[4];
  EXPECT_THAT(file->ReadAt(8, 4, out), IsOkAndHolds(2));
  EXPECT_THAT(file->ReadAt(100, 4, out), IsOkAndHolds(0));
  EXPECT_THAT(file->ReadAt(8, 4, /*allow_short_read=*/false, out),
              StatusIs(StatusCode::kOutOfRange,
                       HasSubstr(path + ": 4 bytes are wanted at 8, and there are 2")));
  EXPECT_THAT(file->ReadAt(-1, 1), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(file->ReadAt(0, 1, nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(file->Peek(3), IsOkAndHolds("012"));
  ALKAID_ASSERT_OK(file->Advance(7));
  EXPECT_THAT(file->Peek(30), IsOkAndHolds("789"));
  ALKAID_ASSERT_OK(file->Seek(50));
  EXPECT_THAT(file->Read(4, out), IsOkAndHolds(0));
  EXPECT_THAT(file->Peek(3), IsOkAndHolds(""));
  EXPECT_THAT(file->Tell(), IsOkAndHolds(50));
}

TEST_F(MemoryMappedFileTest, IsNotResizedUnderABufferAndSaysHowMany) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, MemoryMappedFile::Create(path, 4));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto first, file->ReadAt(0, 2));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto second, file->ReadAt(2, 2));
  EXPECT_THAT(file->Resize(2),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(path), HasSubstr("from 4 to 2"), HasSubstr("2 buffers"))));
  second.reset();
  EXPECT_THAT(file->Resize(2), StatusIs(StatusCode::kFailedPrecondition, HasSubstr("1 buffers")));
  first.reset();
  ALKAID_ASSERT_OK(file->Resize(2));
  EXPECT_THAT(file->GetSize(), IsOkAndHolds(2));
  EXPECT_EQ(Content().size(), 2U);
}

TEST_F(MemoryMappedFileTest, StaysAsItWasWhereResizingFails) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, MemoryMappedFile::Create(path, 4));
  ALKAID_ASSERT_OK(file->Write("abcd"));
  EXPECT_THAT(file->Resize(INT64_MAX), ::testing::Not(IsOk()));
  EXPECT_THAT(file->Resize(-1), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  // More than the address space, though a file may be that large.
  EXPECT_THAT(file->Resize(int64_t{1} << 50), ::testing::Not(IsOk()));
  EXPECT_THAT(file->GetSize(), IsOkAndHolds(4));
  EXPECT_EQ(Content(), "abcd");
  EXPECT_EQ(Mappings(), 1);
}

TEST_F(MemoryMappedFileTest, MapsAPartAndNothingElse) {
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  Fill(std::string(static_cast<size_t>(page), 'a') + "tail");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto rest,
                              MemoryMappedFile::Open(path, FileMode::READWRITE, page, -1));
  EXPECT_THAT(rest->GetSize(), IsOkAndHolds(4));
  EXPECT_THAT(rest->Peek(10), IsOkAndHolds("tail"));
  EXPECT_THAT(rest->Resize(8), StatusIs(StatusCode::kFailedPrecondition, HasSubstr("part")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto none,
                              MemoryMappedFile::Open(path, FileMode::READ, page, 0));
  EXPECT_THAT(none->GetSize(), IsOkAndHolds(0));
  EXPECT_THAT(MemoryMappedFile::Open(path, FileMode::READ, 5, 1),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("from 5"), HasSubstr(std::to_string(page)))));
  EXPECT_THAT(MemoryMappedFile::Open(path, FileMode::READ, -page, 1),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(MemoryMappedFile::Open(path, FileMode::READ, 0, -2),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("-2")));
  EXPECT_THAT(MemoryMappedFile::Open(path, FileMode::READ, page, 5),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("5 bytes"), HasSubstr(std::to_string(page + 4)))));
  EXPECT_THAT(MemoryMappedFile::Open(path, FileMode::READ, 2 * page, -1),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(MemoryMappedFileTest, NeedsARegularFile) {
  EXPECT_THAT(MemoryMappedFile::Open(path, FileMode::READ),
              StatusIs(StatusCode::kNotFound, HasSubstr(path)));
  EXPECT_THAT(MemoryMappedFile::Open(folder, FileMode::READ),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("a directory")));
  EXPECT_THAT(MemoryMappedFile::Open("/dev/null", FileMode::READ),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("a device")));
  EXPECT_THAT(MemoryMappedFile::Create("/dev/null", 1),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("a device")));
  EXPECT_THAT(MemoryMappedFile::Create(path, -1),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "nothing was made";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(MemoryMappedFile::Open(path, FileMode::READ),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("a pipe")));
}

TEST_F(MemoryMappedFileTest, MakesAFileThatIsToBeWritten) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, MemoryMappedFile::Open(path, FileMode::READWRITE));
  EXPECT_THAT(file->GetSize(), IsOkAndHolds(0));
  ALKAID_ASSERT_OK(file->Resize(3));
  ALKAID_ASSERT_OK(file->Write("abc"));
  EXPECT_EQ(Content(), "abc");
}

TEST_F(MemoryMappedFileTest, HasOnePositionForAllThreads) {
  constexpr int kThreads = 4;
  constexpr int kWrites = 200;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file,
                              MemoryMappedFile::Create(path, kThreads * kWrites * 4));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      const std::string piece(4, static_cast<char>('a' + thread));
      for (int i = 0; i < kWrites; ++i) wrong += !file->Write(piece).ok();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const std::string content = Content();
  for (size_t i = 0; i < content.size(); i += 4) {
    EXPECT_EQ(content.substr(i, 4), std::string(4, content[i]));
  }
  EXPECT_THAT(file->Tell(), IsOkAndHolds(kThreads * kWrites * 4));
}

// What the header says of a file that another process cuts: not an error, but a signal.
TEST_F(MemoryMappedFileTest, AChildThatReadsWhatAnotherCutGetsSIGBUS) {
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  Fill(std::string(static_cast<size_t>(2 * page), 'x'));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, MemoryMappedFile::Open(path, FileMode::READ));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, file->ReadAt(0, 2 * page));
  ASSERT_EQ(::truncate(path.c_str(), page), 0);
  EXPECT_EQ(buffer->data()[page - 1], 'x');
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGBUS, SIG_DFL);
    volatile const uint8_t* const bytes = buffer->data();
    ::_exit(bytes[page]);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGBUS);
}

}  // namespace
}  // namespace alkaid::io
