#include "alkaid/base/made_once.h"

#include <mutex>

namespace alkaid::internal {
namespace {

constinit std::mutex making;
constinit thread_local int depth = 0;  // how often this thread holds it

}  // namespace

void MakingLock::Lock() {
  if (depth++ == 0) making.lock();
}

void MakingLock::Unlock() {
  if (--depth == 0) making.unlock();
}

}  // namespace alkaid::internal
