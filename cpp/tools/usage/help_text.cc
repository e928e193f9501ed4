#include "tools/usage/help_text.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/support/display_width.h"
#include "tools/support/terminal.h"
#include "tools/usage/wrapped_text.h"

namespace alkaid::tools {
namespace {

using HelpItem = std::pair<std::string, std::string>;

// The longest head up to this width sets the column of the texts.
constexpr size_t kWidestHead = 22;

std::string HelpItems(const std::vector<HelpItem>& items, size_t columns) {
  size_t widest = 0;
  for (const auto& [head, text] : items) {
    const size_t width = DisplayWidth(head);
    if (width <= kWidestHead) widest = std::max(widest, width);
  }
  std::string all;
  for (const auto& [head, text] : items) {
    all += HangingText(head, text, (widest == 0 ? 6 : widest) + 4, columns);
  }
  return all;
}

// The part for options and arguments.
std::string OptionsHelp(const std::vector<OptionDescription>& options, size_t columns) {
  std::vector<HelpItem> items;
  items.reserve(options.size());
  for (const OptionDescription& option : options) {
    items.emplace_back(HeadingOf(option), MeaningOf(option));
  }
  return HelpItems(items, columns);
}

std::string CommandsHelp(const CommandDescription& command, size_t columns, HeadingStyle style) {
  // Subcommands under their headings, in the order in which these appear.
  std::vector<std::pair<std::string, std::vector<HelpItem>>> groups;
  for (const CommandDescription& below : command.commands) {
    const std::string& heading = command.path.empty() ? below.group : "Commands";
    const auto is_it = [&heading](const auto& group) { return group.first == heading; };
    auto group = std::find_if(groups.begin(), groups.end(), is_it);
    if (group == groups.end()) group = groups.insert(groups.end(), {heading, {}});
    for (const CommandDescription* leaf : Leaves(below)) {
      const bool whole = command.path.empty();
      group->second.emplace_back(whole ? leaf->path : leaf->name, leaf->Brief());
    }
  }
  std::string all;
  for (const auto& [heading, items] : groups) {
    all += "\n" + style(heading + ":") + "\n" + HelpItems(items, columns);
  }
  return all;
}

std::string HelpProse(const std::string& heading, const std::string& text, size_t columns,
                      HeadingStyle style) {
  if (text.empty()) return "";
  constexpr size_t kIndent = 8;
  const std::string all = HangingText("", text, kIndent, columns);
  // The heading replaces the indent.
  return style(heading) + all.substr(std::min(heading.size(), kIndent));
}

// A line that is too long is continued in a shell's way.
std::string ExampleLine(const std::string& line, size_t columns) {
  constexpr std::string_view kContinued = " \\\n      ";
  std::string all;
  for (const std::string& part : WrappedLines(line, columns - 8)) {
    all.append(all.empty() ? "  " : kContinued).append(part);
  }
  return all + "\n";
}

std::string HeadingOnStdout(const std::string& text) {
  return Emphasized(text, Emphasis::kBold, STDOUT_FILENO);
}
std::string HeadingOnStderr(const std::string& text) {
  return Emphasized(text, Emphasis::kBold, STDERR_FILENO);
}

}  // namespace

std::string PlainHeading(const std::string& heading) { return heading; }

std::string HelpText(const CommandDescription& command, size_t columns, HeadingStyle style) {
  std::string all = WrappedText(command.summary, columns) + "\n";
  all += HelpProse("Usage:", command.Usage(), columns, style);
  all += HelpProse("Reads:", command.details.reads, columns, style);
  all += HelpProse("Prints:", command.details.prints, columns, style);
  all += CommandsHelp(command, columns, style);
  if (!command.arguments.empty()) {
    all += "\n" + style("Arguments:") + "\n" + OptionsHelp(command.arguments, columns);
  }
  if (!command.options.empty()) {
    all += "\n" + style("Options:") + "\n" + OptionsHelp(command.options, columns);
  }
  if (!command.text.empty()) all += "\n" + WrappedText(command.text, columns);
  if (!command.details.examples.empty()) {
    all += "\n" + style(command.details.examples.size() > 1 ? "Examples:" : "Example:") + "\n";
    for (const auto& [line, meaning] : command.details.examples) {
      all += ExampleLine(line, columns);
      if (!meaning.empty()) all += HangingText("", meaning, 6, columns);
    }
  }
  if (command.commands.empty()) {
    all += "\n" + style("Exit codes:") + "\n" + HelpItems(command.details.exit_codes, columns);
  } else {
    all += "\n" + WrappedText("See '" + command.FullName() +
                                  " COMMAND --help' for a command, and '" + "alkaid help' for all.",
                              columns);
  }
  return all;
}

std::string HelpTextFor(const CommandDescription& command, int fd) {
  return HelpText(command, ProseColumns(fd),
                  fd == STDERR_FILENO ? HeadingOnStderr : HeadingOnStdout);
}

}  // namespace alkaid::tools
