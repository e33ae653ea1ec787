#pragma once
// Another program as a task: started with a clean environment, bounded in time and output, awaited
// on the loop through a pidfd. Belongs to the loop that calls; nothing here blocks but fork and
// exec. Limits: see Command.

#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "platform/loop/loop.h"
#include "platform/process/partner.h"

namespace mw::process {

struct Command {
    std::vector<std::string> arguments;    // the program's path first; no search in PATH
    std::string directory;                 // to run in; empty: ours
    std::vector<std::string> environment;  // NAME=value, beside PATH, HOME, LANG, TMPDIR
    nanoseconds limit = minutes{5};
    std::size_t output_max = 64 * 1024;  // of standard output, and of standard error
};

struct Ended {
    int code = 0;    // what it returned; -1 when a signal ended it
    int signal = 0;  // which one
    std::string output;
    std::string errors;
    bool ok() const { return code == 0; }
};
// "ended with code 3: the last line of its errors", for messages.
std::string describe(const Ended& ended);

// not_found, denied: it could not be started. timed_out: it was killed at the limit. Cancelling
// kills it too. A program that fails by itself is an Ended.
Task<Ended> run(Command command);

// A named pipe that a child reads. conflict: the path exists.
Result<> make_named_pipe(const std::string& path);
// Waits until somebody reads there, then writes the pieces that `next` gives until an empty one.
// io_failed: the reader left before the end.
using NextPiece = std::function<Task<Bytes>()>;
Task<> write_named_pipe(std::string path, NextPiece next);

}  // namespace mw::process

#include "platform/process/running.h"  // Running: a program that goes on, and what it says
#include "platform/process/trim.h"     // trim_memory(): what only a start needed goes back
