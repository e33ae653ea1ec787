#pragma once
// The seam between the doors and storage. Lives on the data loop; calls do not block.
// A door acknowledges a message only when durable() has reached the message's ticket.

#include <cstdint>
#include <functional>

#include "domain/decision.h"
#include "domain/point.h"

namespace mw {

// A position in the log. Tickets grow; 0 needs no wait (already durable, or nothing was stored).
struct Ticket {
    std::uint64_t value = 0;
    auto operator<=>(const Ticket&) const = default;
};

class PointSink {
 public:
    virtual ~PointSink() = default;

    // Judges every point (batch.quality is updated in place) and appends to the log. A message
    // whose stream position was stored before is not stored again; its ticket says when it is
    // durable. Errors: overloaded (push back at the door), io_failed (disk full or broken: the door
    // refuses).
    virtual Result<Ticket> accept(Batch& batch) = 0;
    virtual Result<Ticket> accept(const Decision& decision) = 0;

    virtual Ticket durable() const = 0;
    // Called on the data loop each time durable() has grown.
    virtual void on_durable(std::function<void(Ticket)> listener) = 0;
};

}  // namespace mw
