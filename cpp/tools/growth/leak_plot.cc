#include "tools/growth/leak_plot.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tools/growth/growth_json.h"
#include "tools/support/child_process.h"
#include "tools/support/json_report.h"

namespace alkaid::tools {
namespace {

constexpr char kScript[] = "plot_leak_profile.py";
// More points than a picture has columns.
constexpr size_t kMaxPoints = 4000;

// Finds it relative to the folder of this command: installed, or in a build tree.
Result<std::string> FindScript() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* folder : {ALKAID_GROWTH_FOLDER, "../share/alkaid/growth"}) {
    const auto path = self.parent_path() / folder / kScript;
    if (std::filesystem::exists(path, error)) return path.lexically_normal().string();
  }
  return status::KeyError("plot: ", kScript, " does not lie in ", ALKAID_GROWTH_FOLDER,
                          ", seen from ", self.parent_path().string(),
                          "; it comes with the command");
}

class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("alkaid-report", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int fd() const { return fd_; }
  // Writes it, and goes back to the start of the file.
  Status Write(const std::string& text) {
    for (size_t done = 0; fd_ >= 0 && done < text.size();) {
      const ssize_t written = ::write(fd_, text.data() + done, text.size() - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return status::IOError(errno, "plot: passing on the report");
      done += static_cast<size_t>(written);
    }
    if (fd_ < 0 || ::lseek(fd_, 0, SEEK_SET) != 0) {
      return status::IOError(errno, "plot: passing on the report");
    }
    return absl::OkStatus();
  }

 private:
  const int fd_;
};

}  // namespace

Status CheckPlotName(const std::string& path) {
  if (path.size() > 4 && (path.ends_with(".png") || path.ends_with(".svg"))) {
    return absl::OkStatus();
  }
  return status::Invalid("plot: the name of a picture ends in .png or .svg, not \"", path, "\"");
}

Status DrawLeakProfile(const std::string& file, std::span<const growth::MemoryStamp> stamps,
                       const growth::GrowthVerdict& verdict, const std::string& path) {
  ALKAID_RETURN_NOT_OK(CheckPlotName(path));
  ALKAID_ASSIGN_OR_RAISE(const std::string script, FindScript());
  nlohmann::ordered_json report = GrowthJson(file, stamps, verdict);
  report["stamps"] = PointsJson(stamps, kMaxPoints);
  MemoryFile input;
  ALKAID_RETURN_NOT_OK(input.Write(JsonLine(report)));
  ChildProcesses children;
  ALKAID_ASSIGN_OR_RAISE(const ChildEnd end,
                         children.Run({"/usr/bin/python3", "-B", script, path}, {}, input.fd()));
  if (children.Interruption() != 0) return absl::CancelledError("plot: interrupted");
  if (end.exit_code == 0) return absl::OkStatus();
  return status::FailedPrecondition("plot: ", path, " was not drawn");
}

}  // namespace alkaid::tools
