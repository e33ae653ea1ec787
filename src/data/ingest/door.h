#pragma once
// The Ingest itself: mqtt's Uplink and the domain's PointSink over history.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "data/history/history.h"
#include "data/ingest/data_reader.h"
#include "data/ingest/dead_letters.h"
#include "data/ingest/directory.h"
#include "data/ingest/forms.h"
#include "data/ingest/metrics.h"
#include "data/ingest/outboxes.h"
#include "data/ingest/parked.h"
#include "data/ingest/ticket_line.h"
#include "domain/point_sink.h"
#include "insight/quality/quality.h"
#include "protocols/mqtt/mqtt.h"
#include "protocols/payload/payload.h"
#include "protocols/sparkplug/sparkplug.h"

namespace mw::ingest {

struct IngestOptions {
    payload::Limits payload;
    quality::Options quality;
    sparkplug::HostOptions sparkplug;
};

// What the hub says to edge nodes. The broker may be in the middle of a message: publish it later.
using Speak = std::function<void(std::string topic, Bytes payload, bool retain, mqtt::QoS qos)>;

class Ingest final : public mqtt::Uplink, public PointSink {
 public:
    struct Parts {  // all outlive the Ingest and belong to its loop
        history::History& history;
        DeadLetters& dead_letters;
        DecisionTap& decisions;
        DeviceReports& reports;
        Clock& clock;
        metrics::Registry& metrics;
        ReportKeeper* sketches = nullptr;  // null: they are only reported
        Speak speak = {};                  // empty: nothing is said to edge nodes
        ReportKeeper* labels = nullptr;    // null: labels of gateways are refused
    };
    Ingest(IngestOptions options, Parts parts);
    ~Ingest() override;
    Ingest(const Ingest&) = delete;

    // Devices come and go; a message of one that is not here is refused with `denied`.
    void put_device(const std::string& name, DeviceFacts facts);
    void remove_device(const std::string& name);  // its series stay stored
    DeviceDirectory& directory() { return directory_; }

    // Which devices are Sparkplug edge nodes: their metrics become points.
    void set_edge_nodes(sparkplug::AddressSnapshot addresses);
    void tick();              // what time brings to edge nodes; cheap, several times a second
    void leave_edge_nodes();  // before the broker stops: they are told that the hub goes

    // At start, after the devices: the points in history's head tell quality where each series
    // stands.
    void restore_quality();

    // mqtt::Uplink. Topics outside mw/v1/ and spBv1.0/ are plain MQTT: ticket 0.
    Result<Ticket> publish(const mqtt::Identity& identity, std::string_view topic, ByteView body,
                           const mqtt::PublishProperties& properties) override;

    std::unique_ptr<mqtt::Preparer> preparer() override;

    // PointSink. batch.device must be in the directory; arrival 0 becomes now.
    Result<Ticket> accept(Batch& batch) override;
    // These are accepted next, one after the other: what is known of the forms of the first ones
    // is on its way from memory while the batch before is stored. Changes nothing.
    void expect(std::span<const Batch> coming);
    Result<Ticket> accept(const Decision& decision) override;
    Ticket durable() const override { return line_.durable(); }
    void on_durable(std::function<void(Ticket)> listener) override;

    quality::Scorecard scorecard() const { return quality_.scorecard(); }
    std::vector<quality::Finding> findings(const DeviceId& device, Timestamp from,
                                           Timestamp to) const {
        return quality_.findings(device, from, to);
    }

 private:
    Result<Ticket> take_data(KnownDevice& device, const Topic& topic, std::string_view text,
                             ByteView body, mqtt::Prepared* prepared);
    Result<Ticket> take_decision(KnownDevice& device, const Topic& topic, std::string_view text,
                                 ByteView body);
    Result<Ticket> take_report(const Topic& topic, std::string_view text, ByteView body);
    Result<Ticket> bury(std::string_view device, std::string_view topic, std::string_view reason,
                        ByteView body);
    // form: what was found for the batch's form before; null when nothing was.
    Result<Ticket> store(KnownDevice& device, Batch& batch, const Form* form);
    Result<Ticket> store(const Decision& decision);
    Result<> find_series(KnownDevice& device, const Batch& batch);
    Result<const KnownDevice::Signal*> signal_of(KnownDevice& device, const Run& run,
                                                 std::size_t at);
    static void convert(KnownDevice& device, Batch& batch, const std::vector<Converted>& runs);
    void judge(KnownDevice& device, Batch& batch, const Form* form);
    void reached(TicketLine::Log log, std::uint64_t number);
    Error refused(Error error);

    class EdgeNodes;  // sparkplug_door.cpp

    Parts parts_;
    Metrics metrics_;
    DeviceDirectory directory_;
    DataReader reader_;
    quality::Engine quality_;
    TicketLine line_;
    Parked parked_;
    Forms forms_;
    Batch batch_;                             // reused by every message
    std::vector<history::SeriesRef> series_;  // of the runs of the batch at hand
    std::vector<Converted> converted_;        // of them
    std::vector<std::function<void(Ticket)>> listeners_;
    std::unique_ptr<EdgeNodes> edge_nodes_;
    std::shared_ptr<Ingest*> self_ =
        std::make_shared<Ingest*>(this);  // the logs may tell of progress after we are gone
};

}  // namespace mw::ingest
