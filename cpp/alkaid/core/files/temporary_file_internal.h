// The temporary files beside outputs, and the removal of those that killed writers leave.
//
// A temporary file of "run.xtc2" is called ".run.xtc2.<process>-<boot>-<random>.tmp", where <boot>
// is the first 16 digits of the kernel's boot id. Its writer holds a lock on it (flock) from before
// the first byte is written until the file has its name or is removed. The kernel releases the lock
// when the writer and all children that it forked are gone, however they ended.
//
// Names cannot be guessed, and are made with O_EXCL: an entry that another user planted, or a link,
// is never opened.
//
// A leftover is removed only if it is certainly dead:
// - the lock is free, and no process has that id, except the one that asks;
// - it has this kernel's boot id. Other hosts may write into the same folder by NFS, and their
//   locks may not show here. So a leftover of another host, or of this host before its last boot,
//   stays.
// If the file system has no locks the name has no boot id, ".run.xtc2.<process>-<random>.tmp", and
// nobody removes it.
//
// Threads: any; other processes too. Out of memory: may throw std::bad_alloc.
#pragma once

#include <sys/types.h>

#include <string>

#include "alkaid/base/file_descriptor_internal.h"

namespace alkaid::io::internal {

struct TemporaryFile {
  // Locked, and not a standard stream; -1 if `error` says why there is no file.
  alkaid::internal::FileDescriptor fd;
  std::string name;
  int error = 0;
};

// Makes one for the output `file` in the same folder. `directory` may be an O_PATH descriptor.
TemporaryFile MakeTemporaryFile(int directory, const std::string& file, mode_t mode);

// Removes the temporary files of `file` that are certainly dead. Looks at the first 100,000 names
// of the folder. Silently leaves what cannot be read or removed. `directory` is reopened for
// reading.
void RemoveLeftovers(int directory, const std::string& file);

}  // namespace alkaid::io::internal
