#include "tools/usage/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/printable_text.h"
#include "alkaid/base/similar_word.h"
#include "tools/support/exit_code.h"
#include "tools/support/option_values.h"
#include "tools/usage/command_description.h"
#include "tools/usage/help_text.h"

namespace alkaid::tools {
namespace {

std::string PathOf(const CLI::App& command) {
  if (command.get_parent() == nullptr) return "";
  const std::string above = PathOf(*command.get_parent());
  return above.empty() ? command.get_name() : above + " " + command.get_name();
}

std::string FullNameOf(const CLI::App& command) {
  const std::string path = PathOf(command);
  return path.empty() ? "alkaid" : "alkaid " + path;
}

CLI::App& RootOf(CLI::App& command) {
  return command.get_parent() == nullptr ? command : RootOf(*command.get_parent());
}

std::vector<CLI::App*> CommandsBelow(CLI::App& command) {
  return command.get_subcommands([](CLI::App*) { return true; });
}

// The direct subcommand with this name; null for none.
CLI::App* FindBelow(CLI::App& command, std::string_view name) {
  for (CLI::App* const below : CommandsBelow(command)) {
    if (below->get_name() == name) return below;
  }
  return nullptr;
}

void PrintHelp(CLI::App& command, int fd) {
  const CommandDescription root = DescribeCommands(RootOf(command));
  std::FILE* const file = fd == STDOUT_FILENO ? stdout : stderr;
  for (const CommandDescription* one : AllCommands(root)) {
    if (one->path != PathOf(command)) continue;
    std::fputs(HelpTextFor(*one, fd).c_str(), file);
    return;
  }
  // A hidden command has no help.
  std::fputs(command.help().c_str(), file);
}

int FailUsage(const CLI::App& command, const std::string& message) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s %s\nSee '%s --help'.\n", ErrorPrefix(FullNameOf(command) + ":").c_str(),
               internal::Printable(message).c_str(), FullNameOf(command).c_str());
  return kExitFailure;
}

int FailUnknownCommand(CLI::App& command, const std::string& typed) {
  std::vector<std::string> names;
  std::string list;
  for (const CLI::App* const below : CommandsBelow(command)) {
    if (below->get_group().empty()) continue;
    names.push_back(below->get_name());
    list += (list.empty() ? "" : ", ") + names.back();
  }
  if (names.empty()) return FailUsage(command, "'" + typed + "' was not expected");
  const std::string meant = internal::DidYouMean(typed, names);
  return FailUsage(command, "'" + typed + "' is not a command" +
                                (meant.empty() ? "; there are " + list : meant));
}

// Handles `help NAME...`, starting at `command`.
int HelpFor(CLI::App& command, const std::vector<std::string>& names) {
  CLI::App* at = &command;
  for (const std::string& name : names) {
    CLI::App* const below = FindBelow(*at, name);
    if (below == nullptr) return FailUnknownCommand(*at, name);
    at = below;
  }
  PrintHelp(*at, STDOUT_FILENO);
  return kExitOk;
}

// Handles what needs no parser: help, and a missing or unknown command.
std::optional<int> AnswerWithoutParsing(CLI::App& app, const std::vector<std::string>& words) {
  CLI::App* at = &app;
  bool any_option = false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].starts_with('-')) {
      any_option = true;
      continue;
    }
    const std::vector<std::string> rest(words.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                        words.end());
    const bool options_follow = std::any_of(rest.begin(), rest.end(),
                                            [](const auto& word) { return word.starts_with('-'); });
    if (words[i] == "help" && !options_follow) return HelpFor(*at, rest);
    CLI::App* const below = FindBelow(*at, words[i]);
    if (below == nullptr) return FailUnknownCommand(*at, words[i]);
    at = below;
    if (CommandsBelow(*at).empty()) return std::nullopt;
  }
  if (any_option) return std::nullopt;
  PrintHelp(*at, STDERR_FILENO);
  return kExitFailure;
}

// The command that the words lead to.
CLI::App& CalledCommand(CLI::App& app, const std::vector<std::string>& words) {
  CLI::App* at = &app;
  for (const std::string& word : words) {
    if (word.starts_with('-')) continue;
    CLI::App* const below = FindBelow(*at, word);
    if (below == nullptr) break;
    at = below;
  }
  return *at;
}

std::string NameIn(const std::string& word) { return word.substr(0, word.find('=')); }

// An unknown option explains why something else is missing, and so is reported first.
std::optional<std::string> UnknownOption(const CLI::App& command) {
  for (const std::string& word : command.remaining()) {
    if (word == "--") return std::nullopt;
    if (!word.starts_with('-') || command.get_option_no_throw(NameIn(word)) != nullptr) continue;
    std::vector<std::string> names;
    for (const CLI::Option* const option : command.get_options()) {
      if (option->get_group().empty()) continue;
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return NameIn(word) + " is not an option of this command" +
           internal::DidYouMean(NameIn(word), names);
  }
  return std::nullopt;
}

bool WasTyped(const std::vector<std::string>& words, const std::string& name) {
  return std::any_of(words.begin(), words.end(),
                     [&name](const std::string& word) { return NameIn(word) == name; });
}

// `message` begins with an option's first name; another of its names may have been typed.
std::string WithTypedName(const CLI::App& command, const std::vector<std::string>& words,
                          const std::string& message) {
  const std::string name = message.substr(0, message.find_first_of(": "));
  const CLI::Option* const option = command.get_option_no_throw(name);
  if (option == nullptr || WasTyped(words, name)) return message;
  for (const std::string& other : option->get_lnames()) {
    if (WasTyped(words, "--" + other)) return "--" + other + message.substr(name.size());
  }
  return message;
}

std::string MessageOf(const CLI::App& command, const CLI::ParseError& error) {
  const std::string what = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    std::string list;
    for (const std::string& word : command.remaining()) {
      list += (list.empty() ? "'" : ", '") + word + "'";
    }
    return list + " was not expected";
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string name = what.substr(0, what.find(':'));
    if (what.find("At Most") == std::string::npos) return name + ": a value is missing";
  }
  constexpr std::string_view kNotConverted = "Could not convert: ";
  const size_t equals = what.find(" = ");
  if (what.starts_with(kNotConverted) && equals != std::string::npos) {
    const std::string name = what.substr(kNotConverted.size(), equals - kNotConverted.size());
    const CLI::Option* const option = command.get_option_no_throw(name);
    if (option != nullptr && option->get_items_expected_max() == 0) return name + " takes no value";
    return name + ": " + what.substr(equals + 3) + " is not a number, or is too large";
  }
  return what;
}

int FailParsing(CLI::App& app, const std::vector<std::string>& words,
                const CLI::ParseError& error) {
  CLI::App& command = CalledCommand(app, words);
  if (dynamic_cast<const CLI::CallForVersion*>(&error) != nullptr) {
    std::printf("%s\n", error.what());
    return kExitOk;
  }
  if (error.get_exit_code() == 0) {
    PrintHelp(command, STDOUT_FILENO);
    return kExitOk;
  }
  const std::optional<std::string> unknown = UnknownOption(command);
  return FailUsage(command,
                   unknown ? *unknown : WithTypedName(command, words, MessageOf(command, error)));
}

}  // namespace

int RunCommandOf(CLI::App& app, int argument_count, const char* const* arguments,
                 const int* exit_code) {
  const std::vector<std::string> words(arguments + std::min(argument_count, 1),
                                       arguments + argument_count);
  const std::optional<int> answer = AnswerWithoutParsing(app, words);
  if (answer) return *answer;
  try {
    app.parse(SeparateOptionValues(app, argument_count, arguments));
  } catch (const CLI::ParseError& error) {
    return FailParsing(app, words, error);
  }
  return *exit_code;
}

}  // namespace alkaid::tools
