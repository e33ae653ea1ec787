#include "base/metrics.h"
#include "protocols/mqtt/options.h"

namespace mw::mqtt {
namespace {

struct Counted {
    std::uint64_t Metrics::*field;
    const char* name;  // after millwright_mqtt_
    const char* help;
};

constexpr Counted counters[]{
    {&Metrics::connections_accepted, "connections_accepted_total", "Connections accepted"},
    {&Metrics::connections_refused, "connections_refused_total",
     "Connections over the limit or without an identity"},
    {&Metrics::connections_rate_limited, "connections_rate_limited_total",
     "Connections beyond the rate of one address"},
    {&Metrics::connections_closed, "connections_closed_total", "Connections closed"},
    {&Metrics::connects_accepted, "connects_accepted_total", "CONNECT packets accepted"},
    {&Metrics::connects_refused, "connects_refused_total", "CONNECT packets refused"},
    {&Metrics::sessions_taken_over, "sessions_taken_over_total", "Sessions taken over"},
    {&Metrics::sessions_resumed, "sessions_resumed_total", "Sessions resumed"},
    {&Metrics::sessions_expired, "sessions_expired_total", "Sessions that reached their expiry"},
    {&Metrics::keep_alive_timeouts, "keep_alive_timeouts_total", "Clients silent for too long"},
    {&Metrics::packets_received, "packets_received_total", "Packets received"},
    {&Metrics::packets_sent, "packets_sent_total", "Packets sent"},
    {&Metrics::bytes_received, "received_bytes_total", "Bytes received"},
    {&Metrics::bytes_sent, "sent_bytes_total", "Bytes sent"},
    {&Metrics::publishes_received, "publishes_received_total", "PUBLISH packets accepted"},
    {&Metrics::publishes_refused, "publishes_refused_total",
     "PUBLISH packets refused by authorization or storage"},
    {&Metrics::publishes_delivered, "publishes_delivered_total", "PUBLISH packets sent"},
    {&Metrics::publishes_dropped, "publishes_dropped_total",
     "Messages not sent: beyond a QoS 0 buffer, expired, or too large for the client"},
    {&Metrics::queue_overflows, "queue_overflows_total",
     "QoS 1 messages lost to a full session queue"},
    {&Metrics::slow_consumers_dropped, "slow_consumers_dropped_total", "Slow consumers dropped"},
    {&Metrics::spills, "spills_total", "Times a queued message was left to the journal"},
    {&Metrics::recalls, "recalls_total", "Times a spilled message was read back"},
    {&Metrics::spilled_lost, "spilled_lost_total", "Spilled messages that could not be read back"},
    {&Metrics::subscriptions_denied, "subscriptions_denied_total", "Subscriptions refused"},
    {&Metrics::protocol_errors, "protocol_errors_total", "Packets against the standard"},
    {&Metrics::pushbacks, "pushbacks_total", "Times a client had to wait for storage"},
    {&Metrics::wills_published, "wills_published_total", "Will messages sent"},
    {&Metrics::journal_commits, "journal_commits_total", "Group commits of the session journal"},
    {&Metrics::journal_failures, "journal_failures_total", "Group commits that the disk refused"},
    {&Metrics::journal_moved_records, "journal_moved_records_total",
     "Living records moved to the journal's end, so that older ones could be dropped"},
    {&Metrics::journal_refused_records, "journal_refused_records_total",
     "Records that found no room in the journal"},
    {&Metrics::shared_passed_on, "shared_passed_on_total",
     "Messages of shared subscriptions that went from a member that left to another"},
    {&Metrics::shard_messages, "shard_messages_total", "Messages passed from loop to loop"},
};

constexpr Counted gauges[]{
    {&Metrics::connected, "connected", "Clients connected"},
    {&Metrics::sessions, "sessions", "Sessions, connected or remembered"},
    {&Metrics::subscriptions, "subscriptions", "Subscriptions"},
    {&Metrics::shared_groups, "shared_groups", "Shared subscriptions, each with its members"},
    {&Metrics::retained_messages, "retained_messages", "Retained messages"},
    {&Metrics::retained_bytes, "retained_bytes", "Bytes of retained messages"},
    {&Metrics::queued_bytes, "queued_bytes", "Bytes queued in sessions, in memory"},
    {&Metrics::spilled_messages, "spilled_messages", "Queued messages that only the journal has"},
    {&Metrics::spilled_bytes, "spilled_bytes", "Bytes of those"},
    {&Metrics::read_ahead_bytes, "read_ahead_bytes", "Bytes read back and not sent yet"},
    {&Metrics::acknowledgements_waiting, "acknowledgements_waiting",
     "PUBACKs that wait for the log"},
    {&Metrics::inflight, "inflight", "Messages sent above QoS 0 and not yet finished with"},
    {&Metrics::unreleased, "unreleased", "QoS 2 identifiers that wait for PUBREL"},
    {&Metrics::shard_bytes, "shard_bytes", "Bytes under way from loop to loop"},
    {&Metrics::journal_bytes, "journal_bytes", "Session journal, from the oldest living record"},
    {&Metrics::journal_living_bytes, "journal_living_bytes", "Of those, what still counts"},
    {&Metrics::journal_waiting_bytes, "journal_waiting_bytes", "Not yet given to a sync"},
};

}  // namespace

void add(Metrics& sum, const Metrics& part) {
    for (const Counted& row : counters) sum.*row.field += part.*row.field;
    for (const Counted& row : gauges) sum.*row.field += part.*row.field;
}

void record(const Metrics& now, metrics::Registry& registry) {
    const std::string prefix = "millwright_mqtt_";
    for (const Counted& row : counters) {
        metrics::Counter& counter = registry.counter(prefix + row.name, row.help);
        counter.add(now.*row.field - counter.value());
    }
    for (const Counted& row : gauges)
        registry.gauge(prefix + row.name, row.help).set(static_cast<double>(now.*row.field));
}

}  // namespace mw::mqtt
