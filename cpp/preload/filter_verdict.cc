#include <fcntl.h>
#include <linux/audit.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <span>

#include "preload/filter_verdict_internal.h"

namespace alkaid::heap::preload {
namespace {

// A word of the machine, which may be unknown.
struct Word {
  uint32_t value = 0;
  bool known = true;

  // Keeps the value only if both are known and equal.
  void Join(const Word& other) { known = known && other.known && value == other.value; }
};

// The machine before a step: two registers and some words of memory. Jumps only go forwards, so all
// ways to a step are known when its turn comes.
struct Machine {
  bool reached = false;
  Word a;
  Word x;
  std::array<Word, BPF_MEMWORDS> memory = {};

  void Join(const Machine& other) {
    if (!reached) {
      *this = other;
      return;
    }
    a.Join(other.a);
    x.Join(other.x);
    for (size_t i = 0; i < memory.size(); ++i) memory[i].Join(other.memory[i]);
  }
};

// What the filter can read, as in seccomp_data.
class Call {
 public:
  explicit Call(const KnownCall& call) : call_(call) {}

  // Returns false if the filter may not load from that offset.
  bool Load(uint32_t offset, Word* word) const {
    if (offset % sizeof(uint32_t) != 0 || offset >= sizeof(seccomp_data)) return false;
    if (offset == offsetof(seccomp_data, nr)) {
      *word = {static_cast<uint32_t>(call_.number), true};
    } else if (offset == offsetof(seccomp_data, arch)) {
      *word = {AUDIT_ARCH_X86_64, true};
    } else if (offset < offsetof(seccomp_data, args)) {
      *word = {0, false};  // the address of the instruction
    } else {
      const uint32_t at = offset - static_cast<uint32_t>(offsetof(seccomp_data, args));
      const std::optional<uint64_t>& argument = call_.arguments[at / sizeof(uint64_t)];
      const uint64_t value = argument.value_or(0) >> (at % sizeof(uint64_t) * 8);
      *word = {static_cast<uint32_t>(value), argument.has_value()};
    }
    return true;
  }

 private:
  const KnownCall& call_;
};

// Returns false if the kernel would refuse the step.
bool Load(const sock_filter& step, const Call& call, const Machine& machine, Word* word) {
  switch (BPF_MODE(step.code)) {
    case BPF_IMM:
      *word = {step.k, true};
      return true;
    case BPF_LEN:
      *word = {sizeof(seccomp_data), true};
      return true;
    case BPF_MEM:
      if (step.k >= BPF_MEMWORDS) return false;
      *word = machine.memory[step.k];
      return true;
    case BPF_ABS:
      return call.Load(step.k, word);
    default:
      return false;
  }
}

uint32_t Compute(int operation, uint32_t a, uint32_t by) {
  switch (operation) {
    case BPF_ADD:
      return a + by;
    case BPF_SUB:
      return a - by;
    case BPF_MUL:
      return a * by;
    case BPF_DIV:
      return by != 0 ? a / by : 0;
    case BPF_OR:
      return a | by;
    case BPF_AND:
      return a & by;
    case BPF_XOR:
      return a ^ by;
    case BPF_LSH:
      return a << (by & 31);
    case BPF_RSH:
      return a >> (by & 31);
    default:
      return ~a + 1;  // BPF_NEG
  }
}

bool Holds(int comparison, uint32_t a, uint32_t with) {
  switch (comparison) {
    case BPF_JEQ:
      return a == with;
    case BPF_JGT:
      return a > with;
    case BPF_JGE:
      return a >= with;
    default:
      return (a & with) != 0;  // BPF_JSET
  }
}

Fate FateOf(const Word& verdict) {
  if (!verdict.known) return Fate::kEnds;
  switch (verdict.value & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
      return Fate::kMade;
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_USER_NOTIF:
      return Fate::kFails;
    default:
      // A trap is a signal, which ends the process or is handled in any way. An action that the
      // kernel does not know ends the process.
      return Fate::kEnds;
  }
}

// Executes step `at` of the filter; `before` has the machine before each step. If the step returns,
// `fate` becomes its effect on the call. Returns false if the kernel would refuse the step.
bool Take(std::span<const sock_filter> filter, size_t at, const Call& call,
          std::span<Machine> before, Fate* fate) {
  const sock_filter& step = filter[at];
  Machine machine = before[at];
  const Word by = BPF_SRC(step.code) == BPF_X ? machine.x : Word{step.k, true};
  const auto go_to = [&](uint64_t skipped) {
    if (skipped < filter.size() - at - 1) before[at + 1 + skipped].Join(machine);
  };
  switch (BPF_CLASS(step.code)) {
    case BPF_RET: {
      const Word verdict = BPF_RVAL(step.code) == BPF_A ? machine.a : Word{step.k, true};
      *fate = FateOf(verdict);
      return true;
    }
    case BPF_LD:
      if (!Load(step, call, machine, &machine.a)) return false;
      break;
    case BPF_LDX:
      if (!Load(step, call, machine, &machine.x)) return false;
      break;
    case BPF_ST:
    case BPF_STX:
      if (step.k >= BPF_MEMWORDS) return false;
      machine.memory[step.k] = BPF_CLASS(step.code) == BPF_ST ? machine.a : machine.x;
      break;
    case BPF_ALU:
      // The kernel kills a process whose filter divides by zero.
      if (BPF_OP(step.code) == BPF_DIV && (!by.known || by.value == 0)) {
        *fate = Fate::kEnds;
        return true;
      }
      machine.a = {Compute(BPF_OP(step.code), machine.a.value, by.value),
                   machine.a.known && (by.known || BPF_OP(step.code) == BPF_NEG)};
      break;
    case BPF_JMP:
      if (BPF_OP(step.code) == BPF_JA) {
        go_to(step.k);
      } else if (machine.a.known && by.known) {
        go_to(Holds(BPF_OP(step.code), machine.a.value, by.value) ? step.jt : step.jf);
      } else {
        go_to(step.jt);
        go_to(step.jf);
      }
      return true;
    default:
      if (BPF_MISCOP(step.code) == BPF_TAX) {
        machine.x = machine.a;
      } else {
        machine.a = machine.x;
      }
  }
  go_to(0);
  return true;
}

constexpr std::nullopt_t kAny = std::nullopt;

constexpr KnownCall Mapping(uint64_t protection, uint64_t flags) {
  return {SYS_mmap, {kAny, kAny, protection, flags}};
}
constexpr KnownCall Command(uint64_t command) { return {SYS_fcntl, {kAny, command}}; }

constexpr uint64_t kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr uint64_t kReadWrite = PROT_READ | PROT_WRITE;

// The calls that malloc makes.
constexpr std::array kMemoryCalls = {
    Mapping(kReadWrite, kPrivate),
    Mapping(kReadWrite, kPrivate | MAP_NORESERVE),
    Mapping(PROT_NONE, kPrivate | MAP_NORESERVE),
    KnownCall{SYS_mprotect, {kAny, kAny, kReadWrite}},
    KnownCall{SYS_munmap, {}},
    KnownCall{SYS_brk, {}},
    KnownCall{SYS_futex, {}},
    KnownCall{SYS_madvise, {kAny, kAny, uint64_t{MADV_DONTNEED}}},
};

constexpr std::array kFileCalls = {
    KnownCall{SYS_openat, {}},
    KnownCall{SYS_read, {}},
    KnownCall{SYS_write, {}},
    KnownCall{SYS_close, {}},
    KnownCall{SYS_fstat, {}},
    KnownCall{SYS_newfstatat, {}},
    KnownCall{SYS_fstatfs, {}},
    KnownCall{SYS_readlink, {}},
    KnownCall{SYS_readlinkat, {}},
    Command(F_GETFL),
    Command(F_SETFD),
    Command(F_DUPFD_CLOEXEC),
    KnownCall{SYS_flock, {}},
    KnownCall{SYS_fsync, {}},
    KnownCall{SYS_getdents64, {}},
    KnownCall{SYS_getrandom, {}},
    KnownCall{SYS_renameat, {}},
    KnownCall{SYS_unlinkat, {}},
    KnownCall{SYS_getpid, {}},
    KnownCall{SYS_geteuid, {}},
    KnownCall{SYS_kill, {kAny, uint64_t{0}}},
    KnownCall{SYS_process_vm_readv, {}},
    KnownCall{SYS_rt_sigaction, {kAny, uint64_t{0}}},
    KnownCall{SYS_rt_sigprocmask, {}},
    KnownCall{SYS_rt_sigtimedwait, {}},
    KnownCall{SYS_mprotect, {kAny, kAny, uint64_t{PROT_NONE}}},  // below a stack
};

constexpr std::array kThreadCalls = {
    Mapping(PROT_NONE, kPrivate | MAP_STACK),
    KnownCall{SYS_clone3, {}},
    KnownCall{
        SYS_clone,
        {uint64_t{CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                  CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID}}},
    KnownCall{SYS_set_robust_list, {}},
    KnownCall{SYS_rseq, {}},
    KnownCall{SYS_rt_sigprocmask, {}},
    KnownCall{SYS_prctl, {uint64_t{PR_SET_NAME}}},
};

constexpr std::array kLineCalls = {
    KnownCall{SYS_fstat, {uint64_t{STDERR_FILENO}}},
    KnownCall{SYS_newfstatat, {uint64_t{STDERR_FILENO}}},
    KnownCall{SYS_poll, {}},
    KnownCall{SYS_sendto, {uint64_t{STDERR_FILENO}}},
    KnownCall{SYS_rt_sigprocmask, {}},
    KnownCall{SYS_rt_sigtimedwait, {}},
    KnownCall{SYS_openat, {}},
    KnownCall{SYS_fcntl, {}},
    KnownCall{SYS_pread64, {}},
    KnownCall{SYS_close, {}},
    KnownCall{SYS_readlink, {}},
};

template <size_t N>
bool EndsOneOf(const std::array<KnownCall, N>& calls, const sock_fprog& filter) {
  return std::ranges::any_of(
      calls, [&](const KnownCall& call) { return WorstFate(filter, call) == Fate::kEnds; });
}

bool EndsWhoAllocates(const sock_fprog& filter) {
  return EndsOneOf(kMemoryCalls, filter) || WorstFate(filter, {SYS_brk}) != Fate::kMade;
}

}  // namespace

Fate WorstFate(const sock_fprog& filter, const KnownCall& known) {
  const size_t steps = filter.len;
  if (steps == 0 || steps > BPF_MAXINSNS) return Fate::kMade;
  // By mmap: a thread that is confining itself may be where it must not allocate.
  void* const mapping = ::mmap(nullptr, steps * sizeof(Machine), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return Fate::kEnds;
  // All bytes are zero: no step is reached.
  const std::span before(static_cast<Machine*>(mapping), steps);
  Machine first;
  first.reached = true;
  before[0].Join(first);
  const Call call(known);
  Fate worst = Fate::kMade;
  for (size_t at = 0; at < steps && worst != Fate::kEnds; ++at) {
    Fate fate = Fate::kMade;
    if (!before[at].reached) continue;
    const bool taken = Take({filter.filter, steps}, at, call, before, &fate);
    worst = taken ? std::max(worst, fate) : Fate::kMade;
    if (!taken) break;
  }
  ::munmap(mapping, steps * sizeof(Machine));
  return worst;
}

bool EndsWhoWritesFiles(const sock_fprog& filter) {
  return EndsWhoAllocates(filter) || EndsOneOf(kFileCalls, filter);
}

bool EndsWhoSaysALine(const sock_fprog& filter) { return EndsOneOf(kLineCalls, filter); }

bool EndsWhoWritesToStderr(const sock_fprog& filter) {
  return WorstFate(filter, {SYS_write, {uint64_t{STDERR_FILENO}}}) == Fate::kEnds;
}

bool EndsWhoStartsThreads(const sock_fprog& filter) {
  return EndsWhoAllocates(filter) || EndsOneOf(kThreadCalls, filter);
}

bool EndsWhoWaits(const sock_fprog& filter) {
  return WorstFate(filter, {SYS_futex}) != Fate::kMade;
}

}  // namespace alkaid::heap::preload
