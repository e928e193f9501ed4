// Where writing to a path ends: the folder, held open, and the name in it.
//
// The path is walked name by name, and what is found is held by descriptor, so what was checked is
// what is used, however others rename meanwhile.
//
// Symbolic links are followed, in folders on the way and at the end, as people use them to have
// results on a larger disk. But in a folder to which everyone may write, such as /tmp, anyone could
// have made a link of the name that an output will have. There a link is followed only where it
// belongs to the user of this process, to root, or to the owner of the folder: the kernel's own
// rule (fs.protected_symlinks), kept here because outputs are found by reading links, and kept
// where the kernel's is switched off or where the folder has no sticky bit. By the same rule a
// pipe, a device or a socket there is not written to; nor, where the folder is sticky, a file that
// would have to be replaced. A folder that a group may write to is its group's business.
//
// Threads: any. Out of memory: may throw std::bad_alloc.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "alkaid/base/file_descriptor_internal.h"
#include "alkaid/base/status.h"

namespace alkaid::io::internal {

struct OutputPath {
  alkaid::internal::FileDescriptor directory;  // O_PATH: for openat and its like
  std::string directory_name;                  // for messages
  std::string file;                            // without a slash, not empty
  std::optional<struct stat> found;            // what has the name now; never a link
  // An open file under /proc: the link's text is no path, so opening it has to follow it.
  bool open_file = false;
};

// Errors: as errno maps, with the path; kPermissionDenied for what another user put there.
Result<OutputPath> FindOutput(const std::string& path);

// Opens what was found by `flags`, O_WRONLY or O_RDWR and more: as itself and not what took its name
// since. -1 with errno; EINTR too. Above the standard streams.
int OpenFound(const OutputPath& output, int flags);

// Opens what has the name, a regular file emptied where `empty`; makes a file where there is none.
// `access` is O_WRONLY or O_RDWR. Errors: as errno maps, with the path.
Result<alkaid::internal::FileDescriptor> OpenOutput(const std::string& path, int access,
                                                    bool empty);

}  // namespace alkaid::io::internal
