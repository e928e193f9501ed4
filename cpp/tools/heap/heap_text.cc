#include "tools/heap/heap_text.h"

#include <algorithm>
#include <cctype>
#include <cinttypes>

#include "alkaid/base/number_text.h"

namespace alkaid::tools {
namespace {

using internal::Format;

bool Opens(char c) { return c == '(' || c == '<' || c == '{' || c == '['; }
bool Closes(char c) { return c == ')' || c == '>' || c == '}' || c == ']'; }

void EraseAll(std::string* text, std::string_view what) {
  for (size_t at; (at = text->find(what)) != std::string::npos;) text->erase(at, what.size());
}

void ReplaceAll(std::string* text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text->find(what, at)) != std::string::npos; at += by.size()) {
    text->replace(at, what.size(), by);
  }
}

// The position after the bracket that closes the one at `open`.
size_t BehindClosing(std::string_view text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (Opens(text[i])) ++depth;
    if (Closes(text[i]) && --depth == 0) return i + 1;
  }
  return text.size();
}

// Removes ", std::allocator<...>" and the like: the default arguments of standard templates.
void EraseDefaultArguments(std::string* name) {
  for (const std::string_view argument :
       {", std::allocator<", ", std::char_traits<", ", std::default_delete<", ", std::less<",
        ", std::equal_to<", ", std::hash<"}) {
    for (size_t at; (at = name->find(argument)) != std::string::npos;) {
      name->erase(at, BehindClosing(*name, at + argument.size() - 1) - at);
    }
  }
}

// The position of an operator's name, which may contain brackets and spaces; npos without one.
size_t OperatorIn(std::string_view name) {
  constexpr std::string_view kWord = "operator";
  const size_t at = name.rfind(kWord);
  if (at == std::string_view::npos || (at > 0 && name[at - 1] != ':' && name[at - 1] != ' ')) {
    return std::string_view::npos;
  }
  const size_t behind = at + kWord.size();
  const bool longer =
      behind < name.size() &&
      (std::isalnum(static_cast<unsigned char>(name[behind])) != 0 || name[behind] == '_');
  return longer ? std::string_view::npos : at;
}

// The start of the parameter list: the last bracket at depth 0 that does not belong to the name.
size_t ParametersOf(std::string_view name) {
  const size_t operator_at = OperatorIn(name);
  size_t from = 0;
  if (operator_at != std::string_view::npos) {
    from = operator_at + 8;
    // operator() and operators with < or >.
    if (name.substr(from, 2) == "()") from += 2;
    while (from < name.size() && (name[from] == '<' || name[from] == '>' || name[from] == '-')) {
      if (name[from] == '<' && name.find('>', from) != std::string_view::npos &&
          from > operator_at + 8 && name[from - 1] == ')') {
        break;  // template arguments of operator()
      }
      ++from;
    }
  }
  int depth = 0;
  size_t found = std::string_view::npos;
  for (size_t i = from; i < name.size(); ++i) {
    if (Opens(name[i])) {
      const bool anonymous = name.substr(i).starts_with("(anonymous namespace)");
      if (depth == 0 && name[i] == '(' && !anonymous) found = i;
      ++depth;
    } else if (Closes(name[i])) {
      --depth;
    }
  }
  return found;
}

// Functions made from templates are demangled with their return type first.
size_t BehindReturnType(std::string_view name) {
  const size_t end = std::min(OperatorIn(name), name.size());
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i < end; ++i) {
    if (Opens(name[i])) ++depth;
    if (Closes(name[i])) --depth;
    if (depth == 0 && name[i] == ' ') start = i + 1;
  }
  return start;
}

}  // namespace

std::string FirstBytesText(const heap::HeapBlock& block) {
  const int count = block.first_count();
  if (count == 0) return "";
  std::string hex;
  std::string letters;
  for (int i = 0; i < count; ++i) {
    const uint8_t byte = block.first[static_cast<size_t>(i)];
    hex += Format("%02x ", byte);
    letters += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
  }
  return hex + "|" + letters + "|";
}

std::string RangeText(const heap::HeapBlock& block) {
  const uint64_t bytes = block.size > 0 ? static_cast<uint64_t>(block.size) : 1;
  return Format("0x%016" PRIx64 " -> 0x%016" PRIx64, block.address, block.address + bytes - 1);
}

std::string ShortFunctionName(std::string_view demangled) {
  std::string name(demangled);
  const size_t clone = name.find(" [clone ");
  if (clone != std::string::npos) name.resize(clone);
  ReplaceAll(&name, "std::__cxx11::", "std::");
  EraseDefaultArguments(&name);
  while (name.find(" >") != std::string::npos) ReplaceAll(&name, " >", ">");
  ReplaceAll(&name, "std::basic_string<char>", "std::string");
  ReplaceAll(&name, "std::basic_string_view<char>", "std::string_view");
  EraseAll(&name, "[abi:cxx11]");
  const size_t parameters = ParametersOf(name);
  if (parameters != std::string::npos && parameters > 0) name.resize(parameters);
  return name.substr(BehindReturnType(name));
}

}  // namespace alkaid::tools
