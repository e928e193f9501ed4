#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "alkaid/base/file_descriptor_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::internal {
namespace {

// What `check` returns in a child without standard streams, which it could not print to.
template <typename Check>
int WithoutStandardStreams(Check check) {
  return RunInChild([&check] {
    for (int fd = 0; fd <= 2; ++fd) ::close(fd);
    return check();
  });
}

int OpenNothing() { return ::open("/dev/null", O_WRONLY | O_CLOEXEC); }

TEST(FileDescriptor, AStandardStreamsNumberIsGivenBackForOneAboveThem) {
  EXPECT_EQ(WithoutStandardStreams([] {
              for (int i = 0; i < 3; ++i) {
                const int low = OpenNothing();
                if (low != 0) return 1;
                const int fd = AboveStandardStreams(low);
                if (fd <= 2) return 2;
                if (::fcntl(low, F_GETFD) != -1) return 3;
                if (::fcntl(fd, F_GETFD) != FD_CLOEXEC) return 4;
              }
              return 0;
            }),
            0);
}

TEST(FileDescriptor, OthersAndFailuresPassThrough) {
  const FileDescriptor nothing(OpenNothing());
  EXPECT_EQ(AboveStandardStreams(nothing.get()), nothing.get());
  errno = EXDEV;
  EXPECT_EQ(AboveStandardStreams(-1), -1);
  EXPECT_EQ(errno, EXDEV);
}

TEST(FileDescriptor, WithoutRoomAboveItIsClosedAndTheReasonKept) {
  EXPECT_EQ(WithoutStandardStreams([] {
              const rlimit three = {3, 3};
              ::setrlimit(RLIMIT_NOFILE, &three);
              const int low = OpenNothing();
              if (low != 0) return 1;
              errno = 0;
              if (AboveStandardStreams(low) != -1) return 2;
              if (errno != EINVAL && errno != EMFILE) return 3;
              return ::fcntl(low, F_GETFD) == -1 ? 0 : 4;
            }),
            0);
}

TEST(FileDescriptor, IsClosedByItsOwnerOnce) {
  int number = -1;
  {
    FileDescriptor first(OpenNothing());
    number = first.get();
    FileDescriptor second(std::move(first));
    EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): that is the promise
    EXPECT_EQ(second.get(), number);
  }
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace alkaid::internal
