#include "alkaid/heap/reports/heap_diff.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace alkaid::heap {
namespace {

// Sums with fractional blocks, since a sample stands for a fractional number of blocks.
struct Sum {
  int64_t bytes = 0;
  double blocks = 0;

  void Add(const HeapBlock& block) {
    if (__builtin_add_overflow(bytes, block.weight, &bytes)) bytes = INT64_MAX;
    blocks += block.count();
  }
  int64_t whole_blocks() const { return static_cast<int64_t>(std::min(std::round(blocks), 1e18)); }
};

struct Group {
  Sum freed;
  Sum added;
  uint64_t oldest_ns = 0;

  void Fill(HeapChange* change) const {
    change->freed_bytes = freed.bytes;
    change->freed_blocks = freed.whole_blocks();
    change->new_bytes = added.bytes;
    change->new_blocks = added.whole_blocks();
    change->oldest_ns = oldest_ns;
  }
  bool changed() const { return freed.blocks > 0 || added.blocks > 0; }
};

// Numbers the groups: the same key gets the same number.
class Places {
 public:
  size_t PlaceOf(std::string key) {
    return places_.try_emplace(std::move(key), places_.size()).first->second;
  }
  size_t size() const { return places_.size(); }

 private:
  std::unordered_map<std::string, size_t> places_;
};

// The groups of one kind. There are many blocks but few keys, so each index is looked up once.
struct Grouping {
  std::vector<uint32_t> before;  // index to group
  std::vector<uint32_t> after;
  std::vector<Group> groups;
};

template <typename KeyOf>
Grouping MakeGrouping(size_t before, size_t after, const KeyOf& key_of) {
  Grouping grouping;
  Places places;
  for (const bool of_after : {false, true}) {
    auto& indices = of_after ? grouping.after : grouping.before;
    indices.resize(of_after ? after : before);
    for (size_t i = 0; i < indices.size(); ++i) {
      indices[i] = static_cast<uint32_t>(places.PlaceOf(key_of(of_after, i)));
    }
  }
  grouping.groups.resize(places.size());
  return grouping;
}

void Append(std::string* key, uint64_t value) {
  key->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// The places of the frames in their files, which are the same in every process.
std::string StackKey(const HeapSnapshot& snapshot, uint32_t stack) {
  std::string key;
  for (const uint64_t frame : snapshot.frames(stack)) {
    if (const HeapPythonPlace* place = snapshot.PythonPlaceOf(frame)) {
      for (const std::string& text : {place->file, place->function}) {
        Append(&key, text.size());
        key += text;
      }
      Append(&key, place->line);
      continue;
    }
    const HeapModule* module = snapshot.ModuleOf(frame);
    Append(&key, module == nullptr ? frame : frame - module->bias);
    const std::string& file = module == nullptr          ? std::string()
                              : module->build_id.empty() ? module->path
                                                         : module->build_id;
    Append(&key, file.size());
    key += file;
  }
  return key;
}

// Several pools may have one name; the first character distinguishes malloc from such a backend.
std::string PoolKey(const HeapPool& pool, bool same_process) {
  std::string key = (pool.identity == 0 ? "0" : "1") + pool.name;
  if (same_process) Append(&key, pool.identity);
  return key;
}

// The groups by thread number, looked up for each block: the numbers are few but arbitrary.
class Threads {
 public:
  Group* GroupOf(uint32_t thread) {
    if (latest_ == nullptr || latest_number_ != thread) {
      latest_ = &groups_[thread];
      latest_number_ = thread;
    }
    return latest_;
  }
  const std::unordered_map<uint32_t, Group>& groups() const { return groups_; }

 private:
  std::unordered_map<uint32_t, Group> groups_;
  uint32_t latest_number_ = 0;
  Group* latest_ = nullptr;
};

int64_t TurnedOver(const HeapChange& change) {
  int64_t sum = 0;
  return __builtin_add_overflow(change.new_bytes, change.freed_bytes, &sum) ? INT64_MAX : sum;
}

bool ChangedMore(const HeapChange& a, const HeapChange& b) {
  if (std::abs(a.bytes()) != std::abs(b.bytes())) return std::abs(a.bytes()) > std::abs(b.bytes());
  return TurnedOver(a) > TurnedOver(b);
}

template <typename Name>
std::vector<HeapNameChange> NamedChanges(const Grouping& grouping, const Name& name_of) {
  std::vector<HeapNameChange> changes(grouping.groups.size());
  for (size_t i = 0; i < grouping.before.size(); ++i) {
    changes[grouping.before[i]].name = name_of(false, i);
  }
  for (size_t i = 0; i < grouping.after.size(); ++i) {
    changes[grouping.after[i]].name = name_of(true, i);
  }
  size_t kept = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    if (!grouping.groups[i].changed()) continue;
    grouping.groups[i].Fill(&changes[i]);
    if (kept != i) changes[kept] = std::move(changes[i]);
    ++kept;
  }
  changes.resize(kept);
  std::stable_sort(changes.begin(), changes.end(), ChangedMore);
  return changes;
}

class Differ {
 public:
  Differ(const HeapSnapshot& before, const HeapSnapshot& after) : before_(before), after_(after) {
    const HeapContents& b = before.contents();
    const HeapContents& a = after.contents();
    diff_.estimated = before.sampled() || after.sampled();
    diff_.same_process = b.started_ns == a.started_ns && b.started_unix_ns == a.started_unix_ns;
    labels_ = MakeGrouping(b.labels.size(), a.labels.size(),
                           [&](bool of_after, size_t i) { return (of_after ? a : b).labels[i]; });
    pools_ = MakeGrouping(b.pools.size(), a.pools.size(), [&](bool of_after, size_t i) {
      return PoolKey((of_after ? a : b).pools[i], diff_.same_process);
    });
    stacks_ = MakeGrouping(b.stacks.size(), a.stacks.size(), [&](bool of_after, size_t i) {
      return StackKey(of_after ? after_ : before_, static_cast<uint32_t>(i));
    });
    examples_.resize(stacks_.groups.size());
  }

  HeapDiff Run() {
    Compare();
    total_.Fill(&diff_.total);
    const HeapContents& b = before_.contents();
    const HeapContents& a = after_.contents();
    diff_.by_label = NamedChanges(
        labels_, [&](bool of_after, size_t i) { return (of_after ? a : b).labels[i]; });
    diff_.by_pool = NamedChanges(
        pools_, [&](bool of_after, size_t i) { return (of_after ? a : b).pools[i].name; });
    for (const auto& [thread, group] : threads_.groups()) {
      HeapNameChange& change = diff_.by_thread.emplace_back();
      change.name = std::to_string(thread);
      group.Fill(&change);
    }
    std::sort(diff_.by_thread.begin(), diff_.by_thread.end(),
              [](const HeapNameChange& x, const HeapNameChange& y) {
                if (ChangedMore(x, y) || ChangedMore(y, x)) return ChangedMore(x, y);
                return x.name < y.name;
              });
    FillStacks();
    return std::move(diff_);
  }

 private:
  // Both lists are in the order of addresses.
  void Compare() {
    const auto& before = before_.blocks();
    const auto& after = after_.blocks();
    size_t b = 0;
    size_t a = 0;
    while (b < before.size() || a < after.size()) {
      if (a == after.size() || (b < before.size() && before[b].address < after[a].address)) {
        Freed(b++);
      } else if (b == before.size() || after[a].address < before[b].address) {
        Added(a++);
      } else {
        const bool same = diff_.same_process && before[b].serial == after[a].serial &&
                          before[b].birth_ns == after[a].birth_ns &&
                          before[b].size == after[a].size;
        if (!same) {
          Freed(b);
          Added(a);
        }
        ++b;
        ++a;
      }
    }
  }

  void Freed(size_t i) {
    const HeapBlock& block = before_.blocks()[i];
    diff_.freed_blocks.push_back(static_cast<uint32_t>(i));
    const uint32_t stack = stacks_.before[block.stack];
    for (Group* group : {&total_, &labels_.groups[labels_.before[block.label]],
                         &pools_.groups[pools_.before[block.pool]], &stacks_.groups[stack],
                         threads_.GroupOf(block.thread)}) {
      group->freed.Add(block);
    }
    if (examples_[stack].block == nullptr) examples_[stack] = {&block, false};
  }

  void Added(size_t i) {
    const HeapBlock& block = after_.blocks()[i];
    diff_.new_blocks.push_back(static_cast<uint32_t>(i));
    const uint32_t stack = stacks_.after[block.stack];
    const uint64_t age = after_.AgeOf(block);
    for (Group* group : {&total_, &labels_.groups[labels_.after[block.label]],
                         &pools_.groups[pools_.after[block.pool]], &stacks_.groups[stack],
                         threads_.GroupOf(block.thread)}) {
      group->added.Add(block);
      group->oldest_ns = std::max(group->oldest_ns, age);
    }
    if (examples_[stack].block == nullptr || !examples_[stack].of_after) {
      examples_[stack] = {&block, true};
    }
  }

  void FillStacks() {
    for (size_t i = 0; i < stacks_.groups.size(); ++i) {
      const auto& [block, of_after] = examples_[i];
      if (block == nullptr) continue;
      const HeapSnapshot& owner = of_after ? after_ : before_;
      HeapStackChange& change = diff_.by_stack.emplace_back();
      stacks_.groups[i].Fill(&change);
      const auto frames = owner.frames(block->stack);
      change.frames.assign(frames.begin(), frames.end());
      change.of_after = of_after;
      change.label = owner.contents().labels[block->label];
      change.pool = owner.contents().pools[block->pool].name;
    }
    std::stable_sort(diff_.by_stack.begin(), diff_.by_stack.end(), ChangedMore);
  }

  struct Example {
    const HeapBlock* block = nullptr;
    bool of_after = false;
  };

  const HeapSnapshot& before_;
  const HeapSnapshot& after_;
  HeapDiff diff_;
  Group total_;
  Grouping labels_;
  Grouping pools_;
  Grouping stacks_;
  Threads threads_;
  std::vector<Example> examples_;  // of each group of stack traces
};

}  // namespace

HeapDiff Diff(const HeapSnapshot& before, const HeapSnapshot& after) {
  return Differ(before, after).Run();
}

}  // namespace alkaid::heap
