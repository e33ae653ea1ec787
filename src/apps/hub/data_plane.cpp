#include "apps/hub/data_plane.h"

#include <filesystem>

#include "base/log.h"

namespace mw::hub {
namespace {

constexpr nanoseconds tick_every = milliseconds{250};

}  // namespace

Result<std::unique_ptr<DataPlane>> DataPlane::open(DataPlaneOptions options, Parts parts,
                                                   ControlDoors doors) {
    LoopOptions loop;
    loop.clock = &parts.clock;
    TRY(auto thread, LoopThread::open("data", loop));
    std::unique_ptr<DataPlane> self(
        new DataPlane(std::move(options), parts, std::move(doors), std::move(thread)));
    TRY_VOID(self->build());
    return self;
}

DataPlane::DataPlane(DataPlaneOptions options, Parts parts, ControlDoors doors,
                     std::unique_ptr<LoopThread> thread)
    : options_(std::move(options)),
      parts_(parts),
      doors_(std::move(doors)),
      thread_(std::move(thread)),
      writer_({.directory = options_.history.directory}) {
    parents_.set(std::make_shared<const mqtt::ParentOf>());
    edge_nodes_.set(std::make_shared<const sparkplug::Addresses>());
}

DataPlane::~DataPlane() { thread_->stop(); }

Result<> DataPlane::build() {
    Loop& loop = thread_->loop();
    TRY(history_, history::History::open(options_.history, {parts_.files, loop, parts_.disk,
                                                            writer_, parts_.metrics, &preparing_}));
    ingest::DeadLetterOptions letters;
    letters.directory = files::join(options_.directory, "dead-letters");
    TRY(dead_letters_,
        ingest::DeadLetters::open(parts_.files, loop, parts_.disk, std::move(letters)));
    monitors::SketchLogOptions sketches;
    sketches.directory = files::join(options_.directory, "sketches");
    TRY(sketches_, monitors::SketchLog::open(parts_.files, loop, parts_.disk, std::move(sketches),
                                             doors_.stored_sketch));
    labels_ = std::make_unique<labelling::Inbox>(loop, parts_.control, doors_.label);
    decisions_ = std::make_unique<ingest::DecisionRelay>(
        loop, parts_.control, options_.decisions_waiting, doors_.decisions);
    reports_ = std::make_unique<ingest::ReportRelay>(loop, parts_.control, ingest::ReportLimits{},
                                                     doors_.reports);
    ingest::IngestOptions ingest;
    ingest.sparkplug = options_.sparkplug;
    const auto speak = [this](std::string topic, Bytes payload, bool retain, mqtt::QoS qos) {
        this->speak(std::move(topic), std::move(payload), retain, qos);
    };
    ingest_ = std::make_unique<ingest::Ingest>(
        std::move(ingest),
        ingest::Ingest::Parts{*history_, *dead_letters_, *decisions_, *reports_, parts_.clock,
                              parts_.metrics, sketches_.get(), speak, labels_.get()});
    topics_ = std::make_unique<Topics>([this] { return parents_.get(); },
                                       [this] { return edge_nodes_.get(); });
    broker_ =
        std::make_unique<mqtt::Broker>(loop, parts_.random, options_.mqtt, *topics_, ingest_.get());
    TRY_VOID(broker_->add_loops(options_.mqtt_loops - 1));
    broker_->measure_into(parts_.metrics);
    if (const mqtt::Redirect& to = options_.redirect; !to.server.empty()) {
        TRY_VOID(mqtt::check(to).context("mqtt.redirect"));
        log::warn("hub.mqtt.redirected", {{"server", to.server}, {"moved", to.moved}});
        broker_->redirect_by([&to](const mqtt::Identity&) { return std::optional(to); });
    }
    if (!options_.scram_credentials.empty()) {
        TRY(methods_, read_credentials());
        broker_->authenticate_by(*methods_);
    }
    if (options_.durable_sessions) {
        mqtt::JournalOptions sessions;
        sessions.directory = files::join(options_.directory, "sessions");
        sessions.preparing = &preparing_;
        TRY_VOID(broker_->remember(parts_.files, parts_.disk, std::move(sessions)));
    } else {
        log::warn("hub.sessions.weak", {{"what", "MQTT sessions end with the hub"},
                                        {"remedy", "mqtt.durable_sessions: true in hub.yaml"}});
    }
    ingest_->on_durable([this](Ticket ticket) { broker_->on_durable(ticket); });
    broker_->on_presence([this](const mqtt::Presence& presence) {
        if (presence.identity.kind != mqtt::Identity::Kind::device) return;
        const bool connected = presence.what == mqtt::Presence::What::connected;
        auto tell = [this, name = presence.identity.name, connected, at = parts_.clock.now()] {
            doors_.presence(name, connected, at);
        };
        if (!parts_.control.post(std::move(tell)))
            log::warn("hub.presence.lost", {{"device", presence.identity.name}});
    });
    scope_ = std::make_unique<Scope>(loop);
    scope_->spawn(keep_ticking());
    return {};
}

Task<> DataPlane::keep_ticking() {
    for (;;) {
        CO_TRY_VOID(co_await sleep_for(tick_every));
        ingest_->tick();
    }
}

// Ingest may say it in the middle of a message that the broker routes.
void DataPlane::speak(std::string topic, Bytes payload, bool retain, mqtt::QoS qos) {
    words_.push_back({std::move(topic), std::move(payload), retain, qos});
    if (words_posted_) return;
    words_posted_ = loop().post([this] { say_all(); });
    if (!words_posted_) log::warn("hub.words.wait", {{"topic", words_.back().topic}});
}

void DataPlane::say_all() {
    words_posted_ = false;
    for (const Word& word : std::exchange(words_, {})) {
        const auto said = broker_->publish_local(word.topic, word.payload, word.retain, word.qos);
        if (!said)
            log::warn("hub.word.refused",
                      {{"topic", word.topic}, {"reason", said.error().message}});
    }
}

Result<std::unique_ptr<mqtt::ScramAuthenticator>> DataPlane::read_credentials() const {
    const std::string& path = options_.scram_credentials;
    std::error_code absent;  // reading it says so better
    const auto mode = std::filesystem::status(path, absent).permissions();
    using std::filesystem::perms;
    if (!absent && (mode & (perms::group_all | perms::others_all)) != perms::none)
        return Error{Errc::denied, path + ": others may read it. Next step: chmod 600 " + path};
    TRY(const Bytes file, files::read_all(parts_.files, path, std::uint64_t{4} << 20));
    TRY(auto methods, mqtt::ScramAuthenticator::open(text_of(file), parts_.random).context(path));
    log::info("hub.credentials.read", {{"path", path}, {"names", methods->size()}});
    return methods;
}

void DataPlane::start() { thread_->start(); }

Task<> DataPlane::stop_here() {
    scope_->cancel();
    co_await scope_->join();
    ingest_->leave_edge_nodes();
    say_all();
    co_await broker_->stop();
    // What was accepted becomes durable, and is told to the control loop while it still listens.
    co_await history_->flush();
    co_await within(seconds{5}, decisions_->flush());
    co_await within(seconds{5}, reports_->flush());
    co_await labels_->stop();
    co_await decisions_->stop();
    co_await reports_->stop();
    co_await dead_letters_->stop();
    co_await sketches_->stop();
    co_return co_await history_->stop();
}

Task<> DataPlane::stop() {
    auto there = [this] { return stop_here(); };
    auto outcome = co_await run_on(loop(), std::move(there));
    thread_->stop();
    co_return std::move(outcome);
}

Task<> DataPlane::restore_quality() {
    auto there = [this] { ingest_->restore_quality(); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<net::Address> DataPlane::listen(std::string name, net::ListenOptions options) {
    auto there = [this, name, options]() -> Result<net::Address> {
        TRY(std::shared_ptr<net::Listener> listener, net::Listener::open(loop(), options));
        const net::Address address = listener->address();
        const bool plain = options.tls == nullptr;
        net::ListenerMetrics metrics(parts_.metrics, name);
        entrances_.push_back({name, listener, !plain, metrics});
        auto resolver = [this, plain](ByteView certificate) -> Result<mqtt::Identity> {
            // A plain listener exists on loopback only, and only when it was asked for.
            if (plain) return mqtt::Identity{mqtt::Identity::Kind::service, "loopback"};
            return admit(certificate);
        };
        broker_->serve(std::move(listener), std::move(resolver));
        return address;
    };
    co_return co_await run_on(loop(), std::move(there));
}

Task<> DataPlane::bridge(mqtt::BridgeOptions options) {
    auto there = [this, options = std::move(options)] { return broker_->bridge(options); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<std::size_t> DataPlane::reload_tls(std::shared_ptr<const net::TlsContext> tls) {
    auto there = [this, tls]() -> Task<std::size_t> {
        for (const Entrance& entrance : entrances_)
            if (auto open = entrance.listener.lock(); open && entrance.tls) open->set_tls(tls);
        return end_revoked();
    };
    co_return co_await run_on(loop(), std::move(there));
}

Task<std::size_t> DataPlane::drop_revoked() {
    auto there = [this] { return end_revoked(); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<std::size_t> DataPlane::end_revoked() {
    const auto revoked = [this](ByteView certificate) {
        return parts_.admission->is_revoked(certificate);
    };
    return broker_->drop_connections(revoked, "its certificate is revoked");
}

Result<mqtt::Identity> DataPlane::admit(ByteView certificate) {
    if (certificate.empty())
        return Error{Errc::denied, "no client certificate. Next step: millwright-edge enroll"};
    auto admitted = parts_.admission->admit(certificate);
    if (!admitted) {
        last_certificate_.set(std::make_shared<const std::string>(admitted.error().message));
        ++certificates_refused_;
        return std::move(admitted).error();
    }
    const auto& principal = *admitted;
    using Kind = identity::Principal::Kind;
    const auto kind = principal.kind == Kind::device ? mqtt::Identity::Kind::device
                      : principal.kind == Kind::user ? mqtt::Identity::Kind::user
                                                     : mqtt::Identity::Kind::service;
    return mqtt::Identity{kind, principal.name};
}

Task<> DataPlane::seal_now() {
    auto there = [this] { return history_->seal_now(); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<history::HistoryFigures> DataPlane::history_figures() {
    auto there = [this] { return history_->figures(); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<> DataPlane::compact_now() {
    auto sealing = seal_now();
    CO_TRY_VOID(co_await std::move(sealing));
    auto there = [this] { return history_->compact_now(); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<history::VerifyReport> DataPlane::verify_history() {
    auto there = [this] { return history_->verify(); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<history::HistoryHold> DataPlane::hold_history() {
    auto there = [this] { return history_->hold(); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<history::Erased> DataPlane::erase(history::EraseOrder order) {
    auto there = [this, order = std::move(order)] { return history_->erase(order); };
    co_return co_await run_on(loop(), std::move(there));
}

void DataPlane::set_retention(history::RetentionSnapshot retention) {
    auto there = [this, retention = std::move(retention)] { history_->set_retention(retention); };
    if (!loop().post(std::move(there))) log::error("hub.retention.lost");
}

Task<> DataPlane::append(Batch batch) {
    auto there = [this, batch = std::move(batch)]() -> Result<> {
        TRY(const Ticket ticket, history_->append(batch));
        (void)ticket;  // durable with the next group sync; it is computed again anyway
        return {};
    };
    co_return co_await run_on(loop(), std::move(there));
}

Task<> DataPlane::flush() {
    auto there = [this] { return history_->flush(); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<std::vector<ingest::DeadLetter>> DataPlane::dead_letters(std::string device,
                                                              std::size_t limit) {
    auto there = [this, device, limit] { return dead_letters_->list(device, limit); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<std::optional<Error>> DataPlane::pulse() {
    auto there = [this]() -> std::optional<Error> {
        mqtt::record(broker_->metrics(), parts_.metrics);
        mqtt::record(broker_->bridges(), parts_.metrics);
        for (Entrance& entrance : entrances_) measure(entrance);
        return history_->failure();
    };
    co_return co_await run_on(loop(), std::move(there));
}

Task<std::vector<Refused>> DataPlane::refused() {
    auto there = [this] {
        std::vector<Refused> all;
        for (const Entrance& entrance : entrances_)
            if (const auto listener = entrance.listener.lock()) {
                const auto now = listener->counters();
                all.push_back(
                    {entrance.name, "handshakes", now.failed_handshakes, now.last_failure});
            }
        const auto last = last_certificate_.get();
        all.push_back({"mqtt", "certificates", certificates_refused_, last ? *last : ""});
        return all;
    };
    co_return co_await run_on(loop(), std::move(there));
}

// Why somebody can't come in is worth a line; a crowd of them is not worth a crowd of lines.
void DataPlane::measure(Entrance& entrance) {
    const auto listener = entrance.listener.lock();
    if (!listener) return;
    const net::ListenerCounters now = listener->counters();
    entrance.metrics.update(now);
    const auto before = std::exchange(entrance.failed_handshakes, now.failed_handshakes);
    if (now.failed_handshakes > before)
        log::info("hub.handshakes.failed", {{"listener", entrance.name},
                                            {"count", now.failed_handshakes - before},
                                            {"last", now.last_failure}});
}

Task<history::HistorySnapshot> DataPlane::snapshot(history::Bounds bounds) {
    return history_->snapshot(std::move(bounds));
}

Task<quality::Scorecard> DataPlane::scorecard() {
    auto there = [this] { return ingest_->scorecard(); };
    co_return co_await run_on(loop(), std::move(there));
}

Task<std::vector<quality::Finding>> DataPlane::findings(std::string device, Timestamp from,
                                                        Timestamp to) {
    auto there = [this, id = DeviceId{device}, from, to] {
        return ingest_->findings(id, from, to);
    };
    co_return co_await run_on(loop(), std::move(there));
}

// The projection and the convergence call these on the control loop. They are few and must not be
// lost: a full mailbox would mean that the data loop stands still.
void DataPlane::publish(const std::string& device, std::string document) {
    auto there = [this, topic = "mw/v1/" + device + "/desired", document = std::move(document)] {
        const auto published =
            broker_->publish_local(topic, bytes_of(document), true, mqtt::QoS::at_least_once);
        if (!published) log::warn("hub.desired.refused", {{"reason", published.error().message}});
    };
    if (!loop().post(std::move(there))) log::error("hub.desired.lost", {{"device", device}});
}

// Not retained: who is away does not hear it, and whoever asked is told so by its deadline.
void DataPlane::command(const std::string& device, const std::string& id, std::string body) {
    auto there = [this, topic = "mw/v1/" + device + "/command/" + id, body = std::move(body)] {
        const auto published =
            broker_->publish_local(topic, bytes_of(body), false, mqtt::QoS::at_least_once);
        if (!published) log::warn("hub.command.refused", {{"reason", published.error().message}});
    };
    if (!loop().post(std::move(there))) log::error("hub.command.lost", {{"device", device}});
}

void DataPlane::put_device(const std::string& name, ingest::DeviceFacts facts) {
    auto there = [this, name, facts = std::move(facts)] { ingest_->put_device(name, facts); };
    if (!loop().post(std::move(there))) log::error("hub.device.lost", {{"device", name}});
}

void DataPlane::remove_device(const std::string& name) {
    auto there = [this, name] {
        ingest_->remove_device(name);
        broker_->forget(name);
    };
    if (!loop().post(std::move(there))) log::error("hub.device.lost", {{"device", name}});
}

void DataPlane::shut_out(const std::string& name) {
    auto there = [this, name] { scope_->spawn(end_connections(name)); };
    if (!loop().post(std::move(there))) log::error("hub.device.lost", {{"device", name}});
}

Task<> DataPlane::end_connections(std::string device) {
    mqtt::KickOrder order;
    order.identity = device;
    auto kicking = broker_->kick(std::move(order));
    CO_TRY(const auto kicked, co_await std::move(kicking));
    log::info("hub.device.shut_out", {{"device", device}, {"connections", kicked.connections}});
    co_return Result<>{};
}

void DataPlane::set_context(history::ContextSnapshot context) {
    auto there = [this, context = std::move(context)] { history_->set_context(context); };
    if (!loop().post(std::move(there))) log::error("hub.context.lost");
}

void DataPlane::set_parents(std::shared_ptr<const projection::Parents> parents) {
    parents_.set(std::move(parents));
}

void DataPlane::set_edge_nodes(sparkplug::AddressSnapshot addresses) {
    edge_nodes_.set(addresses);
    auto there = [this, addresses = std::move(addresses)] { ingest_->set_edge_nodes(addresses); };
    if (!loop().post(std::move(there))) log::error("hub.edge_nodes.lost");
}

}  // namespace mw::hub
