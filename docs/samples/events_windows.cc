// Cuts a run into windows, sends each as one message, and builds events where it arrives.
#include <alkaid/core/memory.h>
#include <alkaid/events/event_builder.h>
#include <alkaid/events/smd_reader.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

using alkaid::Buffer;
using alkaid::Status;
using alkaid::dgram::Configuration;
using alkaid::dgram::Timestamp;
using alkaid::events::Event;
using alkaid::events::EventBatches;
using alkaid::events::EventBuilder;
using alkaid::events::EventBuilderOptions;
using alkaid::events::OneWindow;
using alkaid::events::SmdReader;
using alkaid::events::SmdReaderOptions;
using alkaid::events::SmdWindow;
using alkaid::events::Unpack;

const std::vector<std::string> kSmallData = {"pulse.smd.xtc2", "image.smd.xtc2"};

// What a node does with a message.
Status BuildEvents(const std::shared_ptr<Buffer>& message,
                   const std::vector<std::shared_ptr<const Configuration>>& configurations) {
  ALKAID_ASSIGN_OR_RAISE(const SmdWindow window,
                         Unpack(message, configurations, "from the reader"));
  EventBuilderOptions options;
  options.destination = [](const Timestamp& timestamp) {
    return static_cast<int>(timestamp.nanoseconds() % 2);
  };
  ALKAID_ASSIGN_OR_RAISE(auto builder, EventBuilder::Make(OneWindow(window.streams), options));
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const EventBatches built, builder->Next());
    if (built.done()) return absl::OkStatus();
    for (const auto& [destination, batch] : built.destinations) {
      std::cout << "  for " << destination << ":";
      for (const Event& event : batch) {
        std::cout << " " << event.timestamp().seconds() << "." << event.timestamp().nanoseconds();
      }
      std::cout << "\n";
    }
  }
}

Status Run() {
  SmdReaderOptions options;
  options.batch_size = 4;
  ALKAID_ASSIGN_OR_RAISE(auto reader, SmdReader::Open(kSmallData, options));
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const SmdWindow window, reader->Next());
    if (window.empty()) return absl::OkStatus();
    ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> message, Pack(window));
    std::cout << window.size() << " datagrams in a message of " << message->size() << " bytes\n";
    ALKAID_RETURN_NOT_OK(BuildEvents(message, window.configurations));
  }
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
