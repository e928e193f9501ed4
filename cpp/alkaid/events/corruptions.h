// Small data, chunk announcements and blocks of packets with one thing wrong each, and what must
// become of them.
//
// Made byte by byte, independent of the writers. Not installed.
#pragma once

#include <vector>

#include "alkaid/dgram/corruptions.h"

namespace alkaid::events {

// The record of the last datagram is what SmdInfo must refuse or accept.
std::vector<dgram::Corruption> SmdRecordCorruptions();
// The last datagram is an Enable whose announcement ChunkInfo must refuse or accept.
std::vector<dgram::Corruption> ChunkInfoCorruptions();
// The bytes are a block for PacketFooter.
std::vector<dgram::Corruption> FooterCorruptions();

}  // namespace alkaid::events
