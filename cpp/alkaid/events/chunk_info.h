// ChunkInfo: the file that continues a big-data file, as a transition announces it.
//
// A long run is written in chunks. An Enable carries the number and the name of the next file; in
// files of 2021 a SlowUpdate does. The data after that transition are in that file, from byte 0 and
// without a Configure of their own. An announcement counts if its number is larger than that of the
// current file: at first the number in that file's name (ChunkIdOf), later the announced one. So
// numbers grow, and a reader that follows them comes to an end. Small data continue in one file,
// while the offsets in them start anew.
//
// In the datagram it is an ordinary pair of fields: detector and algorithm "chunkinfo", fields
// chunkid (UINT32) and filename (CHARSTR).
//
// Ownership: a plain value; nothing points into the datagram.
// Threads: free of state. Out of memory: Read and Next say kResourceExhausted; PathBeside, and
// copies, throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/dgram.h"

namespace alkaid::events {

struct ALKAID_EXPORT ChunkInfo {
  // The number of the next file, and its name, which is one component of a path.
  uint32_t chunk_id = 0;
  std::string filename;

  // The announcement of `dgram`. kNotFound where it has none, or is neither Enable nor SlowUpdate.
  // kDataLoss where it is malformed, or the name is empty, ".", ".." or has a '/': a file of data
  // must not point out of its folder. The name ends at its first NUL.
  static Result<ChunkInfo> Read(const dgram::Dgram& dgram);

  // The file that a reader of `path`, which is chunk `current`, continues in after `dgram`. Nothing
  // where that announces nothing, or the current file again. kDataLoss as above, and where another
  // file is announced by a number that is not larger: no reader would come to it.
  static Result<std::optional<ChunkInfo>> Next(const dgram::Dgram& dgram, std::string_view path,
                                               uint32_t current);

  // The number in the name of a file that follows the facility's pattern: 12 for
  // "run/a-r0001-s000-c012.xtc2". That is "-c", three digits or more and ".xtc2" at the end, where
  // ".smd" may precede it and ".inprogress" may follow it. 0 for any other name, the largest uint32
  // where the number is larger.
  static uint32_t ChunkIdOf(std::string_view path);

  // The path of the next file: in the folder of `path`.
  std::string PathBeside(std::string_view path) const;
};

}  // namespace alkaid::events
