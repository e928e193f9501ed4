// Longer than most files: the grammar of the later form is one recursive descent, over one text.

#include "tools/heap/rust_names.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace alkaid::tools {
namespace {

constexpr size_t kMaxNameLength = 4096;  // of a name: each back reference may double it
constexpr int kMaxNameLevels = 200;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

// The form of earlier compilers: C++'s, with a hash at the end and signs spelled out.

// The sign that a code between two dollars stands for, or empty.
std::string SignOf(std::string_view code) {
  constexpr std::pair<std::string_view, std::string_view> kSigns[] = {
      {"SP", "@"}, {"BP", "*"}, {"RF", "&"}, {"LT", "<"},
      {"GT", ">"}, {"LP", "("}, {"RP", ")"}, {"C", ","}};
  for (const auto& [name, sign] : kSigns) {
    if (code == name) return std::string(sign);
  }
  if (code.size() < 2 || code.size() > 3 || code[0] != 'u') return "";
  int character = 0;
  for (const char digit : code.substr(1)) {
    if (!IsHexDigit(digit)) return "";
    character = 16 * character + (IsDigit(digit) ? digit - '0' : digit - 'a' + 10);
  }
  return character >= ' ' && character <= '~' ? std::string(1, static_cast<char>(character)) : "";
}

std::string WithSigns(std::string_view part) {
  if (part.starts_with("_$")) part.remove_prefix(1);
  std::string text;
  while (!part.empty()) {
    if (part.starts_with("..")) {
      text += "::";
      part.remove_prefix(2);
      continue;
    }
    const size_t end = part[0] == '$' ? part.find('$', 1) : std::string_view::npos;
    const std::string sign = end == std::string_view::npos ? "" : SignOf(part.substr(1, end - 1));
    if (sign.empty()) {
      text += part[0];
      part.remove_prefix(1);
    } else {
      text += sign;
      part.remove_prefix(end + 1);
    }
  }
  return text;
}

std::string LegacyName(std::string_view symbol) {
  symbol.remove_prefix(3);  // _ZN
  std::vector<std::string_view> parts;
  while (!symbol.empty() && symbol[0] != 'E') {
    size_t length = 0;
    for (; !symbol.empty() && IsDigit(symbol[0]) && length < kMaxNameLength;
         symbol.remove_prefix(1)) {
      length = 10 * length + static_cast<size_t>(symbol[0] - '0');
    }
    if (length == 0 || length > symbol.size()) return "";
    parts.push_back(symbol.substr(0, length));
    symbol.remove_prefix(length);
  }
  constexpr size_t kHash = 17;
  if (symbol.empty() || parts.size() < 2 || parts.back().size() != kHash ||
      parts.back()[0] != 'h' ||
      !std::all_of(parts.back().begin() + 1, parts.back().end(), IsHexDigit)) {
    return "";
  }
  parts.pop_back();
  std::string name;
  for (const std::string_view part : parts) name += (name.empty() ? "" : "::") + WithSigns(part);
  return name;
}

// The form of later compilers, "v0", has its own grammar: https://rust-lang.github.io/rfcs/2603
class Decoder {
 public:
  explicit Decoder(std::string_view symbol) : text_(symbol) {}

  std::string Decode() {
    // A number here would be a version of the encoding.
    if (!Path(/*as_value=*/true) || name_.size() > kMaxNameLength) return "";
    return name_;
  }

 private:
  // Counts one level of nesting, for a scope.
  class Level {
   public:
    explicit Level(int* depth) : depth_(depth) { ++*depth_; }
    ~Level() { --*depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    int* const depth_;
  };

  struct Identifier {
    std::string_view text;
    bool punycode = false;
  };

  char Next() { return at_ < text_.size() ? text_[at_++] : '\0'; }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Eat(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  bool Print(std::string_view text) {
    if (silent_ == 0) name_ += text;
    return name_.size() <= kMaxNameLength;
  }

  // "_" is 0; a greater number is written less 1, and ends in "_".
  std::optional<uint64_t> Base62() {
    if (Eat('_')) return 0;
    uint64_t value = 0;
    for (char c = Next(); c != '_'; c = Next()) {
      uint64_t digit = 0;
      if (IsDigit(c)) {
        digit = static_cast<uint64_t>(c - '0');
      } else if (c >= 'a' && c <= 'z') {
        digit = static_cast<uint64_t>(c - 'a') + 10;
      } else if (c >= 'A' && c <= 'Z') {
        digit = static_cast<uint64_t>(c - 'A') + 36;
      } else {
        return std::nullopt;
      }
      if (value > UINT64_MAX / 62 - 2) return std::nullopt;
      value = 62 * value + digit;
    }
    return value + 1;
  }

  // The disambiguator before an identifier, if there is one: 0, or how many precede it.
  std::optional<uint64_t> Tagged(char tag) {
    if (!Eat(tag)) return 0;
    const std::optional<uint64_t> number = Base62();
    if (!number.has_value()) return std::nullopt;
    return *number + 1;
  }

  std::optional<Identifier> Undisambiguated() {
    Identifier identifier;
    identifier.punycode = Eat('u');
    if (!IsDigit(Peek())) return std::nullopt;
    size_t length = 0;
    if (!Eat('0')) {
      while (IsDigit(Peek()) && length < kMaxNameLength) {
        length = 10 * length + static_cast<size_t>(Next() - '0');
      }
    }
    Eat('_');
    if (length > text_.size() - at_) return std::nullopt;
    identifier.text = text_.substr(at_, length);
    at_ += length;
    return identifier;
  }

  bool PrintIdentifier(const Identifier& identifier) {
    if (!identifier.punycode) return Print(identifier.text);
    return Print("punycode{") && Print(identifier.text) && Print("}");
  }

  // Continues at the target of a back reference, which must precede it.
  template <typename Continue>
  bool Back(const Continue& go_on) {
    const size_t here = at_ - 1;
    const std::optional<uint64_t> to = Base62();
    if (!to.has_value() || *to >= here) return false;
    if (silent_ != 0) return true;
    const size_t behind = std::exchange(at_, static_cast<size_t>(*to));
    const bool good = go_on();
    at_ = behind;
    return good;
  }

  bool ImplPath() {  // only its place
    ++silent_;
    const bool good = Tagged('s').has_value() && Path(false);
    --silent_;
    return good;
  }

  bool Path(bool as_value) {
    const Level level(&depth_);
    if (depth_ > kMaxNameLevels) return false;
    switch (Next()) {
      case 'C': {
        if (!Tagged('s').has_value()) return false;
        const std::optional<Identifier> crate = Undisambiguated();
        return crate.has_value() && PrintIdentifier(*crate);
      }
      case 'N':
        return Nested(as_value);
      case 'M':
        return ImplPath() && Print("<") && Type() && Print(">");
      case 'X':
        return ImplPath() && Print("<") && Type() && Print(" as ") && Path(false) && Print(">");
      case 'Y':
        return Print("<") && Type() && Print(" as ") && Path(false) && Print(">");
      case 'I':
        return Path(as_value) && Print(as_value ? "::<" : "<") && Arguments() && Print(">");
      case 'B':
        return Back([this, as_value] { return Path(as_value); });
      default:
        return false;
    }
  }

  bool Nested(bool as_value) {
    const char space = Next();
    if (std::isalpha(static_cast<unsigned char>(space)) == 0 || !Path(as_value)) return false;
    const std::optional<uint64_t> number = Tagged('s');
    const std::optional<Identifier> name = Undisambiguated();
    if (!number.has_value() || !name.has_value()) return false;
    if (space >= 'a') {
      return name->text.empty() || (Print("::") && PrintIdentifier(*name));
    }
    // A closure, a shim, or other code made by the compiler, with its number.
    const std::string kind = space == 'C'   ? "closure"
                             : space == 'S' ? "shim"
                                            : std::string(1, space);
    if (!Print("::{" + kind)) return false;
    if (!name->text.empty() && !(Print(":") && PrintIdentifier(*name))) return false;
    return Print("#" + std::to_string(*number) + "}");
  }

  bool Arguments() {
    for (bool first = true; !Eat('E'); first = false) {
      if (!first && !Print(", ")) return false;
      if (!Argument()) return false;
    }
    return true;
  }

  bool Argument() {
    if (Eat('L')) return Lifetime();
    if (Eat('K')) return Constant();
    return Type();
  }

  bool Lifetime() { return Base62().has_value() && Print("'_"); }

  static std::string_view BasicType(char letter) {
    constexpr std::pair<char, std::string_view> kTypes[] = {
        {'a', "i8"},   {'b', "bool"},  {'c', "char"},  {'d', "f64"}, {'e', "str"}, {'f', "f32"},
        {'h', "u8"},   {'i', "isize"}, {'j', "usize"}, {'l', "i32"}, {'m', "u32"}, {'n', "i128"},
        {'o', "u128"}, {'p', "_"},     {'s', "i16"},   {'t', "u16"}, {'u', "()"},  {'v', "..."},
        {'x', "i64"},  {'y', "u64"},   {'z', "!"}};
    for (const auto& [known, name] : kTypes) {
      if (known == letter) return name;
    }
    return {};
  }

  bool Type() {
    const Level level(&depth_);
    if (depth_ > kMaxNameLevels) return false;
    const char tag = Peek();
    if (const std::string_view basic = BasicType(tag); !basic.empty()) {
      ++at_;
      return Print(basic);
    }
    switch (tag) {
      case 'A':
        ++at_;
        return Print("[") && Type() && Print("; ") && Constant() && Print("]");
      case 'S':
        ++at_;
        return Print("[") && Type() && Print("]");
      case 'T':
        ++at_;
        return Tuple();
      case 'R':
      case 'Q':
        ++at_;
        if (Eat('L') && !Base62().has_value()) return false;
        return Print(tag == 'R' ? "&" : "&mut ") && Type();
      case 'P':
      case 'O':
        ++at_;
        return Print(tag == 'P' ? "*const " : "*mut ") && Type();
      case 'F':
        ++at_;
        return Function();
      case 'D':
        ++at_;
        return Traits();
      case 'B':
        ++at_;
        return Back([this] { return Type(); });
      default:
        return Path(false);
    }
  }

  bool Tuple() {
    if (!Print("(")) return false;
    int count = 0;
    for (; !Eat('E'); ++count) {
      if (count > 0 && !Print(", ")) return false;
      if (!Type()) return false;
    }
    return Print(count == 1 ? ",)" : ")");
  }

  bool Function() {
    if (!Tagged('G').has_value()) return false;
    if (Eat('U') && !Print("unsafe ")) return false;
    if (Eat('K')) {
      if (!Print("extern \"")) return false;
      if (Eat('C')) {
        if (!Print("C")) return false;
      } else {
        const std::optional<Identifier> abi = Undisambiguated();
        if (!abi.has_value()) return false;
        std::string text(abi->text);
        std::ranges::replace(text, '_', '-');
        if (!Print(text)) return false;
      }
      if (!Print("\" ")) return false;
    }
    if (!Print("fn(")) return false;
    for (bool first = true; !Eat('E'); first = false) {
      if (!first && !Print(", ")) return false;
      if (!Type()) return false;
    }
    if (!Print(")")) return false;
    if (Eat('u')) return true;  // returns nothing
    return Print(" -> ") && Type();
  }

  bool Traits() {
    if (!Print("dyn ") || !Tagged('G').has_value()) return false;
    for (bool first = true; !Eat('E'); first = false) {
      if (!first && !Print(" + ")) return false;
      if (!Trait()) return false;
    }
    // The lifetime is not shown.
    return Eat('L') && Base62().has_value();
  }

  // A trait, with its associated types among its arguments.
  bool Trait() {
    const size_t before = name_.size();
    if (!Path(false)) return false;
    bool open = false;
    while (Eat('p')) {
      const std::optional<Identifier> name = Undisambiguated();
      if (!name.has_value()) return false;
      if (!open && silent_ == 0 && name_.size() > before && name_.ends_with('>')) {
        name_.pop_back();
        if (!Print(", ")) return false;
      } else if (!Print(open ? ", " : "<")) {
        return false;
      }
      open = true;
      if (!PrintIdentifier(*name) || !Print(" = ") || !Type()) return false;
    }
    return !open || Print(">");
  }

  bool Constant() {
    const Level level(&depth_);
    if (depth_ > kMaxNameLevels) return false;
    const char type = Next();
    if (type == 'p') return Print("_");
    if (type == 'B') {
      return Back([this] { return Constant(); });
    }
    constexpr std::string_view kIntegers = "ahijlmnostxy";
    if (type != 'b' && type != 'c' && kIntegers.find(type) == std::string_view::npos) return false;
    if (Eat('n') && !Print("-")) return false;
    const size_t first = at_;
    while (IsHexDigit(Peek())) ++at_;
    std::string_view digits = text_.substr(first, at_ - first);
    if (!Eat('_')) return false;
    while (!digits.empty() && digits[0] == '0') digits.remove_prefix(1);
    uint64_t value = 0;
    if (digits.size() > 16) return Print("0x") && Print(digits);
    for (const char digit : digits) {
      value = 16 * value + static_cast<uint64_t>(IsDigit(digit) ? digit - '0' : digit - 'a' + 10);
    }
    if (type == 'b') return value <= 1 && Print(value == 1 ? "true" : "false");
    if (type == 'c' && value >= ' ' && value <= '~') {
      return Print("'") && Print(std::string(1, static_cast<char>(value))) && Print("'");
    }
    return Print(std::to_string(value));
  }

  const std::string_view text_;  // after "_R"
  size_t at_ = 0;
  int depth_ = 0;
  int silent_ = 0;
  std::string name_;
};

}  // namespace

std::string RustName(std::string_view symbol) {
  if (symbol.starts_with("_ZN")) return LegacyName(symbol);
  if (!symbol.starts_with("_R")) return "";
  return Decoder(symbol.substr(2)).Decode();
}

}  // namespace alkaid::tools
