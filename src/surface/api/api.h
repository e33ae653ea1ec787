#pragma once
// The HTTP API for people and programs, and the downloads for devices: routes over platform/http
// that authenticate, check, ask the policy, and call the store with an audit note. Belongs to the
// control loop; it must outlive the servers that its routes were given to. Limits: 1 MiB a body (64
// MiB a blob), 5,000 resources a page, 256 watches of 1,000 waiting events.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/random.h"
#include "data/blobs/blobs.h"
#include "data/products/products.h"
#include "data/registry/registry.h"
#include "domain/query_engine.h"
#include "platform/http/http.h"
#include "surface/api/access.h"
#include "surface/api/backup_desk.h"
#include "surface/api/broker_desk.h"
#include "surface/api/certificate_desk.h"
#include "surface/api/history_desk.h"
#include "surface/api/write_door.h"

namespace mw::open_inference {
class Models;
}

namespace mw::api {

// Something that must be well before the hub says that it is ready.
struct ReadyCheck {
    std::string name;
    std::function<Result<>()> check;  // quick; on the control loop
};

// A file of the live page.
struct Asset {
    std::string content_type;
    std::string body;
    std::string cache_control = "no-cache";
};
using Assets = std::function<std::optional<Asset>(std::string_view path)>;  // "/", "/app.js"

// The name of the Device that holds a client certificate (DER) that TLS has verified.
using DeviceOf = std::function<Result<std::string>(ByteView certificate)>;
using UserOf = DeviceOf;  // the same of a User

struct Options {
    std::size_t blob_bytes_max = std::size_t{64} << 20;  // of an upload, which is held in memory
    WriteOptions writes = {};
    std::size_t watches_max = 256;
    std::size_t watch_events_max = 1'000;  // waiting for one client; more: it must list again
    nanoseconds watch_heartbeat = seconds(15);
    nanoseconds session_lifetime = hours(12);
    Json oidc_login = nullptr;  // told to whoever wants to log in; null: there is no provider
    QueryLimits query_max{
        .time = seconds(120), .rows = 10'000'000, .memory_bytes = std::size_t{1} << 30};
};

struct Parts {
    Loop& loop;
    Workers& workers;  // large JSON is read and written there
    const Clock& clock;
    Random& random;
    metrics::Registry& metrics;
    registry::Registry& registry;
    blobs::Blobs& blobs;
    QueryEngine* query = nullptr;  // null, here and below: the route answers 404
    EnrollmentTokens* enrollment = nullptr;
    AlarmDirectory* alarms = nullptr;
    LabelDesk* labels = nullptr;
    GateRunner* gates = nullptr;
    Portfolio* portfolio = nullptr;
    MonitorDesk* monitors = nullptr;
    BrokerDesk* broker = nullptr;
    products::Desk* products = nullptr;
    PointDesk* points = nullptr;
    HistoryDesk* history = nullptr;
    BackupDesk* backups = nullptr;
    CertificateDesk* certificates = nullptr;
    policy::ForeignTokens* foreign = nullptr;  // null: only our own tokens are taken
    QuarantineDesk* quarantine = nullptr;
    LineageDesk* lineage = nullptr;
    ScorecardDesk* scorecards = nullptr;
    open_inference::Models* models = nullptr;
    std::vector<ReadyCheck> ready{};
    Assets assets{};
    DeviceOf device_of{};   // needed by the device routes
    UserOf user_of{};       // without it users show tokens
    Admission admission{};  // a kind that isn't there is admitted
};

class Api {
 public:
    explicit Api(Parts parts, Options options = {});
    ~Api();
    Api(const Api&) = delete;

    http::Router routes();  // for people: bearer tokens, or certificates of users
    // For devices, to be joined by the enrolment routes of the same listener: GET
    // /v1/blobs/{sha256} and /healthz.
    void add_device_routes(http::Router& router);
    // For Server::on_served of either server: counts requests by route and status.
    std::function<void(const http::Served&)> request_counter(std::string listener);
    // Ends the watches; the servers can then stop at once.
    void stop();

    struct State;

 private:
    std::unique_ptr<State> state_;
};

}  // namespace mw::api
