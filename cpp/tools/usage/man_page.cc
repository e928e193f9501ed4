#include "tools/usage/man_page.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/base/version.h"
#include "tools/usage/wrapped_text.h"

namespace alkaid::tools {
namespace {

// Text that troff prints unchanged.
std::string TroffText(std::string_view text) {
  std::string all;
  for (const char c : text) {
    if (c == '\\') {
      all += "\\e";
    } else if (c == '-') {
      all += "\\-";
    } else if ((c == '.' || c == '\'') && (all.empty() || all.back() == '\n')) {
      all.append("\\&").push_back(c);
    } else {
      all.push_back(c);
    }
  }
  return all;
}

std::string TroffBold(std::string_view text) { return "\\fB" + TroffText(text) + "\\fR"; }
std::string TroffItalic(std::string_view text) { return "\\fI" + TroffText(text) + "\\fR"; }

// Prose in which `typed text` stands between ticks.
std::string TroffProse(std::string_view text) {
  std::string all;
  bool typed = false;
  while (true) {
    const std::string_view part = text.substr(0, text.find('`'));
    all += typed && !part.empty() ? TroffBold(part) : TroffText(part);
    if (part.size() == text.size()) return all;
    text.remove_prefix(part.size() + 1);
    typed = !typed;
  }
}

// A part of a usage line: placeholders in italics, typed text in bold.
std::string TroffUsageWord(std::string_view word) {
  constexpr std::string_view kAround = "[].,";
  const size_t first = std::min(word.find_first_not_of(kAround), word.size());
  const size_t last = word.find_last_not_of(kAround);
  if (first == word.size()) return TroffText(word);
  const std::string_view core = word.substr(first, last + 1 - first);
  const bool placeholder = std::isupper(static_cast<unsigned char>(core.front())) != 0;
  return TroffText(word.substr(0, first)) + (placeholder ? TroffItalic(core) : TroffBold(core)) +
         TroffText(word.substr(last + 1));
}

std::string TroffUsage(std::string_view text) {
  std::string all;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    all += (all.empty() ? "" : " ") + TroffUsageWord(word);
  }
  return all;
}

std::string TroffSection(const std::string& name) { return ".SH " + name + "\n"; }

std::string TroffItem(const std::string& head, const std::string& text) {
  return ".TP\n" + head + "\n" + text + "\n";
}

// Each block of `text` as a paragraph.
std::string TroffParagraphs(std::string_view text) {
  std::string all;
  for (const TextBlock& block : TextBlocks(text)) {
    switch (block.kind) {
      case TextBlock::Kind::kParagraph:
        all += ".PP\n" + TroffProse(block.text) + "\n";
        break;
      case TextBlock::Kind::kTerm:
        all += TroffItem(TroffBold(block.term), TroffProse(block.text));
        break;
      case TextBlock::Kind::kExample:
        all += ".PP\n.RS 4\n.nf\n" + TroffText(block.text) + "\n.fi\n.RE\n";
        break;
    }
  }
  return all;
}

// The name is typed; the placeholder of its value is not.
std::string TroffOption(const OptionDescription& option) {
  return TroffItem(option.names.front().starts_with('-') ? TroffUsage(HeadingOf(option))
                                                         : TroffItalic(HeadingOf(option)),
                   TroffProse(MeaningOf(option)));
}

std::string WithSmallInitial(std::string text) {
  const bool acronym = text.size() > 1 && std::isupper(static_cast<unsigned char>(text[1])) != 0;
  if (!text.empty() && !acronym) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

std::string TroffReference(const std::string& page) { return ".BR " + TroffText(page) + " (1)"; }

std::string EnvironmentSection(const CommandDescription& command) {
  std::string all = TroffSection("ENVIRONMENT");
  if (command.path.empty()) {
    for (const auto& variable : internal::EnvironmentVariables()) {
      if (variable.read_at == internal::ReadAt::kScripts) continue;
      all +=
          TroffItem(TroffBold(variable.name),
                    TroffProse(variable.meaning + "; " + internal::ReadAtText(variable.read_at)));
    }
  }
  all += TroffItem(TroffBold("COLUMNS"), "Width of help, unless the terminal is narrower.");
  all += TroffItem(
      TroffBold("NO_COLOR"),
      "Any value switches off colours, which only terminals get. So does \\fBCLICOLOR\\fR set "
      "to 0, or \\fBTERM\\fR to dumb.");
  if (!command.path.empty()) {
    all +=
        ".PP\nThe variables that the library honours, which are named in\n.BR alkaid (1),\n"
        "are honoured here too.\n";
  }
  return all;
}

std::string SeeAlsoSection(const CommandDescription& command, const CommandDescription& root) {
  std::vector<std::string> pages;
  const std::string parent = command.path.substr(0, command.path.find(' '));
  for (const CommandDescription* other : AllCommands(root)) {
    const bool near = other->path.empty() || command.path.empty() || other->path == parent ||
                      other->path.substr(0, other->path.find(' ')) == parent;
    if (near && other->path != command.path) pages.push_back(ManPageName(*other));
  }
  std::sort(pages.begin(), pages.end());
  std::string all = TroffSection("SEE ALSO");
  for (size_t i = 0; i < pages.size(); ++i) {
    all += TroffReference(pages[i]) + (i + 1 < pages.size() ? ",\n" : "\n");
  }
  return all;
}

}  // namespace

std::string ManPageName(const CommandDescription& command) {
  std::string name = command.FullName();
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string ManPage(const CommandDescription& command, const CommandDescription& root,
                    const std::string& date) {
  const std::string name = ManPageName(command);
  std::string title = name;
  std::transform(title.begin(), title.end(), title.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string page = ".\\\" Made by alkaid from its own descriptions; do not edit.\n";
  page += ".TH " + title + " 1 " + date + " \"alkaid " + Version() + "\" \"User Commands\"\n";
  // No hyphenation, so that names can be searched for and typed.
  page += ".nh\n.ad l\n";
  page += TroffSection("NAME") + TroffText(name) + " \\- " +
          TroffText(WithSmallInitial(command.Brief())) + "\n";
  page += TroffSection("SYNOPSIS") + TroffUsage(command.Usage()) + "\n";
  page += TroffSection("DESCRIPTION") + TroffProse(command.summary) + "\n";
  for (const auto& [heading, text] :
       {std::pair("Reads:", command.details.reads), std::pair("Prints:", command.details.prints)}) {
    if (!text.empty()) page += TroffItem(TroffBold(heading), TroffProse(text));
  }
  page += TroffParagraphs(command.text);
  if (!command.commands.empty()) {
    page += TroffSection("COMMANDS");
    for (const CommandDescription* leaf : Leaves(command)) {
      page += TroffItem(TroffBold(leaf->FullName()), TroffProse(leaf->Brief() + "."));
    }
  }
  page += TroffSection("OPTIONS");
  for (const OptionDescription& argument : command.arguments) page += TroffOption(argument);
  for (const OptionDescription& option : command.options) page += TroffOption(option);
  page += TroffSection("EXIT STATUS");
  for (const auto& [code, meaning] : command.details.exit_codes) {
    page += TroffItem(TroffBold(code), TroffProse(meaning));
  }
  page += EnvironmentSection(command);
  if (!command.details.examples.empty()) {
    page += TroffSection("EXAMPLES");
    for (const auto& [line, meaning] : command.details.examples) {
      page += TroffItem(TroffBold(line), TroffProse(meaning));
    }
  }
  return page + SeeAlsoSection(command, root);
}

std::string ManPageDate() {
  std::time_t now = std::time(nullptr);
  const char* const epoch = std::getenv("SOURCE_DATE_EPOCH");
  if (epoch != nullptr) {
    const std::string_view text = epoch;
    long long stated = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped_at, error] = std::from_chars(text.data(), end, stated);
    if (error == std::errc() && stopped_at == end) now = static_cast<std::time_t>(stated);
  }
  struct tm parts = {};
  std::array<char, 32> text = {};
  if (::gmtime_r(&now, &parts) == nullptr) return "";
  return std::string(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts));
}

}  // namespace alkaid::tools
