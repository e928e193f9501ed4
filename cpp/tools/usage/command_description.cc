#include "tools/usage/command_description.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>
#include <set>

#include "tools/support/option_limits.h"
#include "tools/support/words.h"

namespace alkaid::tools {
namespace {

using Value = OptionDescription::Value;

// Each command has its own formatter, which carries what the parser cannot hold.
class DetailedFormatter : public CLI::Formatter {
 public:
  explicit DetailedFormatter(CommandDetails details) : details_(std::move(details)) {}
  const CommandDetails& details() const { return details_; }

 private:
  CommandDetails details_;
};

CommandDetails DetailsOf(const CLI::App& command) {
  const auto formatter = std::dynamic_pointer_cast<DetailedFormatter>(command.get_formatter());
  CommandDetails details = formatter == nullptr ? CommandDetails() : formatter->details();
  if (details.exit_codes.empty()) {
    details.exit_codes = {{"0", "done"}, {"1", "wrong usage, or something else failed"}};
  }
  return details;
}

// Placeholders are written in capitals.
bool IsPlaceholder(const std::string& word) {
  return std::isupper(static_cast<unsigned char>(word.front())) != 0;
}

bool IsPlainFlag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

// The parser appends the validators' text to the name of the value.
std::string ValueNameOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::string name = type.substr(0, type.find(':'));
  return name == "INT" || name == "UINT" || name == "FLOAT" ? "N" : name;
}

OptionDescription::Value ValueKindOf(const std::string& value_name) {
  Value kind = Value::kAny;
  for (const std::string& word : WordsOf(value_name, kChoiceSeparator)) {
    if (word.starts_with("FILE")) kind = Value::kFile;
    if (word == "FOLDER") kind = Value::kFolder;
  }
  return kind;
}

std::vector<std::string> NamesOf(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  if (names.empty()) names.push_back(option.get_name(true));
  return names;
}

std::vector<std::string> NamesOf(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(NamesOf(*option).back());
  return names;
}

void AddLimits(CLI::Option& option, OptionDescription* description) {
  const auto limit_of = [&option](const char* name) -> std::string {
    try {
      return option.get_validator(name)->get_description();
    } catch (const CLI::OptionNotFound&) {
      return "";
    }
  };
  description->limit = limit_of(kLimitName);
  const std::string choices = limit_of(kChoiceName);
  if (!choices.empty()) description->value_name = choices;
  for (const std::string& word : WordsOf(description->value_name, kChoiceSeparator)) {
    if (!IsPlaceholder(word)) description->choices.push_back(word);
  }
}

OptionDescription DescribeOption(CLI::Option& option) {
  OptionDescription description;
  description.names = NamesOf(option);
  description.meaning = option.get_description();
  std::replace(description.meaning.begin(), description.meaning.end(), '\n', ' ');
  description.required = option.get_required();
  description.repeated = option.get_items_expected_max() > 1;
  description.default_value = option.get_default_str();
  description.needs = NamesOf(option.get_needs());
  description.excludes = NamesOf(option.get_excludes());
  if (!option.nonpositional()) {
    const std::string& name = description.names.front();
    AddLimits(option, &description);
    description.value = !description.choices.empty() ? Value::kAny
                        : name == "COMMAND"          ? Value::kCommand
                        : name == "SUBCOMMAND"       ? Value::kOwnCommand
                        : name == "FOLDER"           ? Value::kFolder
                                                     : Value::kFile;
    return description;
  }
  description.value_name = ValueNameOf(option);
  if (IsPlainFlag(option)) {
    description.value_is_optional = !description.value_name.empty();
    if (description.value_is_optional) description.value = Value::kAny;
    return description;
  }
  AddLimits(option, &description);
  description.value = ValueKindOf(description.value_name);
  return description;
}

CommandDescription DescribeBelow(CLI::App& app, const std::string& path) {
  CommandDescription description;
  description.name = app.get_name();
  description.path = path;
  description.summary = app.get_description();
  description.group = app.get_group();
  description.text = app.get_footer();
  description.details = DetailsOf(app);
  for (CLI::Option* const option : app.get_options()) {
    if (option->get_group().empty()) continue;
    auto& list = option->nonpositional() ? description.options : description.arguments;
    list.push_back(DescribeOption(*option));
  }
  // Options that every command has come last.
  std::stable_partition(
      description.options.begin(), description.options.end(), [](const OptionDescription& option) {
        return option.names.back() != "--help" && option.names.back() != "--version";
      });
  for (CLI::App* const below : app.get_subcommands([](CLI::App*) { return true; })) {
    if (below->get_group().empty()) continue;
    const std::string name = below->get_name();
    description.commands.push_back(DescribeBelow(*below, path.empty() ? name : path + " " + name));
  }
  return description;
}

void CollectCommands(const CommandDescription& root, bool leaves_alone,
                     std::vector<const CommandDescription*>* all) {
  if (!leaves_alone || root.commands.empty()) all->push_back(&root);
  for (const CommandDescription& below : root.commands) CollectCommands(below, leaves_alone, all);
}

}  // namespace

ExitCodes ExitCodesOfReaders() {
  return {{"0", "done"},
          {"1", "wrong usage, or a file that cannot be read"},
          {"2", "malformed data; what precedes it is printed"}};
}

ExitCodes ExitCodesOfMakers() {
  return {{"0", "the output is complete"},
          {"1", "wrong usage, or a file that cannot be read or written"},
          {"2", "malformed data"},
          {"128+N", "a signal with number N: 129 for HUP, 130 for INT, 143 for TERM"}};
}

void SetDetails(CLI::App* command, CommandDetails details) {
  command->formatter(std::make_shared<DetailedFormatter>(std::move(details)));
}

CommandDescription DescribeCommands(CLI::App& app) { return DescribeBelow(app, ""); }

std::string CommandDescription::Usage() const {
  std::string usage = FullName();
  if (!commands.empty()) return usage + " COMMAND [OPTION]... [ARGUMENT]...";
  usage += " [OPTION]...";
  for (const OptionDescription& option : options) {
    if (option.required) {
      usage += " " + option.names.back();
      if (option.value != OptionDescription::Value::kNone && !option.value_is_optional) {
        usage += " " + option.value_name + (option.repeated ? "..." : "");
      }
    }
  }
  for (const OptionDescription& argument : arguments) {
    const bool command = argument.value == OptionDescription::Value::kCommand;
    const std::string form = command ? "-- COMMAND [ARGUMENT]..."
                                     : argument.names.front() + (argument.repeated ? "..." : "");
    usage += argument.required ? " " + form : " [" + form + "]";
  }
  return usage;
}

std::string CommandDescription::Brief() const {
  for (size_t i = 0; i < summary.size(); ++i) {
    const bool ends = i + 1 == summary.size() || summary[i + 1] == ' ';
    if (ends && (summary[i] == '.' || summary[i] == ':')) return summary.substr(0, i);
  }
  return summary;
}

std::string HeadingOf(const OptionDescription& option) {
  std::string heading = JoinedWords(option.names, ", ");
  const bool argument = !option.names.front().starts_with('-');
  if (argument) return heading + (option.repeated ? "..." : "");
  if (option.value == Value::kNone) return heading;
  if (option.value_is_optional) return heading + "[=" + option.value_name + "]";
  return heading + " " + option.value_name + (option.repeated ? "..." : "");
}

std::string MeaningOf(const OptionDescription& option) {
  std::vector<std::string> facts;
  if (option.names.front().front() != '-' && !option.choices.empty()) {
    facts.push_back(JoinedWords(option.choices, ", "));
  }
  if (!option.limit.empty()) {
    // "of 1 or more" and "from 1 to 9" are taken from the text of an error.
    facts.push_back(option.limit.substr(option.limit.find(' ') + 1));
  }
  if (!option.default_value.empty()) facts.push_back("default " + option.default_value);
  if (!option.needs.empty()) facts.push_back("needs " + JoinedWords(option.needs, ", "));
  if (!option.excludes.empty()) facts.push_back("not with " + JoinedWords(option.excludes, ", "));
  if (option.required && option.names.front().front() == '-') facts.push_back("required");
  std::string text = option.meaning;
  for (size_t i = 0; i < facts.size(); ++i) text += (i == 0 ? " (" : "; ") + facts[i];
  return facts.empty() ? text : text + ")";
}

std::vector<const CommandDescription*> Leaves(const CommandDescription& root) {
  std::vector<const CommandDescription*> leaves;
  CollectCommands(root, /*leaves_alone=*/true, &leaves);
  return leaves;
}

std::vector<const CommandDescription*> AllCommands(const CommandDescription& root) {
  std::vector<const CommandDescription*> all;
  CollectCommands(root, /*leaves_alone=*/false, &all);
  return all;
}

}  // namespace alkaid::tools
