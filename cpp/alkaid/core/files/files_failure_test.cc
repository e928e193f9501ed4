// Memory runs out at every point of the functions of files and queues (fixtures/failure_suite.h).
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/files/durable_file.h"
#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/files/live_file.h"
#include "alkaid/core/files/read_queue.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"

namespace alkaid::io {
namespace {

using failing::FailureSuite;
using failing::WithoutNew;
using enum failing::OutOfMemory;

constexpr char kText[] = "bytes of a file, more than a std::string keeps in itself";

int OpenDescriptors() {
  int count = 0;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  while (::readdir(folder.get()) != nullptr) ++count;
  return count;
}

// A folder of its own, whose name is too long for a std::string's own storage; no call leaves a
// descriptor open.
class FilesOutOfMemory : public ::testing::Test {
 protected:
  FilesOutOfMemory() {
    std::filesystem::create_directory(folder_);
    std::ofstream(input_) << kText;
  }
  ~FilesOutOfMemory() override {
    std::filesystem::remove_all(folder_);
    EXPECT_EQ(OpenDescriptors(), descriptors_);
  }

  // The content of a file; "(none)" if there is none.
  static std::string Content(const std::string& path) {
    std::ifstream file(path);
    if (!file) return "(none)";
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string Names() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++count;
    return std::to_string(count) + " files";
  }

  const int descriptors_ = OpenDescriptors();
  const std::string folder_ =
      absl::StrCat(::testing::TempDir(), "/alkaid_files_failure_test.", ::getpid());
  const std::string input_ = folder_ + "/input file with a long name";
  const std::string output_ = folder_ + "/output file with a long name";
  const std::string nowhere_ = output_ + "/none/there";
  const std::string kind_ = "a long kind of file";
};

TEST_F(FilesOutOfMemory, OpeningFilesToRead) {
  const auto nothing = [](MemoryPool* pool) { return pool; };
  const auto name = [](auto&, auto& file) {
    return absl::StrCat(file->name(), " ", *file->GetSize());
  };
  FailureSuite::Try(
      "ReadableFile::Open", kStatus, nothing,
      [&](MemoryPool*& pool) { return ReadableFile::Open(input_, pool); }, name);
  FailureSuite::Try(
      "ReadableFile::Open of none", kStatus, nothing,
      [&](MemoryPool*& pool) { return ReadableFile::Open(output_, pool); }, name);
  // A descriptor is taken over on success only.
  FailureSuite::Try(
      "ReadableFile::OpenFd", kStatus,
      [&](MemoryPool*) { return ::open(input_.c_str(), O_RDONLY | O_CLOEXEC); },
      [](int& fd) { return ReadableFile::OpenFd(fd); },
      [](int&, auto& file) { return absl::StrCat(*file->GetSize()); });
  const auto name_of_stream = [](auto&, auto& stream) { return stream->name(); };
  FailureSuite::Try(
      "FileInputStream::Open", kStatus, nothing,
      [&](MemoryPool*& pool) { return FileInputStream::Open(input_, pool); }, name_of_stream);
  FailureSuite::Try(
      "FileInputStream::Open of none", kStatus, nothing,
      [&](MemoryPool*& pool) { return FileInputStream::Open(output_, pool); }, name_of_stream);
  FailureSuite::Try(
      "FileInputStream::OpenFd", kStatus,
      [&](MemoryPool*) { return ::open(input_.c_str(), O_RDONLY | O_CLOEXEC); },
      [](int& fd) { return FileInputStream::OpenFd(fd); },
      [](int&, auto& stream) { return absl::StrCat(*stream->Tell()); });
  FailureSuite::Try(
      "IsStream", kNeedsNone, nothing, [&](MemoryPool*&) { return Result<bool>(IsStream(input_)); },
      [](auto&, bool is) { return std::to_string(is); });
  FailureSuite::Try(
      "ReadWholeFile", kStatus, nothing,
      [&](MemoryPool*& pool) { return ReadWholeFile(input_, 1000, kind_, pool); },
      [](auto&, auto& buffer) { return buffer->ToString(); });
  FailureSuite::Try(
      "ReadWholeFile of too much", kStatus, nothing,
      [&](MemoryPool*& pool) { return ReadWholeFile(input_, 10, kind_, pool); },
      [](auto&, auto& buffer) { return buffer->ToString(); });
  FailureSuite::TryText("ReadWholeFileAsString", kStatus,
                        [&] { return ReadWholeFileAsString(input_, 1000, kind_); });
}

TEST_F(FilesOutOfMemory, ReadingStreams) {
  const auto make = [&](MemoryPool* pool) { return FileInputStream::Open(input_, pool).value(); };
  const auto try_call = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("FileInputStream::", name), rule, make,
        [&](auto& stream) { return call(*stream); },
        [](auto& stream, auto&&...) {
          return stream->closed() ? "closed" : absl::StrCat(*stream->Tell());
        });
  };
  char bytes[10];
  try_call("Read", kStatus, [](FileInputStream& stream) { return stream.Read(10); });
  try_call("Read, more than there is", kStatus,
           [](FileInputStream& stream) { return stream.Read(1000); });
  try_call("Read to memory", kNeedsNone,
           [&](FileInputStream& stream) { return stream.Read(10, bytes); });
  try_call("ReadSome", kNeedsNone,
           [&](FileInputStream& stream) { return stream.ReadSome(10, bytes); });
  try_call("Advance", kNeedsNone, [](FileInputStream& stream) { return stream.Advance(10); });
  try_call("Tell", kNeedsNone, [](FileInputStream& stream) { return stream.Tell(); });
  try_call("Close", kNeedsNone, [](FileInputStream& stream) { return stream.Close(); });
}

TEST_F(FilesOutOfMemory, FilesThatAreBeingWritten) {
  const auto watch = LiveWatch::Make({.silence = std::chrono::seconds(0)}).value();
  const auto nothing = [](MemoryPool* pool) { return pool; };
  const auto name = [](auto&, auto& file) { return file->name(); };
  FailureSuite::Try(
      "LiveWatch::Make", kStatus, nothing,
      [](MemoryPool*&) { return LiveWatch::Make({.silence = std::chrono::seconds(1)}); },
      [](auto&, auto& made) { return ToString(made->end()); });
  FailureSuite::Try(
      "LiveWatch::Make, refused", kStatus, nothing,
      [](MemoryPool*&) { return LiveWatch::Make({.silence = std::chrono::seconds(-1)}); },
      [](auto&, auto& made) { return ToString(made->end()); });
  FailureSuite::Try(
      "LiveFile::Open", kStatus, nothing,
      [&](MemoryPool*&) { return LiveFile::Open(input_, watch); }, name);
  FailureSuite::Try(
      "LiveFile::Open of none", kStatus, nothing,
      [&](MemoryPool*&) { return LiveFile::Open(output_, watch, LiveFile::Missing::kWait); }, name);
  FailureSuite::Try(
      "LiveFile::Over", kStatus, [&](MemoryPool*) { return ReadableFile::Open(input_).value(); },
      [&](auto& file) { return LiveFile::Over(file, kind_, watch); }, name);
  char bytes[10];
  FailureSuite::Try(
      "LiveFile::ReadSome", kNeedsNone,
      [&](MemoryPool*) { return LiveFile::Open(input_, watch).value(); },
      [&](auto& file) { return file->ReadSome(3, 10, bytes); },
      [&](auto&, auto&) { return std::string(bytes, 10); });
  FailureSuite::Try(
      "LiveFile::ReadSome at the end", kNeedsNone,
      [&](MemoryPool*) { return LiveFile::Open(input_, watch).value(); },
      [&](auto& file) { return file->ReadSome(sizeof(kText), 10, bytes); },
      [](auto&, int64_t got) { return absl::StrCat(got); });
  // A copy that replaced the file.
  FailureSuite::Try(
      "LiveFile::ReadSome of a copy", kStatus,
      [&](MemoryPool*) {
        std::ofstream(output_) << kText;
        auto file = LiveFile::Open(output_, watch).value();
        file->ReadSome(0, 10, bytes).IgnoreError();
        std::filesystem::resize_file(output_, 10);
        std::filesystem::copy_file(input_, output_ + ".new");
        std::filesystem::rename(output_ + ".new", output_);
        return file;
      },
      [&](auto& file) { return file->ReadSome(10, 10, bytes); },
      [&](auto&, auto&) { return std::string(bytes, 10); });
}

TEST_F(FilesOutOfMemory, Reading) {
  const auto make = [&](MemoryPool* pool) { return ReadableFile::Open(input_, pool).value(); };
  const auto try_call = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("ReadableFile::", name), rule, make, [&](auto& file) { return call(*file); },
        [](auto& file, auto&&...) {
          return file->closed() ? "closed" : absl::StrCat(*file->Tell());
        });
  };
  char bytes[10];
  try_call("Read", kStatus, [](ReadableFile& file) { return file.Read(10); });
  try_call("ReadAt", kStatus, [](ReadableFile& file) { return file.ReadAt(3, 1000); });
  try_call("ReadAt, outside", kStatus, [](ReadableFile& file) { return file.ReadAt(-3, 10); });
  try_call("Read to memory", kNeedsNone, [&](ReadableFile& file) { return file.Read(10, bytes); });
  try_call("ReadAt to memory", kNeedsNone,
           [&](ReadableFile& file) { return file.ReadAt(3, 10, bytes); });
  try_call("Seek", kNeedsNone, [](ReadableFile& file) { return file.Seek(10); });
  try_call("Seek, outside", kStatus, [](ReadableFile& file) { return file.Seek(-10); });
  try_call("Advance", kNeedsNone, [](ReadableFile& file) { return file.Advance(10); });
  try_call("Tell", kNeedsNone, [](ReadableFile& file) { return file.Tell(); });
  try_call("GetSize", kNeedsNone, [](ReadableFile& file) { return file.GetSize(); });
  try_call("Close", kNeedsNone, [](ReadableFile& file) { return file.Close(); });
  FailureSuite::Try(
      "ReadableFile::Read, closed", kStatus,
      [&](MemoryPool* pool) {
        auto file = make(pool);
        EXPECT_THAT(file->Close(), IsOk());
        return file;
      },
      [](auto& file) { return file->Read(10); }, [](auto&, auto&) { return ""; });
}

TEST_F(FilesOutOfMemory, Writing) {
  const auto remove = [&](MemoryPool*) { return std::filesystem::remove(output_) ? 1 : 0; };
  FailureSuite::Try(
      "FileOutputStream::Open", kStatus, remove,
      [&](int&) { return FileOutputStream::Open(output_); },
      [&](int&, auto& file) { return absl::StrCat(file->name(), Content(output_)); });
  FailureSuite::Try(
      "FileOutputStream::Open, to append", kStatus,
      [&](MemoryPool*) {
        std::ofstream(output_) << kText;
        return 0;
      },
      [&](int&) { return FileOutputStream::Open(output_, true); },
      [&](int&, auto& file) { return absl::StrCat(*file->Tell(), Content(output_)); });
  FailureSuite::Try(
      "FileOutputStream::OpenFd", kStatus,
      [&](MemoryPool*) { return ::open(output_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600); },
      [](int& fd) { return FileOutputStream::OpenFd(fd); },
      [](int&, auto& file) { return absl::StrCat(*file->Tell()); });
  const auto make = [&](MemoryPool*) { return FileOutputStream::Open(output_).value(); };
  const auto try_call = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("FileOutputStream::", name), rule, make,
        [&](auto& file) { return call(*file); },
        [&](auto& file, auto&&...) {
          return absl::StrCat(file->closed() ? -1 : *file->Tell(), Content(output_));
        });
  };
  try_call("Write", kNeedsNone, [](FileOutputStream& file) { return file.Write(kText, 10); });
  try_call("Write, negative", kStatus,
           [](FileOutputStream& file) { return file.Write(kText, -10); });
  try_call("WriteAt", kNeedsNone,
           [](FileOutputStream& file) { return file.WriteAt(3, kText, 10); });
  try_call("Seek", kNeedsNone, [](FileOutputStream& file) { return file.Seek(10); });
  try_call("Tell", kNeedsNone, [](FileOutputStream& file) { return file.Tell(); });
  try_call("Close", kNeedsNone, [](FileOutputStream& file) { return file.Close(); });
}

TEST_F(FilesOutOfMemory, WritingWholeFiles) {
  const auto remove = [&](MemoryPool*) {
    std::filesystem::remove(output_);
    return 0;
  };
  // Until Close there is no file, and after a failed call there is no temporary file.
  FailureSuite::Try(
      "DurableFileOutputStream::Open", kStatus, remove,
      [&](int&) { return DurableFileOutputStream::Open(output_); },
      [&](int&, auto& file) {
        return absl::StrCat(file->name(), *file->Tell(), Content(output_), Names());
      });
  FailureSuite::Try(
      "DurableFileOutputStream::Open, to replace", kStatus,
      [&](MemoryPool*) {
        std::ofstream(output_) << kText;
        return 0;
      },
      [&](int&) { return DurableFileOutputStream::Open(output_); },
      [&](int&, auto&) { return absl::StrCat(Content(output_), Names()); });
  FailureSuite::Try(
      "DurableFileOutputStream::Open of a pipe or device", kStatus, remove,
      [&](int&) { return DurableFileOutputStream::Open("/dev/null"); },
      [&](int&, auto& file) { return file->straight() ? "straight" : "not"; });
  FailureSuite::Try(
      "DurableFileOutputStream::Open in no folder", kStatus, remove,
      [&](int&) { return DurableFileOutputStream::Open(nowhere_); },
      [&](int&, auto&) { return ""; });
  FailureSuite::Try(
      "CreateFileIfAbsent", kStatus, remove,
      [&](int&) { return CreateFileIfAbsent(output_, kText); },
      [&](int&) { return absl::StrCat(Content(output_), Names()); });
  const auto make = [&](MemoryPool*) {
    std::filesystem::remove(output_);
    auto file = DurableFileOutputStream::Open(output_).value();
    EXPECT_THAT(file->Write(kText, 5), IsOk());
    return file;
  };
  const auto try_call = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("DurableFileOutputStream::", name), rule, make,
        [&](auto& file) { return call(*file); },
        [&](auto& file, auto&&...) {
          return absl::StrCat(file->closed() ? -1 : *file->Tell(), Content(output_), Names());
        });
  };
  try_call("Write", kNeedsNone,
           [](DurableFileOutputStream& file) { return file.Write(kText, 10); });
  try_call("Write, negative", kStatus,
           [](DurableFileOutputStream& file) { return file.Write(kText, -10); });
  try_call("Tell", kNeedsNone, [](DurableFileOutputStream& file) { return file.Tell(); });
  try_call("Close", kNeedsNone, [](DurableFileOutputStream& file) { return file.Close(); });
  FailureSuite::Try(
      "DurableFileOutputStream::Abandon", kNeedsNone, make, [](auto& file) { file->Abandon(); },
      [&](auto&) { return absl::StrCat(Content(output_), Names()); });
}

// A file of the program's own, which the kernel's queue cannot read.
std::shared_ptr<RandomAccessFile> FileInMemory() {
  static const auto bytes = std::make_shared<Buffer>(std::string_view(kText));
  return std::make_shared<BufferReader>(bytes);
}

TEST_F(FilesOutOfMemory, QueuesOfReads) {
  FailureSuite::Try(
      "CheckIoUring", kStatus, [](MemoryPool*) { return 0; }, [](int&) { return CheckIoUring(); },
      [](int&) { return ""; });
  FailureSuite::Try(
      "ReadQueue::Make of a wrong depth", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return ReadQueue::Make(ReadQueueKind::kInline, 0); },
      [](int&, auto&) { return ""; });
  for (const ReadQueueKind kind : {ReadQueueKind::kAutomatic, ReadQueueKind::kIoUring,
                                   ReadQueueKind::kThreads, ReadQueueKind::kInline}) {
    FailureSuite::Try(
        absl::StrCat("ReadQueue::Make, ", ToString(kind)), kStatus, [](MemoryPool*) { return 0; },
        [&](int&) { return ReadQueue::Make(kind, 4); },
        [](int&, auto& queue) { return absl::StrCat(ToString(queue->kind()), queue->depth()); });
    const auto granted = ReadQueue::Make(kind, 4);
    if (!granted.ok()) continue;  // this kernel has none
    const ReadQueueKind reads_by = (*granted)->kind();
    struct Reading {
      std::unique_ptr<ReadQueue> queue;
      ReadRequest request;
      int64_t ticket = 0;
    };
    for (const bool in_memory : {false, true}) {
      const auto make = [&](MemoryPool* pool) {
        Reading reading;
        reading.queue = ReadQueue::Make(kind, 4).value();
        reading.request = {in_memory ? FileInMemory() : ReadableFile::Open(input_).value(), 6, 10,
                           AllocateBuffer(10, pool).value()};
        return reading;
      };
      const auto text = [](Reading& reading, const ReadOutcome& outcome) {
        return absl::StrCat(absl::StatusCodeToString(outcome.status.code()), outcome.nbytes,
                            reading.request.buffer->ToString(), reading.queue->in_flight(),
                            reading.request.buffer.use_count());
      };
      // The kernel's queue starts threads for files that it cannot read itself; a queue of threads
      // always does.
      const bool needs_threads =
          reads_by == ReadQueueKind::kThreads || (reads_by == ReadQueueKind::kIoUring && in_memory);
      FailureSuite::Try(
          absl::StrCat("ReadQueue::Submit, ", ToString(kind)), needs_threads ? kStatus : kNeedsNone,
          make, [](Reading& reading) { return reading.queue->Submit(reading.request); },
          [&](Reading& reading, int64_t ticket) {
            return text(reading, reading.queue->Wait(ticket));
          });
      FailureSuite::Try(
          absl::StrCat("ReadQueue::Submit of no sense, ", ToString(kind)), kStatus, make,
          [](Reading& reading) { return reading.queue->Submit({}); },
          [](Reading&, int64_t) { return ""; });
      FailureSuite::Try(
          absl::StrCat("ReadQueue::Wait, ", ToString(kind)), kNeedsNone,
          [&](MemoryPool* pool) {
            Reading reading = make(pool);
            reading.ticket = reading.queue->Submit(reading.request).value();
            return reading;
          },
          [](Reading& reading) { return reading.queue->Wait(reading.ticket); }, text);
    }
    FailureSuite::Try(
        absl::StrCat("ReadQueue::Wait for none, ", ToString(kind)), kStatus,
        [&](MemoryPool*) { return ReadQueue::Make(kind, 4).value(); },
        [](auto& queue) { return queue->Wait(7).status; }, [](auto&) { return ""; });
  }
}

// A failed Submit takes no place in the queue either.
TEST_F(FilesOutOfMemory, ASubmitThatFailedKeepsNothingOfItsRequest) {
  constexpr int kDepth = 4;
  for (const ReadQueueKind kind :
       {ReadQueueKind::kIoUring, ReadQueueKind::kThreads, ReadQueueKind::kInline}) {
    const auto queue = ReadQueue::Make(kind, kDepth);
    if (!queue.ok()) continue;  // this kernel has none
    const std::shared_ptr<RandomAccessFile> file = FileInMemory();
    const std::shared_ptr<Buffer> buffer = AllocateBuffer(10).value();
    int64_t failed = 0;
    for (int64_t n = 1; n < 10; ++n) {
      ReadRequest request{file, 6, 10, buffer};
      Result<int64_t> ticket = 0;
      {
        const failing::FailingNew failing(n, true);
        ticket = (*queue)->Submit(std::move(request));
      }
      request = {};
      if (ticket.ok()) {
        EXPECT_TRUE((*queue)->Wait(*ticket).status.ok());
        break;
      }
      ++failed;
      EXPECT_EQ((*queue)->in_flight(), 0) << n;
      EXPECT_EQ(file.use_count(), 1) << n;
      EXPECT_EQ(buffer.use_count(), 1) << n;
    }
    EXPECT_EQ(failed > 0, kind == ReadQueueKind::kIoUring);
    std::vector<int64_t> tickets;
    for (int i = 0; i < kDepth; ++i) {
      tickets.push_back((*queue)->Submit({file, 6, 10, buffer}).value());
    }
    for (const int64_t ticket : tickets) EXPECT_EQ((*queue)->Wait(ticket).nbytes, 10);
  }
}

}  // namespace
}  // namespace alkaid::io

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
