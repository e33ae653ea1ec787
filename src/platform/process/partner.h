#pragma once
// A child that answers questions: one packet there, one packet back, over a pair of sockets. For
// code that must not take its parent along when it crashes or hangs. Whoever calls waits, so a
// question has a limit; a partner belongs to one thread at a time. Limits: packet_max.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace mw::process {

constexpr std::size_t packet_max = 192 * 1024;  // what a socket takes as a whole by default

// A file without a name, for what is too large for a packet.
class SharedBytes {
 public:
    static Result<SharedBytes> of(ByteView bytes);
    SharedBytes(SharedBytes&& other) noexcept;
    SharedBytes& operator=(SharedBytes&&) = delete;
    ~SharedBytes();
    int descriptor() const { return fd_; }

 private:
    explicit SharedBytes(int fd) : fd_(fd) {}
    int fd_;
};

struct PartnerCommand {
    std::vector<std::string> arguments;    // the program's path first; no search in PATH
    std::vector<std::string> environment;  // NAME=value, beside PATH, HOME, LANG, TMPDIR
    const SharedBytes* shared = nullptr;   // what it finds with shared_bytes()
};

class Partner {
 public:
    static Result<std::unique_ptr<Partner>> start(const PartnerCommand& command);
    ~Partner();  // kills it
    Partner(const Partner&) = delete;
    Partner& operator=(const Partner&) = delete;

    Result<> tell(ByteView packet);  // io_failed: it has ended, and how
    // The next packet, into a buffer that is large enough. timed_out: there was none; io_failed:
    // it has ended, and how.
    Result<std::size_t> hear(std::span<std::uint8_t> buffer, nanoseconds limit);
    int id() const { return id_; }

 private:
    Partner(int id, int socket) : id_(id), socket_(socket) {}
    Error ended();
    Error how_it_ended();

    int id_;
    int socket_;
};

// In the child: dies with its parent, leaves no core file. Then questions and answers.
Result<> begin_as_partner();
Result<Bytes> shared_bytes(std::size_t most);
Result<std::size_t> next_question(std::span<std::uint8_t> buffer);  // 0: the parent has gone
Result<> answer(ByteView packet);
// From here on it may not have more than `bytes` of memory beyond what it has.
Result<> limit_memory(std::uint64_t bytes);

}  // namespace mw::process
