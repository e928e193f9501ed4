// The command as it describes itself: what its help, its man pages and its completion say.
//
// One walk over the parser's tree makes the description; nothing is said of the command anywhere
// else. Each command adds to what the parser holds what it reads and prints, an example, and what
// its exit codes mean.
//
// Ownership: values, but the details live as long as their CLI::App. Threads: one. Out of memory:
// throws std::bad_alloc.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace alkaid::tools {

// Code and meaning, in the order in which they are listed.
using ExitCodes = std::vector<std::pair<std::string, std::string>>;

// What the parser has no place for.
struct CommandDetails {
  std::string reads = {};   // "" where it reads nothing
  std::string prints = {};  // what stands on stdout
  // Command lines, and what each does; "" where that is plain.
  std::vector<std::pair<std::string, std::string>> examples = {};
  ExitCodes exit_codes = {};  // none: 0 and 1
};

// Of commands that read data, and of those that make files; and what is to be said of the latter.
ExitCodes ExitCodesOfReaders();
ExitCodes ExitCodesOfMakers();
inline constexpr char kMakerFooter[] =
    "What is not written whole does not appear: a file that had the name stays as it was, and no\n"
    "temporary one is left, unless a second signal ends the command at once.";

// The details of `command`, which replace what it had. `command`'s footer is the rest of its prose
// (wrapped_text.h).
void SetDetails(CLI::App* command, CommandDetails details);

struct OptionDescription {
  enum class Value {
    kNone,       // a flag
    kAny,        // a number, or a text that nothing completes
    kFile,       // the name of a file
    kFolder,     // of a folder
    kCommand,    // a command and its arguments
    kOwnCommand  // one of this command's own, and those below it
  };
  std::vector<std::string> names;  // "-o", "--output"; of an argument "FILE"
  std::string value_name;          // "BYTES"; of a choice its words, with | between
  Value value = Value::kNone;
  std::vector<std::string> choices;  // words that it takes, beside what `value` says
  bool value_is_optional = false;    // then it stands after = alone
  std::string meaning;
  std::string limit;          // "from 1 to 999"
  std::string default_value;  // "" for none
  bool required = false;
  bool repeated = false;  // takes several values
  std::vector<std::string> needs;
  std::vector<std::string> excludes;
};

struct CommandDescription {
  std::string name;     // "show"
  std::string path;     // "heap show"; "" of the command itself
  std::string summary;  // a sentence or two
  std::string group;    // the heading under which it is listed
  std::string text;
  CommandDetails details;
  std::vector<OptionDescription> arguments;
  std::vector<OptionDescription> options;
  std::vector<CommandDescription> commands;  // those below, but for hidden ones

  // "alkaid heap show".
  std::string FullName() const { return path.empty() ? "alkaid" : "alkaid " + path; }
  // "alkaid heap show [OPTION]... FILE".
  std::string Usage() const;
  // The summary's first sentence or clause, without a full stop.
  std::string Brief() const;
};

CommandDescription DescribeCommands(CLI::App& app);

// "-o, --output FILE"; "FILE..." of an argument that may be given several times.
std::string HeadingOf(const OptionDescription& option);

// What it means, and what there is to know of its value.
std::string MeaningOf(const OptionDescription& option);

// The commands below `root` that have none below them, in order.
std::vector<const CommandDescription*> Leaves(const CommandDescription& root);

// `root` and every command below it, in order.
std::vector<const CommandDescription*> AllCommands(const CommandDescription& root);

}  // namespace alkaid::tools
