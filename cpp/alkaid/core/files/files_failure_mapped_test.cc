// Memory runs out in mapped files. A part of files_failure_test.cc.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "alkaid/core/files/memory_mapped_file.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/tried_buffers.h"

namespace alkaid::io {
namespace {

using failing::FailureSuite;
using enum failing::OutOfMemory;

constexpr char kText[] = "bytes of a file, more than a std::string keeps in itself";

class MappedFilesOutOfMemory : public ::testing::Test {
 protected:
  MappedFilesOutOfMemory() {
    std::filesystem::create_directory(folder_);
    std::ofstream(input_) << kText;
  }
  ~MappedFilesOutOfMemory() override { std::filesystem::remove_all(folder_); }

  // Bytes of the file; 0 if there is none.
  static uintmax_t Size(const std::string& path) {
    std::error_code none;
    const auto size = std::filesystem::file_size(path, none);
    return none ? 0 : size;
  }

  const std::string folder_ =
      absl::StrCat(::testing::TempDir(), "/alkaid_mapped_failure_test.", ::getpid());
  const std::string input_ = folder_ + "/input file with a long name";
  const std::string output_ = folder_ + "/output file with a long name";
};

TEST_F(MappedFilesOutOfMemory, OpeningThem) {
  const auto nothing = [](MemoryPool*) { return 0; };
  const auto outcome = [](int&, auto& file) {
    return absl::StrCat(file->name(), " ", *file->GetSize());
  };
  FailureSuite::Try(
      "MemoryMappedFile::Open", kStatus, nothing,
      [&](int&) { return MemoryMappedFile::Open(input_, FileMode::READ); }, outcome);
  FailureSuite::Try(
      "MemoryMappedFile::Open of none", kStatus, nothing,
      [&](int&) { return MemoryMappedFile::Open(output_, FileMode::READ); }, outcome);
  FailureSuite::Try(
      "MemoryMappedFile::Open to write", kStatus, nothing,
      [&](int&) { return MemoryMappedFile::Open(input_, FileMode::READWRITE); }, outcome);
  FailureSuite::Try(
      "MemoryMappedFile::Open of a part that is none", kStatus, nothing,
      [&](int&) { return MemoryMappedFile::Open(input_, FileMode::READ, 3, 4); }, outcome);
  FailureSuite::Try(
      "MemoryMappedFile::Open of a device", kStatus, nothing,
      [&](int&) { return MemoryMappedFile::Open("/dev/null", FileMode::READ); }, outcome);
  FailureSuite::Try(
      "MemoryMappedFile::Create", kStatus, nothing,
      [&](int&) { return MemoryMappedFile::Create(output_, 100); }, outcome);
  FailureSuite::Try(
      "MemoryMappedFile::Create of no bytes", kStatus, nothing,
      [&](int&) { return MemoryMappedFile::Create(output_, 0); }, outcome);
}

TEST_F(MappedFilesOutOfMemory, UsingThem) {
  const auto make = [&](MemoryPool* pool) {
    auto file = MemoryMappedFile::Create(output_, 100).value();
    EXPECT_THAT(file->Write(kText, 20), IsOk());
    return failing::Objects(pool, std::move(file));
  };
  const auto try_call = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("MemoryMappedFile::", name), rule, make,
        [&](auto& objects) { return call(*objects.value); },
        [&](auto& objects, auto&&...) {
          const auto& file = objects.value;
          return absl::StrCat(file->closed() ? -1 : *file->Tell(), " ",
                              file->closed() ? -1 : *file->GetSize(), " ", Size(output_));
        });
  };
  char bytes[10];
  try_call("Read", kStatus, [](MemoryMappedFile& file) { return file.Read(10); });
  try_call("ReadAt", kStatus, [](MemoryMappedFile& file) { return file.ReadAt(3, 10); });
  try_call("ReadAt, whole", kStatus,
           [](MemoryMappedFile& file) { return file.ReadAt(95, 10, false); });
  try_call("ReadAt, outside", kStatus, [](MemoryMappedFile& file) { return file.ReadAt(-3, 10); });
  try_call("Read to memory", kNeedsNone,
           [&](MemoryMappedFile& file) { return file.Read(10, bytes); });
  try_call("ReadAt to memory", kNeedsNone,
           [&](MemoryMappedFile& file) { return file.ReadAt(3, 10, bytes); });
  try_call("Peek", kNeedsNone, [](MemoryMappedFile& file) { return file.Peek(10); });
  try_call("Advance", kNeedsNone, [](MemoryMappedFile& file) { return file.Advance(10); });
  try_call("Write", kNeedsNone, [](MemoryMappedFile& file) { return file.Write(kText, 10); });
  try_call("Write past the end", kStatus,
           [](MemoryMappedFile& file) { return file.WriteAt(95, kText, 10); });
  try_call("WriteAt", kNeedsNone,
           [](MemoryMappedFile& file) { return file.WriteAt(3, kText, 10); });
  try_call("Seek", kNeedsNone, [](MemoryMappedFile& file) { return file.Seek(10); });
  try_call("Seek, outside", kStatus, [](MemoryMappedFile& file) { return file.Seek(-10); });
  try_call("Resize, larger", kStatus, [](MemoryMappedFile& file) { return file.Resize(10'000); });
  try_call("Resize, smaller", kStatus, [](MemoryMappedFile& file) { return file.Resize(10); });
  try_call("Resize, negative", kStatus, [](MemoryMappedFile& file) { return file.Resize(-1); });
  try_call("Close", kNeedsNone, [](MemoryMappedFile& file) { return file.Close(); });
}

}  // namespace
}  // namespace alkaid::io
