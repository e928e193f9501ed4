// HoldStandardStreams: for a command that is started with stdin, stdout or stderr closed. What it
// opens next would get that number, and its output would go there: into a pipe to a child, for
// instance.
//
// Threads: must be called before there are others.
#pragma once

namespace alkaid::tools {

// Puts a descriptor that can neither be read nor written in the place of each closed stream:
// reading and writing fail as before. Programs that the command runs find them closed.
void HoldStandardStreams();

}  // namespace alkaid::tools
