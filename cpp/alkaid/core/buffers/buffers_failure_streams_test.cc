// Memory runs out in streams with Arrow's names: a growing one, parts of files, and files of the
// program's own. A part of buffers_failure_test.cc.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/buffers/buffer_output_stream.h"
#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/tried_buffers.h"

namespace alkaid {
namespace {

using failing::FailureSuite;
using failing::FilledBuffer;
using failing::kText;
using failing::Objects;
using enum failing::OutOfMemory;

TEST(BuffersOutOfMemory, StreamsThatGrow) {
  FailureSuite::Try(
      "BufferOutputStream::Create", kStatus, [](MemoryPool* pool) { return Objects(pool, 0); },
      [](auto& objects) { return io::BufferOutputStream::Create(100, objects.pool); },
      [](auto&, auto& stream) { return absl::StrCat(stream->capacity()); });
  FailureSuite::Try(
      "BufferOutputStream::Create, negative", kStatus,
      [](MemoryPool* pool) { return Objects(pool, 0); },
      [](auto& objects) { return io::BufferOutputStream::Create(-1, objects.pool); },
      [](auto&, auto&) { return ""; });
  const auto make = [](MemoryPool* pool) {
    auto stream = io::BufferOutputStream::Create(100, pool).value();
    EXPECT_THAT(stream->Write(kText, 20), IsOk());
    return Objects(pool, std::move(stream));
  };
  const auto try_call = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("BufferOutputStream::", name), rule, make,
        [&](auto& objects) { return call(*objects.value, objects.pool); },
        [](auto& objects, auto&&...) {
          return absl::StrCat(objects.value->closed() ? "closed " : "", *objects.value->Tell(), " ",
                              objects.value->capacity());
        });
  };
  try_call("Write", kNeedsNone,
           [](io::BufferOutputStream& stream, auto*) { return stream.Write(kText, 10); });
  try_call("Write, growing", kStatus, [](io::BufferOutputStream& stream, auto*) {
    static const std::string bytes(1000, 'x');
    return stream.Write(bytes);
  });
  try_call("Write, negative", kStatus,
           [](io::BufferOutputStream& stream, auto*) { return stream.Write(kText, -1); });
  try_call("Write, too much", kStatus,
           [](io::BufferOutputStream& stream, auto*) { return stream.Write(kText, INT64_MAX); });
  try_call("Reset", kStatus,
           [](io::BufferOutputStream& stream, auto* pool) { return stream.Reset(300, pool); });
  try_call("Finish", kNeedsNone,
           [](io::BufferOutputStream& stream, auto*) { return stream.Finish(); });
  try_call("Close", kNeedsNone,
           [](io::BufferOutputStream& stream, auto*) { return stream.Close(); });
  try_call("Abort", kNeedsNone,
           [](io::BufferOutputStream& stream, auto*) { return stream.Abort(); });
}

// Seeks and reads, and takes memory for both.
class NeedyFile final : public io::RandomAccessFile {
 public:
  explicit NeedyFile(std::shared_ptr<Buffer> buffer) : reader_(std::move(buffer)) {}
  Status Close() override { return reader_.Close(); }
  bool closed() const override { return reader_.closed(); }
  Result<int64_t> Tell() const override { return reader_.Tell(); }
  Status Seek(int64_t position) override {
    const std::string work(100, 'x');
    return reader_.Seek(position + (work.size() == 100 ? 0 : 1));
  }
  Result<int64_t> GetSize() override { return reader_.GetSize(); }
  Result<int64_t> Read(int64_t nbytes, void* out) override {
    const std::string work(100, 'x');
    return reader_.Read(nbytes + (work.size() == 100 ? 0 : 1), out);
  }
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override {
    const std::string work(100, 'x');
    return reader_.Read(nbytes + (work.size() == 100 ? 0 : 1));
  }

 private:
  io::BufferReader reader_;
};

TEST(BuffersOutOfMemory, FilesOfTheProgramsOwn) {
  const auto make = [](MemoryPool* pool) {
    return Objects(pool, std::make_shared<NeedyFile>(FilledBuffer(pool)));
  };
  const auto try_call = [&](const char* name, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("RandomAccessFile::", name), kStatus, make,
        [&](auto& objects) { return call(objects.value); },
        [](auto& objects, auto&&...) { return absl::StrCat(objects.value->closed()); });
  };
  char out[10];
  using io::RandomAccessFile;
  try_call("ReadAt", [](auto& file) { return file->ReadAt(3, 10); });
  try_call("ReadAt to memory", [&](auto& file) { return file->ReadAt(3, 10, out); });
  try_call("ReadAt, whole", [](auto& file) { return file->ReadAt(60, 10, false); });
  try_call("ReadAt to memory, whole", [&](auto& file) { return file->ReadAt(60, 10, false, out); });
  try_call("ReadAt, outside", [](auto& file) { return file->ReadAt(-3, 10); });
  try_call("GetStream", [](auto& file) { return RandomAccessFile::GetStream(file, 3, 10); });
  try_call("GetStream, negative",
           [](auto& file) { return RandomAccessFile::GetStream(file, -3, 10); });
  try_call("Peek", [](auto& file) { return file->Peek(3); });
  try_call("Advance", [](auto& file) { return file->InputStream::Advance(10); });
}

TEST(BuffersOutOfMemory, PartsOfFilesOfTheProgramsOwn) {
  char out[10];
  const auto try_call = [&](const char* name, const auto& call) {
    FailureSuite::Try(
        name, kStatus,
        [](MemoryPool* pool) {
          return Objects(pool, io::RandomAccessFile::GetStream(
                                   std::make_shared<NeedyFile>(FilledBuffer(pool)), 3, 20)
                                   .value());
        },
        [&](auto& objects) { return call(*objects.value); },
        [](auto& objects, auto&&...) { return absl::StrCat(*objects.value->Tell()); });
  };
  try_call("a needy segment's Read", [](io::InputStream& stream) { return stream.Read(10); });
  try_call("a needy segment's Read to memory",
           [&](io::InputStream& stream) { return stream.Read(10, out); });
}

TEST(BuffersOutOfMemory, PartsOfFiles) {
  const auto make = [](MemoryPool* pool) {
    return Objects(pool, io::RandomAccessFile::GetStream(
                             std::make_shared<io::BufferReader>(FilledBuffer(pool)), 3, 20)
                             .value());
  };
  const auto try_call = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("a segment's ", name), rule, make,
        [&](auto& objects) { return call(*objects.value); },
        [](auto& objects, auto&&...) {
          return objects.value->closed() ? "closed" : absl::StrCat(*objects.value->Tell());
        });
  };
  char out[10];
  try_call("Read", kStatus, [](io::InputStream& stream) { return stream.Read(10); });
  try_call("Read to memory", kNeedsNone,
           [&](io::InputStream& stream) { return stream.Read(10, out); });
  try_call("Read, negative", kStatus, [](io::InputStream& stream) { return stream.Read(-1); });
  try_call("Close", kNeedsNone, [](io::InputStream& stream) { return stream.Close(); });
}

TEST(BuffersOutOfMemory, ReadersOfStrings) {
  FailureSuite::Try(
      "BufferReader::FromString", kThrows, [](MemoryPool* pool) { return Objects(pool, 0); },
      [](auto&) { return io::BufferReader::FromString(kText); },
      [](auto&, auto& reader) { return absl::StrCat(*reader->GetSize()); });
  const auto try_call = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("BufferReader::", name), rule,
        [](MemoryPool* pool) { return Objects(pool, io::BufferReader::FromString(kText)); },
        [&](auto& objects) { return call(*objects.value); },
        [](auto& objects, auto&&...) {
          return objects.value->closed() ? "closed" : absl::StrCat(*objects.value->Tell());
        });
  };
  try_call("Peek", kNeedsNone, [](io::BufferReader& reader) { return reader.Peek(10); });
  try_call("Peek, negative", kStatus, [](io::BufferReader& reader) { return reader.Peek(-1); });
  try_call("ReadAt, whole", kStatus,
           [](io::BufferReader& reader) { return reader.ReadAt(50, 100, false); });
  try_call("Abort", kNeedsNone, [](io::BufferReader& reader) { return reader.Abort(); });
}

}  // namespace
}  // namespace alkaid
