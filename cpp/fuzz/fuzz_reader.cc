// Any bytes, as a source of datagrams: read by every way there is, verified, and the two opinions
// compared.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "alkaid/core/buffers/buffer.h"
#include "fixtures/read_everything.h"

namespace {

using alkaid::dgram::Finding;

// What readers overlook and a Verifier does not. Told by how the text begins: what follows may be
// a name out of the bytes.
bool IsOverlooked(const Finding& finding) {
  if (finding.kind == Finding::Kind::kRemark) return true;
  for (const char* text :
       {"NamesId ", "service ", "small-data record of ", "there is no datagram"}) {
    if (finding.text.starts_with(text)) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::make_shared<alkaid::Buffer>(data, static_cast<int64_t>(size));
  const auto read = alkaid::dgram::ReadEverything(bytes);
  const auto in_parts = alkaid::dgram::ReadEverything(bytes, 64);
  const auto findings = alkaid::dgram::VerifyEverything(bytes);

  const bool found = !std::all_of(findings.begin(), findings.end(), IsOverlooked);
  const bool same = read.dgrams == in_parts.dgrams && read.fields == in_parts.fields &&
                    read.sum == in_parts.sum && read.status == in_parts.status;
  // Readers refuse data under a Configure that is marked Corrupted. To the verifier they are no
  // fault, as damage never is; it remarks them and looks no further.
  const bool unread = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.text.find("under a Configure marked Corrupted") != std::string::npos;
  });
  if ((found == read.status.ok() && !unread) || !same) {
    std::fprintf(stderr, "reader: %s\n", read.status.ToString().c_str());
    std::fprintf(stderr, "in parts: %s\n", in_parts.status.ToString().c_str());
    for (const Finding& finding : findings) {
      std::fprintf(stderr, "verifier: %s\n", finding.ToString().c_str());
    }
    std::abort();
  }
  return 0;
}
