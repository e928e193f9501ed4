// The command may be started with stdin, stdout or stderr closed. What it opens next would have the
// number of one, and what it prints would land there: in a pipe to a child, for instance.
//
// Threads: before there are others.
#pragma once

namespace alkaid::tools {

// Puts a descriptor that can neither be read nor written where one of the three is closed: reading
// and writing fail as before. What the command runs finds them closed.
void HoldStandardStreams();

}  // namespace alkaid::tools
