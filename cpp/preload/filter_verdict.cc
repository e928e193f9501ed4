#include <fcntl.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#include <array>
#include <cstring>

#include "preload/filter_verdict_internal.h"

namespace alkaid::heap::preload {
namespace {

// The machine: two registers and some words of memory.
struct Machine {
  uint32_t a = 0;
  uint32_t x = 0;
  std::array<uint32_t, BPF_MEMWORDS> memory = {};
};

// False where the filter may not load from there.
bool Load(const sock_filter& step, const seccomp_data& call, Machine* machine, uint32_t* value) {
  switch (BPF_MODE(step.code)) {
    case BPF_IMM:
      *value = step.k;
      return true;
    case BPF_LEN:
      *value = sizeof(call);
      return true;
    case BPF_MEM:
      if (step.k >= BPF_MEMWORDS) return false;
      *value = machine->memory[step.k];
      return true;
    case BPF_ABS:
      if (step.k > sizeof(call) - sizeof(*value)) return false;
      std::memcpy(value, reinterpret_cast<const char*>(&call) + step.k, sizeof(*value));
      return true;
    default:
      return false;
  }
}

bool Compute(const sock_filter& step, Machine* machine) {
  const uint32_t by = BPF_SRC(step.code) == BPF_X ? machine->x : step.k;
  uint32_t& a = machine->a;
  switch (BPF_OP(step.code)) {
    case BPF_ADD:
      a += by;
      return true;
    case BPF_SUB:
      a -= by;
      return true;
    case BPF_MUL:
      a *= by;
      return true;
    case BPF_DIV:
      if (by == 0) return false;
      a /= by;
      return true;
    case BPF_OR:
      a |= by;
      return true;
    case BPF_AND:
      a &= by;
      return true;
    case BPF_XOR:
      a ^= by;
      return true;
    case BPF_LSH:
      a = by < 32 ? a << by : 0;
      return true;
    case BPF_RSH:
      a = by < 32 ? a >> by : 0;
      return true;
    case BPF_NEG:
      a = ~a + 1;
      return true;
    default:
      return false;
  }
}

// How many steps are left out.
uint32_t Jump(const sock_filter& step, const Machine& machine) {
  const uint32_t with = BPF_SRC(step.code) == BPF_X ? machine.x : step.k;
  bool holds = false;
  switch (BPF_OP(step.code)) {
    case BPF_JA:
      return step.k;
    case BPF_JEQ:
      holds = machine.a == with;
      break;
    case BPF_JGT:
      holds = machine.a > with;
      break;
    case BPF_JGE:
      holds = machine.a >= with;
      break;
    default:
      holds = (machine.a & with) != 0;
  }
  return holds ? step.jt : step.jf;
}

bool Ends(uint32_t verdict) {
  const uint32_t action = verdict & SECCOMP_RET_ACTION_FULL;
  // A trap is a signal that ends the process, or that it handles as it thinks fit.
  return action == SECCOMP_RET_KILL_PROCESS || action == SECCOMP_RET_KILL_THREAD ||
         action == SECCOMP_RET_TRAP;
}

}  // namespace

uint32_t FilterVerdict(const sock_fprog& filter, const seccomp_data& call) {
  Machine machine;
  for (uint32_t at = 0; at < filter.len; ++at) {
    const sock_filter& step = filter.filter[at];
    bool sound = true;
    switch (BPF_CLASS(step.code)) {
      case BPF_RET:
        return BPF_RVAL(step.code) == BPF_A ? machine.a : step.k;
      case BPF_LD:
        sound = Load(step, call, &machine, &machine.a);
        break;
      case BPF_LDX:
        sound = Load(step, call, &machine, &machine.x);
        break;
      case BPF_ST:
      case BPF_STX:
        sound = step.k < BPF_MEMWORDS;
        if (sound) {
          machine.memory[step.k] = BPF_CLASS(step.code) == BPF_ST ? machine.a : machine.x;
        }
        break;
      case BPF_ALU:
        sound = Compute(step, &machine);
        break;
      case BPF_JMP: {
        const uint32_t skipped = Jump(step, machine);
        if (skipped >= filter.len) return SECCOMP_RET_ALLOW;
        at += skipped;
        break;
      }
      default:
        if (BPF_MISCOP(step.code) == BPF_TAX) {
          machine.x = machine.a;
        } else {
          machine.a = machine.x;
        }
    }
    if (!sound) break;
  }
  return SECCOMP_RET_ALLOW;
}

bool EndsWhoWritesFiles(const sock_fprog& filter) {
  seccomp_data call = {};
  call.arch = AUDIT_ARCH_X86_64;
  const auto ends = [&](int number) {
    call.nr = number;
    return Ends(FilterVerdict(filter, call));
  };
  for (const int number : {SYS_openat,     SYS_read,      SYS_write,
                           SYS_close,      SYS_fstat,     SYS_newfstatat,
                           SYS_fstatfs,    SYS_readlink,  SYS_readlinkat,
                           SYS_fcntl,      SYS_flock,     SYS_fsync,
                           SYS_getdents64, SYS_getrandom, SYS_renameat,
                           SYS_unlinkat,   SYS_getpid,    SYS_process_vm_readv,
                           SYS_mmap,       SYS_munmap}) {
    if (ends(number)) return true;
  }
  // Some allow what is only read.
  call.args[2] = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  return ends(SYS_openat);
}

}  // namespace alkaid::heap::preload
