#include <pthread.h>

#include "alkaid/core/buffers/block_cache_internal.h"

namespace alkaid::internal {

constinit thread_local BlockStore thread_block_store __attribute__((tls_model("initial-exec")));

namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ALKAID_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(ALKAID_ADDRESS_SANITIZER)
constexpr bool kKeepBlocks = false;
#else
constexpr bool kKeepBlocks = true;
#endif

// Whether this thread may still open its store. Not after the thread's end, when nothing would
// empty the store again.
enum class Phase : unsigned char { kFresh, kOpen, kClosed };
constinit thread_local Phase phase __attribute__((tls_model("initial-exec"))) = Phase::kFresh;

void CloseStore(void*) {
  phase = Phase::kClosed;
  ReleaseKeptBlocks();
  thread_block_store.room = 0;
}

// The key whose destructor empties a thread's store; null if the process has no key left.
const pthread_key_t* ExitKey() {
  static pthread_key_t key;
  static const bool made = pthread_key_create(&key, CloseStore) == 0;
  return made ? &key : nullptr;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { ExitKey(); }

// Returns true once this thread's store accepts blocks and will be emptied when the thread ends.
bool OpenStore() {
  const pthread_key_t* const exit_key = ExitKey();
  if (!kKeepBlocks || exit_key == nullptr || phase != Phase::kFresh) return false;
  if (pthread_setspecific(*exit_key, &thread_block_store) != 0) return false;
  phase = Phase::kOpen;
  thread_block_store.room = BlockStore::kMaxBlocks;
  return true;
}

}  // namespace

void* AllocateFreshBlock() {
  // A block in use may come back later: opening the store here, not at the first return, keeps the
  // fast path at one test.
  OpenStore();
  return ::operator new(kBlockSize);
}

void DeallocateSurplusBlock(void* block) noexcept {
  if (OpenStore()) {
    DeallocateBlock(block);
    return;
  }
  ::operator delete(block);
}

void ReleaseKeptBlocks() noexcept {
  BlockStore& store = thread_block_store;
  while (BlockStore::Block* block = store.first) {
    store.first = block->next;
    ++store.room;
    ::operator delete(block);
  }
}

}  // namespace alkaid::internal
