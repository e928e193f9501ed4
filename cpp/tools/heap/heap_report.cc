#include "tools/heap/heap_report.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/base/time_text.h"
#include "alkaid/heap/reports/stack_trace_text.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "tools/heap/heap_text.h"
#include "tools/support/option_limits.h"

namespace alkaid::tools {
namespace {

using heap::HeapBlock;
using heap::HeapChange;
using heap::HeapNameChange;
using heap::HeapPool;
using heap::HeapSnapshot;
using heap::HeapStackChange;
using internal::CutTo;
using internal::DurationText;
using internal::Format;
using internal::Grouped;
using internal::Hex;
using internal::Printable;
using internal::SignedGrouped;
using internal::TimeText;
using nlohmann::ordered_json;

std::string LabelText(const std::string& label) {
  return label.empty() ? "(no label)" : Printable(label);
}

// The widest column in a list of blocks. A class name of hundreds of characters extends past it.
constexpr size_t kWidestColumn = 40;

size_t ColumnWidth(const std::vector<std::string>& texts) {
  size_t width = 0;
  for (const std::string& text : texts) {
    if (text.size() <= kWidestColumn) width = std::max(width, text.size());
  }
  return width;
}

void AppendCell(const std::string& text, size_t width, std::string* line) {
  if (text.empty() && width == 0) return;
  *line += "  " + text;
  if (text.size() < width) line->append(width - text.size(), ' ');
}

ordered_json ChangeJson(const HeapChange& change) {
  return {{"bytes", change.bytes()},           {"blocks", change.blocks()},
          {"freed_bytes", change.freed_bytes}, {"freed_blocks", change.freed_blocks},
          {"new_bytes", change.new_bytes},     {"new_blocks", change.new_blocks},
          {"oldest_ns", change.oldest_ns}};
}

// The same pool in the other snapshot, or one of the same kind.
const HeapPool* Counterpart(const HeapSnapshot& snapshot, const HeapPool& pool) {
  for (const HeapPool& other : snapshot.contents().pools) {
    if (other.identity == pool.identity && other.name == pool.name) return &other;
  }
  return nullptr;
}

}  // namespace

void HeapReportOptions::AddOptions(CLI::App& command) {
  command.add_option("--top", top, "Entries of each list, 0 for all")
      ->check(AtLeast(int64_t{0}))
      ->capture_default_str();
  command
      .add_option("--by", by,
                  "One grouping only: label, pool, category, traceback or thread (default: all but "
                  "thread)")
      ->check(OneOf({"label", "pool", "category", "traceback", "thread"}));
  command.add_flag("--all-frames", all_frames, kAllFramesHelp);
  command.add_flag("--json", json, "Print JSON, with all frames");
}

HeapReport::HeapReport(const HeapSnapshot& before, const HeapSnapshot& after,
                       const heap::HeapDiff& changes, const HeapReportOptions& options,
                       bool only_one)
    : before_(before),
      after_(after),
      changes_(changes),
      options_(options),
      only_one_(only_one),
      before_symbols_(before),
      after_symbols_(after),
      before_categories_(before, &before_symbols_),
      after_categories_(after, &after_symbols_) {}

std::string HeapReport::Bytes(int64_t bytes) const {
  return (changes_.estimated ? "~" : "") + (only_one_ ? Grouped(bytes) : SignedGrouped(bytes)) +
         " bytes";
}

std::string HeapReport::Blocks(int64_t blocks) const {
  return (changes_.estimated ? "~" : "") + (only_one_ ? Grouped(blocks) : SignedGrouped(blocks)) +
         (blocks == 1 || blocks == -1 ? " block" : " blocks");
}

bool HeapReport::Wants(const char* grouping) const {
  if (options_.by.empty()) return grouping != std::string("thread");
  return options_.by == grouping;
}

size_t HeapReport::Shown(size_t count) const {
  return options_.top == 0 ? count : std::min(count, static_cast<size_t>(options_.top));
}

std::vector<uint32_t> HeapReport::Chosen(const std::vector<uint32_t>& indices,
                                         const HeapSnapshot& of) const {
  std::vector<uint32_t> chosen = indices;
  const size_t count = Shown(indices.size());
  if (count == indices.size()) return chosen;
  std::nth_element(chosen.begin(), chosen.begin() + static_cast<int64_t>(count), chosen.end(),
                   [&](uint32_t a, uint32_t b) {
                     const int64_t size_a = of.blocks()[a].size;
                     const int64_t size_b = of.blocks()[b].size;
                     return size_a != size_b ? size_a > size_b : a < b;
                   });
  chosen.resize(count);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void HeapReport::PrintGroups() {
  if (Wants("label")) PrintNames("By label", changes_.by_label);
  if (Wants("pool")) PrintPools();
  if (Wants("category")) PrintNames("By category", ByCategory());
  if (Wants("thread")) PrintNames("By thread", changes_.by_thread);
  if (Wants("traceback")) PrintStacks();
}

std::vector<HeapNameChange> HeapReport::ByCategory() {
  return ChangesByCategory(before_, &before_categories_, after_, &after_categories_, changes_);
}

void HeapReport::PrintNames(const char* title, const std::vector<HeapNameChange>& changes) {
  const size_t count = Shown(changes.size());
  std::printf("\n%s%s:\n", title,
              count < changes.size()
                  ? (", " + std::to_string(count) + " of " + std::to_string(changes.size())).c_str()
                  : "");
  for (size_t i = 0; i < count; ++i) {
    const HeapNameChange& change = changes[i];
    std::printf("  %24s  %18s  ", Bytes(change.bytes()).c_str(), Blocks(change.blocks()).c_str());
    if (only_one_) {
      std::printf("oldest %-12s", DurationText(change.oldest_ns).c_str());
    } else {
      std::printf("(%s new, %s freed)  ", Grouped(change.new_blocks).c_str(),
                  Grouped(change.freed_blocks).c_str());
    }
    std::printf("%s\n", LabelText(change.name).c_str());
  }
  if (changes.empty()) std::printf("  nothing\n");
}

void HeapReport::PrintPools() {
  PrintNames("By pool", changes_.by_pool);
  PrintUntracked();
}

// Memory of a pool that is in no tracked block: shows how complete the lists above are.
void HeapReport::PrintUntracked() const {
  bool first = true;
  for (const HeapPool& pool : after_.contents().pools) {
    const int64_t now = pool.untracked_bytes();
    if (now < 0 || pool.name == heap::kPoolsOfTheProgram) continue;
    const HeapPool* other = only_one_ ? nullptr : Counterpart(before_, pool);
    const int64_t then = other == nullptr ? 0 : std::max<int64_t>(other->untracked_bytes(), 0);
    if (now == then) continue;
    if (first) {
      std::printf(only_one_ ? "  Untracked, from before tracking began or not tracked at all:\n"
                            : "  Untracked, before and after:\n");
    }
    first = false;
    if (only_one_) {
      std::printf("  %24s  %18s  %-19s%s\n", (Grouped(now) + " bytes").c_str(), "", "",
                  Printable(pool.name).c_str());
    } else {
      std::printf("  %24s  %s -> %s  %s\n", (SignedGrouped(now - then) + " bytes").c_str(),
                  Grouped(then).c_str(), Grouped(now).c_str(), Printable(pool.name).c_str());
    }
  }
}

void HeapReport::PrintStacks() {
  const size_t count = Shown(changes_.by_stack.size());
  std::printf("\nBy traceback%s:\n",
              count < changes_.by_stack.size()
                  ? (", " + std::to_string(count) + " of " +
                     std::to_string(changes_.by_stack.size()) + ", greatest first")
                        .c_str()
                  : "");
  for (size_t i = 0; i < count; ++i) {
    const HeapStackChange& change = changes_.by_stack[i];
    std::printf("%s  %s, %s", i == 0 ? "" : "\n", Bytes(change.bytes()).c_str(),
                Blocks(change.blocks()).c_str());
    if (!only_one_ && change.freed_blocks != 0 && change.new_blocks != 0) {
      std::printf(" (%s new, %s freed)", Grouped(change.new_blocks).c_str(),
                  Grouped(change.freed_blocks).c_str());
    }
    if (change.new_blocks != 0) {
      std::printf(", oldest %s", DurationText(change.oldest_ns).c_str());
    }
    // malloc's blocks have their pool's name as their label.
    const std::string pool = change.label == change.pool ? "" : ", " + Printable(change.pool);
    std::printf("  %s%s\n", LabelText(change.label).c_str(), pool.c_str());
    PrintFrames(change);
  }
  if (changes_.by_stack.empty()) std::printf("  nothing\n");
}

void HeapReport::PrintFrames(const HeapStackChange& change) {
  std::vector<heap::TraceFrame> frames;
  for (const uint64_t frame : change.frames) {
    frames.push_back(ShownFrame(SymbolsOf(change).Name(frame)));
  }
  for (const auto& line : heap::ShownLines(std::move(frames), options_.all_frames)) {
    std::printf("    #%-2d %s\n", line.number, line.text.c_str());
  }
  if (change.frames.empty()) std::printf("    no traceback\n");
}

ordered_json HeapReport::FramesJson(const HeapStackChange& change) {
  ordered_json frames = ordered_json::array();
  for (const uint64_t frame : change.frames) {
    for (const CodePlace& place : SymbolsOf(change).Name(frame)) {
      frames.push_back({{"address", Hex(frame)},
                        {"function", place.function},
                        {"file", place.file},
                        {"line", place.line},
                        {"inlined", place.inlined},
                        {"module", place.module},
                        {"offset", Hex(place.offset)}});
    }
  }
  return frames;
}

ordered_json HeapReport::GroupsJson() {
  ordered_json groups;
  const auto names = [&](const char* grouping, const char* key, const char* what,
                         const std::vector<HeapNameChange>& changes) {
    if (!Wants(grouping) && !(options_.by.empty() && grouping == std::string("thread"))) return;
    groups[key] = ordered_json::array();
    for (size_t i = 0; i < Shown(changes.size()); ++i) {
      ordered_json entry = {{what, changes[i].name}};
      entry.update(ChangeJson(changes[i]));
      groups[key].push_back(std::move(entry));
    }
  };
  names("label", "labels", "label", changes_.by_label);
  names("pool", "pools", "pool", changes_.by_pool);
  if (Wants("category")) names("category", "categories", "category", ByCategory());
  names("thread", "threads", "thread", changes_.by_thread);
  if (Wants("traceback")) {
    groups["tracebacks"] = ordered_json::array();
    for (size_t i = 0; i < Shown(changes_.by_stack.size()); ++i) {
      const HeapStackChange& change = changes_.by_stack[i];
      ordered_json entry = ChangeJson(change);
      entry["label"] = change.label;
      entry["pool"] = change.pool;
      entry["frames"] = FramesJson(change);
      groups["tracebacks"].push_back(std::move(entry));
    }
  }
  return groups;
}

std::vector<std::string> HeapReport::BlockLines(const std::vector<uint32_t>& indices,
                                                const HeapSnapshot& of) {
  const heap::HeapContents& contents = of.contents();
  std::vector<std::string> names;
  std::vector<std::string> categories;
  for (const uint32_t i : indices) {
    const HeapBlock& block = of.blocks()[i];
    const std::string& label = contents.labels[block.label];
    const std::string& name = label.empty() ? contents.pools[block.pool].name : label;
    names.push_back(Printable(name));
    if ((block.flags & heap::kUntracked) != 0) names.back() += " (untracked)";
    // Where the category is the block's label or pool, it is printed once.
    const std::string& category = CategoriesOf(of).Of(i);
    categories.push_back(category == name ? "" : Printable(category));
  }
  const size_t name_width = ColumnWidth(names);
  const size_t category_width = ColumnWidth(categories);
  std::vector<std::string> lines;
  for (size_t i = 0; i < indices.size(); ++i) {
    const HeapBlock& block = of.blocks()[indices[i]];
    std::string line = RangeText(block) + Format("%15s bytes", Grouped(block.size).c_str());
    AppendCell(names[i], name_width, &line);
    AppendCell(categories[i], category_width, &line);
    AppendCell(FirstBytesText(block), 0, &line);
    line.resize(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

ordered_json HeapReport::BlockJson(uint32_t index, const HeapSnapshot& of) {
  const heap::HeapContents& contents = of.contents();
  const HeapBlock& block = of.blocks()[index];
  std::string first;
  for (int i = 0; i < block.first_count(); ++i) {
    first += Format("%02x", block.first[static_cast<size_t>(i)]);
  }
  return {{"address", Hex(block.address)},
          {"size", block.size},
          {"weight", block.weight},
          {"label", contents.labels[block.label]},
          {"pool", contents.pools[block.pool].name},
          {"category", CategoriesOf(of).Of(index)},
          {"thread", block.thread},
          {"age_ns", of.AgeOf(block)},
          {"serial", std::to_string(block.serial)},
          {"untracked", (block.flags & heap::kUntracked) != 0},
          {"first_bytes", first}};
}

ordered_json SnapshotJson(const std::string& file, const HeapSnapshot& snapshot) {
  const heap::HeapContents& contents = snapshot.contents();
  ordered_json pools = ordered_json::array();
  for (const HeapPool& pool : contents.pools) {
    pools.push_back(
        {{"pool", pool.name},
         {"bytes", pool.bytes},
         {"blocks", pool.block_count},
         {"allocated", pool.allocated < 0 ? ordered_json() : ordered_json(pool.allocated)},
         {"untracked_bytes",
          pool.untracked_bytes() < 0 ? ordered_json() : ordered_json(pool.untracked_bytes())}});
  }
  // Nanoseconds since 1970 are text, as most readers of JSON keep only 53 bits of a number.
  return {{"file", file},
          {"name", contents.name},
          {"pid", contents.pid},
          {"command_line", contents.command_line},
          {"taken_unix_ns", std::to_string(contents.taken_unix_ns)},
          {"tracked_ns", contents.taken_ns - std::min(contents.started_ns, contents.taken_ns)},
          {"sample_bytes", contents.sample_bytes},
          {"estimated", snapshot.sampled()},
          {"bytes", snapshot.bytes()},
          {"block_count", snapshot.block_count()},
          {"lost", contents.lost},
          {"stacks_dropped", contents.stacks_dropped},
          {"unexamined", contents.unexamined},
          {"moving", contents.moving},
          {"why_no_first_bytes", contents.why_no_first_bytes},
          {"pools", pools}};
}

std::string ProcessText(const HeapSnapshot& snapshot) {
  const heap::HeapContents& contents = snapshot.contents();
  std::string command;
  for (const std::string& word : contents.command_line) command += " " + Printable(word);
  constexpr size_t kMaxCommandLength = 200;
  return "process " + std::to_string(contents.pid) + ":" + CutTo(command, kMaxCommandLength);
}

std::string MomentText(const HeapSnapshot& snapshot) {
  const heap::HeapContents& contents = snapshot.contents();
  const uint64_t tracked = contents.taken_ns - std::min(contents.started_ns, contents.taken_ns);
  return TimeText(contents.taken_unix_ns) + ", " + DurationText(tracked) + " after tracking began";
}

}  // namespace alkaid::tools
