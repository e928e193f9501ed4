// What can be wrong with the declarations of a Configure.

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/verify_dgram_internal.h"
#include "alkaid/dgram/xtc_layout_internal.h"

namespace alkaid::dgram::internal {
namespace {

namespace layout = names_layout;

bool IsText(const uint8_t* bytes) { return std::memchr(bytes, '\0', Names::kTextBytes) != nullptr; }

}  // namespace

void DgramCheck::CheckNames(int64_t at, const Xtc& xtc) {
  if (dgram_.service() != TransitionId::kConfigure) {
    Remark(at, "Names in a datagram that is ", TransitionName(dgram_.service()),
           ", which readers skip");
    return;
  }
  const NamesId id(xtc.src);
  Result<Names> parsed = Names::Parse(data_ + at, xtc.extent);
  ThrowIfNoMemory(parsed.status());
  if (only_declare_) {
    // Of two declarations the last counts.
    Verifier::Declared& declared = own_[id.key()];
    declared = {.names = std::nullopt, .order = at};
    if (parsed.ok()) declared.names.emplace(*std::move(parsed));
    return;
  }
  RemarkDamage(at, xtc.damage, "a Names");
  if (!met_names_.insert(id.key()).second) {
    Remark(at, "NamesId ", id.ToString(), " is declared twice in one Configure: the last counts");
  }
  if (!parsed.ok()) return Fault(at, alkaid::internal::MessageOf(parsed.status()));
  RemarkOddNames(at, *parsed);
}

void DgramCheck::RemarkOddNames(int64_t at, const Names& names) {
  const auto arrays = LoadUnaligned<uint32_t>(data_ + at + layout::kArrayCountAt);
  if (arrays != static_cast<uint32_t>(names.array_count())) {
    Remark(at + layout::kArrayCountAt, "Names of ", names.ToString(), " counts ", arrays,
           " arrays and declares ", names.array_count());
  }
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t text_at = at + layout::kDetectorTypeAt + i * Names::kTextBytes;
    if (!IsText(data_ + text_at)) {
      Remark(text_at, "text without a NUL in Names of ", names.ToString());
    }
  }
  std::vector<std::string_view> seen;
  for (size_t i = 0; i < names.fields().size(); ++i) {
    const Field& field = names.fields()[i];
    const int64_t field_at =
        at + Names::kHeaderBytes + static_cast<int64_t>(i) * Names::kFieldBytes;
    if (!IsText(data_ + field_at + layout::kFieldNameAt)) {
      Remark(field_at + layout::kFieldNameAt, "text without a NUL in field ", i, " of ",
             names.ToString());
    }
    if (field.is_enum() && field.name.find(':') == std::string::npos) {
      Remark(field_at, "field \"", field.name, "\" of ", names.ToString(), " is ",
             DataTypeName(field.type), " and names no enumeration: it has no ':'");
    }
    seen.push_back(field.name);
  }
  std::sort(seen.begin(), seen.end());
  for (size_t i = 1; i < seen.size(); ++i) {
    if (seen[i] != seen[i - 1] || (i > 1 && seen[i] == seen[i - 2])) continue;
    Remark(at, "several fields of ", names.ToString(), " are called \"", std::string(seen[i]),
           "\"");
  }
}

}  // namespace alkaid::dgram::internal
