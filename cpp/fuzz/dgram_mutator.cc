#include "fuzz/dgram_mutator.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace alkaid::dgram {
namespace {

constexpr size_t kHeader = 24;
constexpr size_t kXtc = 12;
constexpr size_t kNamesHeader = 1048;
constexpr size_t kFieldBytes = 524;
constexpr size_t kMaxNodes = 512;
constexpr size_t kMaxCopied = 1024;

enum Type : uint16_t { kParent, kShapesData, kShapes, kData, kNames };

uint32_t WordAt(const std::string& bytes, size_t at) {
  uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof(word));
  return word;
}

// A datagram or an Xtc.
struct Node {
  size_t at;
  size_t size;
  size_t header;  // bytes of its header
  int parent;     // index; -1: none
  uint16_t type;
};

class Mutation {
 public:
  Mutation(std::string bytes, size_t most, uint32_t seed, PlainMutation plain)
      : bytes_(std::move(bytes)), most_(most), random_(seed), plain_(plain) {}

  std::string Run() {
    const uint32_t changes = 1 + (Upto(3) == 0 ? Upto(3) : 0);
    for (uint32_t i = 0; i < changes; ++i) {
      Parse();
      if (nodes_.empty() || Upto(15) == 0) {
        ChangePlain(0, bytes_.size());
      } else {
        Change();
      }
    }
    if (bytes_.size() > most_) bytes_.resize(most_);
    return std::move(bytes_);
  }

 private:
  uint32_t Upto(uint32_t most) { return static_cast<uint32_t>(random_() % (uint64_t{most} + 1)); }
  size_t Below(size_t end) { return end == 0 ? 0 : random_() % end; }

  // Parses as far as the extents make sense.
  void Parse() {
    nodes_.clear();
    for (size_t at = 0; at + kHeader <= bytes_.size() && nodes_.size() < kMaxNodes;) {
      const size_t size = std::min(size_t{WordAt(bytes_, at + 20)} + 12, bytes_.size() - at);
      if (size < kHeader) break;
      nodes_.push_back({at, size, kHeader, -1, kParent});
      ParseInside(static_cast<int>(nodes_.size()) - 1);
      at += size;
    }
  }
  void ParseInside(int parent) {
    const Node around = nodes_[static_cast<size_t>(parent)];
    const size_t end = around.at + around.size;
    for (size_t at = around.at + around.header; at + kXtc <= end && nodes_.size() < kMaxNodes;) {
      const size_t size = WordAt(bytes_, at + 8);
      if (size < kXtc || size > end - at) return;
      const auto type = static_cast<uint16_t>(WordAt(bytes_, at + 4) >> 16 & 0xfff);
      nodes_.push_back({at, size, kXtc, parent, type});
      if (type == kParent || type == kShapesData) ParseInside(static_cast<int>(nodes_.size()) - 1);
      at += size;
    }
  }

  // Chooses a type first, so that rare types come up as often as the others.
  const Node& AnyNode() {
    const auto type = static_cast<uint16_t>(Upto(6));
    std::vector<size_t> of_type;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].type == type) of_type.push_back(i);
    }
    return nodes_[of_type.empty() ? Below(nodes_.size()) : of_type[Below(of_type.size())]];
  }
  const Node* NodeOf(uint16_t type) {
    std::vector<const Node*> all;
    for (const Node& node : nodes_) {
      if (node.type == type && node.header == kXtc) all.push_back(&node);
    }
    return all.empty() ? nullptr : all[Below(all.size())];
  }

  void Put(size_t at, const void* value, size_t nbytes) {
    if (at + nbytes <= bytes_.size())
      bytes_.replace(at, nbytes, static_cast<const char*>(value), nbytes);
  }
  void PutWord(size_t at, uint32_t word) { Put(at, &word, sizeof(word)); }
  static size_t ExtentAt(const Node& node) { return node.at + node.header - 4; }

  // Replaces bytes inside the node `around`, and adjusts all enclosing extents.
  void Splice(int around, size_t at, size_t removed, const std::string& inserted) {
    if (bytes_.size() - removed + inserted.size() > most_) return;
    for (int i = around; i >= 0; i = nodes_[static_cast<size_t>(i)].parent) {
      const size_t extent_at = ExtentAt(nodes_[static_cast<size_t>(i)]);
      PutWord(extent_at,
              WordAt(bytes_, extent_at) + static_cast<uint32_t>(inserted.size() - removed));
    }
    bytes_.replace(at, removed, inserted);
  }
  int IndexOf(const Node& node) const { return static_cast<int>(&node - nodes_.data()); }
  std::string BytesOf(const Node& node) const { return bytes_.substr(node.at, node.size); }

  uint32_t OddWord(uint32_t now) {
    static constexpr std::array<uint32_t, 14> kOdd = {
        0,     1,       2,          11,         12,         13,         24,
        0x100, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff3, 0xfffffff4, 0xffffffff};
    switch (Upto(3)) {
      case 0:
        return now + 1 + Upto(15);
      case 1:
        return now - 1 - Upto(15);
      case 2:
        return now ^ (1U << Upto(31));
      default:
        return kOdd[Upto(kOdd.size() - 1)];
    }
  }

  void Change() {
    switch (Upto(15)) {
      case 0:
        return ChangeExtent();
      case 1:
        return ChangeSrc();
      case 2:
        return ChangeDamage();
      case 3:
        return ChangeType();
      case 4:
      case 5:
        return ChangeHeader();
      case 6:
        return Remove();
      case 7:
      case 8:
        return Copy();
      case 9:
        return Wrap();
      case 10:
        return ChangeLength();
      case 11:
      case 12:
        return ChangeShape();
      case 13:
        return ChangeField();
      case 14:
        return ChangeData();
      default: {
        const Node& node = AnyNode();
        return ChangePlain(node.at, node.size);
      }
    }
  }

  void ChangeExtent() {
    const Node& node = AnyNode();
    PutWord(ExtentAt(node), OddWord(WordAt(bytes_, ExtentAt(node))));
  }
  void ChangeSrc() {
    const Node& node = AnyNode();
    const size_t at = node.at + node.header - kXtc;
    const Node& other = AnyNode();
    PutWord(at, Upto(1) == 0 ? WordAt(bytes_, other.at + other.header - kXtc)
                             : OddWord(WordAt(bytes_, at)));
  }
  void ChangeDamage() {
    const Node& node = AnyNode();
    const auto damage = static_cast<uint16_t>(Upto(1) == 0 ? 8 : Upto(0xffff));
    Put(node.at + node.header - 8, &damage, sizeof(damage));
  }
  void ChangeType() {
    const Node& node = AnyNode();
    const auto type = static_cast<uint16_t>(Upto(7) == 0 ? Upto(0xffff) : Upto(5));
    Put(node.at + node.header - 6, &type, sizeof(type));
  }
  // Changes the service or the time.
  void ChangeHeader() {
    std::vector<size_t> dgrams;
    for (const Node& node : nodes_) {
      if (node.header == kHeader) dgrams.push_back(node.at);
    }
    const size_t at = dgrams[Below(dgrams.size())];
    if (Upto(3) == 0) return PutWord(at + size_t{4} * Upto(1), OddWord(WordAt(bytes_, at)));
    // Services that readers handle differently come up more often.
    static constexpr std::array<uint8_t, 6> kServices = {2, 8, 10, 11, 12, 13};
    const auto service =
        static_cast<uint8_t>(Upto(1) == 0 ? kServices[Upto(kServices.size() - 1)] : Upto(15));
    const auto byte = static_cast<uint8_t>((bytes_[at + 11] & 0xf0) | service);
    Put(at + 11, &byte, 1);
  }
  void Remove() {
    const Node& node = AnyNode();
    Splice(node.parent, node.at, node.size, "");
  }
  // Inserts a copy beside the node, once or often, or into another node.
  void Copy() {
    const Node& node = AnyNode();
    const std::string copy = BytesOf(node);
    const Node& to = AnyNode();
    if (Upto(1) == 0 || to.header + node.header != 2 * kXtc) {
      std::string copies = copy;
      while (Upto(7) == 0 && copies.size() < kMaxCopied) copies += copies;
      return Splice(node.parent, node.at + (Upto(1) == 0 ? 0 : node.size), 0, copies);
    }
    if (to.type == kParent || to.type == kShapesData) {
      return Splice(IndexOf(to), to.at + (Upto(1) == 0 ? to.header : to.size), 0, copy);
    }
    Splice(to.parent, to.at, Upto(1) == 0 ? 0 : to.size, copy);
  }
  // Wraps a node in one or more Parents.
  void Wrap() {
    const Node& node = AnyNode();
    if (node.header != kXtc) return;
    static constexpr std::array<uint32_t, 8> kLevels = {1, 1, 1, 2, 3, 63, 64, 65};
    std::string inside = BytesOf(node);
    for (uint32_t i = kLevels[Upto(kLevels.size() - 1)]; i > 0; --i) {
      std::string header(kXtc, '\0');
      const auto extent = static_cast<uint32_t>(kXtc + inside.size());
      std::memcpy(header.data() + 8, &extent, sizeof(extent));
      inside.insert(0, header);
    }
    Splice(node.parent, node.at, node.size, inside);
  }
  // Changes the length of a node's content.
  void ChangeLength() {
    const Node& node = AnyNode();
    const size_t payload = node.size - node.header;
    const size_t at = node.at + node.header + Below(payload + 1);
    if (Upto(1) == 0) return Splice(IndexOf(node), at, 0, std::string(1 + Upto(24), '\0'));
    Splice(IndexOf(node), at, std::min<size_t>(1 + Upto(24), node.at + node.size - at), "");
  }
  void ChangeShape() {
    const Node* const node = NodeOf(kShapes);
    if (node == nullptr || node->size < kXtc + 4) return ChangeData();
    const size_t at = node->at + kXtc + 4 * Below((node->size - kXtc) / 4);
    PutWord(at, Upto(2) == 0 ? Upto(9) : OddWord(WordAt(bytes_, at)));
  }
  // Changes a field's type, rank or name, removes a field, or doubles one.
  void ChangeField() {
    const Node* const node = NodeOf(kNames);
    if (node == nullptr || node->size < kNamesHeader + kFieldBytes) return ChangeExtent();
    const size_t count = (node->size - kNamesHeader) / kFieldBytes;
    const size_t at = node->at + kNamesHeader + kFieldBytes * Below(count);
    switch (Upto(6)) {
      case 0:
        return Splice(IndexOf(*node), at, kFieldBytes, "");
      case 1:
        return Splice(IndexOf(*node), at, 0, bytes_.substr(at, kFieldBytes));
      case 2:
        return PutWord(at + 520, Upto(6));
      case 3: {
        const size_t other = node->at + kNamesHeader + kFieldBytes * Below(count);
        const std::string name = bytes_.substr(other + 260, 256);
        return Put(at + 260, name.data(), name.size());
      }
      case 4:
        return PutWord(node->at + 1044, Upto(2));  // the segment
      default:
        return PutWord(at + 516, Upto(13));
    }
  }
  void ChangeData() {
    const Node* const node = NodeOf(kData);
    if (node == nullptr || node->size == kXtc) return ChangeExtent();
    const size_t at = node->at + kXtc + Below(node->size - kXtc);
    static constexpr std::array<uint64_t, 8> kOdd = {
        0,           23, 24, 25, 0x7fffffffffffffff, 0x8000000000000000, 0x7fffffffffffffff - 24,
        ~uint64_t{0}};
    const uint64_t word = kOdd[Upto(kOdd.size() - 1)];
    const size_t word_at = node->at + kXtc + (at - node->at - kXtc) / 8 * 8;
    if (Upto(1) == 0 && word_at + 8 <= node->at + node->size)
      return Put(word_at, &word, sizeof(word));
    static constexpr std::array<char, 4> kBytes = {'\0', '/', '.', '\xff'};
    Put(at, &kBytes[Upto(kBytes.size() - 1)], 1);
  }
  void ChangePlain(size_t at, size_t size) {
    std::string part = bytes_.substr(at, size);
    const size_t room = size + most_ - std::min(most_, bytes_.size());
    part.resize(std::max<size_t>(room, 1));
    part.resize(plain_(reinterpret_cast<uint8_t*>(part.data()), size, part.size()));
    bytes_.replace(at, size, part);
  }

  std::string bytes_;
  const size_t most_;
  std::minstd_rand random_;
  const PlainMutation plain_;
  std::vector<Node> nodes_;
};

// Where the datagrams of a source begin, and where the last ends.
std::vector<size_t> BoundsOf(const std::string& bytes) {
  std::vector<size_t> bounds = {0};
  for (size_t at = 0; at + kHeader <= bytes.size();) {
    const size_t size = size_t{WordAt(bytes, at + 20)} + 12;
    if (size < kHeader || size > bytes.size() - at) break;
    at += size;
    bounds.push_back(at);
  }
  return bounds;
}

}  // namespace

size_t MutateDgrams(uint8_t* data, size_t size, size_t most, uint32_t seed, PlainMutation plain) {
  const std::string made = Mutation(std::string(data, data + size), most, seed, plain).Run();
  std::copy(made.begin(), made.end(), data);
  return made.size();
}

size_t CrossDgrams(const uint8_t* a, size_t a_size, const uint8_t* b, size_t b_size, uint8_t* out,
                   size_t most, uint32_t seed) {
  std::minstd_rand random(seed);
  const std::string first(a, a + a_size);
  const std::string second(b, b + b_size);
  const std::vector<size_t> firsts = BoundsOf(first);
  const std::vector<size_t> seconds = BoundsOf(second);
  std::string made = first.substr(0, firsts[random() % firsts.size()]) +
                     second.substr(seconds[random() % seconds.size()]);
  if (made.size() > most) made.resize(most);
  std::copy(made.begin(), made.end(), out);
  return made.size();
}

}  // namespace alkaid::dgram
