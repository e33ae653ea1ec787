#pragma once
// A program that goes on and on, and what it says as it comes; and our own standard input, read in
// the same way. Belongs to the loop that made it. Nobody's output is read ahead: a program that
// says more than is taken waits in its write.

#include <memory>
#include <string>

#include "platform/process/process.h"

namespace mw::process {

// Where bytes come from, piece by piece.
class Pieces {
 public:
    virtual ~Pieces() = default;
    // Waits for more, at most 64 KiB; empty at the end.
    virtual Task<Bytes> read() = 0;
};

class Running : public Pieces {
 public:
    // Told of each line of standard error, without its end and cut at 1 KiB.
    using OnError = std::function<void(std::string_view)>;
    // `command.limit` and `output_max` do not count here. Errors as run()'s.
    static Result<std::unique_ptr<Running>> start(Command command, OnError on_error);

    // After read() was empty: how it ended. Waits for it.
    virtual Task<Ended> ended() = 0;
    // Asks the group to end (SIGTERM); who is left after `grace` is killed. Dropping a Running
    // kills its group at once.
    virtual Task<> stop(nanoseconds grace) = 0;
};

// conflict: somebody reads it already. A file is read like a pipe.
Result<std::unique_ptr<Pieces>> standard_input();

}  // namespace mw::process
