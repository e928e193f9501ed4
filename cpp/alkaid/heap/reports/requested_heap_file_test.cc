#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/requested_heap_file_internal.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::heap {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RequestedHeapFile : public ::testing::Test {
 protected:
  RequestedHeapFile() {
    std::string folder = ::testing::TempDir() + "/alkaid_heap_XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) std::abort();
    folder_ = folder;
    EXPECT_THAT(StartTracking(), IsOk());
  }
  ~RequestedHeapFile() override {
    StopTracking();
    fs::remove_all(folder_);
  }

  // Writes the file and returns what this prints on stderr.
  static std::string Write(const HeapFileRequest& request, RequestedBy by) {
    ::testing::internal::CaptureStderr();
    WriteRequestedHeapFile(request, by);
    return ::testing::internal::GetCapturedStderr();
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(folder_)) files.push_back(entry.path());
    return files;
  }

  std::string folder_;
};

TEST_F(RequestedHeapFile, AtExitIsWrittenWithoutAWordAndOneForASignalIsNamed) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto end, MakeHeapFileRequest(folder_ + "/end", 0));
  EXPECT_EQ(Write(end, RequestedBy::kExit), "");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(folder_ + "/end"));
  EXPECT_EQ(snapshot.contents().name, "exit");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto now, MakeHeapFileRequest(folder_ + "/now", 0));
  EXPECT_THAT(Write(now, RequestedBy::kSignal),
              HasSubstr(" live blocks written to " + folder_ + "/now\n"));
}

TEST_F(RequestedHeapFile, HasANumberOfItsOwnAndTheNameOfAnotherProcessStaysFree) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto numbered, MakeHeapFileRequest(folder_ + "/%n", 0));
  Write(numbered, RequestedBy::kExit);
  Write(numbered, RequestedBy::kExit);
  EXPECT_THAT(Files(), SizeIs(2));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto others, MakeHeapFileRequest(folder_ + "/f", 1));
  Write(others, RequestedBy::kExit);
  EXPECT_FALSE(fs::exists(folder_ + "/f"));
  EXPECT_THAT(Files(), SizeIs(3));
}

TEST_F(RequestedHeapFile, ThatCannotBeMadeIsALineThatNamesItAndSaysWhy) {
  EXPECT_THAT(MakeHeapFileRequest("", 0), StatusIs(StatusCode::kInvalidArgument));
  const std::string name = folder_ + "/no/such/folder";
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto request, MakeHeapFileRequest(name, 0));
  for (const RequestedBy by : {RequestedBy::kSignal, RequestedBy::kExit}) {
    EXPECT_THAT(Write(request, by),
                AllOf(HasSubstr("alkaid: no heap file " + name + ": "), HasSubstr("No such file")));
  }
  ::testing::internal::CaptureStderr();
  SayNoHeapFile(request, "it is told so");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "alkaid: no heap file " + name + ": it is told so\n");
}

}  // namespace
}  // namespace alkaid::heap
