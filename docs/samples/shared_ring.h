// SharedRing: a ring of slots in memory that two processes share, for the sample and its test.
//
// The memory is a memfd that nobody can cut or grow (a peer that could would end this process by
// SIGBUS). A process joins it as the writer or as the reader, and is that until it ends: the kernel
// holds the role as a lock on the memfd and lets go of it when the process is gone, however that
// ended. Each slot is in one of four states, and only one role leaves each state:
//
//     free --writer--> filling --writer--> filled --reader--> pinned --reader--> free
//
// A writer that joins after one that was killed frees what that was filling. A reader that joins
// after one that was killed frees what that had pinned: these slots were handed out once and are
// not handed out again; `abandoned` counts them. What was filled and not yet taken waits for the
// next reader.
//
// Whoever waits is woken by a futex. The death of a peer wakes nobody, so each wait looks for it at
// intervals of kLook; nothing else depends on time.
//
// Not trusted: what stands in the shared memory. Sizes are read once, when joining, and compared
// with the memfd; a slot's state and size are checked at each use. The bytes of a pinned slot are
// the writer's word: one that changes them while they are read breaks its reader.
//
// Ownership: a SharedRing owns its mapping and its role. Give each callback a share of it.
// Threads: GiveBack from any; the rest one at a time. In a process that joined, nothing else may
// open and close the memfd: that would drop the lock.
#pragma once

#include <alkaid/dgram/ring_source.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

class SharedRing {
 public:
  enum class Role : uint32_t { kWriter = 0, kReader = 1 };
  enum State : uint32_t { kFree = 0, kFilling = 1, kFilled = 2, kPinned = 3 };

  // What stands at the start of the memory, and behind it for each slot.
  struct Control {
    uint64_t magic;
    int64_t slots;
    int64_t slot_bytes;
    std::atomic<uint32_t> changes;    // counts up with every change: the futex
    std::atomic<uint32_t> ended;      // the writer has no more
    std::atomic<uint32_t> joined[2];  // how often each role was taken
  };
  struct Slot {
    std::atomic<uint32_t> state;
    std::atomic<uint32_t> unused;
    std::atomic<uint64_t> number;  // of what was filled into it, from 1
    std::atomic<int64_t> nbytes;
  };
  static constexpr uint64_t kMagic = 0x676e6972'64616b6c;
  static constexpr int64_t kMaxSlots = 4096;
  static constexpr int64_t kMaxSlotBytes = int64_t{1} << 30;

  // The memory of a ring, all slots free: a descriptor that the caller closes. Others join it by
  // "/proc/<this process>/fd/<descriptor>", as long as this process lives.
  static alkaid::Result<int> Make(int64_t slots, int64_t slot_bytes) {
    if (slots < 1 || slots > kMaxSlots || slot_bytes < 1 || slot_bytes > kMaxSlotBytes) {
      return alkaid::status::Invalid("a ring of ", slots, " slots of ", slot_bytes, " bytes");
    }
    const int fd = ::memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return alkaid::status::IOError(errno, "cannot make a ring");
    const Control control = {kMagic, slots, slot_bytes, {}, {}, {}};
    if (::ftruncate(fd, TotalBytes(slots, slot_bytes)) != 0 ||
        ::pwrite(fd, &control, sizeof(control), 0) != sizeof(control) ||
        ::fcntl(fd, F_ADD_SEALS, kSeals) != 0) {
      const int error = errno;
      ::close(fd);
      return alkaid::status::IOError(error, "cannot make a ring");
    }
    return fd;
  }

  // kFailedPrecondition where a process has the role; kInvalidArgument where the file is no ring.
  static alkaid::Result<std::shared_ptr<SharedRing>> Join(const std::string& path, Role role) {
    std::shared_ptr<SharedRing> ring(new SharedRing(role));
    ALKAID_RETURN_NOT_OK(ring->Map(path));
    ALKAID_RETURN_NOT_OK(ring->TakeRole(path));
    return ring;
  }
  ~SharedRing() {
    if (bytes_ != nullptr) ::munmap(bytes_, static_cast<size_t>(TotalBytes(slots_, slot_bytes_)));
    if (fd_ >= 0) ::close(fd_);
  }
  SharedRing(const SharedRing&) = delete;
  SharedRing& operator=(const SharedRing&) = delete;

  int64_t slots() const { return slots_; }
  int64_t slot_bytes() const { return slot_bytes_; }
  // Slots that a dead reader had pinned when this one joined.
  int64_t abandoned() const { return abandoned_; }
  // How many slots are in a state.
  int64_t Count(State state) const {
    int64_t count = 0;
    for (int64_t i = 0; i < slots_; ++i) count += SlotAt(i).state.load() == state;
    return count;
  }

  // ---- The writer's side

  // A free slot, which is the writer's until it publishes it; nothing where none is free.
  std::optional<int64_t> TryClaim() {
    for (int64_t i = 0; i < slots_; ++i) {
      uint32_t free = kFree;
      if (SlotAt(i).state.compare_exchange_strong(free, kFilling)) return i;
    }
    return std::nullopt;
  }
  // Waits for one. kUnavailable where none is free and the reader is gone.
  alkaid::Result<int64_t> Claim() {
    while (true) {
      const uint32_t seen = control_->changes.load();
      const bool gone = PeerIsGone();
      if (const auto slot = TryClaim()) return *slot;
      if (gone) {
        return absl::UnavailableError(absl::StrCat("the reader is gone; it had pinned ",
                                                   Count(kPinned), " slots, and ", Count(kFilled),
                                                   " are filled for the next one"));
      }
      Wait(seen);
    }
  }
  uint8_t* Bytes(int64_t slot) { return bytes_ + Payload(slot); }
  // `nbytes` of the slot are the reader's now.
  void Publish(int64_t slot, int64_t nbytes) {
    SlotAt(slot).nbytes.store(nbytes);
    SlotAt(slot).number.store(++last_number_);
    SlotAt(slot).state.store(kFilled);
    Tell();
  }
  // Nothing follows from this writer.
  void End() {
    control_->ended.store(1);
    Tell();
  }

  // ---- The reader's side

  // The slot that was filled first of those that are, pinned from now on; waits for one. Nothing
  // where the writer has ended, kUnavailable where it is gone without a word; both only once all
  // that it published is taken. kDataLoss for a slot whose size cannot be: it is free again.
  alkaid::Result<std::optional<alkaid::dgram::RingSlot>> Take() {
    while (true) {
      const uint32_t seen = control_->changes.load();
      const bool ended = control_->ended.load() != 0;
      const bool gone = PeerIsGone();
      const int64_t first = FirstFilled();
      if (first < 0) {
        if (ended) {
          peers_ = JoinedAs(peer()).load();
          return std::optional<alkaid::dgram::RingSlot>();
        }
        if (gone) return absl::UnavailableError("the writer is gone, and has not ended the run");
        Wait(seen);
        continue;
      }
      uint32_t filled = kFilled;
      if (!SlotAt(first).state.compare_exchange_strong(filled, kPinned)) continue;
      const int64_t nbytes = SlotAt(first).nbytes.load();
      if (nbytes < 0 || nbytes > slot_bytes_) {
        GiveBack(first);
        return alkaid::status::DataLoss("slot ", first, " says that it has ", nbytes,
                                        " bytes; there is room for ", slot_bytes_);
      }
      return std::optional<alkaid::dgram::RingSlot>({first, bytes_ + Payload(first), nbytes});
    }
  }
  // What SlotRing calls.
  void GiveBack(int64_t slot) {
    uint32_t pinned = kPinned;
    if (SlotAt(slot).state.compare_exchange_strong(pinned, kFree)) Tell();
  }

  // Until a peer is there, or has been there and is gone again; not one whose end is known already.
  void WaitForPeer() {
    while (true) {
      const uint32_t seen = control_->changes.load();
      if (PeerIsThere() || JoinedAs(peer()).load() != peers_) return;
      Wait(seen);
    }
  }

 private:
  static constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  static constexpr std::timespec kLook = {0, 20'000'000};

  explicit SharedRing(Role role) : role_(role) {}

  static int64_t PayloadStart(int64_t slots) {
    constexpr int64_t kPage = 4096;
    const auto used =
        static_cast<int64_t>(sizeof(Control)) + slots * static_cast<int64_t>(sizeof(Slot));
    return (used + kPage - 1) / kPage * kPage;
  }
  static int64_t TotalBytes(int64_t slots, int64_t slot_bytes) {
    return PayloadStart(slots) + slots * slot_bytes;
  }
  int64_t Payload(int64_t slot) const { return PayloadStart(slots_) + slot * slot_bytes_; }
  std::atomic<uint32_t>& JoinedAs(Role role) const {
    return control_->joined[static_cast<uint32_t>(role)];
  }
  Slot& SlotAt(int64_t slot) const {
    return *reinterpret_cast<Slot*>(bytes_ + sizeof(Control) +
                                    static_cast<size_t>(slot) * sizeof(Slot));
  }

  alkaid::Status Map(const std::string& path) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    struct stat info;
    if (fd_ < 0 || ::fstat(fd_, &info) != 0) return alkaid::status::IOError(errno, path);
    const int seals = ::fcntl(fd_, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
      return alkaid::status::Invalid(path, ": no ring: it could be cut while it is read");
    }
    Control control = {};
    if (::pread(fd_, &control, sizeof(control), 0) != sizeof(control) || control.magic != kMagic ||
        control.slots < 1 || control.slots > kMaxSlots || control.slot_bytes < 1 ||
        control.slot_bytes > kMaxSlotBytes ||
        info.st_size != TotalBytes(control.slots, control.slot_bytes)) {
      return alkaid::status::Invalid(path, ": no ring, or one of another version");
    }
    slots_ = control.slots;
    slot_bytes_ = control.slot_bytes;
    void* const mapped = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ | PROT_WRITE,
                                MAP_SHARED, fd_, 0);
    if (mapped == MAP_FAILED) return alkaid::status::IOError(errno, path);
    bytes_ = static_cast<uint8_t*>(mapped);
    control_ = reinterpret_cast<Control*>(bytes_);
    if (role_ == Role::kReader) {  // whose views must not write
      const auto start = static_cast<size_t>(PayloadStart(slots_));
      ::mprotect(bytes_ + start, static_cast<size_t>(info.st_size) - start, PROT_READ);
    }
    return absl::OkStatus();
  }

  static const char* NameOf(Role role) { return role == Role::kWriter ? "writer" : "reader"; }
  Role peer() const { return role_ == Role::kWriter ? Role::kReader : Role::kWriter; }
  // Byte 0 is the writer's, byte 1 the reader's.
  static struct flock LockOf(Role role) {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(role);
    lock.l_len = 1;
    return lock;
  }

  alkaid::Status TakeRole(const std::string& path) {
    struct flock lock = LockOf(role_);
    if (::fcntl(fd_, F_SETLK, &lock) != 0) {
      if (errno != EAGAIN && errno != EACCES) return alkaid::status::IOError(errno, path);
      ::fcntl(fd_, F_GETLK, &lock);
      return alkaid::status::FailedPrecondition(path, ": has a ", NameOf(role_), ", process ",
                                                lock.l_pid);
    }
    // What one that was killed left.
    for (int64_t i = 0; i < slots_; ++i) {
      last_number_ = std::max(last_number_, SlotAt(i).number.load());
      uint32_t left = role_ == Role::kWriter ? kFilling : kPinned;
      const bool freed = SlotAt(i).state.compare_exchange_strong(left, kFree);
      abandoned_ += role_ == Role::kReader && freed;
    }
    if (role_ == Role::kWriter) control_->ended.store(0);
    peers_ = JoinedAs(peer()).load();
    JoinedAs(role_).fetch_add(1);
    Tell();
    return absl::OkStatus();
  }

  bool PeerIsThere() const {
    struct flock lock = LockOf(peer());
    return ::fcntl(fd_, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  }
  // Whether there was one, and is none now. What it did before it went shows in the memory.
  bool PeerIsGone() {
    const uint32_t joined = JoinedAs(peer()).load();
    if (joined == 0 || PeerIsThere()) return false;
    peers_ = joined;
    return true;
  }

  int64_t FirstFilled() const {
    int64_t first = -1;
    uint64_t least = 0;
    for (int64_t i = 0; i < slots_; ++i) {
      const uint64_t number = SlotAt(i).number.load();
      if (SlotAt(i).state.load() != kFilled || (first >= 0 && number >= least)) continue;
      first = i;
      least = number;
    }
    return first;
  }

  void Tell() {
    control_->changes.fetch_add(1);
    ::syscall(SYS_futex, &control_->changes, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
  }
  // Until something changed since `seen`, or for kLook.
  void Wait(uint32_t seen) {
    ::syscall(SYS_futex, &control_->changes, FUTEX_WAIT, seen, &kLook, nullptr, 0);
  }

  const Role role_;
  int fd_ = -1;
  int64_t slots_ = 0;
  int64_t slot_bytes_ = 0;
  uint8_t* bytes_ = nullptr;
  Control* control_ = nullptr;
  uint64_t last_number_ = 0;
  int64_t abandoned_ = 0;
  // Peers that had joined when this process did, or when it last found one gone or at its end.
  uint32_t peers_ = 0;
};
