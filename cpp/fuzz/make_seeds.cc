// make_seeds FOLDER: what the fuzz targets start from, FOLDER/<target>/<number>.
//
// Sound datagrams, made by the writers and byte by byte, and every corruption that is known.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alkaid/dgram/writer.h"
#include "fixtures/crafted_dgrams.h"
#include "fixtures/crafted_heap.h"
#include "fixtures/crafted_streams.h"
#include "fixtures/dgram_corruptions.h"
#include "fixtures/event_corruptions.h"

namespace {

namespace crafted = alkaid::dgram::crafted;
namespace dgram = alkaid::dgram;
namespace events = alkaid::events;
using alkaid::Buffer;
using alkaid::Result;

// A seed that takes long to run slows all that come from it.
constexpr size_t kMostSeedBytes = 20000;

std::string Text(const Buffer& buffer) {
  return std::string(reinterpret_cast<const char*>(buffer.data()),
                     static_cast<size_t>(buffer.size()));
}

// Every type at rank 0 and 1, as DgramWriter makes them.
Result<std::string> EveryType() {
  std::vector<dgram::Field> fields;
  for (int type = 0; type < dgram::kDataTypeCount; ++type) {
    for (int rank = 0; rank < 2; ++rank) {
      dgram::Field field;
      field.type = static_cast<dgram::DataType>(type);
      field.rank = rank;
      if (field.type == dgram::DataType::kCharStr && rank != 1) continue;
      field.name = "f" + std::to_string(type) + std::to_string(rank) + ":colours";
      fields.push_back(field);
    }
  }
  ALKAID_ASSIGN_OR_RAISE(const dgram::Names names,
                         dgram::Names::Make(dgram::NamesId(1, 5), "det", "type", "id", 0,
                                            dgram::Algorithm{"raw", 1}, fields));
  dgram::DgramWriter writer;
  ALKAID_RETURN_NOT_OK(writer.Begin(dgram::TransitionId::kConfigure, dgram::Timestamp(1, 0)));
  ALKAID_RETURN_NOT_OK(writer.Declare(names));
  ALKAID_RETURN_NOT_OK(writer.End());
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> configure, writer.Finish());
  std::string shapes;
  std::string data;
  for (const dgram::Field& field : fields) {
    const uint32_t elements = field.rank == 0 ? 1 : 2;
    if (field.rank > 0) shapes += crafted::Shape({elements});
    data += std::string(elements * static_cast<size_t>(field.element_size()), '\1');
  }
  return Text(*configure) +
         crafted::Dgram(dgram::TransitionId::kL1Accept, crafted::ShapesData(0x105, shapes, data));
}

class Seeds {
 public:
  explicit Seeds(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void Add(const char* target, const std::string& bytes) {
    if (bytes.size() > kMostSeedBytes) return;
    const std::filesystem::path folder = folder_ / target;
    std::filesystem::create_directories(folder);
    std::ofstream file(folder / std::to_string(count_++), std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    failed_ |= !file.flush();
  }
  void AddSource(const std::string& bytes) {
    for (const char* target : {"fuzz_reader", "fuzz_smd", "fuzz_edit"}) Add(target, bytes);
  }
  int count() const { return count_; }
  bool failed() const { return failed_; }

 private:
  const std::filesystem::path folder_;
  int count_ = 0;
  bool failed_ = false;
};

// Small data of several streams, as fuzz_event_builder takes them apart; and batches of events.
void AddStreams(Seeds* seeds) {
  namespace streams = events::crafted;
  using dgram::TransitionId;
  const std::string transitions =
      streams::Dgram(TransitionId::kBeginRun, 1) + streams::Dgram(TransitionId::kEnable, 2);
  const auto stream = [&](const std::vector<uint64_t>& timestamps) {
    std::string bytes = streams::SmdConfigure() + transitions;
    for (const uint64_t timestamp : timestamps) bytes += streams::Smd(timestamp, 0, 24);
    return bytes + streams::Dgram(TransitionId::kEndRun, 99);
  };
  const std::string first = stream({3, 4, 5, 6, 7, 7, 9});
  const std::string second = stream({4, 6, 7, 8});
  const auto length = [](const std::string& bytes) {
    return crafted::Bytes(static_cast<uint16_t>(bytes.size()));
  };
  for (const std::string& how : {std::string("\1\3\7\2\0", 5), std::string("\1\0\xff\1\2", 5),
                                 std::string("\1\2\1\3\x11", 5)}) {
    seeds->Add("fuzz_event_builder", how + length(first) + first + second);
    seeds->Add("fuzz_event_builder", how + length(first) + first + streams::SmdConfigure());
  }
  const auto packed = [](const std::vector<std::string>& packets) {
    std::string block;
    std::vector<uint32_t> footer;
    for (const std::string& packet : packets) {
      block += packet;
      footer.push_back(static_cast<uint32_t>(packet.size()));
    }
    footer.push_back(static_cast<uint32_t>(packets.size()));
    return block + crafted::Bytes(footer);
  };
  const std::string record = streams::Smd(5, 0, 76);
  seeds->Add("fuzz_event_batch", packed({packed({record}), packed({streams::L1(6, "data")})}));
  seeds->Add("fuzz_event_batch", packed({packed({record, record}), packed({"", record})}));
  seeds->Add("fuzz_event_batch", packed({packed({streams::SmdConfigure()}), packed({record})}));
  seeds->Add("fuzz_event_batch", packed({record + streams::Smd(6, 76, 76), record}));
}

void AddHeapFiles(Seeds* seeds) {
  namespace heap = alkaid::heap::crafted;
  seeds->Add("fuzz_heap_file", heap::FileBytes(alkaid::heap::HeapSnapshot()));
  seeds->Add("fuzz_heap_file",
             heap::FileBytes(heap::Snapshot(
                 "seed", {heap::Block(0x1000, 64, 1), heap::Block(0x2000, 355'920, 2, 2, 2),
                          heap::Block(0x90000, 0, 3, 0, 0)})));
  alkaid::heap::HeapContents contents = heap::EmptyContents("categories");
  contents.blocks = {heap::Block(0x1000, 64, 1), heap::Block(0x2000, 50, 2)};
  contents.categories = {"std::string", "Python dict"};
  contents.recognized = {{0, 1}, {1, 0}};
  seeds->Add("fuzz_heap_file",
             heap::FileBytes(alkaid::heap::HeapSnapshot::Make(std::move(contents)).value()));
}

// Libraries of seed_library.cc, after what the fuzz target takes for the build-id of a heap file.
void AddLibraries(Seeds* seeds) {
#ifdef ALKAID_SEED_LIBRARIES
  constexpr std::string_view kBuildId = "alkaid!!";  // as CMakeLists.txt asks for it
  std::istringstream paths(ALKAID_SEED_LIBRARIES);
  for (std::string path; std::getline(paths, path, ':');) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << static_cast<char>(kBuildId.size()) << kBuildId << file.rdbuf();
    seeds->Add("fuzz_symbols", bytes.str());
  }
#else
  (void)seeds;
#endif
}

alkaid::Status Make(Seeds* seeds) {
  seeds->AddSource(crafted::Run(2));
  seeds->AddSource(crafted::Run(1) + crafted::Run(1));
  ALKAID_ASSIGN_OR_RAISE(const std::string types, EveryType());
  seeds->AddSource(types);
  for (const dgram::Corruption& corruption : dgram::Corruptions()) {
    seeds->AddSource(corruption.bytes);
  }
  for (const dgram::Corruption& corruption : events::SmdRecordCorruptions()) {
    seeds->AddSource(corruption.bytes);
  }
  for (const dgram::Corruption& corruption : events::ChunkInfoCorruptions()) {
    seeds->AddSource(corruption.bytes);
  }
  for (const dgram::Corruption& corruption : events::FooterCorruptions()) {
    seeds->Add("fuzz_packet_footer", corruption.bytes);
    seeds->Add("fuzz_event_batch", corruption.bytes);
  }
  AddStreams(seeds);
  AddHeapFiles(seeds);
  AddLibraries(seeds);
  // A batch of two events, of one packet each.
  const std::string event = "data" + crafted::Bytes(std::vector<uint32_t>{4, 1});
  seeds->Add("fuzz_packet_footer",
             event + event + crafted::Bytes(std::vector<uint32_t>{12, 12, 2}));
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 1;
  }
  Seeds seeds(argv[1]);
  const alkaid::Status status = Make(&seeds);
  if (!status.ok() || seeds.failed()) {
    std::fprintf(stderr, "make_seeds: %s\n",
                 status.ok() ? "a file could not be written" : status.ToString().c_str());
    return 1;
  }
  std::printf("%d seeds\n", seeds.count());
  return 0;
}
