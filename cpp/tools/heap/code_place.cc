#include "tools/heap/code_place.h"

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"

namespace alkaid::tools {
namespace {

using internal::Printable;

std::string LastPartOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string CodePlaceText(const CodePlace& place) {
  if (!place.function.empty()) {
    std::string text = Printable(place.function);
    if (!place.file.empty()) {
      text += " at " + Printable(place.file);
      if (place.line > 0) text += ":" + std::to_string(place.line);
    } else {
      text += " in " + Printable(LastPartOf(place.module));
    }
    return text;
  }
  const std::string offset = internal::Hex(place.offset);
  if (place.module.empty()) return offset;
  return Printable(LastPartOf(place.module)) + " + " + offset;
}

heap::TraceFrame ShownFrame(const std::vector<CodePlace>& places) {
  heap::TraceFrame frame;
  for (const CodePlace& place : places) {
    frame.lines.push_back(CodePlaceText(place) + (place.inlined ? " (inlined)" : ""));
    frame.module = place.module;
  }
  return frame;
}

}  // namespace alkaid::tools
