#pragma once
// The hub: every part in the order in which it is built; they go in the reverse order. One process,
// one data directory. The control loop is the caller's thread, the data plane has its own.

#include <memory>
#include <optional>
#include <string>

#include "apps/hub/alarm_wiring.h"
#include "apps/hub/audit_wiring.h"
#include "apps/hub/backup_wiring.h"
#include "apps/hub/broker_wiring.h"
#include "apps/hub/business_wiring.h"
#include "apps/hub/ca_command.h"
#include "apps/hub/data_plane.h"
#include "apps/hub/gate_wiring.h"
#include "apps/hub/history_wiring.h"
#include "apps/hub/hub_command.h"
#include "apps/hub/hub_options.h"
#include "apps/hub/model_server.h"
#include "apps/hub/monitor_wiring.h"
#include "apps/hub/point_wiring.h"
#include "apps/hub/revocation_wiring.h"
#include "apps/hub/rollout_wiring.h"
#include "apps/hub/token_wiring.h"
#include "apps/hub/trust_wiring.h"
#include "data/access/access.h"
#include "data/alarms/alarms.h"
#include "data/blobs/blobs.h"
#include "data/products/products.h"
#include "data/registry/registry.h"
#include "fleet/onboarding/onboarding.h"
#include "platform/http/http.h"
#include "surface/api/api.h"
#include "surface/console/console.h"
#include "trust/oidc/oidc.h"

namespace mw::hub {

struct Ports {
    std::uint16_t mqtt = 0, websocket = 0, api = 0, devices = 0;
    std::uint16_t plain_mqtt = 0, plain_websocket = 0, plain_api = 0, status = 0;
};

class Hub final : private api::EnrollmentTokens {
 public:
    // References outlive the hub: a test puts other ones below the same hub.
    struct World {
        files::Files& files;
        Clock& clock;
        Random& random;
        std::string sqlite_vfs;  // empty: the system's
    };
    // Blocks until everything is open and the listeners listen.
    static Result<std::unique_ptr<Hub>> open(HubOptions options, World world);
    ~Hub() override;

    Loop& loop() { return *control_; }
    const Ports& ports() const { return ports_; }
    std::string root_pin() const { return authority_->root_pin(); }
    DataPlane& data() { return *data_; }
    bool first_start() const { return first_start_; }
    const HubOptions& options() const { return options_; }
    // Certificates and revocations as they lie in DATA/pki now, without dropping sessions but those
    // of revoked certificates. With an error everything stays as it was.
    Task<> reload();
    Task<> stop();  // graceful: nothing acknowledged is lost, clients are told

 private:
    Hub(HubOptions options, World world, files::DirectoryLock lock);
    Result<> open_trust();
    Result<> open_people();
    Result<> start_forwarding();
    Result<> open_data();
    Result<> open_queries(const std::string& history);
    Result<> open_surface();
    Result<> listen();
    Result<> listen_for_people_and_devices();
    Result<> listen_for_mqtt();
    Result<> start_bridges();
    Result<net::ListenOptions> tls_listener(std::uint16_t port, net::ClientCertificate certificate);
    Result<std::shared_ptr<const net::TlsContext>> tls_context(net::ClientCertificate certificate);
    Task<> keep_server_certificate();
    Task<std::size_t> end_revoked_sessions();
    std::size_t drop_requesters();  // from both HTTPS listeners: who is revoked
    Result<> write_hub_file();
    Task<> start_parts();
    Task<std::uint64_t> blob_size(std::string sha256);
    Task<> watch_data();
    Task<> tell_refusals();
    Task<> receive_reports(ingest::ReportBox box);
    Task<Issued> issue(Order order) override;
    JsonArray waiting() const override;
    Task<std::string> move(Move move) override;
    Task<> note_connection(std::string device);
    Task<Json> decide(std::string device, bool approve, std::string actor) override;
    http::Router api_routes();
    http::Router device_routes();
    Result<> listen_for_status();
    crypto::StatusUrls told_urls() const;
    std::string path(std::string_view name) const;

    HubOptions options_;
    World world_;
    files::DirectoryLock lock_;
    Ports ports_;
    bool first_start_ = false;

    metrics::Registry metrics_;
    std::unique_ptr<Loop> control_;
    std::unique_ptr<Workers> disk_;     // log and blobs: short jobs that somebody waits for
    std::unique_ptr<Workers> queries_;  // SQL, at lower priority
    std::unique_ptr<Workers> signing_;  // waits for the authorities' token; null without one
    std::unique_ptr<Workers> bridges_;  // names and certificates of other brokers; null: no bridge
    std::unique_ptr<Workers> documents_;  // large JSON of the API: heavy SQL must not delay lists
    std::unique_ptr<TokenWatch> token_watch_;  // null: no keys in a token
    std::unique_ptr<identity::CertificateAuthority> authority_;
    std::unique_ptr<identity::SigningKey> release_key_;
    std::unique_ptr<registry::Registry> registry_;
    std::unique_ptr<AuditWiring> audit_wiring_;
    std::unique_ptr<onboarding::Onboarding> onboarding_;
    std::unique_ptr<revocation::Desk> revocation_;
    std::unique_ptr<RevocationWiring> revocation_wiring_;
    std::unique_ptr<oidc::People> people_;  // null: no OpenID provider
    std::unique_ptr<blobs::Blobs> blobs_;
    monitors::SketchIndex sketches_;
    std::unique_ptr<DataPlane> data_;
    std::unique_ptr<BrokerWiring> broker_wiring_;
    std::unique_ptr<PointWiring> point_wiring_;
    std::unique_ptr<projection::Projection> projection_;
    std::unique_ptr<HistoryWiring> history_wiring_;
    std::unique_ptr<BackupWiring> backup_wiring_;
    std::unique_ptr<access::Access> access_;
    std::unique_ptr<LabelTable> label_table_;
    std::unique_ptr<QuarantineTable> quarantine_table_;
    std::unique_ptr<query::Engine> engine_;
    std::unique_ptr<GateWiring> gate_wiring_;
    std::unique_ptr<MonitorWiring> monitor_wiring_;
    std::unique_ptr<TrustWiring> trust_wiring_;
    std::unique_ptr<alarms::HubEvidence> evidence_;
    std::unique_ptr<alarms::AlarmFile> alarm_file_;
    std::unique_ptr<alarms::AlarmDesk> desk_;
    std::unique_ptr<AlarmWiring> alarm_wiring_;
    std::unique_ptr<convergence::Convergence> convergence_;
    std::unique_ptr<BusinessWiring> business_;
    std::unique_ptr<RolloutWiring> rollout_wiring_;
    std::unique_ptr<products::Desk> products_;
    std::unique_ptr<ModelServer> model_server_;
    std::unique_ptr<api::Api> api_;
    std::unique_ptr<http::Server> api_server_;
    std::unique_ptr<http::Server> plain_api_server_;
    std::unique_ptr<http::Server> device_server_;
    std::unique_ptr<http::Server> status_server_;
    std::unique_ptr<RefusalFacts> refusal_facts_;
    std::optional<Error> storage_;  // why the last pulse was bad
    std::unique_ptr<Scope> scope_;
};

}  // namespace mw::hub
