#pragma once
// The gateway agent: sources, models, outbox and connection, wired. It converges on its desired
// document, never blocks on the hub, and loses nothing that it has acknowledged to itself.
// One loop and one worker thread. Its directory is locked: one agent per device.

#include <memory>
#include <string>

#include "base/random.h"
#include "device/agent/boots.h"
#include "device/agent/commands.h"
#include "device/agent/connection.h"
#include "device/agent/converger.h"
#include "device/agent/label_station.h"
#include "device/agent/measure.h"
#include "device/agent/renewal.h"
#include "device/sources/sources.h"

namespace mw::agent {

struct AgentOptions {
    std::string directory;
    outbox::Options outbox;  // its directory is set by the agent
    std::string program;     // this very program, for its verb `measure`
    LabelOptions labels;
};

class Agent {
 public:
    // Blocks: reads the identity and recovers the outbox.
    static Result<std::unique_ptr<Agent>> open(files::Files& files, Loop& loop, Workers& workers,
                                               Clock& clock, Random& random, AgentOptions options);
    ~Agent();

    Task<> run();   // until cancelled
    Task<> stop();  // makes durable what was accepted; after run() has ended
    const AgentIdentity& identity() const { return identity_; }
    const LabelStation& labels() const { return *labels_; }
    Json health();
    std::string trouble_of(const ModelRunner& runner, const inference::Standing& standing) const;

 private:
    Agent(files::Files& files, Loop& loop, Workers& workers, Clock& clock, Random& random,
          AgentOptions options, files::DirectoryLock lock, AgentIdentity identity);
    Task<> report_health();
    void publish_report();
    Task<> write_status(Json health);
    void make_commands();
    void make_renewal();
    Result<> make_labels();
    Result<> note_boot();

    files::Files& files_;
    Loop& loop_;
    Workers& workers_;
    Clock& clock_;
    Random& random_;
    AgentOptions options_;
    files::DirectoryLock lock_;
    AgentIdentity identity_;
    HubClock hub_clock_;
    Timestamp started_;
    std::vector<Timestamp> starts_;  // of the last hour
    sources::HostProbe host_;
    std::unique_ptr<HubLink> hub_;
    std::unique_ptr<outbox::Outbox> outbox_;
    std::unique_ptr<Processor> processor_;
    std::unique_ptr<Connection> connection_;
    std::unique_ptr<Converger> converger_;
    std::unique_ptr<Renewal> renewal_;
    std::unique_ptr<Commands> commands_;
    std::unique_ptr<EdgeModels> models_;
    std::unique_ptr<LabelStation> labels_;
};

}  // namespace mw::agent
