#include "apps/hub/hub.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"

namespace mw::hub {
namespace {

constexpr nanoseconds pulse_every = seconds{1};
constexpr std::size_t signatures_waiting_max = 64;  // for a token; then devices come again

Task<Resource> refused(Error error) { co_return error; }

WorkersOptions workers_of(std::string name, int threads, int niceness) {
    WorkersOptions options;
    options.name = std::move(name);
    options.threads = threads;
    options.niceness = niceness;
    return options;
}

// Who holds a client certificate, if it is somebody of that kind.
api::UserOf holder_if(const onboarding::Onboarding& onboarding, identity::Principal::Kind kind,
                      const char* otherwise) {
    return [&onboarding, kind, otherwise](ByteView certificate) -> Result<std::string> {
        TRY(const auto principal, onboarding.admission()->admit(certificate));
        if (principal.kind != kind) return Error{Errc::denied, otherwise};
        return principal.name;
    };
}

}  // namespace

Result<std::unique_ptr<Hub>> Hub::open(HubOptions options, World world) {
    TRY_VOID(world.files.make_directories(options.directory, 0750).context("the data directory"));
    TRY(auto lock, files::DirectoryLock::take(options.directory));
    TRY_VOID(backup::check_whole(world.files, options.directory));
    std::unique_ptr<Hub> self(new Hub(std::move(options), world, std::move(lock)));
    TRY_VOID(self->open_trust());
    TRY_VOID(self->open_data());
    TRY_VOID(sync_wait(*self->control_, self->start_parts()));
    TRY_VOID(self->open_surface());
    TRY_VOID(self->listen());
    TRY_VOID(self->write_hub_file());
    return self;
}

Hub::Hub(HubOptions options, World world, files::DirectoryLock lock)
    : options_(std::move(options)), world_(std::move(world)), lock_(std::move(lock)) {}

Hub::~Hub() = default;

std::string Hub::path(std::string_view name) const { return files::join(options_.directory, name); }

Result<> Hub::open_trust() {
    LoopOptions loop;
    loop.clock = &world_.clock;
    TRY(control_, Loop::open(loop));
    disk_ = std::make_unique<Workers>(workers_of("disk", 2, 0));
    queries_ = std::make_unique<Workers>(workers_of("query", 2, 10));
    documents_ = std::make_unique<Workers>(workers_of("document", 1, 5));
    identity::AuthorityOptions authority;
    authority.directory = path("pki");
    authority.server_names = options_.names;
    authority.server_addresses = options_.addresses;
    authority.status = told_urls();
    TRY_VOID(declare_issuers(options_, authority));
    authority.token = token_of(options_, world_.files, world_.clock);
    if (authority.token) {
        token_watch_ = std::make_unique<TokenWatch>(authority.token, metrics_);
        WorkersOptions one = workers_of("signing", 1, 0);
        one.queue = signatures_waiting_max;
        signing_ = std::make_unique<Workers>(one);
    }
    TRY(authority_, identity::CertificateAuthority::open(world_.files, world_.clock, world_.random,
                                                         std::move(authority)));
    TRY(release_key_, identity::SigningKey::open(world_.files, world_.clock, *authority_,
                                                 path("pki"), identity::release_purpose));
    registry::Options registry;
    registry.path = path("registry.db");
    registry.vfs = world_.sqlite_vfs;
    TRY(registry_,
        registry::Registry::open(*control_, world_.clock, metrics_, std::move(registry)));
    TRY(audit_wiring_,
        AuditWiring::open(world_.files, world_.clock, *authority_, path("pki"), *registry_));
    TRY_VOID(sync_wait(*control_, note_restore(world_.files, *registry_, options_.directory)));
    TRY(first_start_, sync_wait(*control_, registry::bootstrap_admin(*registry_, world_.files,
                                                                     path("admin.token"),
                                                                     world_.clock, world_.random)));
    onboarding::Options enrolment;
    enrolment.workers = queries_.get();
    enrolment.signing = signing_.get();
    TRY(onboarding_,
        sync_wait(*control_, onboarding::Onboarding::open(*registry_, *authority_, world_.clock,
                                                          world_.random, metrics_, enrolment)));
    revocation::Options revocation;
    revocation.delta_at = told_urls().delta;
    TRY(revocation_,
        sync_wait(*control_, revocation::Desk::open({*control_, *disk_, world_.files, world_.clock,
                                                     *registry_, *authority_, metrics_},
                                                    std::move(revocation))));
    revocation_->end_sessions_by([this] { return end_revoked_sessions(); });
    revocation_wiring_ = std::make_unique<RevocationWiring>(*revocation_, *authority_, *registry_);
    return open_people();
}

Result<> Hub::open_people() {
    if (options_.oidc.issuer.empty()) return {};
    oidc::Options people = options_.oidc;
    if (!options_.oidc_ca_file.empty()) {
        const auto file = std::filesystem::path(options_.directory) / options_.oidc_ca_file;
        auto pem = files::read_all(world_.files, file.string(), 1 << 20);
        if (!pem) return std::move(pem).error().context("oidc.ca_file");
        people.ca = text_of(*pem);
    }
    TRY(people_,
        oidc::People::open(std::move(people), {*control_, *queries_, world_.clock, metrics_}));
    return {};
}

Result<> Hub::open_data() {
    blobs::Options blobs;
    blobs.directory = path("blobs");
    TRY(blobs_, blobs::Blobs::open(world_.files, *disk_, std::move(blobs)));
    DataPlaneOptions data;
    data.durable_sessions = options_.durable_sessions;
    data.mqtt_loops = static_cast<unsigned>(options_.mqtt_loops);
    data.redirect = options_.redirect;
    if (!options_.scram_credentials.empty())
        data.scram_credentials =
            std::filesystem::path(options_.directory) / options_.scram_credentials;
    data.directory = options_.directory;
    data.history = options_.history;
    data.history.directory = path("history");
    data.mqtt = options_.mqtt;
    data.sparkplug = options_.sparkplug;
    if (options_.slow_consumers == "spill") data.mqtt.slow_consumers = mqtt::SlowConsumers::spill;
    const std::string history = data.history.directory;
    ControlDoors doors;
    doors.decisions = [this](ingest::DecisionBox box) {
        gate_wiring_->offer(box.decisions);
        return desk_->take(std::move(box.decisions), std::move(box.missed));
    };
    doors.label = [this](labelling::EdgeAnswer answer) {
        return gate_wiring_->take(std::move(answer));
    };
    doors.reports = [this](ingest::ReportBox box) { return receive_reports(std::move(box)); };
    doors.presence = [this](std::string device, bool connected, Timestamp at) {
        if (connected) scope_->spawn(note_connection(device));
        convergence_->on_presence(device, connected, at);
    };
    doors.stored_sketch = [this](monitors::StoredSketch sketch) {
        ignore(sketches_.put(sketch.device, sketch.model, sketch.body), "it was readable once");
    };
    TRY(data_, DataPlane::open(std::move(data),
                               {*control_, world_.files, *disk_, world_.clock, world_.random,
                                metrics_, onboarding_->admission()},
                               std::move(doors)));
    onboarding_->on_shut_out([this](const std::string& device) { data_->shut_out(device); });
    broker_wiring_ = std::make_unique<BrokerWiring>(*data_);
    point_wiring_ = std::make_unique<PointWiring>(*data_);
    TRY_VOID(open_queries(history));
    gate_wiring_ = std::make_unique<GateWiring>(
        GateWiring::Parts{*control_, *queries_, world_.clock, world_.random, metrics_, *registry_,
                          *blobs_, *engine_, label_table_->log(), *data_, *release_key_});
    monitor_wiring_ = std::make_unique<MonitorWiring>(
        MonitorWiring::Parts{*control_, *queries_, *registry_, *engine_, *blobs_, sketches_});
    evidence_ = std::make_unique<alarms::HubEvidence>(
        *engine_, *registry_, [this](std::string device, Timestamp from, Timestamp to) {
            return data_->findings(std::move(device), from, to);
        });
    TRY(alarm_file_, alarms::AlarmFile::open(world_.files, *control_, *disk_, path("alarms")));
    desk_ = std::make_unique<alarms::AlarmDesk>(
        alarms::DeskOptions{},
        alarms::AlarmDesk::Parts{*control_, *alarm_file_, *evidence_, *evidence_, metrics_});
    alarm_wiring_ = std::make_unique<AlarmWiring>(*registry_, *desk_);
    convergence::Options convergence;
    convergence.size_of = [this](std::string sha256) { return blob_size(std::move(sha256)); };
    convergence_ = std::make_unique<convergence::Convergence>(
        *control_, *registry_, *data_, *release_key_, std::move(convergence));
    business_ =
        std::make_unique<BusinessWiring>(*control_, *queries_, *registry_, *engine_, *data_);
    rollout_wiring_ = std::make_unique<RolloutWiring>(
        RolloutWiring::Parts{*control_, *registry_, *engine_, metrics_});
    return {};
}

// SQL, and who sees which rows.
Result<> Hub::open_queries(const std::string& history) {
    projection_ = std::make_unique<projection::Projection>(*control_, *registry_, *data_);
    TRY_VOID(world_.files.make_directories(path("tmp"), 0750));
    query::EngineOptions engine;
    engine.history_directory = history;
    engine.temporary_directory = path("tmp");
    // The loops keep a core for themselves, and go first on the others.
    engine.threads = options_.query_threads > 0
                         ? static_cast<unsigned>(options_.query_threads)
                         : static_cast<unsigned>(std::max(2L, sysconf(_SC_NPROCESSORS_ONLN)) - 1);
    access_ = std::make_unique<access::Access>(
        access::Access::Parts{*registry_, *registry_, *projection_});
    TRY(label_table_, LabelTable::open(world_.files, *control_, *disk_, path("labels")));
    TRY(quarantine_table_,
        QuarantineTable::open(world_.files, *control_, *disk_, path("quarantine")));
    engine_ = std::make_unique<query::Engine>(
        engine, query::Engine::Parts{*queries_, *data_, *projection_, *data_, metrics_,
                                     access_.get(), label_table_.get(), quarantine_table_.get()});
    return {};
}

Task<std::uint64_t> Hub::blob_size(std::string sha256) {
    CO_TRY(const auto blob, co_await blobs_->stat(std::move(sha256)));
    co_return blob.size;
}

// The data plane runs, knows its devices, and judges from where it stood; nobody is let in yet.
Task<> Hub::start_parts() {
    data_->start();
    CO_TRY_VOID(co_await projection_->start());
    CO_TRY_VOID(co_await access_->start());
    CO_TRY_VOID(co_await data_->restore_quality());
    CO_TRY_VOID(co_await desk_->restore());
    CO_TRY_VOID(co_await alarm_wiring_->start());
    CO_TRY_VOID(co_await gate_wiring_->start());
    CO_TRY_VOID(co_await monitor_wiring_->start());
    trust_wiring_ = std::make_unique<TrustWiring>(
        TrustWiring::Parts{*control_, world_.clock, *registry_, *engine_, *projection_,
                           quarantine_table_->log(), metrics_});
    CO_TRY_VOID(co_await trust_wiring_->start());
    CO_TRY_VOID(co_await desk_->catch_up());
    CO_TRY_VOID(co_await convergence_->start());
    CO_TRY_VOID(co_await business_->start());
    CO_TRY_VOID(co_await rollout_wiring_->start());
    history_wiring_ = std::make_unique<HistoryWiring>(
        HistoryWiring::Parts{*data_, *registry_, *projection_, options_.keep});
    backup_wiring_ = std::make_unique<BackupWiring>(
        BackupWiring::Parts{*control_, world_.files, world_.clock, metrics_, *data_,
                            options_.directory, world_.sqlite_vfs});
    refusal_facts_ = std::make_unique<RefusalFacts>(*registry_, world_.clock);
    scope_ = std::make_unique<Scope>(*control_);
    scope_->spawn(watch_data());
    scope_->spawn(history_wiring_->keep_retention());
    scope_->spawn(audit_wiring_->keep_signing());
    CO_TRY_VOID(start_forwarding());
    scope_->spawn(keep_server_certificate());
    scope_->spawn(revocation_->keep_lists());
    if (people_) scope_->spawn(people_->keep_keys());
    co_return Result<>{};
}

Result<> Hub::start_forwarding() {
    if (options_.audit_targets.empty()) return {};
    TRY(auto targets, forward_targets(options_.audit_targets, world_.files, options_.directory));
    const std::string host = options_.names.empty() ? options_.listen : options_.names.front();
    forward::Forwarder::Parts parts{*control_, *queries_,    world_.clock,
                                    metrics_,  world_.files, audit_wiring_->facts()};
    TRY(auto forwarder, forward::Forwarder::open(std::move(targets), path("forward"), host, parts));
    audit_wiring_->start_forwarding(std::move(forwarder));
    return {};
}

// Once a second: is storage well, and what did the broker count?
Task<> Hub::watch_data() {
    for (;;) {
        CO_TRY(storage_, co_await data_->pulse());
        if (token_watch_) token_watch_->look();
        auto telling = tell_refusals();
        if (auto told = co_await std::move(telling); !told && told.error().code != Errc::cancelled)
            log::warn("hub.refusals.not_told", {{"reason", told.error()}});
        CO_TRY_VOID(co_await sleep_for(pulse_every));
    }
}

// What is refused before anybody is known leaves facts too.
Task<> Hub::tell_refusals() {
    CO_TRY(auto refused, co_await data_->refused());
    const auto add = [&refused](const char* name, const std::unique_ptr<http::Server>& server) {
        if (!server) return;
        const auto listener = server->listener_counters();
        refused.push_back({name, "handshakes", listener.failed_handshakes, listener.last_failure});
        const auto served = server->counters();
        refused.push_back({name, "requests", served.refused, served.last_refusal});
    };
    add("devices", device_server_);
    add("api", api_server_);
    add("plain_api", plain_api_server_);
    add("status", status_server_);
    auto telling = refusal_facts_->tell(std::move(refused));
    co_return co_await std::move(telling);
}

Result<> Hub::open_surface() {
    api::Parts parts{*control_, *queries_,  world_.clock, world_.random,
                     metrics_,  *registry_, *blobs_};
    parts.query = engine_.get();
    parts.enrollment = this;
    parts.alarms = alarm_wiring_.get();
    parts.labels = gate_wiring_.get();
    parts.gates = gate_wiring_.get();
    parts.monitors = monitor_wiring_.get();
    parts.broker = broker_wiring_.get();
    parts.points = point_wiring_.get();
    parts.history = history_wiring_.get();
    parts.backups = backup_wiring_.get();
    parts.certificates = revocation_wiring_.get();
    parts.foreign = people_.get();
    parts.quarantine = trust_wiring_.get();
    parts.lineage = trust_wiring_.get();
    parts.scorecards = trust_wiring_.get();
    model_server_ = std::make_unique<ModelServer>(
        ModelServer::Parts{*registry_, *blobs_, *queries_, world_.clock});
    parts.models = model_server_.get();
    gate_wiring_->add_admission(parts.admission);
    parts.portfolio = business_.get();
    business_->admit_into(parts.admission);
    rollout_wiring_->admit_into(parts.admission);
    products_ = std::make_unique<products::Desk>(*registry_);
    parts.products = products_.get();
    parts.admission["DataProduct"] = [this](api::AdmissionRequest request) {
        return products_->admit_product(std::move(request));
    };
    parts.admission["Policy"] = [this](api::AdmissionRequest request) {
        return products_->admit_policy(std::move(request));
    };
    for (const char* kind : {"Dataset", "UseCase"})
        parts.admission[kind] =
            [this, next = parts.admission[kind]](api::AdmissionRequest request) -> Task<Resource> {
            if (auto may = access_->check_author(request); !may)
                return refused(std::move(may).error());
            return next(std::move(request));
        };
    parts.assets = console::assets();
    parts.ready.push_back({"history", [this]() -> Result<> {
                               if (storage_) return *storage_;
                               return {};
                           }});
    parts.ready.push_back({"revocations", [this]() -> Result<> {
                               if (world_.clock.now() < authority_->revocations_end()) return {};
                               return Error{Errc::corrupt,
                                            path("pki/crl.pem") +
                                                " has ended, so nobody with a certificate is let "
                                                "in. Put a new list there and send SIGHUP"};
                           }});
    using Kind = identity::Principal::Kind;
    parts.device_of = holder_if(*onboarding_, Kind::device, "only devices may download here");
    parts.user_of = holder_if(*onboarding_, Kind::user, "this is no user's certificate");
    api::Options surface;
    surface.writes.naming = options_.lines.naming();
    if (people_) surface.oidc_login = people_->login_words();
    api_ = std::make_unique<api::Api>(std::move(parts), std::move(surface));
    return {};
}

Task<api::EnrollmentTokens::Issued> Hub::issue(Order order) {
    onboarding::TokenOrder wanted;
    wanted.group = std::move(order.group);
    wanted.actor = std::move(order.actor);
    wanted.uses = order.uses;
    wanted.lifetime = order.lifetime;
    CO_TRY(const auto token, co_await onboarding_->create_token(std::move(wanted)));
    co_return Issued{token.text, token.expires, token.uses};
}

JsonArray Hub::waiting() const {
    JsonArray all;
    for (const onboarding::Waiting& each : onboarding_->waiting()) {
        Json item = onboarding::json_of(each.request);
        item.as_object()["group"] = each.group;
        all.push_back(std::move(item));
    }
    return all;
}

Task<Json> Hub::decide(std::string device, bool approve, std::string actor) {
    auto deciding = onboarding_->decide(std::move(device), approve, std::move(actor));
    CO_TRY(const auto decided, co_await std::move(deciding));
    co_return onboarding::json_of(decided);
}

Task<std::string> Hub::move(Move move) {
    return onboarding_->move_device({std::move(move.device), std::move(move.event),
                                     std::move(move.why), std::move(move.actor),
                                     std::move(move.other)});
}

Task<> Hub::note_connection(std::string device) {
    auto noting = onboarding_->connected(device);
    const auto noted = co_await std::move(noting);
    if (!noted && noted.error().code != Errc::cancelled)
        log::warn("hub.device.not_activated", {{"device", device}, {"reason", noted.error()}});
    co_return Result<>{};
}

Task<> Hub::receive_reports(ingest::ReportBox box) {
    for (ingest::DeviceReport& report : box.kept) {
        if (report.kind == ingest::TopicKind::reported) {
            if (auto body = parse_json(report.body))
                convergence_->on_reported(report.device, std::move(*body));
        } else if (report.kind == ingest::TopicKind::reply) {
            gate_wiring_->on_reply(report);
        } else if (report.kind == ingest::TopicKind::sketch) {
            monitor_wiring_->on_sketch(report);
        } else if (report.kind == ingest::TopicKind::event) {
            log::info("hub.device.event", {{"device", report.device}, {"event", report.body}});
        }
    }
    for (auto& [device, report] : box.newest)
        if (auto body = parse_json(report.body)) {
            rollout_wiring_->on_health(device, *body);
            convergence_->on_health(device, std::move(*body));
        }
    co_return Result<>{};
}

Task<> Hub::stop() {
    scope_->cancel();
    co_await scope_->join();
    api_->stop();
    co_await device_server_->stop();
    if (status_server_) co_await status_server_->stop();
    co_await api_server_->stop();
    if (plain_api_server_) co_await plain_api_server_->stop();
    ignore(co_await backup_wiring_->end(), "what it had copied is removed");
    ignore(co_await rollout_wiring_->stop(), "the next start goes on where it was");
    co_await business_->stop();
    auto stopped = co_await data_->stop();
    co_await monitor_wiring_->stop();
    ignore(co_await trust_wiring_->stop(), "the next start judges the day that is due");
    ignore(co_await gate_wiring_->stop(), "the next start goes on with what is left");
    alarm_wiring_->stop();
    co_await desk_->stop();
    co_await alarm_file_->stop();
    co_await convergence_->stop();
    access_->stop();
    co_await projection_->stop();
    ignore(co_await audit_wiring_->stop(), "the next start signs what came since");
    co_return std::move(stopped);
}

}  // namespace mw::hub
