#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "alkaid/heap/reports/first_bytes_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::heap {
namespace {

HeapBlock At(const void* address, int64_t size) {
  HeapBlock block;
  block.address = reinterpret_cast<uint64_t>(address);
  block.size = block.weight = size;
  return block;
}

std::string Text(const HeapBlock& block) {
  return std::string(reinterpret_cast<const char*>(block.first.data()),
                     static_cast<size_t>(block.first_count()));
}

TEST(FirstBytes, AreThoseOfTheBlockAndNoMoreThanItHas) {
  const char bytes[] = "0123456789abcdefXYZ";
  std::vector<HeapBlock> blocks = {At(bytes, 19), At(bytes + 4, 3), At(bytes, 0), At(bytes, 16)};
  EXPECT_EQ(ReadFirstBytes(&blocks), "");
  EXPECT_EQ(Text(blocks[0]), "0123456789abcdef");
  EXPECT_EQ(Text(blocks[1]), "456");
  EXPECT_EQ(blocks[1].first[3], 0);
  EXPECT_EQ(Text(blocks[2]), "");
  EXPECT_EQ(Text(blocks[3]), "0123456789abcdef");
}

TEST(FirstBytes, OfABlockThatIsNoLongerMappedAreLeftOutAndTheOthersAreRead) {
  const long page = ::sysconf(_SC_PAGESIZE);
  auto* const pages =
      static_cast<char*>(::mmap(nullptr, static_cast<size_t>(3 * page), PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(pages), MAP_FAILED);
  std::memset(pages, 'x', static_cast<size_t>(3 * page));
  ASSERT_EQ(::munmap(pages + page, static_cast<size_t>(page)), 0);
  std::vector<HeapBlock> blocks;
  // Many batches, in which unmapped blocks are first, last and next to each other.
  for (int i = 0; i < 5000; ++i) {
    const bool gone = i % 7 == 0 || i % 7 == 1 || i == 4999;
    blocks.push_back(At(gone ? pages + page + 100 : pages + i % page, 64));
  }
  // A block whose end is unmapped.
  blocks.push_back(At(pages + page - 8, 64));
  EXPECT_EQ(ReadFirstBytes(&blocks), "");
  for (int i = 0; i < 5000; ++i) {
    const bool gone = i % 7 == 0 || i % 7 == 1 || i == 4999;
    EXPECT_EQ(Text(blocks[static_cast<size_t>(i)]),
              gone || i % page > page - 16 ? "" : std::string(16, 'x'))
        << i;
  }
  EXPECT_EQ(Text(blocks[5000]), "");
  ::munmap(pages, static_cast<size_t>(page));
  ::munmap(pages + 2 * page, static_cast<size_t>(page));
}

// From now on the kernel refuses process_vm_readv to this process.
bool RefuseReading() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {4, filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(FirstBytes, AreLeftOutWhereTheKernelRefusesAndThatIsSaid) {
  const char bytes[] = "0123456789abcdef";
  const int code = internal::RunInChild([&bytes] {
    if (!RefuseReading()) return 77;
    std::vector<HeapBlock> blocks = {At(bytes, 16)};
    const std::string why = ReadFirstBytes(&blocks);
    return blocks[0].first_count() == 0 && why.find("not permitted") != std::string::npos ? 0 : 1;
  });
  if (code == 77) GTEST_SKIP() << "this kernel takes no filter of system calls";
  EXPECT_EQ(code, 0);
}

TEST(FirstBytes, OfNoBlocksAreNone) {
  std::vector<HeapBlock> blocks;
  EXPECT_EQ(ReadFirstBytes(&blocks), "");
}

}  // namespace
}  // namespace alkaid::heap
