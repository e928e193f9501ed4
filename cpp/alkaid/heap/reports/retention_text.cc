// The part of RetentionReport that makes text for people.

#include <cxxabi.h>
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/base/time_text.h"
#include "alkaid/heap/reports/retention_report.h"
#include "alkaid/heap/reports/stack_trace_text.h"

namespace alkaid::heap {
namespace {

using internal::AgeText;
using internal::BytesText;
using internal::CountText;
using internal::Format;
using internal::Hex;
using internal::PercentText;
using internal::Printable;

// "1700000000.000000128".
std::string SecondsText(uint64_t nanoseconds) {
  return Format("%" PRIu64 ".%09" PRIu64, nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000);
}

std::string LastPartOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The exported function that contains the call before this address, in this process; or "".
std::string ExportedFunction(uint64_t return_address) {
  Dl_info info = {};
  const auto* const call = reinterpret_cast<const void*>(return_address - 1);
  if (::dladdr(call, &info) == 0 || info.dli_sname == nullptr) return "";
  int failed = 0;
  const std::unique_ptr<char, void (*)(void*)> demangled(
      abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &failed), std::free);
  return failed == 0 && demangled != nullptr ? demangled.get() : info.dli_sname;
}

std::string PythonPlaceText(const HeapPythonPlace& place) {
  if (place.function.empty()) return "Python";
  return Printable(place.function) + " at " + Printable(place.file) +
         (place.line > 0 ? ":" + std::to_string(place.line) : "");
}

std::string FrameText(const HeapSnapshot& snapshot, uint64_t return_address) {
  if (const HeapPythonPlace* place = snapshot.PythonPlaceOf(return_address)) {
    return PythonPlaceText(*place);
  }
  const HeapModule* const module =
      return_address == 0 ? nullptr : snapshot.ModuleOf(return_address - 1);
  if (module == nullptr) return Hex(return_address);
  const std::string file = Printable(LastPartOf(module->path));
  const bool here = snapshot.contents().pid == static_cast<uint32_t>(::getpid());
  const std::string function = here ? ExportedFunction(return_address) : "";
  if (!function.empty()) return Printable(function) + " in " + file;
  return file + " + " + Hex(return_address - module->bias);
}

class Text {
 public:
  Text(const RetentionReport& report, const RetentionTextOptions& options)
      : report_(report), options_(options) {}

  std::string Make() {
    const RetentionTotals& totals = report_.totals();
    if (totals.roots == 0) return "no root is kept by a view\n";
    const double ratio = totals.root_bytes == 0 ? 1
                                                : static_cast<double>(totals.visible_bytes) /
                                                      static_cast<double>(totals.root_bytes);
    text_ = CountText(totals.roots, "root") + " held by " + CountText(totals.views, "view") + ": " +
            BytesText(totals.root_bytes) + " held, " + BytesText(totals.visible_bytes) +
            " visible (" + PercentText(ratio) + "), " + BytesText(totals.hidden_bytes()) +
            " hidden\n";
    const std::vector<Group> groups = Groups();
    const size_t count = options_.top == 0 ? groups.size() : std::min(options_.top, groups.size());
    int64_t shown = 0;
    for (size_t i = 0; i < count; ++i) {
      AddRoot(i + 1, *groups[i].worst);
      AddMore(groups[i]);
      shown += 1 + groups[i].more;
    }
    if (shown < totals.roots) {
      text_ += "\nand " + CountText(totals.roots - shown, "further root") + "\n";
    }
    return std::move(text_);
  }

 private:
  // Roots of one label and pool that views of the same places keep.
  struct Group {
    const RetainedRoot* worst = nullptr;
    int64_t more = 0;
    // Of all its roots; as doubles, whose sums cannot overflow.
    double held_bytes = 0;
    double visible_bytes = 0;

    void Add(const RetainedRoot& root) {
      held_bytes += static_cast<double>(root.held_bytes);
      visible_bytes += static_cast<double>(root.visible_bytes);
    }
    double hidden_bytes() const { return held_bytes - visible_bytes; }
  };

  // The group that hides the most bytes first. A root whose places are not all known is by itself.
  std::vector<Group> Groups() const {
    std::vector<Group> groups;
    std::map<std::tuple<std::string_view, std::string_view, std::set<uint32_t>>, size_t> known;
    for (const RetainedRoot& root : report_.roots()) {
      std::set<uint32_t> stacks;
      bool all_known = true;
      for (const RetentionHolder& holder : root.holders) {
        stacks.insert(holder.stack);
        all_known = all_known && !report_.snapshot().frames(holder.stack).empty();
      }
      size_t at = groups.size();
      if (all_known) {
        at = known.try_emplace({root.label, root.pool, std::move(stacks)}, at).first->second;
      }
      if (at == groups.size()) {
        groups.push_back({.worst = &root});
      } else {
        ++groups[at].more;
      }
      groups[at].Add(root);
    }
    std::ranges::stable_sort(groups, std::greater<>(), &Group::hidden_bytes);
    return groups;
  }

  void AddMore(const Group& group) {
    if (group.more == 0) return;
    const auto bytes = [](double sum) {
      return BytesText(static_cast<int64_t>(std::min(sum, 9e18)));
    };
    text_ += "   and " + CountText(group.more, "root") + " more of the same places, all together " +
             bytes(group.held_bytes) + " held, " + bytes(group.visible_bytes) + " visible\n";
  }

  void AddRoot(size_t number, const RetainedRoot& root) {
    text_ += Format("\n%zu. ", number) + BytesText(root.held_bytes) + " held, " +
             BytesText(root.visible_bytes) + " visible (" + PercentText(root.ratio()) + ") in " +
             CountText(root.views, "view");
    if (!root.label.empty()) text_ += "  " + Printable(root.label);
    if (!root.pool.empty()) text_ += (root.label.empty() ? "  " : ", ") + Printable(root.pool);
    text_ += "\n";
    AddSource(root);
    text_ += "   oldest view " + AgeText(report_.AgeOf(root.oldest_ns)) + " old";
    if (root.birth_ns != 0) {
      text_ += ", its block " + AgeText(report_.AgeOf(root.birth_ns)) + " old";
    }
    text_ += ", at " + Hex(root.address) + "\n";
    const size_t count = options_.top_holders == 0
                             ? root.holders.size()
                             : std::min(options_.top_holders, root.holders.size());
    for (size_t i = 0; i < count; ++i) AddHolder(root.holders[i]);
    if (count < root.holders.size()) {
      text_ += "   and views from " +
               CountText(static_cast<int64_t>(root.holders.size() - count), "further place") + "\n";
    }
  }

  void AddSource(const RetainedRoot& root) {
    if (root.source.empty()) return;
    text_ += "   " + Printable(root.source);
    if (root.source_offset >= 0) text_ += Format(" from byte %" PRId64, root.source_offset);
    if (root.last_time_ns != kNoTime) {
      text_ +=
          ", times " + SecondsText(root.first_time_ns) + " to " + SecondsText(root.last_time_ns);
      if (root.last_visible_time_ns != kNoTime) {
        text_ += ", visible " + SecondsText(root.first_visible_time_ns) + " to " +
                 SecondsText(root.last_visible_time_ns);
      }
    }
    text_ += "\n";
  }

  void AddHolder(const RetentionHolder& holder) {
    text_ += "   " + CountText(holder.views, "view") + " of " + BytesText(holder.visible_bytes) +
             Format(", thread %" PRIu32, holder.thread) + ", made here:\n";
    const HeapSnapshot& snapshot = report_.snapshot();
    std::vector<TraceFrame> frames;
    for (const uint64_t frame : snapshot.frames(holder.stack)) {
      TraceFrame& shown = frames.emplace_back();
      if (options_.name_frame) {
        shown.lines = options_.name_frame(frame);
      } else {
        shown.lines = {FrameText(snapshot, frame)};
      }
      if (snapshot.PythonPlaceOf(frame) != nullptr || frame == 0) continue;
      if (const HeapModule* module = snapshot.ModuleOf(frame - 1)) shown.module = module->path;
    }
    const auto lines = ShownLines(std::move(frames), options_.all_frames);
    for (const TraceLine& line : lines) {
      text_ += Format("     #%-2d ", line.number) + line.text + "\n";
    }
    if (lines.empty()) text_ += "     no traceback\n";
  }

  const RetentionReport& report_;
  const RetentionTextOptions& options_;
  std::string text_;
};

}  // namespace

std::string RetentionReport::ToString(const RetentionTextOptions& options) const {
  return Text(*this, options).Make();
}

}  // namespace alkaid::heap
