#include "alkaid/core/pools/absent_backends.h"

namespace alkaid {

std::vector<AbsentBackend> AbsentMemoryBackends() {
  // The reason that the build gave for each; empty if the backend is built in.
  std::vector<AbsentBackend> absent = {{"mimalloc", ALKAID_WITHOUT_MIMALLOC},
                                       {"jemalloc", ALKAID_WITHOUT_JEMALLOC}};
  std::erase_if(absent, [](const AbsentBackend& backend) { return backend.reason.empty(); });
  return absent;
}

}  // namespace alkaid
