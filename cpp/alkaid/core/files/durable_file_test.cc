#include "alkaid/core/files/durable_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/files/file_io.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class DurableFile : public ::testing::Test {
 protected:
  DurableFile() {
    std::string name = ::testing::TempDir() + "alkaid_durable_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    path = folder + "/run.xtc2";
  }
  ~DurableFile() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  static std::string Content(const std::string& file) {
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  static void Fill(const std::string& file, const std::string& text) {
    std::ofstream(file) << text;
  }
  std::vector<std::string> Entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
      names.push_back(entry.path().filename());
    return names;
  }

  std::string folder;
  std::string path;
};

TEST_F(DurableFile, HasItsNameOnlyOnceItIsClosed) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  EXPECT_FALSE(file->straight());
  ALKAID_ASSERT_OK(file->Write("hello "));
  ALKAID_ASSERT_OK(file->Write("world"));
  EXPECT_THAT(file->Tell(), IsOkAndHolds(11));
  ASSERT_EQ(Entries().size(), 1U);
  EXPECT_THAT(Entries()[0], AllOf(StartsWith(".run.xtc2."), EndsWith(".tmp")));
  ALKAID_ASSERT_OK(file->Close());
  EXPECT_TRUE(file->closed());
  EXPECT_THAT(Entries(), ElementsAre("run.xtc2"));
  EXPECT_EQ(Content(path), "hello world");
  ALKAID_EXPECT_OK(file->Close());
  EXPECT_THAT(file->Write("more"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("closed")));
  EXPECT_THAT(file->Tell(), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(DurableFile, LeavesNothingWhereItIsAborted) {
  Fill(path, "before");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  EXPECT_EQ(file->mode(), FileMode::WRITE);
  ALKAID_ASSERT_OK(file->Write("half"));
  ALKAID_ASSERT_OK(file->Abort());
  EXPECT_TRUE(file->closed());
  EXPECT_THAT(Entries(), ElementsAre("run.xtc2"));
  EXPECT_EQ(Content(path), "before");
}

TEST_F(DurableFile, HasTheModeThatTheUmaskLeaves) {
  const mode_t before = ::umask(027);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  ::umask(before);
  ALKAID_ASSERT_OK(file->Close());
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
}

TEST_F(DurableFile, TakesOverThePermissionsOfTheFileThatItReplaces) {
  for (const mode_t mode : {mode_t{0600}, mode_t{0640}, mode_t{0666}, mode_t{0400}}) {
    Fill(path, "old");
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const mode_t before = ::umask(022);
    const auto file = DurableFileOutputStream::Open(path);
    ::umask(before);
    ALKAID_ASSERT_OK(file);
    // Nobody else may read an unfinished file.
    struct stat info;
    for (const std::string& entry : Entries()) {
      ASSERT_EQ(::stat((folder + "/" + entry).c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777, mode) << entry;
    }
    ALKAID_ASSERT_OK((*file)->Write("new"));
    ALKAID_ASSERT_OK((*file)->Close());
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, mode);
    EXPECT_EQ(info.st_uid, ::getuid());
    fs::remove(path);
  }
}

TEST_F(DurableFile, WhatIsForItsOwnerAloneIsSoWhateverItReplaces) {
  const mode_t before = ::umask(0);
  for (const bool replaces : {false, true}) {
    if (replaces) {
      ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
    }
    const auto file = DurableFileOutputStream::Open(path, FileAccess::kOwnerOnly);
    ALKAID_ASSERT_OK(file);
    ALKAID_ASSERT_OK((*file)->Write("secret"));
    ALKAID_ASSERT_OK((*file)->Close());
    struct stat info;
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U) << (replaces ? "replaced" : "new");
  }
  ::umask(before);
}

TEST_F(DurableFile, WithoutCloseNothingIsLeftAndTheOldFileStays) {
  Fill(path, "old");
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
    ALKAID_ASSERT_OK(file->Write("new"));
    EXPECT_EQ(Content(path), "old");
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  ALKAID_ASSERT_OK(file->Write("new"));
  file->Abandon();
  EXPECT_TRUE(file->closed());
  ALKAID_EXPECT_OK(file->Close());
  EXPECT_THAT(Entries(), ElementsAre("run.xtc2"));
  EXPECT_EQ(Content(path), "old");
}

TEST_F(DurableFile, TwoWritersOfOneNameDoNotMeet) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto first, DurableFileOutputStream::Open(path));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto second, DurableFileOutputStream::Open(path));
  ALKAID_ASSERT_OK(first->Write("first"));
  ALKAID_ASSERT_OK(second->Write("second"));
  ALKAID_ASSERT_OK(second->Close());
  EXPECT_EQ(Content(path), "second");
  ALKAID_ASSERT_OK(first->Close());
  EXPECT_EQ(Content(path), "first");
  EXPECT_THAT(Entries(), ElementsAre("run.xtc2"));
}

TEST_F(DurableFile, ADirectoryThatIsMissingIsNamed) {
  EXPECT_THAT(DurableFileOutputStream::Open(folder + "/nowhere/run.xtc2"),
              StatusIs(StatusCode::kNotFound, HasSubstr("directory " + folder + "/nowhere")));
  EXPECT_THAT(DurableFileOutputStream::Open(folder), StatusIs(::testing::_, HasSubstr(folder)));
  EXPECT_FALSE(DurableFileOutputStream::Open(folder + "/new/").ok());
  EXPECT_FALSE(DurableFileOutputStream::Open("").ok());
  EXPECT_THAT(Entries(), IsEmpty());
}

TEST_F(DurableFile, ANameAsLongAsTheSystemAllowsIsWritten) {
  const std::string longest = folder + "/" + std::string(255, 'n');
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(longest));
  ALKAID_ASSERT_OK(file->Write("x"));
  ALKAID_ASSERT_OK(file->Close());
  EXPECT_EQ(Content(longest), "x");
  // One byte more: refused at the latest at its rename, and nothing stays.
  const auto too_long = DurableFileOutputStream::Open(longest + "n");
  if (too_long.ok()) {
    EXPECT_FALSE((*too_long)->Close().ok());
  }
  EXPECT_EQ(Entries().size(), 1U);
}

TEST_F(DurableFile, ThroughASymbolicLinkTheFileItLeadsToIsReplaced) {
  fs::create_directory(folder + "/data");
  Fill(folder + "/data/real", "old");
  fs::create_symlink("data/real", folder + "/middle");
  fs::create_symlink("middle", path);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  ALKAID_ASSERT_OK(file->Write("new"));
  EXPECT_EQ(Content(folder + "/data/real"), "old");
  ALKAID_ASSERT_OK(file->Close());
  EXPECT_EQ(Content(folder + "/data/real"), "new");
  EXPECT_TRUE(fs::is_symlink(path));
  EXPECT_TRUE(fs::is_symlink(folder + "/middle"));
  // A dangling link creates the file that it points to.
  fs::create_symlink("data/other", folder + "/dangling");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto other,
                              DurableFileOutputStream::Open(folder + "/dangling"));
  ALKAID_ASSERT_OK(other->Close());
  EXPECT_TRUE(fs::is_regular_file(folder + "/data/other"));
}

TEST_F(DurableFile, LinksThatGoInACircleAreRefused) {
  fs::create_symlink("b", folder + "/a");
  fs::create_symlink("a", folder + "/b");
  EXPECT_THAT(DurableFileOutputStream::Open(folder + "/a"),
              StatusIs(::testing::_, HasSubstr(folder + "/a")));
}

TEST_F(DurableFile, DevicesAndPipesAreWrittenStraight) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto null, DurableFileOutputStream::Open("/dev/null"));
  EXPECT_TRUE(null->straight());
  ALKAID_EXPECT_OK(null->Write("gone"));
  ALKAID_EXPECT_OK(null->Close());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));

  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const std::string pipe = "/proc/self/fd/" + std::to_string(ends[1]);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(pipe));
  EXPECT_TRUE(file->straight());
  ALKAID_EXPECT_OK(file->Write("through"));
  ALKAID_EXPECT_OK(file->Close());
  char text[8] = {};
  EXPECT_EQ(::read(ends[0], text, sizeof(text)), 7);
  EXPECT_STREQ(text, "through");
  ::close(ends[0]);
  ::close(ends[1]);
}

// Sends SIGALRM to itself until `wait` returns, with a handler that does nothing.
template <typename Wait>
Status Interrupted(int flags, Wait wait) {
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = [](int) {};
  action.sa_flags = flags;
  ::sigaction(SIGALRM, &action, &before);
  const itimerval soon = {{0, 5000}, {0, 5000}};
  ::setitimer(ITIMER_REAL, &soon, nullptr);
  const Status status = wait();
  const itimerval never = {};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
  return status;
}

TEST_F(DurableFile, ASignalEndsTheWaitForAReaderOfAPipe) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(Interrupted(0, [&] { return DurableFileOutputStream::Open(path).status(); }),
              StatusIs(StatusCode::kUnavailable, HasSubstr(path)));
  // With a reader that reads nothing.
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  EXPECT_TRUE(file->straight());
  const std::string much(1 << 20, 'x');
  const Status status = Interrupted(0, [&] { return file->Write(much); });
  EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable, HasSubstr("1048576 bytes at 0")));
  EXPECT_EQ(file->Close(), status);
  ::close(reader);
}

TEST_F(DurableFile, AReaderOfAPipeThatHasToBeThereIsNotWaitedFor) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto open = [&] {
    return DurableFileOutputStream::Open(path, FileAccess::kUsual, PipeReader::kThere);
  };
  const Status status = open().status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(path + " is a pipe without a reader"));
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, open());
  // Writes wait for room as usual.
  const std::string much(1 << 20, 'x');
  EXPECT_THAT(Interrupted(0, [&] { return file->Write(much); }),
              StatusIs(StatusCode::kUnavailable, HasSubstr("1048576 bytes at 0")));
  ::close(reader);
}

// Signals that do not interrupt the program's calls do not interrupt these either.
TEST_F(DurableFile, SignalsWhoseHandlersRestartCallsLeaveAPipeWhole) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  const std::string much(1 << 20, 'x');
  size_t read = 0;
  std::thread slow([&] {
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, nullptr);
    std::vector<char> some(32768);
    while (read < much.size()) {
      const ssize_t got = ::read(reader, some.data(), some.size());
      if (got == 0) break;
      if (got > 0) read += static_cast<size_t>(got);
      ::usleep(500);
    }
  });
  ALKAID_EXPECT_OK(Interrupted(SA_RESTART, [&] { return file->Write(much); }));
  ALKAID_EXPECT_OK(file->Close());
  slow.join();
  EXPECT_EQ(read, much.size());
  ::close(reader);
}

// What /dev/stdout is after a shell's >> redirection.
TEST_F(DurableFile, AnOpenFileUnderProcIsWrittenBehindItsBytes) {
  Fill(path, "before ");
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file,
                              DurableFileOutputStream::Open("/proc/self/fd/" + std::to_string(fd)));
  EXPECT_TRUE(file->straight());
  ALKAID_EXPECT_OK(file->Write("after"));
  ALKAID_EXPECT_OK(file->Close());
  ::close(fd);
  EXPECT_EQ(Content(path), "before after");
  EXPECT_THAT(Entries(), ElementsAre("run.xtc2"));
}

TEST_F(DurableFile, AFullDeviceIsReportedWithTheByte) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "this system has no /dev/full";
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open("/dev/full"));
  const Status status = file->Write("x");
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted,
                               AllOf(HasSubstr("/dev/full"), HasSubstr("1 bytes at 0"))));
  EXPECT_EQ(file->Close(), status);
}

// In a child whose file size limit is 100 bytes.
TEST_F(DurableFile, AWriteThatFailsInTheMiddleLeavesTheOldFileAndNothingElse) {
  Fill(path, "old");
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {100, 100};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto file = DurableFileOutputStream::Open(path);
    if (!file.ok() || !(*file)->Write(std::string(60, 'a')).ok()) _exit(2);
    const Status status = (*file)->Write(std::string(60, 'b'));
    if (status.ok() || status.message().find("60 bytes at 60") == std::string::npos ||
        status.message().find("did 40") == std::string::npos) {
      _exit(3);
    }
    // The failure stays: a file with a hole must not get its name.
    if ((*file)->Write("c") != status || (*file)->Close() != status || (*file)->Close() != status) {
      _exit(4);
    }
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(Content(path), "old");
  EXPECT_THAT(Entries(), ElementsAre("run.xtc2"));
}

TEST_F(DurableFile, WhenItCanNotGetItsNameNothingIsLeft) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  ALKAID_ASSERT_OK(file->Write("x"));
  // A directory takes the name while the stream is open.
  fs::create_directory(path);
  EXPECT_THAT(file->Close(), StatusIs(::testing::_, HasSubstr(path)));
  EXPECT_THAT(Entries(), ElementsAre("run.xtc2"));
  EXPECT_TRUE(fs::is_directory(path));
}

// A folder to which everyone may write, with entries that belong to someone else. Only root can
// make those.
class DurableFileInASharedFolder : public DurableFile {
 protected:
  static constexpr uid_t kMallory = 12345;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "not run as root, which alone can make others' files";
    shared = folder + "/shared";
    mine = folder + "/mine";
    fs::create_directory(mine);
    fs::create_directory(shared);
    Fill(mine + "/precious", "precious");
  }
  void Allow(mode_t mode) const { ASSERT_EQ(::chmod(shared.c_str(), mode), 0); }
  void GiveAway(const std::string& entry, uid_t user = kMallory) const {
    ASSERT_EQ(::lchown((shared + "/" + entry).c_str(), user, user), 0);
  }
  // Tries every way to make an output.
  std::vector<Status> Outputs(const std::string& entry) const {
    const std::string file = shared + "/" + entry;
    const auto close = [](const auto& output) {
      return output.ok() ? (*output)->Close() : output.status();
    };
    return {close(DurableFileOutputStream::Open(file)),
            close(DurableFileOutputStream::Open(file, FileAccess::kOwnerOnly)),
            close(FileOutputStream::Open(file)), close(FileOutputStream::Open(file, true)),
            CreateFileIfAbsent(file, "")};
  }
  void ExpectRefused(const std::string& entry) const {
    for (const Status& status : Outputs(entry)) {
      EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied,
                                   AllOf(HasSubstr("user 12345"),
                                         HasSubstr("to which everyone may write"))));
    }
    EXPECT_EQ(Content(mine + "/precious"), "precious");
    EXPECT_EQ(std::distance(fs::directory_iterator(mine), {}), 1);
  }
  void ExpectWritten(const std::string& entry) const {
    for (const Status& status : Outputs(entry)) ALKAID_EXPECT_OK(status);
  }

  std::string shared;
  std::string mine;
};

TEST_F(DurableFileInASharedFolder, NoLinkOfAnotherUserIsFollowed) {
  fs::create_symlink(mine + "/precious", shared + "/file");
  fs::create_symlink(mine + "/new", shared + "/dangling");
  fs::create_symlink(mine, shared + "/folder");
  fs::create_symlink("file", shared + "/own");
  for (const char* entry : {"file", "dangling", "folder"}) GiveAway(entry);
  for (const mode_t mode : {01777, 0777}) {
    Allow(mode);
    ExpectRefused("file");
    ExpectRefused("dangling");
    ExpectRefused("folder/new");
    // The user's own link leads to a planted one.
    ExpectRefused("own");
  }
}

TEST_F(DurableFileInASharedFolder, LinksOfOnesOwnOfRootAndOfTheFoldersOwnerAreFollowed) {
  Allow(01777);
  fs::create_symlink(mine + "/a", shared + "/own");
  ExpectWritten("own");
  fs::create_symlink(mine, shared + "/folder");
  ExpectWritten("folder/b");
  // The folder's owner can do anything there already.
  fs::create_symlink(mine + "/c", shared + "/owners");
  GiveAway("owners");
  ASSERT_EQ(::chown(shared.c_str(), kMallory, kMallory), 0);
  ExpectWritten("owners");
  for (const char* name : {"/a", "/b", "/c"}) EXPECT_TRUE(fs::is_regular_file(mine + name));
}

TEST_F(DurableFileInASharedFolder, WhereNotEveryoneMayWriteLinksAreTheGroupsBusiness) {
  Allow(02775);
  fs::create_symlink(mine + "/a", shared + "/link");
  GiveAway("link");
  ExpectWritten("link");
  EXPECT_TRUE(fs::is_regular_file(mine + "/a"));
}

TEST_F(DurableFileInASharedFolder, NeitherPipeNorFileOfAnotherUserIsWritten) {
  Allow(01777);
  ASSERT_EQ(::mkfifo((shared + "/pipe").c_str(), 0666), 0);
  Fill(shared + "/taken", "bait");
  ASSERT_EQ(::chmod((shared + "/taken").c_str(), 0666), 0);
  GiveAway("pipe");
  GiveAway("taken");
  ExpectRefused("pipe");  // and does not wait for a reader
  ExpectRefused("taken");
  EXPECT_EQ(Content(shared + "/taken"), "bait");
  // Where everyone may remove other users' files, files are replaced.
  Allow(0777);
  ExpectRefused("pipe");
  ExpectWritten("taken");
}

// A writer in a process of its own, which has opened `path` and written some bytes.
class Writer {
 public:
  explicit Writer(const std::string& path) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const auto file = DurableFileOutputStream::Open(path);
      if (!file.ok() || !(*file)->Write("half").ok()) _exit(1);
      if (::write(ends[1], "x", 1) == 1) ::pause();
      _exit(1);
    }
    ::close(ends[1]);
    char ready = 0;
    EXPECT_EQ(::read(ends[0], &ready, 1), 1);
    ::close(ends[0]);
  }
  ~Writer() { Kill(); }
  void Kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    EXPECT_EQ(::waitpid(pid_, nullptr, 0), pid_);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

TEST_F(DurableFile, WhatAKilledWriterLeftIsRemovedByTheNext) {
  Writer(path).Kill();
  Writer(folder + "/other").Kill();
  ASSERT_EQ(Entries().size(), 2U);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  ALKAID_ASSERT_OK(file->Close());
  // No stream of the other name was opened.
  EXPECT_THAT(Entries(), ::testing::UnorderedElementsAre("run.xtc2", StartsWith(".other.")));
}

TEST_F(DurableFile, WhatALivingWriterWritesIsLeftToIt) {
  Writer living(path);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto own, DurableFileOutputStream::Open(path));
  ASSERT_EQ(Entries().size(), 2U);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  ALKAID_ASSERT_OK(file->Close());
  EXPECT_THAT(Entries(), ::testing::UnorderedElementsAre("run.xtc2", StartsWith(".run.xtc2."),
                                                         StartsWith(".run.xtc2.")));
  ALKAID_ASSERT_OK(own->Close());
}

// A child that the writer forked has the file open too, and may write to it.
TEST_F(DurableFile, WhatAChildOfAKilledWriterCanStillWriteStays) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto file = DurableFileOutputStream::Open(path);
    const pid_t child = ::fork();
    if (child == 0) ::pause();
    if (::write(ends[1], &child, sizeof(child)) == sizeof(child)) ::pause();
    _exit(1);
  }
  pid_t child = 0;
  ASSERT_EQ(::read(ends[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ALKAID_EXPECT_OK(DurableFileOutputStream::Open(path));
  EXPECT_EQ(Entries().size(), 1U);
  ::kill(child, SIGKILL);
  // It ends in its own time: nobody here can wait for it.
  for (int i = 0; i < 2000 && !Entries().empty(); ++i) {
    ::usleep(1000);
    ALKAID_EXPECT_OK(DurableFileOutputStream::Open(path));
  }
  EXPECT_THAT(Entries(), IsEmpty());
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(DurableFile, WhatMayBeAnotherHostsOrNoLeftoverStays) {
  Writer(path).Kill();
  const std::string left = Entries().at(0);
  const size_t stem = std::string(".run.xtc2.").size();
  const size_t boot = left.find('-');
  std::string of_another_boot = left;
  of_another_boot[boot + 1] = of_another_boot[boot + 1] == '0' ? '1' : '0';
  const std::vector<std::string> others = {
      // From another kernel, which may share the folder.
      of_another_boot,
      // From a writer whose file system has no locks.
      ".run.xtc2.4194304-0123456789abcdef.tmp",
      // From a process that is alive.
      left.substr(0, stem) + std::to_string(::getppid()) + left.substr(boot), left + ".tmp",
      ".run.xtc2.tmp", "." + left, left.substr(0, left.size() - 4)};
  for (const std::string& name : others) Fill(folder + "/" + name, "x");
  ASSERT_EQ(::unlink((folder + "/" + left).c_str()), 0);
  fs::create_symlink("run.xtc2", folder + "/" + left);
  ALKAID_EXPECT_OK(DurableFileOutputStream::Open(path));
  EXPECT_EQ(Entries().size(), others.size() + 1);
}

// In a child without standard streams. Its prints fail, and land nowhere.
TEST_F(DurableFile, WithoutStandardStreamsPrintsDoNotLandInAnOutput) {
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    for (int fd = 0; fd <= 2; ++fd) ::close(fd);
    const auto durable = DurableFileOutputStream::Open(path);
    const auto plain = FileOutputStream::Open(folder + "/plain");
    const auto null = DurableFileOutputStream::Open("/dev/null");
    const auto input = ReadableFile::Open("/dev/null");
    bool landed = false;
    for (int fd = 0; fd <= 2; ++fd) landed = ::write(fd, "print", 5) >= 0 || landed;
    const bool ok = durable.ok() && (*durable)->Write("data").ok() && (*durable)->Close().ok() &&
                    plain.ok() && (*plain)->Write("data").ok() && null.ok() && input.ok() &&
                    CreateFileIfAbsent(folder + "/claimed", "data").ok();
    _exit(ok && !landed ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  for (const char* name : {"run.xtc2", "plain", "claimed"}) {
    EXPECT_EQ(Content(folder + "/" + name), "data");
  }
}

TEST_F(DurableFile, AFileIsMadeAtOnceOnlyWhereNothingHasTheName) {
  ALKAID_EXPECT_OK(CreateFileIfAbsent(path, "first"));
  ALKAID_EXPECT_OK(CreateFileIfAbsent(path, "second"));
  EXPECT_EQ(Content(path), "first");
  fs::create_symlink("target", folder + "/link");
  ALKAID_EXPECT_OK(CreateFileIfAbsent(folder + "/link", "through"));
  EXPECT_EQ(Content(folder + "/target"), "through");
  EXPECT_THAT(CreateFileIfAbsent(folder + "/no/file", ""),
              StatusIs(StatusCode::kNotFound, HasSubstr(folder + "/no")));
}

TEST_F(DurableFile, WrongArgumentsAreRefusedAndSpoilNothing) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, DurableFileOutputStream::Open(path));
  EXPECT_THAT(file->Write("x", -1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(file->Write(nullptr, 1), StatusIs(StatusCode::kInvalidArgument));
  ALKAID_EXPECT_OK(file->Write("x"));
  ALKAID_EXPECT_OK(file->Close());
  EXPECT_EQ(Content(path), "x");
}

}  // namespace
}  // namespace alkaid::io
