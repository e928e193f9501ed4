#include "alkaid/core/pools/absent_backends.h"

namespace alkaid {

std::vector<AbsentBackend> AbsentMemoryBackends() {
  // Of each the reason that the build gave; empty where the backend is in.
  std::vector<AbsentBackend> absent = {{"mimalloc", ALKAID_WITHOUT_MIMALLOC},
                                       {"jemalloc", ALKAID_WITHOUT_JEMALLOC}};
  std::erase_if(absent, [](const AbsentBackend& backend) { return backend.reason.empty(); });
  return absent;
}

}  // namespace alkaid
