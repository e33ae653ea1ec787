#include "data/ingest/sparkplug_door.h"

namespace mw::ingest {

Ingest::EdgeNodes::EdgeNodes(Ingest& ingest, sparkplug::HostOptions options)
    : ingest_(ingest),
      host(std::move(options), ingest.parts_.clock, *this, ingest.parts_.metrics) {}

Result<Ticket> Ingest::EdgeNodes::store(Batch& batch) { return ingest_.accept(batch); }

Result<Ticket> Ingest::EdgeNodes::bury(std::string_view device, std::string_view topic,
                                       std::string_view reason, ByteView body) {
    return ingest_.bury(device, topic, reason, body);
}

void Ingest::EdgeNodes::send(std::string topic, Bytes payload, bool retain, mqtt::QoS qos) {
    const Speak& speak = ingest_.parts_.speak;
    if (speak) speak(std::move(topic), std::move(payload), retain, qos);
}

void Ingest::set_edge_nodes(sparkplug::AddressSnapshot addresses) {
    edge_nodes_->host.declare(std::move(addresses));
}

void Ingest::tick() { edge_nodes_->host.tick(); }

void Ingest::leave_edge_nodes() { edge_nodes_->host.stop(); }

}  // namespace mw::ingest
