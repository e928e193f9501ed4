// Memory runs out at every point of base's functions (fixtures/failure_suite.h).
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "alkaid/base/environment.h"
#include "alkaid/base/first_made.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/number_text.h"
#include "alkaid/base/output_name.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/base/status.h"
#include "alkaid/base/time_text.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"

namespace alkaid::internal {
namespace {

using failing::FailureSuite;
using failing::WithoutNew;
using enum failing::OutOfMemory;

// Too long for a std::string's own storage.
constexpr char kLong[] = "a name that no std::string has room for in itself";

TEST(BaseOutOfMemory, AStatusKeepsItsCodeWithoutMemoryForItsMessage) {
  const auto try_code = [](const char* name, StatusCode code, const auto& make) {
    Status made;
    EXPECT_GT(WithoutNew([&] { made = make(); }), 0) << name;
    EXPECT_EQ(made.code(), code) << name;
    EXPECT_NE(made.message().find("memory"), std::string::npos) << made;
    FailureSuite::Try(
        name, kStatus, [](MemoryPool*) { return 0; }, [&](int&) { return make(); },
        [](int&) { return ""; });
  };
  try_code("status::OutOfMemory", StatusCode::kResourceExhausted,
           [] { return status::OutOfMemory(kLong, 1); });
  try_code("status::Invalid", StatusCode::kInvalidArgument,
           [] { return status::Invalid(kLong, 2.5); });
  try_code("status::IndexError", StatusCode::kOutOfRange,
           [] { return status::IndexError(kLong, 1); });
  try_code("status::DataLoss", StatusCode::kDataLoss, [] { return status::DataLoss(kLong, 1); });
  try_code("status::NotImplemented", StatusCode::kUnimplemented,
           [] { return status::NotImplemented(kLong, 1); });
  try_code("status::KeyError", StatusCode::kNotFound, [] { return status::KeyError(kLong, 1); });
  try_code("status::AlreadyExists", StatusCode::kAlreadyExists,
           [] { return status::AlreadyExists(kLong, 1); });
  try_code("status::FailedPrecondition", StatusCode::kFailedPrecondition,
           [] { return status::FailedPrecondition(kLong, 1); });
  try_code("status::IOError", StatusCode::kNotFound, [] { return status::IOError(ENOENT, kLong); });
}

TEST(BaseOutOfMemory, TheStatusOfABadAllocNeedsNoMemoryAndSaysWhatItIs) {
  Status status;
  EXPECT_EQ(WithoutNew([&] { status = status::NoMemory(); }), 0);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "the process is out of memory");
}

TEST(BaseOutOfMemory, ANoticeNeedsNoMemory) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(WithoutNew([] { Notice(kLong, ": ", 12); }), 0);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), absl::StrCat("alkaid: ", kLong, ": 12\n"));
}

TEST(BaseOutOfMemory, Texts) {
  FailureSuite::TryText("Format", kThrows, [] { return Format("%s %d", kLong, 1); });
  FailureSuite::TryText("Grouped", kThrows, [] { return Grouped(INT64_MIN); });
  FailureSuite::TryText("SignedGrouped", kThrows, [] { return SignedGrouped(INT64_MAX); });
  FailureSuite::TryText("GroupDigits", kThrows,
                        [] { return GroupDigits("12345678901234567890.5"); });
  FailureSuite::TryText("Hex", kThrows, [] { return Hex(UINT64_MAX); });
  FailureSuite::TryText("CountText", kThrows, [] { return CountText(2, kLong); });
  FailureSuite::TryText("BytesText", kThrows, [] { return BytesText(INT64_MIN); });
  FailureSuite::TryText("PercentText", kNeedsNone, [] { return PercentText(0.467); });
  FailureSuite::TryText("WholePercentText", kNeedsNone, [] { return WholePercentText(0.467); });
  FailureSuite::TryText("Printable", kThrows, [] { return Printable("a\x1b[2J line\nand more"); });
  FailureSuite::TryText("CutTo", kThrows, [] { return CutTo(kLong, 20); });
  FailureSuite::TryText("DurationText", kNeedsNone, [] { return DurationText(UINT64_MAX); });
  FailureSuite::TryText("AgeText", kNeedsNone, [] { return AgeText(133'000'000'000); });
  FailureSuite::TryText("RoughDurationText", kNeedsNone, [] { return RoughDurationText(1e7); });
  FailureSuite::TryText("TimeText", kThrows, [] { return TimeText(1'700'000'000'000'000'000); });
}

TEST(BaseOutOfMemory, NamesAndTheEnvironment) {
  ASSERT_EQ(::setenv(kHeapFileVariable, kLong, 1), 0);
  ASSERT_EQ(::setenv(kHeapOwnerVariable, "4711", 1), 0);
  FailureSuite::TryText("OutputName", kThrows, [] { return OutputName(kLong, 4711, 12); });
  FailureSuite::TryText("OwnOutputName", kThrows, [] { return OwnOutputName(kLong, 1, 12); });
  FailureSuite::TryText("OutputOwner", kNeedsNone, [] { return absl::StrCat(OutputOwner()); });
  FailureSuite::TryText("IsOutputOwner", kNeedsNone, [] { return absl::StrCat(IsOutputOwner()); });
  FailureSuite::TryText("GetEnvironment", kThrows,
                        [] { return GetEnvironment(kHeapFileVariable); });
  FailureSuite::TryText("GetEnvironment with harmless values", kThrows, [] {
    return GetEnvironment(kHeapFileVariable, {"a", kLong});
  });
  FailureSuite::TryInChildren("EnvironmentVariables", kThrows,
                              [] { return absl::StrCat(EnvironmentVariables().size()); });
  FailureSuite::TryText("MessageOf", kThrows, [] {
    static const Status status = status::Invalid(kLong);
    return MessageOf(status);
  });
  ASSERT_EQ(::unsetenv(kHeapFileVariable), 0);
  ASSERT_EQ(::unsetenv(kHeapOwnerVariable), 0);
}

TEST(BaseOutOfMemory, AnObjectThatIsMadeAtFirstUse) {
  struct Made {
    FirstMade<std::string> first;
  };
  FailureSuite::Try(
      "FirstMade::Get", kThrows, [](MemoryPool*) { return std::make_unique<Made>(); },
      [](auto& made) { return *made->first.Get([] { return new std::string(kLong); }); },
      [](auto& made, const std::string& text) {
        delete made->first.Get([] { return new std::string; });
        return text;
      });
}

}  // namespace
}  // namespace alkaid::internal

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
