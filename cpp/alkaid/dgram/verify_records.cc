// What can be wrong with data that readers of events follow: the records of small data, and the
// announcements of chunks.
//
// Both are read in events/, which is above this room. So their names stand here once more.

#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "alkaid/core/files/live_file.h"
#include "alkaid/dgram/verify_dgram_internal.h"

namespace alkaid::dgram {
namespace {

constexpr const char* kSmdDetector = "smdinfo";
constexpr const char* kSmdAlgorithm = "offsetAlg";
constexpr const char* kSmdOffset = "intOffset";
constexpr const char* kSmdSize = "intDgramSize";
constexpr const char* kChunk = "chunkinfo";  // detector and algorithm
constexpr const char* kChunkId = "chunkid";
constexpr const char* kChunkFile = "filename";

}  // namespace

// Like SmdInfo::Find of events/: the first declaration that has both words.
Verifier::Records Verifier::FindRecords(const Declarations& declared) {
  Records records;
  int64_t order = std::numeric_limits<int64_t>::max();
  for (const auto& [key, declaration] : declared) {
    if (!declaration.names.has_value() || declaration.order > order) continue;
    const Names& names = *declaration.names;
    if (names.detector() != kSmdDetector || names.segment() != 0 ||
        names.algorithm().name != kSmdAlgorithm) {
      continue;
    }
    const std::array<int, 2> fields = {names.FieldIndex(kSmdOffset), names.FieldIndex(kSmdSize)};
    const auto is_word = [&](int index) {
      return index >= 0 && names.layout()[index].type == DataType::kUInt64 &&
             names.layout()[index].rank == 0;
    };
    if (!is_word(fields[0]) || !is_word(fields[1])) continue;
    records = {true, key, fields};
    order = declaration.order;
  }
  return records;
}

namespace internal {

// Readers look only at the first data of each kind in a datagram.
DgramCheck::Use DgramCheck::UseOf(const Names& names) {
  const TransitionId service = dgram_.service();
  const bool is_event =
      service == TransitionId::kL1Accept || service == TransitionId::kL1AcceptEndOfBatch;
  if (is_event && state_.records.declared && !record_met_ &&
      names.id().key() == state_.records.key) {
    record_met_ = true;
    return {Use::Purpose::kRecord, state_.records.fields};
  }
  const bool may_announce =
      service == TransitionId::kEnable || service == TransitionId::kSlowUpdate;
  if (may_announce && !chunk_met_ && names.detector() == kChunk &&
      names.algorithm().name == kChunk) {
    chunk_met_ = true;
    return {Use::Purpose::kChunk, {names.FieldIndex(kChunkId), names.FieldIndex(kChunkFile)}};
  }
  return {};
}

void DgramCheck::CheckSmdRecord(int64_t at, const std::array<Part, 2>& found) {
  const auto offset = LoadUnaligned<uint64_t>(data_ + found[0].at);
  const auto size = LoadUnaligned<uint64_t>(data_ + found[1].at);
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  constexpr auto kMaxBytes = static_cast<uint64_t>(DgramHeader::kMaxBytes);
  if (size >= kDgramHeaderBytes && size <= kMaxBytes && offset <= kMax - size) return;
  Fault(at, "small-data record of ", size, " bytes at byte ", offset, ", the least datagram has ",
        kDgramHeaderBytes, " and the largest ", kMaxBytes);
}

void DgramCheck::CheckChunk(int64_t at, const Names& names, const std::array<int, 2>& fields,
                            const std::array<Part, 2>& found) {
  const auto is_of = [&](int index, DataType type, int rank) {
    const auto& all = names.fields();
    return index >= 0 && all[static_cast<size_t>(index)].type == type &&
           all[static_cast<size_t>(index)].rank == rank;
  };
  if (!is_of(fields[0], DataType::kUInt32, 0) || !is_of(fields[1], DataType::kCharStr, 1)) {
    return Fault(at, "announced chunk without a number \"", kChunkId, "\" and a text \"",
                 kChunkFile, "\"");
  }
  const auto* const text = reinterpret_cast<const char*>(data_ + found[1].at);
  const std::string_view name(text, ::strnlen(text, static_cast<size_t>(found[1].nbytes)));
  const auto id = LoadUnaligned<uint32_t>(data_ + found[0].at);
  if (!name.empty() && name != "." && name != ".." && name.find('/') == name.npos) {
    return CheckOrder(id, std::string(name));
  }
  Fault(found[1].at, "chunk ", id, " is said to lie in \"", std::string(name),
        "\", which is not the name of a file in the same folder");
}

// Like ChunkInfo::Next of events/: readers go to later chunks, never back.
void DgramCheck::CheckOrder(uint32_t id, std::string file) {
  const std::optional<Verifier::Announced>& before = verifier_.announced_;
  if (!before || id > before->id) {
    announced_ = {.id = id, .file = std::move(file)};
  } else if (id != before->id ||
             io::LiveFile::FinalName(file) != io::LiveFile::FinalName(before->file)) {
    Fault(0, TransitionName(dgram_.service()), " announces chunk ", id, " in ", file,
          ", which readers do not reach: before it is chunk ", before->id, " in ", before->file);
  }
}

}  // namespace internal
}  // namespace alkaid::dgram
