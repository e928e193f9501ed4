// OutputPath: where writing to a path ends, as a folder that is held open and a name in it.
//
// The path is walked name by name, and each place is held by descriptor. So what was checked is
// what is used, even if others rename files meanwhile.
//
// Symbolic links are followed, in folders on the way and at the end: people use them to put results
// on a larger disk. But in a folder to which everyone may write, such as /tmp, anyone could have
// made a link with an output's name. There a link is followed only if it belongs to the user of
// this process, to root, or to the folder's owner. This is the kernel's own rule
// (fs.protected_symlinks). It is applied here because outputs are found by reading links, and
// because the kernel's rule may be off or the folder may have no sticky bit. By the same rule a
// pipe, a device or a socket there is not written to, and, if the folder is sticky, a file there is
// not replaced. A folder to which a group may write is trusted.
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
  // An open file under /proc: the link's text is not a path, so the link must be followed to open
  // it.
  bool open_file = false;
};

// Errors: as errno maps, with the path; kPermissionDenied for an entry that another user planted.
Result<OutputPath> FindOutput(const std::string& path);

// Opens exactly the entry that was found, not one that took its name since. `flags`: O_WRONLY or
// O_RDWR and more. Returns -1 with errno, EINTR included. Never as a standard stream.
int OpenFound(const OutputPath& output, int flags);

// Opens the file of that name, emptied first if `empty`, or creates it. Regular files only are
// emptied. `access` is O_WRONLY or O_RDWR. Errors: as errno maps, with the path.
Result<alkaid::internal::FileDescriptor> OpenOutput(const std::string& path, int access,
                                                    bool empty);

}  // namespace alkaid::io::internal
