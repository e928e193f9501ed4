// alkaid dgram edit: writes an edited version of a file: data added, data removed, or other
// headers.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/commands.h"
#include "tools/dgram/dgram_json.h"
#include "tools/dgram/file_edit.h"
#include "tools/support/interruption.h"
#include "tools/support/json_report.h"
#include "tools/support/option_limits.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

constexpr char kEditFooter[] =
    "SPEC is a list of parts between commas:\n"
    "  name=NAME,alg=NAME[:VERSION],field=NAME:TYPE[:SHAPE][,field=...]\n"
    "  [,type=TEXT][,id=TEXT][,segment=N][,node=N][,number=N]\n"
    "TYPE is UINT8 ... UINT64, INT8 ... INT64, FLOAT, DOUBLE, CHARSTR, ENUMVAL or ENUMDICT.\n"
    "For example:\n"
    "  name=fex,alg=fex:1.0.0,field=energy:DOUBLE,field=calib:FLOAT:2x3\n"
    "\n"
    "The data are, by --add-data:\n"
    "  count      field i of event n counts up from n + i, both from 0; text says it\n"
    "  zeros      zeros, and empty texts\n"
    "  none       there are none\n"
    "  FILE.json  {\"DETECTOR.ALGORITHM\": {\"FIELD\": VALUE, ...}, ...}, the same in all events;\n"
    "             a VALUE is a number, a text or a list of numbers; what is not named is zero\n"
    "\n"
    "With --config, a file without a Configure that continues an edited one gets the data of the\n"
    "detectors that were added to that one: --config EDITED, and the same --add-detector.\n"
    "\n"
    "Removals come before additions. The file is checked as it is read: a malformed one is\n"
    "refused, unless what is malformed is removed, and leaves no output. A datagram whose damage\n"
    "says corrupted is not parsed: it is kept, and stays corrupted; --set-damage adds its bits.\n"
    "\n";

int Run(const EditOptions& options) {
  EditTotals totals;
  const Status status = EditFile(options, &totals);
  if (options.json) {
    nlohmann::ordered_json members = {{"file", options.source.file},
                                      {"output", options.output},
                                      {"n_dgrams", NumberJson(totals.dgrams)},
                                      {"n_l1_accepts", NumberJson(totals.events)},
                                      {"bytes_out", NumberJson(totals.bytes_out)},
                                      {"n_corrupted", NumberJson(totals.corrupted)},
                                      {"declared_twice", totals.declared_twice}};
    options.source.skips.AddTo(&members);
    JsonReport::Print(members, status);
  }
  return Interruption::Report(status);
}

}  // namespace

void AddDgramEditCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "edit", "Write a file's datagrams with data added, data removed, or other headers.");
  auto options = std::make_shared<EditOptions>();
  options->source.AddOptions(*command);
  command
      ->add_option("-o,--output", options->output,
                   "The file to write; appears only when all is written, and may be FILE")
      ->type_name("FILE")
      ->required();
  command->add_option("--remove", options->removals, "Remove these data; declarations stay")
      ->type_name("DETECTOR.ALGORITHM[.SEGMENT]")
      ->allow_extra_args(false);
  auto* detectors =
      command->add_option("--add-detector", options->detectors, "Add a detector to every Configure")
          ->type_name("SPEC")
          ->allow_extra_args(false);
  command
      ->add_option("--add-data", options->data, "What each L1Accept holds of the detectors added")
      ->needs(detectors)
      ->type_name("count|zeros|none|FILE.json")
      ->capture_default_str();
  command->add_option("--room", options->room, "Bytes that the additions to one datagram may take")
      ->check(Between(int64_t{1}, int64_t{0xffffffff}))
      ->type_name("BYTES")
      ->capture_default_str();
  command
      ->add_option("--set-damage", options->damage,
                   "The damage of every L1Accept, 16 bits; decimal, or hexadecimal after 0x")
      ->type_name("N")
      ->check([](const std::string& text) {
        return text.empty() ? std::string("a number is missing") : std::string();
      });
  command->add_option("--time-offset", options->time_offset, "Added to every timestamp")
      ->type_name("NANOSECONDS");
  command->add_flag("--json", options->json, kJsonHelp);
  command->footer(std::string(kEditFooter) + kMakerFooter);
  SetDetails(command,
             {.reads = "one file of XTC2 datagrams",
              .prints = "what was written: datagrams and bytes; or one JSON object",
              .examples = {{"alkaid dgram edit run.xtc2 -o smaller.xtc2 --remove camera.raw",
                            "Leaves one detector out."}},
              .exit_codes = ExitCodesOfMakers()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
