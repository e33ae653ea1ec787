#pragma once
// The security events among the facts: an event's id is the action of its fact, and neither changes
// from version to version, so that rules of a SIEM may count on them. The table is shown in
// docs/formats/audit-events.md.

#include <span>
#include <string>
#include <string_view>

namespace mw::audit {

// As in RFC 5424 6.2.1.
enum class Severity { warning = 4, notice = 5, info = 6 };
std::string_view to_string(Severity severity);

struct Event {
    std::string_view id;
    Severity severity;
    std::string_view says;
};
std::span<const Event> security_events();  // by id
// Null: it is no security event (a model, a label, a figure); such facts are info.
const Event* find_event(std::string_view action);
Severity severity_of(std::string_view action);
std::string events_markdown();  // the table of the document

}  // namespace mw::audit
