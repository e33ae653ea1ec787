#pragma once
// Inside the module: where the Sparkplug host's batches, dead letters and words go.

#include "data/ingest/door.h"

namespace mw::ingest {

class Ingest::EdgeNodes final : public sparkplug::Outlet {
 public:
    EdgeNodes(Ingest& ingest, sparkplug::HostOptions options);

    Result<Ticket> store(Batch& batch) override;
    Result<Ticket> bury(std::string_view device, std::string_view topic, std::string_view reason,
                        ByteView body) override;
    void send(std::string topic, Bytes payload, bool retain, mqtt::QoS qos) override;

 private:
    Ingest& ingest_;

 public:
    sparkplug::Host host;  // last: it uses the rest
};

}  // namespace mw::ingest
