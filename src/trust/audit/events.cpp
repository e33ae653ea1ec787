#include "trust/audit/events.h"

#include <algorithm>

namespace mw::audit {
namespace {

using enum Severity;

constexpr Event all_events[] = {
    {"access.refused", warning,
     "somebody known may not do it; or handshakes and requests of strangers, summed up"},
    {"audit.redacted", warning, "actor, name and detail were taken out of the facts that it names"},
    {"backup.create", notice, "a copy of everything was made"},
    {"backup.restore", warning, "this hub goes on from a copy"},
    {"blob.stored", info, "a file was uploaded"},
    {"certificate.issued", notice, "a client certificate of a user was made"},
    {"certificate.revoked", warning, "a certificate is void"},
    {"create", info, "a resource was made; of kind User, Role or Policy it gives rights"},
    {"delete", notice, "a resource was removed"},
    {"device.activate", info, "a device connected for the first time since it enrolled"},
    {"device.quarantine", warning, "a device may only renew its certificate"},
    {"device.readmit", notice, "a device may enrol anew, its certificates are void"},
    {"device.release", notice, "a device is out of quarantine"},
    {"device.replace", notice, "a device has taken another one's place"},
    {"device.resume", notice, "a suspended device is as before"},
    {"device.retire", notice, "a device is out of service for good"},
    {"device.suspend", warning, "a device may do nothing"},
    {"device.transfer", notice, "a device goes to another owner"},
    {"enroll", notice, "a device got a certificate"},
    {"enroll.approved", notice, "a person let a waiting device in"},
    {"enroll.denied", warning, "a person refused a waiting device"},
    {"enroll.factory.used", info, "a device showed its manufacturer's certificate"},
    {"enroll.refused", warning, "a device, or who said to be one, got no certificate"},
    {"enroll.requested", notice, "a device waits for a person to let it in"},
    {"enroll.token.issued", notice, "a token was made that lets devices in"},
    {"enroll.token.used", info, "a device showed a token"},
    {"gate.override", warning, "a model that failed its gate was let through"},
    {"history.delete", warning, "stored points were deleted"},
    {"login", info, "a person or program got a session"},
    {"login.refused", warning, "a token was not taken"},
    {"mqtt.kick", notice, "a person ended MQTT sessions"},
    {"mqtt.trace", notice, "a person read messages of clients, payloads included"},
    {"patch", info, "a resource was changed in part; of kind User, Role or Policy it moves rights"},
    {"quarantine.hold", notice, "points count no more until somebody looks"},
    {"release.sign", info, "the hub signed what a device shall run"},
    {"renew", info, "a device renewed its certificate"},
    {"replace", info, "a resource was changed; of kind User, Role or Policy it moves rights"},
    {"token.issued", notice, "a token of a user was made"},
    {"tokens.revoked", warning, "the tokens of a user are void"},
};

}  // namespace

std::string_view to_string(Severity severity) {
    switch (severity) {
        case warning:
            return "warning";
        case notice:
            return "notice";
        case info:
            break;
    }
    return "info";
}

std::span<const Event> security_events() { return all_events; }

const Event* find_event(std::string_view action) {
    const auto at = std::ranges::lower_bound(all_events, action, {}, &Event::id);
    return at != std::end(all_events) && at->id == action ? at : nullptr;
}

Severity severity_of(std::string_view action) {
    const Event* event = find_event(action);
    return event ? event->severity : info;
}

std::string events_markdown() {
    std::string text = "| id | severity | when |\n|---|---|---|\n";
    for (const Event& event : all_events)
        text += "| `" + std::string(event.id) + "` | " + std::string(to_string(event.severity)) +
                " | " + std::string(event.says) + " |\n";
    return text;
}

}  // namespace mw::audit
