#include <string>
#include <vector>

#include "tools/support/words.h"
#include "tools/usage/completion.h"

namespace alkaid::tools {
namespace {

using Value = OptionDescription::Value;

// A value as the functions below describe it: its words, and the kind of other values it may have.
std::string BashTaken(const OptionDescription& option) {
  std::string kind;
  switch (option.value) {
    case Value::kFile:
      kind = "@file";
      break;
    case Value::kFolder:
      kind = "@folder";
      break;
    case Value::kCommand:
      kind = "@command";
      break;
    case Value::kOwnCommand:  // help, whose words the function completes itself
    case Value::kAny:
    case Value::kNone:
      break;
  }
  std::string text = JoinedWords(option.choices, " ");
  if (!kind.empty()) text += (text.empty() ? "" : " ") + kind;
  return text.empty() ? "@any" : text;
}

std::string BashCase(const std::string& pattern, const std::string& words) {
  return "    " + pattern + ") REPLY='" + words + "' ;;\n";
}

std::string BashFunction(const std::string& name, const std::string& subject,
                         const std::string& cases) {
  return name + "() {\n  REPLY=\n  case " + subject + " in\n" + cases + "  esac\n}\n";
}

constexpr char kBashFunction[] = R"(_alkaid() {
  local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local path= option= after_equals= last= helping= word REPLY i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --)
        if declare -F _command_offset >/dev/null; then
          _command_offset $((i + 1))
        elif ((COMP_CWORD == i + 1)); then
          mapfile -t COMPREPLY < <(compgen -c -- "$cur")
        fi
        return
        ;;
      -*) last=$word ;;
      =) ;;
      *)
        _alkaid_commands "$path"
        if [[ $word == help && -n $REPLY ]]; then
          helping=1
        elif [[ " $REPLY " == *" $word "* ]]; then
          path=${path:+$path }$word
        fi
        ;;
    esac
  done

  # Bash divides --option=value at the =, unless COMP_WORDBREAKS lacks it.
  local prefix=
  if [[ $cur == '=' && $before == -* ]]; then
    option=$before after_equals=1 cur=
  elif [[ $before == '=' ]] && ((COMP_CWORD > 2)); then
    option=${COMP_WORDS[COMP_CWORD-2]} after_equals=1
  elif [[ $cur == --*=* ]]; then
    option=${cur%%=*} after_equals=1 prefix=${cur%%=*}= cur=${cur#*=}
  elif [[ $cur != -* ]]; then
    option=$before
  fi
  REPLY=
  [[ $option == -* ]] && _alkaid_value "$path $option${after_equals:+=}"
  if [[ -z $REPLY && $cur == -* ]]; then
    _alkaid_options "$path"
  elif [[ -z $REPLY ]]; then
    _alkaid_commands "$path"
    [[ -n $helping ]] && REPLY=${REPLY:-@any}
    [[ -z $REPLY ]] && _alkaid_argument "$path"
    # An option that goes on with the words after it.
    [[ -z $REPLY && -n $last ]] && _alkaid_value "$path $last"
    [[ -z $REPLY ]] && REPLY=@any
  fi

  local words=
  for word in $REPLY; do
    case $word in
      @file) [[ $cur == -* ]] || return ;;
      @folder) mapfile -t COMPREPLY < <(compgen -d -P "$prefix" -- "$cur") && compopt -o filenames 2>/dev/null ;;
      @*) ;;
      *) words="${words:+$words }$word" ;;
    esac
  done
  local list=
  [[ $cur == *,* ]] && list=${cur%,*},
  ((${#COMPREPLY[@]})) || mapfile -t COMPREPLY < <(compgen -P "$prefix$list" -W "$words" -- "${cur#"$list"}")
  # No names of files where none are taken.
  ((${#COMPREPLY[@]})) || compopt +o default 2>/dev/null
}
complete -o default -F _alkaid alkaid
)";

}  // namespace

std::string BashCompletion(const CommandDescription& root) {
  std::string commands;
  std::string options;
  std::string values;
  std::string arguments;
  for (const CommandDescription* command : AllCommands(root)) {
    const std::string path = "'" + command->path + "'";
    std::vector<std::string> below;
    for (const CommandDescription& one : command->commands) below.push_back(one.name);
    if (!below.empty()) commands += BashCase(path, JoinedWords(below, " "));
    std::vector<std::string> names;
    for (const OptionDescription& option : command->options) {
      std::string patterns;
      for (const std::string& name : option.names) {
        names.push_back(name);
        // An optional value is given only after =.
        const std::string key = command->path + " " + name;
        if (option.value == Value::kNone) continue;
        patterns += (patterns.empty() ? "'" : "|'") + key + "='";
        if (!option.value_is_optional) patterns += "|'" + key + "'";
      }
      if (!patterns.empty()) values += BashCase(patterns, BashTaken(option));
    }
    options += BashCase(path, JoinedWords(names, " "));
    if (!command->arguments.empty())
      arguments += BashCase(path, BashTaken(command->arguments.front()));
  }
  return "# Completion of alkaid for bash, made by `alkaid completion bash`.\n" +
         BashFunction("_alkaid_commands", "$1", commands) +
         BashFunction("_alkaid_options", "$1", options) +
         BashFunction("_alkaid_value", "$1", values) +
         BashFunction("_alkaid_argument", "$1", arguments) + kBashFunction;
}

}  // namespace alkaid::tools
