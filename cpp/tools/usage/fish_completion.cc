#include <string>
#include <string_view>

#include "tools/usage/completion.h"

namespace alkaid::tools {
namespace {

using Value = OptionDescription::Value;

// In single quotes.
std::string FishQuoted(std::string_view text) {
  std::string all = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') all += '\\';
    all += c;
  }
  return all + "'";
}

std::string FishLine(const CommandDescription& command, const std::string& rest) {
  return "complete -c alkaid -n " + FishQuoted("__alkaid_at " + FishQuoted(command.path)) + rest +
         "\n";
}

std::string FishOptionLine(const CommandDescription& command, const OptionDescription& option) {
  std::string text;
  for (const std::string& name : option.names) {
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  std::string words;
  for (const std::string& word : option.choices) words += (words.empty() ? "" : " ") + word;
  if (option.value != Value::kNone && !option.value_is_optional) {
    const bool files = option.value == Value::kFile || option.value == Value::kFolder;
    text += files ? " -r -F" : " -x";
    if (!words.empty()) text += " -a " + FishQuoted(words);
    if (option.value == Value::kFolder) text += " -a '(__fish_complete_directories)'";
  }
  return FishLine(command, text + " -d " + FishQuoted(option.meaning));
}

constexpr char kFishFunctions[] =
    R"(# Whether the words so far lead to the command whose path is given, and no -- stands among them.
function __alkaid_at
    set -l words (commandline -opc)
    set -l path
    for word in $words[2..-1]
        test "$word" = --; and return 1
        string match -q -- '-*' "$word"; and continue
        contains -- (string join ' ' $path "$word") $__alkaid_paths; and set -a path "$word"
    end
    test "$path" = "$argv[1]"
end
# Whether there is a --, after which a command stands.
function __alkaid_after_dashes
    contains -- -- (commandline -opc)
end
)";

}  // namespace

std::string FishCompletion(const CommandDescription& root) {
  std::string paths;
  std::string lines;
  for (const CommandDescription* command : AllCommands(root)) {
    if (!command->path.empty()) paths += " " + FishQuoted(command->path);
    for (const CommandDescription& below : command->commands) {
      lines += FishLine(*command, " -a " + below.name + " -d " + FishQuoted(below.Brief()));
    }
    for (const OptionDescription& option : command->options)
      lines += FishOptionLine(*command, option);
    for (const OptionDescription& argument : command->arguments) {
      std::string words;
      for (const std::string& word : argument.choices) words += (words.empty() ? "" : " ") + word;
      if (!words.empty()) lines += FishLine(*command, " -a " + FishQuoted(words));
      if (argument.value == Value::kFile || argument.value == Value::kFolder) {
        lines += FishLine(*command, " -F");
      }
      if (argument.value == Value::kOwnCommand) {
        lines += FishLine(*command, " -a \"(string split ' ' -- $__alkaid_paths)\"");
      }
    }
  }
  return "# Completion of alkaid for fish, made by `alkaid completion fish`.\nset -g "
         "__alkaid_paths" +
         paths + "\n" + kFishFunctions +
         "complete -c alkaid -f\ncomplete -c alkaid -n __alkaid_after_dashes -F\n" + lines;
}

}  // namespace alkaid::tools
