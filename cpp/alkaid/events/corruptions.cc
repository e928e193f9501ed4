#include "alkaid/events/corruptions.h"

#include <string>

#include "alkaid/dgram/crafted_dgrams.h"

namespace alkaid::events {
namespace {

namespace crafted = dgram::crafted;
using crafted::Bytes;
using dgram::Corruption;
using dgram::TransitionId;

constexpr int64_t kAccepted = Corruption::kAccepted;
constexpr uint32_t kSmdSrc = 512 << 8;
constexpr uint32_t kChunkSrc = 0x1fe;
constexpr uint64_t kMost = 0x7fffffffffffffff;
constexpr uint32_t kUInt32 = 2, kUInt64 = 3, kCharStr = 10;

std::string ConfigureOf(const std::string& names) {
  return crafted::Dgram(TransitionId::kConfigure, names);
}
std::string SmdConfigure() {
  return ConfigureOf(crafted::Names(kSmdSrc, "smdinfo", 0, "offsetAlg",
                                    {{"intOffset", kUInt64, 0}, {"intDgramSize", kUInt64, 0}}));
}
std::string Smd(const std::string& payload) {
  return SmdConfigure() + crafted::Dgram(TransitionId::kL1Accept, payload);
}
std::string Record(uint64_t offset, uint64_t size) {
  return crafted::ShapesData(kSmdSrc, "", Bytes(offset) + Bytes(size));
}
std::string ChunkConfigure() {
  return ConfigureOf(crafted::Names(kChunkSrc, "chunkinfo", 0, "chunkinfo",
                                    {{"chunkid", kUInt32, 0}, {"filename", kCharStr, 1}}));
}
std::string Enable(const std::string& filename, int64_t length = -1) {
  if (length < 0) length = static_cast<int64_t>(filename.size());
  return ChunkConfigure() +
         crafted::Dgram(
             TransitionId::kEnable,
             crafted::ShapesData(kChunkSrc, crafted::Shape({static_cast<uint32_t>(length)}),
                                 Bytes(uint32_t{1}) + filename));
}
std::string Block(const std::string& packets, const std::vector<uint32_t>& footer) {
  return packets + Bytes(footer);
}

}  // namespace

std::vector<Corruption> SmdRecordCorruptions() {
  const auto at = static_cast<int64_t>(SmdConfigure().size()) + dgram::kDgramHeaderBytes;
  const int64_t words = at + 3 * dgram::kXtcHeaderBytes;
  const std::string sound = Record(100, 24);
  return {
      {"a record", Smd(sound), kAccepted},
      {"a record of the least size at byte 0", Smd(Record(0, 24)), kAccepted},
      {"a record at the last byte there can be", Smd(Record(kMost - 24, 24)), kAccepted},
      {"a record of nothing", Smd(Record(100, 0)), words, "record of 0 bytes"},
      {"a record of less than a header", Smd(Record(100, 23)), words, "record of 23 bytes"},
      {"a record that ends past the last byte", Smd(Record(kMost - 23, 24)), words, "24 bytes"},
      {"a record at a byte that is negative", Smd(Record(kMost + 1, 24)), words,
       "24 bytes at byte"},
      {"a record at the largest byte", Smd(Record(~uint64_t{0}, 24)), words, "24 bytes at byte"},
      {"a record of a size that is negative", Smd(Record(0, kMost + 1)), words, "at byte 0"},
      {"a record of the largest size", Smd(Record(0, ~uint64_t{0})), words, "at byte 0"},
      {"a record whose end wraps", Smd(Record(~uint64_t{0} - 10, kMost)), words, "bytes at byte"},
      {"half a record", Smd(crafted::ShapesData(kSmdSrc, "", Bytes(uint64_t{100}))), words + 8,
       "\"intDgramSize\""},
      {"no record in its ShapesData", Smd(crafted::ShapesData(kSmdSrc, "", "")), words,
       "\"intOffset\""},
      {"a record without Data", Smd(crafted::Xtc(1, crafted::Xtc(2, ""), kSmdSrc)), at,
       "without Data"},
      {"a record cut by its datagram", Smd(sound.substr(0, 51)), at, "has 51 left"},
      {"a record with bytes behind", Smd(sound + "slack"), kAccepted},
      {"a record in a Parent", Smd(crafted::Xtc(0, sound)), kAccepted},
      {"a record of another NamesId before it",
       Smd(crafted::ShapesData(7, "", Bytes(uint64_t{100}) + Bytes(uint64_t{24}))), at, "0x000007"},
  };
}

std::vector<Corruption> ChunkInfoCorruptions() {
  const auto at = static_cast<int64_t>(ChunkConfigure().size()) + dgram::kDgramHeaderBytes;
  const int64_t name_at = at + 3 * dgram::kXtcHeaderBytes + dgram::kShapeBytes + 4;
  const std::string nul(1, '\0');
  return {
      {"a chunk's name", Enable("a-c001.xtc2"), kAccepted},
      {"a chunk's name with garbage behind its NUL", Enable("a" + nul + "/../b"), kAccepted},
      {"a chunk without a name", Enable(""), name_at, "not the name of a file"},
      {"a chunk's name that starts with NUL", Enable(nul + "a"), name_at, "not the name"},
      {"a chunk in the folder itself", Enable("."), name_at, "not the name"},
      {"a chunk in the folder above", Enable(".."), name_at, "not the name"},
      {"a chunk by a path from the root", Enable("/etc/passwd"), name_at, "not the name"},
      {"a chunk by a path upwards", Enable("../../b"), name_at, "not the name"},
      {"a chunk's name longer than its data", Enable("a", 100), name_at, "needs 100 bytes"},
      {"a chunk's name of the largest length", Enable("a", 0xffffffff), name_at, "4294967295"},
  };
}

std::vector<Corruption> FooterCorruptions() {
  constexpr uint32_t kHuge = 0xffffffff;
  const std::string seven = "1234567";
  return {
      {"nothing", "", kAccepted},
      {"no packets", Block("", {0}), kAccepted},
      {"packets, one of them missing", Block(seven, {4, 0, 3, 3}), kAccepted},
      {"a byte", "x", 0, "block of 1 bytes"},
      {"half a word", "xy", 0, "block of 2 bytes"},
      {"a word but for a byte", "xyz", 0, "block of 3 bytes"},
      {"a count of one and no size", Block("", {1}), 0, "takes 8 bytes, the block has 4"},
      {"a count one too large", Block("", {0, 0, 3}), 8, "takes 16 bytes, the block has 12"},
      {"the largest count", Block(seven, {3, 4, kHuge}), 15, "of 4294967295 packets"},
      {"a count that wraps 32 bits to 0", Block(seven, {3, 4, 0x3fffffff}), 15, "takes 4294967296"},
      {"a count of 2 GiB", Block(seven, {3, 4, 0x80000000}), 15, "of 2147483648 packets"},
      {"a count one too small", Block(seven, {3, 4, 1}), 11, "of 4 bytes in all"},
      {"sizes of less than the block", Block(seven, {3, 3, 2}), 7, "6 bytes in all"},
      {"sizes of more than the block", Block(seven, {4, 4, 2}), 7, "8 bytes in all"},
      {"sizes that wrap 32 bits to the right sum", Block(seven, {kHuge, 8, 2}), 7,
       "4294967303 bytes in all"},
      {"the largest sizes", Block(seven, {kHuge, kHuge, 2}), 7, "8589934590 bytes in all"},
      {"packets and a count of none", Block(seven, {0}), 7, "0 packets of 0 bytes in all"},
      {"a footer with a byte behind", Block(seven, {3, 4, 2}) + "x", 16, "packets takes"},
  };
}

}  // namespace alkaid::events
