#include "domain/quality.h"

namespace mw {

std::string_view to_string(Reason reason) {
    switch (reason) {
        case Reason::none:
            return "none";
        case Reason::range:
            return "range";
        case Reason::rate_of_change:
            return "rate_of_change";
        case Reason::stuck:
            return "stuck";
        case Reason::spike:
            return "spike";
        case Reason::late:
            return "late";
        case Reason::source_bad:
            return "source_bad";
        case Reason::source_uncertain:
            return "source_uncertain";
        case Reason::not_a_number:
            return "not_a_number";
        case Reason::unit:
            return "unit";
        case Reason::type:
            return "type";
        case Reason::duplicate:
            return "duplicate";
        case Reason::clock:
            return "clock";
        case Reason::undeclared:
            return "undeclared";
        case Reason::stale:
            return "stale";
        case Reason::historical:
            return "historical";
        case Reason::counter_reset:
            return "counter_reset";
        case Reason::noise:
            return "noise";
        case Reason::released:
            return "released";
        case Reason::held:
            return "held";
    }
    return "unknown";
}

}  // namespace mw
