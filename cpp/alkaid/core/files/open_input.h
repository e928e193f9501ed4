// Opening what is to be read, by a path that may name anything.
//
// A regular file is opened as `cat` opens it. Another process may hold a lease on it, as Samba and
// NFS servers do for their clients: the system then asks for the lease back and waits, as long as
// /proc/sys/fs/lease-break-time says at most. Nothing else is waited for: a FIFO that no one writes
// is opened at once, so that it can be refused.
//
// Ownership: the caller's. Threads: any. Out of memory: allocates nothing.
#pragma once

#include "alkaid/base/export.h"

namespace alkaid::io {

// A descriptor above 0 to 2, which an exec closes; -1 with errno where the system refuses.
ALKAID_EXPORT int OpenInput(const char* path);

}  // namespace alkaid::io
