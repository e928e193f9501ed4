// An event loop that stamps, for docs/leak-gate.md; with any argument it keeps what it should not.

#include <alkaid/core/memory.h>
#include <alkaid/growth/process_profile.h>

#include <cstring>
#include <memory>
#include <vector>

int main(int count, char**) {
  const bool leaks = count > 1;
  std::vector<std::shared_ptr<alkaid::Buffer>> headers;
  for (int64_t event = 0; event < 400; ++event) {
    const int64_t size = 200'000 + event * 7919 % 600'000;
    std::shared_ptr<alkaid::Buffer> data = alkaid::AllocateBuffer(size).value();
    std::memset(data->mutable_data(), 1, static_cast<size_t>(size));  // the work of an event
    if (leaks) headers.push_back(alkaid::SliceBuffer(data, 0, 64));   // small, and keeps all of it
    alkaid::growth::StampEvent();
  }
}
