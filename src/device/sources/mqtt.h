#pragma once
// A door for what speaks MQTT beside the gateway: a broker of its own (3.1.1 and 5, QoS 0 and 1)
// whose clients may only publish. A QoS 1 PUBACK leaves when the points are durable in the outbox.
// Belongs to the agent's loop. Limits: 256 connections, 256 KiB a message, and those of the inbox;
// without TLS it listens on loopback only.

#include <optional>

#include "base/random.h"
#include "device/sources/mqtt_inbox.h"
#include "device/sources/sources.h"
#include "platform/net/net.h"

namespace mw::sources {

struct MqttSourceOptions {
    net::Address listen;
    Json tls;  // {certificate, key, trusted}: files in PEM; null: plain, on loopback
    MqttMapping mapping;
};

Result<MqttSourceOptions> mqtt_source_options(const Json& description);

class MqttSource final : public Source {
 public:
    // Reads the TLS files; listens only while it runs.
    static Result<std::unique_ptr<MqttSource>> open(MqttSourceOptions options,
                                                    SourceContext context);

    Task<> run(SourceSink& sink, Bytes checkpoint) override;
    const std::string& name() const override { return context_.name; }
    SourceStatus status() const override;
    // Rules change while clients stay; another address or other certificates mean a restart.
    bool reconfigure(const Json& description) override;
    void rehearse() override { inbox_.rehearse(); }
    // Where it listens, once it is running: the port that the kernel gave for port 0.
    const net::Address& address() const { return listen_; }

 private:
    MqttSource(MqttSourceOptions options, std::shared_ptr<const net::TlsContext> tls,
               SourceContext context);
    Task<> forward(SourceSink& sink);
    Task<> confirm(SourceSink& sink, mqtt::Broker& broker);

    SourceContext context_;
    const net::Address wanted_;
    net::Address listen_;
    Json tls_files_;
    std::shared_ptr<const net::TlsContext> tls_;
    MqttInbox inbox_;
    Ticket accepted_;               // the last message that the sink has taken
    bool busy_ = false;             // the disk works
    std::optional<Error> trouble_;  // of the disk
    Event work_;
    SystemRandom random_;
    std::string state_ = "starting";
};

}  // namespace mw::sources
