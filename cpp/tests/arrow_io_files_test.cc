// Programs written for Arrow's files (arrow_io_program.h).
#include <fcntl.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/arrow_io_program.h"

namespace arrow_program {
namespace {

using arrow::io::FileMode;
using arrow::io::FileOutputStream;
using arrow::io::MemoryMappedFile;
using arrow::io::ReadableFile;

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(ArrowFiles, AreWrittenAndReadBack) {
  const Path path;
  {
    std::shared_ptr<FileOutputStream> file = Get(FileOutputStream::Open(path.text));
    ASSERT_DONE(file->Write("0123456789", 10));
    ASSERT_DONE(file->Write(arrow::Buffer::FromString("abc")));
    EXPECT_EQ(Get(file->Tell()), 13);
    ASSERT_DONE(file->Flush());
    EXPECT_GE(file->file_descriptor(), 0);
    ASSERT_DONE(file->Close());
    EXPECT_TRUE(file->closed());
    EXPECT_EQ(file->file_descriptor(), -1);
    EXPECT_FAILS(file->Tell());
    EXPECT_FAILS(file->Write("x"));
  }
  std::shared_ptr<ReadableFile> file = Get(ReadableFile::Open(path.text));
  EXPECT_EQ(Get(file->GetSize()), 13);
  EXPECT_EQ(Text(file->Read(4)), "0123");
  ASSERT_DONE(file->Advance(2));
  char out[8] = {};
  EXPECT_EQ(Get(file->Read(4, out)), 4);
  EXPECT_STREQ(out, "6789");
  EXPECT_EQ(Text(file->Read(100)), "abc");
  EXPECT_EQ(Get(file->Tell()), 13);
  EXPECT_EQ(Text(file->ReadAt(20, 2)), "");
  EXPECT_EQ(Text(file->ReadAt(11, 2)), "bc");
  EXPECT_FAILS(file->ReadAt(12, 2, /*allow_short_read=*/false));
  EXPECT_FAILS(file->ReadAt(-1, 2));
  EXPECT_FAILS(file->Seek(-1));
  ASSERT_DONE(file->Seek(100));
  EXPECT_EQ(Text(file->Read(2)), "");
  EXPECT_FAILS(file->Peek(1));
  EXPECT_FALSE(file->supports_zero_copy());
  ASSERT_DONE(file->Close());
  EXPECT_EQ(file->file_descriptor(), -1);
  EXPECT_FAILS(file->Read(1));
}

TEST(ArrowFiles, AreEmptiedOrAppendedTo) {
  const Path path;
  path.Fill("old text");
  auto appending = Get(FileOutputStream::Open(path.text, /*append=*/true));
  EXPECT_EQ(Get(appending->Tell()), 8);
  ASSERT_DONE(appending->Write(" and new"));
  ASSERT_DONE(appending->Close());
  EXPECT_EQ(path.Content(), "old text and new");
  auto fresh = Get(FileOutputStream::Open(path.text));
  ASSERT_DONE(fresh->Write("fresh"));
  fresh.reset();
  EXPECT_EQ(path.Content(), "fresh");
}

TEST(ArrowFiles, TakeOverADescriptorThatIsRead) {
  const Path path;
  path.Fill("0123456789");
  const int fd = ::open(path.text.c_str(), O_RDONLY);
  ASSERT_EQ(::lseek(fd, 5, SEEK_SET), 5);
  {
    auto file = Get(ReadableFile::Open(fd, arrow::default_memory_pool()));
    EXPECT_EQ(file->file_descriptor(), fd);
    EXPECT_EQ(Get(file->Tell()), 5);
    EXPECT_EQ(Text(file->Read(3)), "567");
    EXPECT_EQ(Get(file->Tell()), 8);
    EXPECT_EQ(Text(file->ReadAt(0, 2)), "01");
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(ArrowFiles, TakeOverADescriptorThatIsWritten) {
  const Path path;
  path.Fill("0123456789");
  const int fd = ::open(path.text.c_str(), O_WRONLY);
  ASSERT_EQ(::lseek(fd, 4, SEEK_SET), 4);
  auto file = Get(FileOutputStream::Open(fd));
  EXPECT_EQ(Get(file->Tell()), 4);
  ASSERT_DONE(file->Write("XY"));
  EXPECT_EQ(Get(file->Tell()), 6);
  ASSERT_DONE(file->Close());
  EXPECT_FALSE(IsOpen(fd));
  EXPECT_EQ(path.Content(), "0123XY6789");
}

TEST(ArrowFiles, LeaveADescriptorThatTheyRefuse) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FAILS(ReadableFile::Open(ends[0]));
  EXPECT_TRUE(IsOpen(ends[0]));
  {
    auto writer = Get(FileOutputStream::Open(ends[1]));
    ASSERT_DONE(writer->Write("through a pipe"));
  }
  EXPECT_FALSE(IsOpen(ends[1]));
  char out[32] = {};
  EXPECT_EQ(::read(ends[0], out, sizeof(out)), 14);
  EXPECT_STREQ(out, "through a pipe");
  ::close(ends[0]);
  EXPECT_FAILS(ReadableFile::Open(-1));
}

TEST(ArrowFiles, SayWhatIsNotThere) {
  const Path path;
  EXPECT_FAILS(ReadableFile::Open(path.text));
  const auto missing = ReadableFile::Open(path.text).status().ToString();
  EXPECT_NE(missing.find(path.text), std::string::npos) << missing;
  EXPECT_FAILS(ReadableFile::Open(::testing::TempDir()));
  EXPECT_FAILS(FileOutputStream::Open(path.text + "/below"));
  EXPECT_FAILS(MemoryMappedFile::Open(path.text, FileMode::READ));
  EXPECT_FAILS(MemoryMappedFile::Open(::testing::TempDir(), FileMode::READ));
  EXPECT_FAILS(MemoryMappedFile::Create(path.text + "/below", 10));
  EXPECT_FAILS(MemoryMappedFile::Create(path.text, -1));
}

TEST(ArrowFiles, TakeTheirBuffersFromAPool) {
  const Path path;
  path.Fill(std::string(1000, 'x'));
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  auto file = Get(ReadableFile::Open(path.text, &pool));
  auto buffer = Get(file->ReadAt(0, 500));
  EXPECT_GE(pool.bytes_allocated(), 500);
  buffer.reset();
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(ArrowFiles, AreReadByManyThreadsAtOnce) {
  const Path path;
  std::string bytes(100'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 % 251);
  path.Fill(bytes);
  auto file = Get(ReadableFile::Open(path.text));
  auto mapped = Get(MemoryMappedFile::Open(path.text, FileMode::READ));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) {
        const int64_t position = (i * 997 + thread * 20'011) % 99'000;
        const auto read = file->ReadAt(position, 777);
        const auto shown = mapped->ReadAt(position, 777);
        wrong += !read.ok() || !shown.ok() || !(*read)->Equals(**shown) ||
                 std::memcmp((*read)->data(), bytes.data() + position, 777) != 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ArrowFiles, AreWrittenByManyThreadsWithoutACut) {
  const Path path;
  auto file = Get(FileOutputStream::Open(path.text));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      const std::string line(99, static_cast<char>('a' + thread));
      for (int i = 0; i < 100; ++i) EXPECT_DONE(file->Write(line + "\n"));
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_DONE(file->Close());
  std::istringstream lines(path.Content());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(line, std::string(99, line[0]));
  }
  EXPECT_EQ(count, 400);
}

TEST(ArrowMemoryMappedFile, IsMadeWrittenAndRead) {
  const Path path;
  auto file = Get(MemoryMappedFile::Create(path.text, 10));
  EXPECT_EQ(file->mode(), FileMode::READWRITE);
  EXPECT_EQ(Get(file->GetSize()), 10);
  EXPECT_EQ(Text(file->ReadAt(0, 3)), std::string(3, '\0'));
  ASSERT_DONE(file->Write("0123456789", 10));
  EXPECT_EQ(Get(file->Tell()), 10);
  EXPECT_FAILS(file->Write("x", 1));
  ASSERT_DONE(file->Seek(2));
  ASSERT_DONE(file->Write(std::string_view("AB")));
  ASSERT_DONE(file->WriteAt(8, "YZ", 2));
  EXPECT_FAILS(file->WriteAt(9, "YZ", 2));
  EXPECT_FAILS(file->WriteAt(-1, "YZ", 2));
  ASSERT_DONE(file->Seek(0));
  char out[8] = {};
  EXPECT_EQ(Get(file->Read(5, out)), 5);
  EXPECT_STREQ(out, "01AB4");
  EXPECT_EQ(Text(file->Read(100)), "567YZ");
  EXPECT_EQ(Text(file->Read(1)), "");
  EXPECT_FAILS(file->Read(-1));
  EXPECT_FAILS(file->ReadAt(-1, 1));
  EXPECT_FAILS(file->Seek(-1));
  EXPECT_GE(file->file_descriptor(), 0);
  EXPECT_EQ(Text(Get(ReadableFile::Open(path.text))->Read(100)), "01AB4567YZ");
  ASSERT_DONE(file->Close());
  EXPECT_EQ(path.Content(), "01AB4567YZ");
}

TEST(ArrowMemoryMappedFile, GivesBuffersWithoutACopyThatOutliveIt) {
  const Path path;
  path.Fill("bytes of a file");
  std::shared_ptr<arrow::Buffer> first, second;
  {
    auto file = Get(MemoryMappedFile::Open(path.text, FileMode::READ));
    EXPECT_TRUE(file->supports_zero_copy());
    first = Get(file->Read(5));
    second = Get(file->ReadAt(0, 15));
    EXPECT_EQ(first->data(), second->data());
    EXPECT_NE(first->parent(), nullptr);
    EXPECT_FALSE(first->is_mutable());
    ASSERT_DONE(file->Close());
    EXPECT_TRUE(file->closed());
    EXPECT_EQ(file->file_descriptor(), -1);
    EXPECT_FAILS(file->Read(1));
    EXPECT_FAILS(file->ReadAt(0, 1));
    EXPECT_FAILS(file->Tell());
    EXPECT_FAILS(file->Seek(0));
    EXPECT_FAILS(file->GetSize());
    ASSERT_DONE(file->Close());
  }
  EXPECT_EQ(first->ToString(), "bytes");
  EXPECT_EQ(second->ToString(), "bytes of a file");
}

TEST(ArrowMemoryMappedFile, IsNotWrittenWhereItIsToBeRead) {
  const Path path;
  path.Fill("text");
  auto file = Get(MemoryMappedFile::Open(path.text, FileMode::READ));
  EXPECT_FAILS(file->Write("x"));
  EXPECT_FAILS(file->WriteAt(0, "x", 1));
  EXPECT_FAILS(file->Resize(9));
  ASSERT_DONE(file->Abort());
  EXPECT_TRUE(file->closed());
  EXPECT_EQ(path.Content(), "text");
}

TEST(ArrowMemoryMappedFile, ShowsWhatIsWritten) {
  const Path path;
  path.Fill("text");
  auto writer = Get(MemoryMappedFile::Open(path.text, FileMode::READWRITE));
  auto other = Get(MemoryMappedFile::Open(path.text, FileMode::WRITE));
  const auto shown = Get(writer->ReadAt(0, 4));
  ASSERT_DONE(other->WriteAt(0, "n", 1));
  EXPECT_EQ(shown->ToString(), "next");
  EXPECT_EQ(Text(other->ReadAt(0, 4)), "next");
}

TEST(ArrowMemoryMappedFile, IsResizedWhileNoBufferShowsIt) {
  const Path path;
  auto file = Get(MemoryMappedFile::Create(path.text, 4));
  ASSERT_DONE(file->Write("abcd"));
  auto shown = Get(file->ReadAt(0, 2));
  EXPECT_FAILS(file->Resize(8));
  EXPECT_EQ(shown->ToString(), "ab");
  shown.reset();
  ASSERT_DONE(file->Resize(8));
  EXPECT_EQ(Get(file->GetSize()), 8);
  EXPECT_EQ(Get(file->Tell()), 4);
  ASSERT_DONE(file->Write("efgh"));
  ASSERT_DONE(file->Resize(3));
  EXPECT_EQ(Get(file->Tell()), 3);
  EXPECT_EQ(Text(file->ReadAt(0, 100)), "abc");
  EXPECT_FAILS(file->Write("x"));
  ASSERT_DONE(file->Resize(0));
  EXPECT_EQ(Get(file->GetSize()), 0);
  EXPECT_EQ(Text(file->Read(2)), "");
  EXPECT_FAILS(file->Write("x"));
  ASSERT_DONE(file->Resize(2));
  ASSERT_DONE(file->Write("xy"));
  EXPECT_FAILS(file->Resize(-1));
  ASSERT_DONE(file->Close());
  EXPECT_FAILS(file->Resize(9));
  EXPECT_EQ(path.Content(), "xy");
}

TEST(ArrowMemoryMappedFile, MayHaveNoBytes) {
  const Path path;
  {
    auto file = Get(MemoryMappedFile::Create(path.text, 0));
    EXPECT_EQ(Get(file->GetSize()), 0);
    EXPECT_EQ(Text(file->Read(2)), "");
    EXPECT_FAILS(file->Write("a"));
    ASSERT_DONE(file->Write("", 0));
  }
  auto empty = Get(MemoryMappedFile::Open(path.text, FileMode::READ));
  EXPECT_EQ(Get(empty->GetSize()), 0);
  EXPECT_EQ(Text(empty->ReadAt(0, 5)), "");
}

TEST(ArrowMemoryMappedFile, MapsAPart) {
  const Path path;
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  path.Fill(std::string(static_cast<size_t>(page), 'a') +
            std::string(static_cast<size_t>(page), 'b') + "tail");
  auto part = Get(MemoryMappedFile::Open(path.text, FileMode::READWRITE, page, page));
  EXPECT_EQ(Get(part->GetSize()), page);
  EXPECT_EQ(Text(part->ReadAt(page - 2, 10)), "bb");
  ASSERT_DONE(part->Write("B"));
  EXPECT_FAILS(part->WriteAt(page - 1, "BB", 2));
  EXPECT_FAILS(part->Resize(2 * page));
  EXPECT_FAILS(MemoryMappedFile::Open(path.text, FileMode::READ, 5, 10));
  EXPECT_FAILS(MemoryMappedFile::Open(path.text, FileMode::READ, -page, 10));
  EXPECT_FAILS(MemoryMappedFile::Open(path.text, FileMode::READ, page, 9 * page));
}

TEST(ArrowMemoryMappedFile, IsCarriedByItsInterfaces) {
  const Path path;
  std::shared_ptr<arrow::io::ReadWriteFileInterface> file =
      Get(MemoryMappedFile::Create(path.text, 6));
  const std::shared_ptr<arrow::io::WritableFile> writable = file;
  const std::shared_ptr<arrow::io::RandomAccessFile> readable = file;
  const std::shared_ptr<arrow::io::FileInterface> base = file;
  ASSERT_DONE(writable->Write(arrow::Buffer::FromString("abcdef")));
  EXPECT_EQ(Get(base->Tell()), 6);
  auto stream = Get(arrow::io::RandomAccessFile::GetStream(readable, 2, 3));
  EXPECT_EQ(Text(stream->Read(100)), "cde");
}

}  // namespace
}  // namespace arrow_program
