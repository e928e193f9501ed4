#include "alkaid/heap/reports/stack_trace_text.h"

#include <algorithm>
#include <utility>

namespace alkaid::heap {
namespace {

// The two tables are those of cpp/tools/gdb/alkaid_debugger/machinery.py; its test compares them.
// File names up to ".so"; a star matches any rest.
constexpr std::string_view kLibraries[] = {
    "ld-linux*",  "libalkaid", "libalkaid_malloc", "_alkaid*",    "libasan",
    "libc",       "libc-*",    "libgcc_s",         "libjemalloc", "libmimalloc",
    "libpthread", "libstdc++", "libtcmalloc*",     "libtsan",
};
// Qualified function names without parameters; a star matches any rest.
constexpr std::string_view kFunctions[] = {
    "std::*", "__gnu_cxx::*", "alkaid::*", "operator new*", "operator delete*", "je_*", "mi_*",
    "tc_*",   "_start",       "malloc",    "calloc",        "realloc",          "free", "memalign",
};

bool Matches(std::string_view text, std::string_view entry) {
  if (!entry.ends_with('*')) return text == entry;
  entry.remove_suffix(1);
  return text.starts_with(entry);
}

template <size_t kSize>
bool IsIn(std::string_view text, const std::string_view (&table)[kSize]) {
  return std::any_of(std::begin(table), std::end(table),
                     [text](std::string_view entry) { return Matches(text, entry); });
}

// Turns "__libc_malloc" into "malloc".
std::string_view WithoutUnderscores(std::string_view name) {
  name.remove_prefix(std::min(name.find_first_not_of('_'), name.size()));
  if (name.starts_with("libc_")) name.remove_prefix(5);
  return name;
}

// The function of "main at main.cc:7" or "malloc in libc.so.6"; empty if there is no name.
std::string_view FunctionOf(std::string_view line) {
  const std::string_view name = line.substr(0, std::min(line.find(" at "), line.find(" in ")));
  return name.find(" + 0x") == std::string_view::npos ? name : std::string_view();
}

bool IsMachineryLine(std::string_view line) { return IsMachineryFunction(FunctionOf(line)); }

bool IsMachinery(const TraceFrame& frame) {
  if (frame.module.empty() || frame.lines.empty()) return false;
  return IsMachineryModule(frame.module) || IsMachineryLine(frame.lines.back());
}

}  // namespace

bool IsMachineryModule(std::string_view path) {
  const std::string_view file = path.substr(path.rfind('/') + 1);
  const size_t ending = file.find(".so");
  const size_t abi = file.find(".abi3.so");
  if (ending == std::string_view::npos) return false;
  return IsIn(file.substr(0, std::min(ending, abi)), kLibraries);
}

bool IsMachineryFunction(std::string_view name) {
  constexpr std::string_view kUnnamed = "(anonymous namespace)::";
  if (name.starts_with(kUnnamed)) name.remove_prefix(kUnnamed.size());
  return IsIn(name, kFunctions) || IsIn(WithoutUnderscores(name), kFunctions);
}

std::vector<TraceLine> ShownLines(std::vector<TraceFrame> frames, bool all) {
  const auto is_own = [](const TraceFrame& frame) { return !IsMachinery(frame); };
  auto first = std::find_if(frames.begin(), frames.end(), is_own);
  const auto last = std::find_if(frames.rbegin(), frames.rend(), is_own).base();
  if (first == frames.end()) all = true;
  std::vector<TraceLine> shown;
  int number = 0;
  for (auto frame = frames.begin(); frame != frames.end(); ++frame) {
    const bool inside = first <= frame && frame < last;
    for (size_t i = 0; i < frame->lines.size(); ++i, ++number) {
      const bool outermost = i + 1 == frame->lines.size();
      const bool is_own_line =
          frame->module.empty() || outermost || !IsMachineryLine(frame->lines[i]);
      if (all || (inside && is_own_line)) shown.push_back({number, std::move(frame->lines[i])});
    }
  }
  return shown;
}

}  // namespace alkaid::heap
