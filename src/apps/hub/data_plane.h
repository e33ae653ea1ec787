#pragma once
// The hub's data plane: one loop with its own thread, and everything that belongs to it, in the
// order of building: log and head, dead letters, ingest, broker. Others reach it by run_on and
// post.

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "apps/hub/refusal_facts.h"
#include "apps/hub/topics.h"
#include "base/metrics.h"
#include "base/random.h"
#include "data/history/history.h"
#include "data/ingest/ingest.h"
#include "data/query/query.h"
#include "data/segments/segments.h"
#include "fleet/convergence/convergence.h"
#include "fleet/gates/gates.h"
#include "fleet/labelling/labelling.h"
#include "fleet/monitors/monitors.h"
#include "fleet/onboarding/onboarding.h"
#include "fleet/projection/projection.h"
#include "platform/loop/loop.h"
#include "protocols/mqtt/mqtt.h"

namespace mw::hub {

// What leaves the data plane, on the control loop.
struct ControlDoors {
    std::function<Task<>(ingest::DecisionBox)> decisions;
    std::function<Task<>(ingest::ReportBox)> reports;
    std::function<void(std::string device, bool connected, Timestamp at)> presence;
    labelling::Inbox::Take label;                               // of a gateway
    std::function<void(monitors::StoredSketch)> stored_sketch;  // while it opens: what the log has
};

struct DataPlaneOptions {
    std::string directory;  // the hub's
    history::HistoryOptions history;
    mqtt::Limits mqtt;
    bool durable_sessions = true;
    unsigned mqtt_loops = 1;
    sparkplug::HostOptions sparkplug;
    mqtt::Redirect redirect;        // its server is empty: clients may come in
    std::string scram_credentials;  // a file; empty: no authentication method is offered
    std::size_t decisions_waiting = 10'000;
};

class DataPlane final : public query::HistorySource,
                        public query::ScorecardSource,
                        public convergence::DesiredSink,
                        public projection::ProjectionSink,
                        public gates::CommandSink {
 public:
    struct Parts {  // all outlive the data plane
        Loop& control;
        files::Files& files;
        Workers& disk;  // log and segments: nothing else may make them wait
        Clock& clock;
        Random& random;
        metrics::Registry& metrics;
        std::shared_ptr<const onboarding::Admission> admission;
    };
    // Blocks while history replays.
    static Result<std::unique_ptr<DataPlane>> open(DataPlaneOptions options, Parts parts,
                                                   ControlDoors doors);
    ~DataPlane() override;

    void start();  // the thread
    // Broker first, then ingest's relays, then the log; then the thread ends.
    Task<> stop();
    Task<> restore_quality();  // once, when all devices are known
    // Serves what the listener, opened on loop(), accepts.
    // `name` is its label in metrics.
    Task<net::Address> listen(std::string name, net::ListenOptions options);
    // Bridges to another broker from now on.
    Task<> bridge(mqtt::BridgeOptions options);
    // For connections from now on, of the listeners that speak TLS; then those leave whose
    // certificate the admission knows to be revoked. Gives how many.
    Task<std::size_t> reload_tls(std::shared_ptr<const net::TlsContext> tls);
    // Those leave alone.
    Task<std::size_t> drop_revoked();

    Loop& loop() { return thread_->loop(); }
    mqtt::Broker& broker() { return *broker_; }    // on loop() only
    ingest::Ingest& ingest() { return *ingest_; }  // on loop() only
    Task<> flush();                                // until what was appended before is durable
    history::OpenReport opened() const { return history_->report(); }
    Task<> seal_now();
    Task<history::HistoryFigures> history_figures();
    Task<> compact_now();  // seals first
    Task<history::VerifyReport> verify_history();
    Task<history::HistoryHold> hold_history();
    Task<history::Erased> erase(history::EraseOrder order);
    void set_retention(history::RetentionSnapshot retention);
    // The hub's own points, such as KPIs: good by construction, of no device's stream.
    Task<> append(Batch batch);
    Task<std::vector<ingest::DeadLetter>> dead_letters(std::string device, std::size_t limit);
    // How the data plane is: the error that storage reports, if any. Also brings the broker's and
    // the loop's figures into the metrics.
    Task<std::optional<Error>> pulse();
    Task<std::vector<Refused>> refused();  // as the counters stand

    Task<history::HistorySnapshot> snapshot(history::Bounds bounds) override;
    Task<quality::Scorecard> scorecard() override;
    Task<std::vector<quality::Finding>> findings(std::string device, Timestamp from, Timestamp to);
    void publish(const std::string& device, std::string document) override;
    void command(const std::string& device, const std::string& id, std::string body) override;
    void put_device(const std::string& name, ingest::DeviceFacts facts) override;
    void remove_device(const std::string& name) override;
    // Its connections end now (it is suspended); what it subscribed stays.
    void shut_out(const std::string& name);
    void set_context(history::ContextSnapshot context) override;
    void set_parents(std::shared_ptr<const projection::Parents> parents) override;
    void set_edge_nodes(sparkplug::AddressSnapshot addresses) override;

 private:
    DataPlane(DataPlaneOptions options, Parts parts, ControlDoors doors,
              std::unique_ptr<LoopThread> thread);
    Result<> build();
    Result<mqtt::Identity> admit(ByteView certificate);
    Result<std::unique_ptr<mqtt::ScramAuthenticator>> read_credentials() const;
    Task<> stop_here();
    Task<> end_connections(std::string device);
    Task<std::size_t> end_revoked();  // there
    void speak(std::string topic, Bytes payload, bool retain, mqtt::QoS qos);
    void say_all();
    Task<> keep_ticking();

    struct Entrance {  // a listener; the broker owns it
        std::string name;
        std::weak_ptr<net::Listener> listener;
        bool tls = false;
        net::ListenerMetrics metrics;
        std::uint64_t failed_handshakes = 0;  // told so far
    };
    void measure(Entrance& entrance);
    std::atomic<std::uint64_t> certificates_refused_{0};  // by any of the broker's loops
    Published<std::string> last_certificate_;

    DataPlaneOptions options_;
    Parts parts_;
    ControlDoors doors_;
    std::unique_ptr<LoopThread> thread_;
    Published<mqtt::ParentOf> parents_;  // each of the broker's loops asks
    Published<sparkplug::Addresses> edge_nodes_;
    struct Word {
        std::string topic;
        Bytes payload;
        bool retain;
        mqtt::QoS qos;
    };
    std::vector<Word> words_;  // for edge nodes, until the broker is at rest; the host limits them
    bool words_posted_ = false;
    Workers preparing_{{.threads = 1, .queue = 16, .name = "log-space"}};  // next segments of logs
    segments::ParquetWriter writer_;
    std::unique_ptr<history::History> history_;
    std::unique_ptr<ingest::DeadLetters> dead_letters_;
    std::unique_ptr<monitors::SketchLog> sketches_;
    std::unique_ptr<labelling::Inbox> labels_;
    std::unique_ptr<ingest::DecisionRelay> decisions_;
    std::unique_ptr<ingest::ReportRelay> reports_;
    std::unique_ptr<ingest::Ingest> ingest_;
    std::unique_ptr<Topics> topics_;
    std::unique_ptr<mqtt::ScramAuthenticator> methods_;  // null: none
    std::unique_ptr<mqtt::Broker> broker_;
    std::vector<Entrance> entrances_;
    std::unique_ptr<Scope> scope_;  // last: its task uses the rest
};

}  // namespace mw::hub
