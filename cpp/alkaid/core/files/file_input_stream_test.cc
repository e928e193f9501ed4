#include "alkaid/core/files/file_input_stream.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FileInputStreamTest : public ::testing::Test {
 protected:
  FileInputStreamTest() {
    std::string name = ::testing::TempDir() + "alkaid_input_stream_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
  }
  ~FileInputStreamTest() override { std::filesystem::remove_all(folder); }

  std::string MakeFifo() const {
    EXPECT_EQ(::mkfifo((folder + "/fifo").c_str(), 0600), 0);
    return folder + "/fifo";
  }
  static void Send(int fd, std::string_view bytes) {
    EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  static std::string Some(FileInputStream& stream, int64_t nbytes = 100) {
    std::string out(static_cast<size_t>(nbytes), '\0');
    const Result<int64_t> got = stream.ReadSome(nbytes, out.data());
    EXPECT_THAT(got, IsOk());
    out.resize(static_cast<size_t>(got.value_or(0)));
    return out;
  }
  // The two ends of a pipe; the first one as a stream.
  static std::pair<std::shared_ptr<FileInputStream>, int> OpenPipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    return {FileInputStream::OpenFd(ends[0]).value(), ends[1]};
  }

  std::string folder;
};

TEST_F(FileInputStreamTest, ReadSomeGivesWhatIsThereAndReadWaitsForAll) {
  const auto [stream, writer] = OpenPipe();
  Send(writer, "hello");
  EXPECT_EQ(Some(*stream, 3), "hel");
  EXPECT_EQ(Some(*stream), "lo");
  Send(writer, "one ");
  std::thread later([fd = writer] {
    Send(fd, "two ");
    Send(fd, "three");
    ::close(fd);
  });
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto rest, stream->Read(100));
  later.join();
  EXPECT_EQ(rest->ToString(), "one two three");
  EXPECT_EQ(Some(*stream), "");
  EXPECT_THAT(stream->Tell(), IsOkAndHolds(18));
}

TEST_F(FileInputStreamTest, SkipsWhatItIsToldTo) {
  const auto [stream, writer] = OpenPipe();
  Send(writer, "0123456789");
  ALKAID_ASSERT_OK(stream->Advance(4));
  EXPECT_EQ(Some(*stream, 2), "45");
  ::close(writer);
  ALKAID_ASSERT_OK(stream->Advance(int64_t{1} << 40));
  EXPECT_THAT(stream->Tell(), IsOkAndHolds(10));
}

TEST_F(FileInputStreamTest, AFifoIsOpenedBeforeItsWriterWhichIsWaitedFor) {
  const std::string path = MakeFifo();
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, FileInputStream::Open(path));
  EXPECT_EQ(stream->name(), path);
  std::thread writer([&] {
    const int fd = ::open(path.c_str(), O_WRONLY);
    Send(fd, "late");
    ::close(fd);
  });
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto all, stream->Read(100));
  EXPECT_EQ(all->ToString(), "late");
  writer.join();
}

TEST_F(FileInputStreamTest, AWriterThatCameAndWentBeforeTheFirstReadIsNotMissed) {
  const std::string path = MakeFifo();
  for (const std::string bytes : {"", "some"}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, FileInputStream::Open(path));
    const int fd = ::open(path.c_str(), O_WRONLY);
    if (!bytes.empty()) Send(fd, bytes);
    ::close(fd);
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto all, stream->Read(100));
    EXPECT_EQ(all->ToString(), bytes);
  }
}

// Standard input is often shared with a program that has made it non-blocking.
TEST_F(FileInputStreamTest, ADescriptorThatDoesNotBlockIsWaitedFor) {
  const auto [stream, writer] = OpenPipe();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto impatient, FileInputStream::OpenFd(ends[0]));
  std::thread later([&, fd = writer] {
    // Once the reader has this it waits for more.
    EXPECT_EQ(Some(*stream), "go");
    Send(ends[1], "on");
    ::close(ends[1]);
    ::close(fd);
  });
  Send(writer, "go");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto all, impatient->Read(100));
  EXPECT_EQ(all->ToString(), "on");
  later.join();
}

TEST_F(FileInputStreamTest, ANamedSocketIsConnectedTo) {
  const std::string path = folder + "/socket";
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_THAT(FileInputStream::Open(path), StatusIs(StatusCode::kUnavailable));  // nobody listens
  ASSERT_EQ(::listen(server, 1), 0);
  EXPECT_TRUE(IsStream(path));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, FileInputStream::Open(path));
  const int peer = ::accept(server, nullptr, nullptr);
  Send(peer, "greetings");
  ::close(peer);
  ::close(server);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto all, stream->Read(100));
  EXPECT_EQ(all->ToString(), "greetings");
  EXPECT_THAT(FileInputStream::Open(folder + "/" + std::string(200, 'x')),
              StatusIs(StatusCode::kNotFound));
}

TEST_F(FileInputStreamTest, ADescriptorsNameIsADuplicateOfIt) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  for (const char* folder_of : {"/dev/fd/", "/proc/self/fd/"}) {
    const std::string path = absl::StrCat(folder_of, pair[0]);
    EXPECT_TRUE(IsStream(path));
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, FileInputStream::Open(path));
    Send(pair[1], "text");
    EXPECT_EQ(Some(*stream), "text");
  }
  ::close(pair[0]);
  ::close(pair[1]);
  EXPECT_THAT(FileInputStream::Open(absl::StrCat("/dev/fd/", pair[0])),
              StatusIs(::testing::_, AllOf(HasSubstr("/dev/fd/"), HasSubstr("which is closed"))));
}

TEST_F(FileInputStreamTest, ARegularFileIsReadFromWhereItsDescriptorIs) {
  const std::string path = folder + "/file";
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, FileOutputStream::Open(path));
  ALKAID_ASSERT_OK(file->Write(std::string_view("0123456789")));
  ALKAID_ASSERT_OK(file->Close());
  EXPECT_FALSE(IsStream(path));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::lseek(fd, 7, SEEK_SET), 7);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, FileInputStream::OpenFd(fd));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto rest, stream->Read(100));
  EXPECT_EQ(rest->ToString(), "789");
}

TEST_F(FileInputStreamTest, RefusesWhatIsNoStream) {
  EXPECT_FALSE(IsStream(folder));
  EXPECT_FALSE(IsStream(folder + "/nothing"));
  EXPECT_TRUE(IsStream("-"));
  EXPECT_TRUE(IsStream("/dev/zero"));
  EXPECT_THAT(FileInputStream::Open(folder), StatusIs(::testing::_, HasSubstr("Is a directory")));
  EXPECT_THAT(FileInputStream::Open(folder + "/nothing"),
              StatusIs(StatusCode::kNotFound, HasSubstr(folder + "/nothing")));
  EXPECT_FALSE(FileInputStream::OpenFd(-1).ok());
  const auto [stream, writer] = OpenPipe();
  char out = 0;
  EXPECT_THAT(stream->ReadSome(-1, &out), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(stream->ReadSome(1, nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(stream->ReadSome(0, nullptr), IsOkAndHolds(0));
  ALKAID_EXPECT_OK(stream->Close());
  ALKAID_EXPECT_OK(stream->Close());
  EXPECT_THAT(stream->ReadSome(1, &out), StatusIs(StatusCode::kInvalidArgument));
  ::close(writer);
}

// Code that needs a position asks for a file that has one.
TEST_F(FileInputStreamTest, WhereAPositionIsNeededTheMessageSaysWhyAStreamWillNotDo) {
  EXPECT_THAT(
      ReadableFile::Open(MakeFifo()),
      StatusIs(::testing::_, AllOf(HasSubstr("/fifo is a pipe, which can only be read once"),
                                   HasSubstr("at any position"))));
}

// Signals end a wait if the program wants that, and otherwise do nothing. The signal is sent again
// and again until the reader reports that it is done: one may come before the wait.
class Interruptions {
 public:
  explicit Interruptions(int flags) : reader_(::pthread_self()) {
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    action.sa_flags = flags;
    ::sigaction(SIGUSR1, &action, &before_);
  }
  ~Interruptions() { ::sigaction(SIGUSR1, &before_, nullptr); }
  Interruptions(const Interruptions&) = delete;
  Interruptions& operator=(const Interruptions&) = delete;

  void Interrupt() const { ::pthread_kill(reader_, SIGUSR1); }

 private:
  const pthread_t reader_;
  struct sigaction before_;
};

TEST_F(FileInputStreamTest, ASignalThatIsToEndAWaitEndsItAndNothingIsLost) {
  const std::string path = MakeFifo();
  const auto [pipe, writer] = OpenPipe();
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto fifo, FileInputStream::Open(path));
  const Interruptions signals(0);
  for (const auto& stream : {pipe, fifo}) {
    std::atomic<bool> ended = false;
    std::thread other([&] {
      while (!ended) {
        signals.Interrupt();
        std::this_thread::yield();
      }
    });
    char out[8];
    EXPECT_THAT(stream->Read(8, out), StatusIs(StatusCode::kUnavailable));
    ended = true;
    other.join();
  }
  Send(writer, "kept");
  EXPECT_EQ(Some(*pipe), "kept");
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  Send(fd, "kept");
  EXPECT_EQ(Some(*fifo), "kept");
  ::close(fd);
  ::close(writer);
}

TEST_F(FileInputStreamTest, OtherSignalsEndNoWait) {
  const std::string path = MakeFifo();
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto fifo, FileInputStream::Open(path));
  const Interruptions signals(SA_RESTART);
  std::thread other([&] {
    for (int i = 0; i < 2000; ++i) signals.Interrupt();
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    for (int i = 0; i < 2000; ++i) signals.Interrupt();
    Send(fd, "all of it");
    ::close(fd);
  });
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto all, fifo->Read(100));
  EXPECT_EQ(all->ToString(), "all of it");
  other.join();
}

}  // namespace
}  // namespace alkaid::io
