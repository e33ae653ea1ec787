#pragma once
// Inside platform/process: starting a program, with nothing of ours but what a Command gives it.
// Linux: pidfd, close_range.

#include <unistd.h>

#include <utility>

#include "platform/process/process.h"

namespace mw::process {

struct Descriptor {
    int fd = -1;
    explicit Descriptor(int number = -1) : fd(number) {}
    Descriptor(Descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd, other.fd);
        return *this;
    }
    ~Descriptor() { close(); }
    void close() {
        if (fd >= 0) ::close(std::exchange(fd, -1));
    }
};

// A child of its own process group that runs; whoever has it kills and reaps it.
struct Started {
    pid_t id = -1;
    Descriptor life;  // readable when it has ended
    Descriptor output, errors;
};

Result<Started> start_child(const Command& command);
void kill_group(pid_t id, int signal);
Ended reap_child(pid_t id);  // waits; code and signal
Error system_error(const std::string& what, int number);

}  // namespace mw::process
