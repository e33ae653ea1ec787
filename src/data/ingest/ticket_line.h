#pragma once
// One line of tickets over four logs (history, dead letters, sketches, labels): a ticket is reached
// when every ticket up to it is durable in its own log. Pure bookkeeping, a few nanoseconds a
// message.

#include <array>
#include <cstdint>
#include <deque>

#include "domain/point_sink.h"

namespace mw::ingest {

class TicketLine {
 public:
    enum class Log : std::uint8_t { history, dead_letters, sketches, labels };

    // The ticket of a message that is durable when `log` has reached `number`. Ticket 0 if it has.
    Ticket issue(Log log, std::uint64_t number);
    // A log has reached `number`; true when durable() has grown.
    bool advance(Log log, std::uint64_t number);
    Ticket durable() const { return durable_; }
    std::size_t waiting() const { return waiting_.size(); }

 private:
    struct Waiting {
        std::uint64_t ticket;
        std::uint64_t number;
        Log log;
    };
    std::deque<Waiting> waiting_;
    std::array<std::uint64_t, 4> reached_{};
    std::uint64_t issued_ = 0;
    Ticket durable_;
};

}  // namespace mw::ingest
