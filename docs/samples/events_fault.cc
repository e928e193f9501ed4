// What two files in the wrong order give: the record of one stream does not fit the other's data.
#include <alkaid/events/big_data_reader.h>
#include <alkaid/events/smd_reader.h>

#include <iostream>
#include <string>
#include <vector>

using alkaid::Result;
using alkaid::Status;
using alkaid::events::BigDataEvent;
using alkaid::events::BigDataReader;
using alkaid::events::EventBuilder;
using alkaid::events::SmdReader;

const std::vector<std::string> kSmallData = {"pulse.smd.xtc2", "image.smd.xtc2"};
const std::vector<std::string> kBigData = {"image.xtc2", "pulse.xtc2"};

Status Run() {
  ALKAID_ASSIGN_OR_RAISE(auto small_data, SmdReader::Open(kSmallData));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<EventBuilder> builder,
                         EventBuilder::Make(std::move(small_data)));
  ALKAID_ASSIGN_OR_RAISE(auto reader, BigDataReader::Open(kBigData, std::move(builder)));
  BigDataEvent event;
  while (true) {
    const Result<bool> more = reader->Next(&event);
    if (!more.ok()) std::cout << more.status().ToString() << "\n";
    if (!more.ok() || !*more) return absl::OkStatus();
    std::cout << TransitionName(event.service()) << "\n";
  }
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
