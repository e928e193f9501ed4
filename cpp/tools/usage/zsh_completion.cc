#include <algorithm>
#include <string>
#include <string_view>

#include "tools/usage/completion.h"

namespace alkaid::tools {
namespace {

using Value = OptionDescription::Value;

// In single quotes.
std::string ZshQuoted(std::string_view text) {
  std::string all = "'";
  for (const char c : text) all += c == '\'' ? "'\\''" : std::string(1, c);
  return all + "'";
}

// Escapes the characters that _arguments would interpret.
std::string ZshEscaped(std::string_view text) {
  std::string all;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') all += '\\';
    all += c;
  }
  return all;
}

std::string ZshAction(const OptionDescription& option) {
  std::string words;
  for (const std::string& word : option.choices) words += (words.empty() ? "" : " ") + word;
  switch (option.value) {
    case Value::kFile:
      return words.empty() ? "_files" : "{compadd -- " + words + "; _files}";
    case Value::kFolder:
      return "_files -/";
    case Value::kOwnCommand:
      return "_alkaid_any_command";
    default:
      return words.empty() ? " " : "(" + words + ")";
  }
}

// One line for each name: the names of one option exclude each other.
std::string ZshOptionSpecs(const OptionDescription& option) {
  std::string all;
  std::string others;
  for (const std::string& name : option.names) others += (others.empty() ? "" : " ") + name;
  const std::string meaning = "[" + ZshEscaped(option.meaning) + "]";
  for (const std::string& name : option.names) {
    std::string spec = option.repeated ? "*" : "(" + others + ")";
    if (option.names.back() == "--help") spec = "(- *)";
    spec += name;
    if (option.value_is_optional) {
      spec += "=-" + meaning + "::" + ZshEscaped(option.value_name) + ":" + ZshAction(option);
    } else if (option.value != Value::kNone) {
      spec += (name.starts_with("--") ? "=" : "+") + meaning + ":" + ZshEscaped(option.value_name) +
              ":" + ZshAction(option);
    } else {
      spec += meaning;
    }
    all += " \\\n    " + ZshQuoted(spec);
  }
  return all;
}

std::string ZshArgumentSpecs(const CommandDescription& command) {
  std::string all;
  for (const OptionDescription& argument : command.arguments) {
    const std::string name = argument.names.front();
    if (argument.value == Value::kCommand) {
      return all + " \\\n    '(-)1:command:_command_names -e' \\\n    '*::argument:_normal'";
    }
    all += " \\\n    " + ZshQuoted((argument.repeated ? "*:" : ":") + ZshEscaped(name) + ":" +
                                   ZshAction(argument));
  }
  return all;
}

std::string ZshFunctionName(const CommandDescription& command) {
  std::string name = "_alkaid" + (command.path.empty() ? "" : "_" + command.path);
  std::replace(name.begin(), name.end(), ' ', '_');
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string ZshFunction(const CommandDescription& command) {
  std::string specs;
  for (const OptionDescription& option : command.options) specs += ZshOptionSpecs(option);
  std::string all = ZshFunctionName(command) + "() {\n";
  if (command.commands.empty()) {
    return all + "  _arguments -s -S" + specs + ZshArgumentSpecs(command) + "\n}\n";
  }
  all += "  local curcontext=$curcontext state line\n  local -a commands=(\n";
  for (const CommandDescription& below : command.commands) {
    all += "    " + ZshQuoted(ZshEscaped(below.name) + ":" + ZshEscaped(below.Brief())) + "\n";
  }
  all += "  )\n  _arguments -C" + specs +
         " \\\n    '1: :->command' \\\n    '*:: :->below' && return\n  case $state in\n" +
         "    command) _describe -t commands 'command' commands ;;\n    below)\n" +
         "      case $line[1] in\n";
  for (const CommandDescription& below : command.commands) {
    all += "        " + below.name + ") " + ZshFunctionName(below) + " ;;\n";
  }
  return all + "      esac\n      ;;\n  esac\n}\n";
}

}  // namespace

std::string ZshCompletion(const CommandDescription& root) {
  std::string all =
      "#compdef alkaid\n# Completion of alkaid for zsh, made by "
      "`alkaid completion zsh`.\n";
  std::string words;
  for (const CommandDescription* command : AllCommands(root)) {
    all += ZshFunction(*command);
    if (!command->name.empty() && command != &root) words += " " + command->name;
  }
  all += "_alkaid_any_command() { local -a words=(" + words +
         " ); _describe -t commands 'command' words }\n";
  return all +
         "if [ \"$funcstack[1]\" = _alkaid ]; then _alkaid \"$@\"; else compdef _alkaid alkaid; "
         "fi\n";
}

}  // namespace alkaid::tools
