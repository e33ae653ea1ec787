#include "data/ingest/ticket_line.h"

namespace mw::ingest {

Ticket TicketLine::issue(Log log, std::uint64_t number) {
    if (number <= reached_[static_cast<std::size_t>(log)]) return Ticket{0};
    waiting_.push_back({++issued_, number, log});
    return Ticket{issued_};
}

bool TicketLine::advance(Log log, std::uint64_t number) {
    auto& reached = reached_[static_cast<std::size_t>(log)];
    if (number <= reached) return false;
    reached = number;
    const Ticket before = durable_;
    while (!waiting_.empty()) {
        const Waiting& next = waiting_.front();
        if (next.number > reached_[static_cast<std::size_t>(next.log)]) break;
        durable_.value = next.ticket;
        waiting_.pop_front();
    }
    return before < durable_;
}

}  // namespace mw::ingest
