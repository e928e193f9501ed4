// ChunkInfo: which file a big-data file goes on in, as a transition announces it.
//
// A long run is written in chunks: an Enable carries the number and the name of the next file, in
// files of 2021 a SlowUpdate does. What follows that transition lies there, from byte 0 and without
// a Configure of its own. It is in force where its number is larger than that of the file being
// read: at first the number in that file's name (ChunkIdOf), and after each step the one announced.
// So numbers grow, and a reader that follows them comes to an end. Small data go on unbroken in one
// file, while the offsets that they tell start anew.
//
// In the datagram it is an ordinary field pair: detector and algorithm "chunkinfo", fields chunkid
// (UINT32) and filename (CHARSTR).
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
  // The number of the next file, and its name: one component of a path.
  uint32_t chunk_id = 0;
  std::string filename;

  // What `dgram` announces. kNotFound where it carries nothing, or is neither Enable nor
  // SlowUpdate. kDataLoss where it is malformed, or the name is empty, ".", ".." or has a '/': a
  // file of data must not point out of its folder. The name ends at its first NUL.
  static Result<ChunkInfo> Read(const dgram::Dgram& dgram);

  // What a reader of the file `path`, which is chunk `current`, goes on in behind `dgram`. Nothing
  // where that announces nothing, or once more the file that is being read. kDataLoss as above, and
  // where another file is announced by a number that is not larger: no reader would come to it.
  static Result<std::optional<ChunkInfo>> Next(const dgram::Dgram& dgram, std::string_view path,
                                               uint32_t current);

  // The number in the name of a file that is called as the facility calls them: 12 of
  // "run/a-r0001-s000-c012.xtc2". That is "-c", three digits or more and ".xtc2" at the end, where
  // ".smd" may stand before it and ".inprogress" behind it. 0 of any other name, the largest number
  // where it is larger.
  static uint32_t ChunkIdOf(std::string_view path);

  // Where the next file lies: beside `path`.
  std::string PathBeside(std::string_view path) const;
};

}  // namespace alkaid::events
