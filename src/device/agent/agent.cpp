#include "device/agent/agent.h"

#include "base/log.h"
#include "device/agent/topics.h"

namespace mw::agent {

Result<std::unique_ptr<Agent>> Agent::open(files::Files& files, Loop& loop, Workers& workers,
                                           Clock& clock, Random& random, AgentOptions options) {
    TRY(AgentIdentity identity, load_identity(files, options.directory));
    TRY(auto lock, files::DirectoryLock::take(options.directory));
    std::unique_ptr<Agent> self(new Agent(files, loop, workers, clock, random, std::move(options),
                                          std::move(lock), std::move(identity)));
    TRY(self->hub_, HubLink::open(loop, workers, self->identity_, self->hub_clock_));
    outbox::Options outbox = self->options_.outbox;
    outbox.directory = files::join(self->options_.directory, "outbox");
    TRY(self->outbox_, outbox::Outbox::open(files, loop, workers, std::move(outbox)));
    const DeviceId& device = self->identity_.device;
    self->processor_ = std::make_unique<Processor>(device, *self->outbox_);
    self->connection_ = std::make_unique<Connection>(loop, workers, random, self->identity_,
                                                     *self->hub_, *self->outbox_);
    TRY(const auto anchors, crypto::certificates_from_pem(self->identity_.anchors_pem));
    TRY(auto trust, crypto::TrustStore::make(anchors));
    Converger::Parts parts{
        loop,
        workers,
        files,
        clock,
        *self->hub_,
        *self->processor_,
        std::move(trust),
        self->options_.program,
        [self = self.get()](const Json& labels) { return self->labels_->configure(labels); }};
    self->converger_ = std::make_unique<Converger>(parts, device, self->options_.directory);
    self->converger_->on_uplink([agent = self.get()](std::uint64_t rate, std::uint64_t burst) {
        agent->connection_->limit(rate, burst);
    });
    self->make_commands();
    self->make_renewal();
    TRY_VOID(self->make_labels());
    TRY_VOID(self->note_boot());
    return self;
}

Agent::Agent(files::Files& files, Loop& loop, Workers& workers, Clock& clock, Random& random,
             AgentOptions options, files::DirectoryLock lock, AgentIdentity identity)
    : files_(files),
      loop_(loop),
      workers_(workers),
      clock_(clock),
      random_(random),
      options_(std::move(options)),
      lock_(std::move(lock)),
      identity_(std::move(identity)),
      hub_clock_(clock),
      started_(clock.now()) {}

Agent::~Agent() = default;

void Agent::make_commands() {
    Commands::Parts parts{workers_,
                          files_,
                          clock_,
                          [this](std::string sha256, std::uint64_t most) {
                              return hub_->download(std::move(sha256), most);
                          },
                          [this] { return connection_->figures().clock_offset; },
                          [this](const std::string& id, const std::string& text) {
                              connection_->publish_now("reply/" + id, text);
                          }};
    Commands::Options options;
    options.directory = options_.directory;
    options.program = options_.program;
    options.anchors_pem = identity_.anchors_pem;
    commands_ = std::make_unique<Commands>(std::move(parts), std::move(options));
}

void Agent::make_renewal() {
    const auto ask = [this](est::RenewOptions options, crypto::PrivateKey key) {
        options.resolver = &workers_;
        return est::renew(std::move(options), std::move(key), hub_clock_);
    };
    const auto use = [this](const KeyAndChain& certificate) {
        if (auto used = hub_->use(certificate); !used)
            log::error("edge.certificate.not_usable", {{"reason", used.error()}});
    };
    renewal_ = std::make_unique<Renewal>(Renewal::Parts{files_, &workers_, random_, hub_clock_,
                                                        options_.directory, identity_, ask, use,
                                                        [this] { connection_->reconnect(); },
                                                        [this]() -> Task<> {
                                                            auto asking = hub_->find_broker();
                                                            auto found = co_await std::move(asking);
                                                            if (!found)
                                                                co_return std::move(found).error();
                                                            co_return Result<>{};
                                                        }});
}

Result<> Agent::make_labels() {
    models_ = std::make_unique<EdgeModels>(*processor_);
    LabelStation::Parts parts{files_,
                              loop_,
                              workers_,
                              hub_clock_,
                              *outbox_,
                              identity_.device.text,
                              options_.directory,
                              [this] { return connection_->figures().connected; },
                              *models_};
    TRY(labels_, LabelStation::open(std::move(parts), options_.labels));
    processor_->watch(labels_.get());
    return {};
}

// Why it starts: stopped in order, or not (killed, power cut). The mark is removed by stop().
Result<> Agent::note_boot() {
    TRY(starts_, note_start(files_, options_.directory, started_));
    const std::string mark = files::join(options_.directory, "running");
    TRY(const auto size, files_.size(mark));
    const Json event = {{"type", "boot"},
                        {"reason", size ? "did not stop in order" : "start"},
                        {"at", started_.ns},
                        {"agent", MW_VERSION}};
    TRY_VOID(files::atomic_replace(files_, mark, bytes_of(to_iso8601(started_) + "\n")));
    outbox::Entry entry;
    const std::string text = to_json(event);
    entry.messages.push_back(
        {"event", topic_of(identity_.device, "event"), Bytes(text.begin(), text.end())});
    return outbox_->append(std::move(entry));
}

Task<> Agent::run() {
    Scope scope(loop_, [](const Error& error) {
        log::error("edge.agent.failed", {{"reason", error.message}});
    });
    Connection::Listener listener;
    listener.connected = [this] {
        renewal_->connected(hub_->session_serial());
        publish_report();
    };
    listener.failed = [this] { renewal_->failed(); };
    listener.desired = [this](std::string text) { converger_->desire(std::move(text)); };
    listener.command = [this](std::string id, std::string body) {
        commands_->accept(std::move(id), std::move(body));
    };
    converger_->on_report([this] { publish_report(); });
    scope.spawn(connection_->run(std::move(listener)));
    scope.spawn(converger_->run());
    scope.spawn(processor_->watch_inputs([this] { return converger_->silent_sources(); }));
    const auto rehearse_sources = [this] {
        for (sources::Source* source : converger_->sources()) source->rehearse();
    };
    scope.spawn(processor_->rehearse(rehearse_sources));
    scope.spawn(commands_->run());
    scope.spawn(renewal_->run());
    scope.spawn(report_health());
    Event never;
    auto outcome = co_await never.wait();
    scope.cancel();
    co_await scope.join();
    co_return std::move(outcome);
}

Task<> Agent::stop() {
    // First whoever may still give it something.
    ignore(co_await labels_->stop(), "what was confirmed is in the outbox");
    CO_TRY_VOID(co_await outbox_->stop());
    co_return files_.remove(files::join(options_.directory, "running"));
}

void Agent::publish_report() {
    connection_->publish_now("reported", to_json(converger_->report()));
}

Task<> Agent::report_health() {
    for (;;) {
        Json now = health();
        connection_->publish_now("health", to_json(now));
        // A source that ends or holds shows in the report.
        publish_report();
        CO_TRY_VOID(co_await write_status(std::move(now)));
        CO_TRY_VOID(co_await sleep_for(converger_->health_every()));
    }
}

// DIR/status.json, for millwright-edge status and doctor. Not synced: it is worth something now,
// and a card that is written to every few seconds should not be worn for it.
Task<> Agent::write_status(Json health) {
    const ConnectionFigures& link = connection_->figures();
    const Json status = {
        {"health", std::move(health)},
        {"reported", converger_->report()},
        {"connection", {{"connected", link.connected}, {"last_error", link.last_error}}}};
    const std::string path = files::join(options_.directory, "status.json");
    auto job = [this, path, text = to_json(status)]() -> Result<> {
        TRY(auto file, files_.open(path + ".tmp", files::Mode::write));
        TRY_VOID(file->truncate(0));
        TRY_VOID(file->append(bytes_of(text)));
        return files_.rename(path + ".tmp", path);
    };
    auto written = co_await workers_.run(std::move(job));
    if (!written && written.error().code == Errc::cancelled) co_return std::move(written);
    if (!written) log::warn("edge.status.not_written", {{"reason", written.error().message}});
    co_return Result<>{};
}

namespace {

Json outbox_health(const outbox::Figures& outbox, const ConnectionFigures& link) {
    JsonObject ranks;
    for (const outbox::Rank rank : outbox::all_ranks) {
        const outbox::RankFigures& each = outbox.ranks[rank];
        ranks[outbox::name_of(rank)] = {{"unsent", each.unsent_messages},
                                        {"dropped", each.dropped_messages},
                                        {"disk_bytes", each.disk_bytes}};
    }
    return JsonObject{{"unsent", outbox.unsent_messages},
                      {"disk_bytes", outbox.disk_bytes},
                      {"dropped", outbox.dropped_messages},
                      {"ranks", std::move(ranks)},
                      {"held_back_s", static_cast<double>(link.held_back.count()) / 1e9},
                      {"refused_by_hub", link.refused_messages},
                      {"disk_failures", outbox.disk_failures}};
}

}  // namespace

// Why a model is not asked; or that it waits for one that is not here.
std::string Agent::trouble_of(const ModelRunner& runner,
                              const inference::Standing& standing) const {
    for (const std::string& feeding : runner.fed_by())
        if (!processor_->models().contains(feeding))
            return "model '" + feeding + "', whose scores it takes, does not run here";
    return standing.trouble.empty() ? runner.inputs_trouble() : standing.trouble;
}

Json Agent::health() {
    const sources::HostSample host = host_.sample(options_.directory);
    const outbox::Figures outbox = outbox_->figures();
    const ConnectionFigures& link = connection_->figures();
    const nanoseconds left = identity_.current.certificate.not_after - hub_clock_.now();
    JsonObject models;
    for (const auto& [name, runner] : processor_->models()) {
        const Histogram& latency = runner->latency_us();
        const inference::Standing standing = runner->standing();
        models[name] = {{"version", runner->assignment().version},
                        {"engine", runner->engine()},
                        {"engine_remark", runner->engine_remark()},
                        {"decisions", runner->decisions()},
                        {"alarms", runner->alarms()},
                        {"fallbacks", runner->fallbacks()},
                        {"stale", runner->stale()},
                        {"stale_decisions", runner->stale_decisions()},
                        {"stale_after_s", static_cast<double>(runner->stale_after().count()) / 1e9},
                        {"late", standing.late},
                        {"failures", standing.failures},
                        {"trouble", trouble_of(*runner, standing)},
                        {"latency_us_p50", latency.quantile(.5)},
                        {"latency_us_p99", latency.quantile(.99)},
                        {"latency_us", latency.to_json()}};
    }
    return JsonObject{{"at", clock_.now().ns},
                      {"uptime_s", (clock_.now() - started_) / seconds{1}},
                      {"boots", boots_lately(starts_, clock_.now())},
                      {"agent", MW_VERSION},
                      {"cpu_share", host.cpu_share},
                      {"memory_used_bytes", host.memory_used_bytes},
                      {"memory_total_bytes", host.memory_total_bytes},
                      {"process_rss_bytes", host.process_rss_bytes},
                      {"disk_free_bytes", host.disk_free_bytes},
                      {"outbox", outbox_health(outbox, link)},
                      {"clock_offset_ms", static_cast<double>(link.clock_offset.count()) / 1e6},
                      {"certificate_days_left", static_cast<double>(left / seconds{1}) / 86400},
                      {"connects", link.connects},
                      {"points", processor_->points()},
                      {"labels", labels_->figures()},
                      {"models", std::move(models)}};
}

}  // namespace mw::agent
