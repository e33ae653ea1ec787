#include "fleet/gates/controller.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "domain/each_resource.h"
#include "domain/story.h"
#include "insight/native/native.h"
#include "platform/crypto/crypto.h"

namespace mw::gates {
namespace {

constexpr std::size_t blob_bytes_max = std::size_t{300} << 20;
constexpr std::size_t devices_asked_max = 3;

std::string text_at(const Json& value, std::string_view key) {
    return find_string(value, key).value_or("");
}

// Model names may hold dots, so the path is walked key by key.
std::string running_version(const Resource& device, std::string_view model) {
    const Json* models = find(device.status, "reported.models");
    if (!models || !models->is_object()) return {};
    const Json* entry = models->get_object().if_contains(model);
    if (!entry || text_at(*entry, "state") != "applied") return {};
    return text_at(*entry, "version");
}

// The revision grows with every write, so each run has a report of its own.
std::string report_name(const Resource& version, const std::string& gate, Timestamp now) {
    const std::string key = gate + '\0' + version.name + '\0' + std::to_string(version.revision) +
                            '\0' + std::to_string(now.ns);
    const auto digest = crypto::sha256(bytes_of(key));
    return version.name.substr(0, 50) + "-" + to_hex(ByteView(digest).first(4));
}

JsonObject metric_facts(const Tally& total) {
    JsonObject facts;
    for (const Metric metric : all_metrics) {
        const auto value = value_of(metric, total);
        facts[to_string(metric)] = value ? Json(*value) : Json(nullptr);
    }
    facts["anomalous_rows"] = total.true_positive + total.false_negative;
    facts["events"] = total.events;
    facts["rows"] =
        total.true_positive + total.false_positive + total.true_negative + total.false_negative;
    return facts;
}

}  // namespace

// What a run is about, read afresh from the store.
struct Gates::Run {
    Resource version;
    Gate gate;
    Resource dataset;
    std::string report;
    std::optional<Resource> champion;
};

struct Gates::Accuracy {
    Row self_test;
    std::optional<Judged> challenger;
    Compared champion;
    std::string card;
};

std::optional<Resource> champion_of(const Resource& challenger,
                                    const std::vector<Resource>& versions,
                                    const std::vector<Resource>& devices) {
    const std::string model = text_at(challenger.spec, "model");
    std::map<std::string, const Resource*> others;  // by version
    for (const Resource& version : versions)
        if (text_at(version.spec, "model") == model && version.name != challenger.name)
            others[text_at(version.spec, "version")] = &version;
    std::map<std::string, std::size_t> running;
    for (const Resource& device : devices) {
        const std::string version = running_version(device, model);
        if (others.contains(version)) ++running[version];
    }
    const auto most =
        std::max_element(running.begin(), running.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most != running.end()) return *others[most->first];
    const Resource* newest = nullptr;
    for (const auto& [name, version] : others) {
        if (state_of(*version, version_table()) != "validated") continue;
        if (!newest || text_at(version->status, "gate.measured_at") >
                           text_at(newest->status, "gate.measured_at"))
            newest = version;
    }
    if (!newest) return std::nullopt;
    return *newest;
}

std::vector<std::string> devices_of_class(const std::string& device_class,
                                          const std::vector<Resource>& devices,
                                          const std::vector<Resource>& profiles) {
    std::set<std::string> of_class;
    for (const Resource& profile : profiles)
        if (text_at(profile.spec, "device_class") == device_class) of_class.insert(profile.name);
    std::vector<std::string> names;
    for (const Resource& device : devices)
        if (of_class.contains(text_at(device.spec, "profile")) &&
            find_bool(device.status, "connected").value_or(false))
            names.push_back(device.name);
    std::sort(names.begin(), names.end());
    return names;
}

Gates::Gates(Parts parts) : parts_(std::move(parts)), scope_(parts_.loop) {}
Gates::~Gates() = default;

Task<> Gates::start() {
    subscription_ =
        parts_.store.subscribe([this](const ResourceChange& change) { on_change(change); });
    CO_TRY(const auto versions, co_await all("ModelVersion"));
    for (const Resource& version : versions)
        if (state_of(version, version_table()) == "validating") scope_.spawn(judge(version.name));
    CO_TRY(auto approvals, co_await all("Approval"));
    for (Resource& approval : approvals)
        on_change({ResourceChange::What::changed, std::move(approval)});
    co_return Result<>{};
}

Task<> Gates::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

void Gates::on_change(const ResourceChange& change) {
    const Resource& approval = change.resource;
    if (approval.kind != "Approval" || change.what == ResourceChange::What::deleted) return;
    if (text_at(approval.spec, "what") != "override" ||
        text_at(approval.spec, "subject.kind") != "ModelVersion")
        return;
    scope_.spawn(consider_override(text_at(approval.spec, "subject.name")));
}

Task<std::vector<Resource>> Gates::all(std::string kind) {
    std::vector<Resource> found;
    auto visit = [&found](Resource resource) { found.push_back(std::move(resource)); };
    CO_TRY_VOID(co_await each_resource(parts_.store, std::move(kind), std::move(visit)));
    co_return found;
}

Task<Gates::Started> Gates::run(std::string gate_name, std::string version_name,
                                std::string actor) {
    CO_TRY(const Resource spec, co_await parts_.store.get("GateSpec", gate_name));
    CO_TRY(const Gate gate, gate_of(spec));
    CO_TRY(Resource version, co_await parts_.store.get("ModelVersion", version_name));
    if (text_at(version.spec, "model") != gate.model)
        co_return Error{Errc::conflict, "gate '" + gate_name + "' is for model '" + gate.model +
                                            "', '" + version_name + "' is a version of '" +
                                            text_at(version.spec, "model") + "'"};
    CO_TRY(const Resource dataset, co_await parts_.store.get("Dataset", gate.dataset));
    const auto state = state_of(dataset, datasets::dataset_table());
    if (state != "frozen")
        co_return Error{Errc::conflict, "dataset '" + gate.dataset + "' is " + std::string(state) +
                                            ": " + text_at(dataset.status, "reason") +
                                            ". Next step: millwright dataset freeze"};
    const Timestamp now = parts_.clock.now();
    Started started{report_name(version, gate_name, now), version_name};
    const std::string says = "gate '" + gate_name + "' was asked for by " + actor;
    CO_TRY(auto changes, advance(version, version_table(), "gate.start", says, now));
    if (!running_.insert(version_name).second)
        co_return Error{Errc::conflict, "'" + version_name + "' is being measured already"};
    changes["gate_run"] = JsonObject{{"gate", gate_name},
                                     {"report", started.report},
                                     {"asked_by", actor},
                                     {"asked_at", to_iso8601(now)}};
    AuditNote note{actor, "gate.start", "gate '" + gate_name + "', report " + started.report};
    auto written = co_await parts_.store.merge_status("ModelVersion", version_name,
                                                      std::move(changes), std::move(note));
    running_.erase(version_name);
    if (!written) co_return std::move(written).error();
    scope_.spawn(judge(version_name));
    co_return started;
}

Task<Gates::Run> Gates::run_of(std::string version) {
    Run run;
    CO_TRY(run.version, co_await parts_.store.get("ModelVersion", version));
    run.report = text_at(run.version.status, "gate_run.report");
    const std::string gate_name = text_at(run.version.status, "gate_run.gate");
    CO_TRY(const Resource spec, co_await parts_.store.get("GateSpec", gate_name));
    CO_TRY(run.gate, gate_of(spec));
    CO_TRY(run.dataset, co_await parts_.store.get("Dataset", run.gate.dataset));
    CO_TRY(const auto versions, co_await all("ModelVersion"));
    CO_TRY(const auto devices, co_await all("Device"));
    run.champion = champion_of(run.version, versions, devices);
    co_return run;
}

// From "validating" to a verdict, whatever happens on the way.
Task<> Gates::judge(std::string version) {
    if (!running_.insert(version).second) co_return Result<>{};
    auto run = co_await run_of(version);
    Result<> outcome;
    if (!run) {
        outcome = std::move(run).error();
    } else {
        auto report = co_await measure(*run);
        if (report)
            outcome = co_await settle(*run, std::move(*report));
        else
            outcome = std::move(report).error();
    }
    if (!outcome && outcome.error().code != Errc::cancelled)
        outcome = co_await fail(version, outcome.error());
    running_.erase(version);
    co_return outcome;
}

Task<> Gates::fail(std::string version, Error error) {
    log::warn("gates.run.failed", {{"version", version}, {"error", error}});
    CO_TRY(Resource stored, co_await parts_.store.get("ModelVersion", version));
    const std::string says = "the gate could not be run: " + error.message;
    CO_TRY(auto changes, advance(stored, version_table(), "gate.failed", says, parts_.clock.now()));
    changes["gate_run"] = nullptr;
    AuditNote note{"hub", "gate.failed", says};
    auto written = co_await parts_.store.merge_status("ModelVersion", version, std::move(changes),
                                                      std::move(note));
    if (!written) co_return std::move(written).error();
    co_return Result<>{};
}

Task<Bytes> Gates::blob(std::string sha256) {
    CO_TRY(const auto stat, co_await parts_.blobs.stat(sha256));
    if (stat.size > blob_bytes_max)
        co_return Error{Errc::invalid_input, "blob " + sha256 + " is larger than " +
                                                 std::to_string(blob_bytes_max) + " bytes"};
    constexpr std::size_t piece = std::size_t{1} << 20;
    Bytes bytes;
    bytes.reserve(stat.size);
    while (bytes.size() < stat.size) {
        CO_TRY(const Bytes part, co_await parts_.blobs.read(sha256, bytes.size(), piece));
        if (part.empty()) co_return Error{Errc::corrupt, "blob " + sha256 + " ends too early"};
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    co_return bytes;
}

namespace {

struct AccuracyOrder {
    Bytes challenger;
    std::string challenger_id;
    std::string champion;
    Result<Bytes> champion_bytes = Bytes{};
    std::string champion_id;
    Bytes dataset;
    std::string dataset_id;
    std::vector<Feeder> feeders;
};

std::string in_words(const std::vector<std::string>& fed) {
    std::string text;
    for (const std::string& each : fed) text += (text.empty() ? "; fed by " : ", ") + each;
    return text;
}

Result<Judged> judge_bundle(ByteView bytes, const std::string& id, inference::Engine& engine,
                            const datasets::Content& content, std::size_t block_rows) {
    RealClock clock;
    TRY(auto bundle, pipeline::load_bundle(bytes, engine, clock, id));
    return gates::judge(bundle.pipeline, content, block_rows);
}

}  // namespace

Task<std::vector<Feeder>> Gates::feeders(Bytes bundle, std::string model) {
    CO_TRY(const auto versions, co_await all("ModelVersion"));
    CO_TRY(const auto devices, co_await all("Device"));
    std::vector<Feeder> found;
    std::vector<std::string> asked = {model};  // a ring has no scores to begin with
    const auto look = [](Bytes bytes) {
        return [bytes = std::move(bytes)] { return fed_by(bytes); };
    };
    auto first = look(std::move(bundle));
    auto wanted = co_await parts_.workers.run(std::move(first));
    if (!wanted) co_return found;  // the self-test says what is wrong with it
    for (std::size_t i = 0; i < wanted->size() && found.size() < feeders_max; ++i) {
        const std::string name = (*wanted)[i];
        if (std::ranges::find(asked, name) != asked.end()) continue;
        asked.push_back(name);
        Resource any;
        any.spec = JsonObject{{"model", name}};
        const auto version = champion_of(any, versions, devices);
        if (!version) continue;
        Feeder feeder{
            name, text_at(version->spec, "version"), text_at(version->spec, "bundle"), {}, {}};
        CO_TRY(feeder.bytes, co_await blob(feeder.bundle));
        auto next = look(feeder.bytes);
        CO_TRY(feeder.fed_by, co_await parts_.workers.run(std::move(next)));
        wanted->insert(wanted->end(), feeder.fed_by.begin(), feeder.fed_by.end());
        found.push_back(std::move(feeder));
    }
    co_return found;
}

Task<Gates::Accuracy> Gates::accuracy(Run run) {
    AccuracyOrder order;
    order.challenger_id = text_at(run.version.spec, "bundle");
    order.dataset_id = text_at(run.dataset.status, "sha256");
    CO_TRY(order.challenger, co_await blob(order.challenger_id));
    CO_TRY(order.dataset, co_await blob(order.dataset_id));
    if (run.champion) {
        order.champion = run.champion->name;
        order.champion_id = text_at(run.champion->spec, "bundle");
        order.champion_bytes = co_await blob(order.champion_id);
    }
    CO_TRY(order.feeders, co_await feeders(order.challenger, run.gate.model));
    auto job = [this, order = std::move(order)]() -> Result<Accuracy> {
        if (to_hex(crypto::sha256(order.dataset)) != order.dataset_id)
            return Error{Errc::corrupt, "the dataset's bytes are not those that were frozen"};
        TRY(auto content, datasets::read_dataset(text_of(order.dataset)));
        if (!engine_) {
            TRY(engine_, native::open_engine());
        }
        Accuracy found;
        found.self_test = {"self-test", nullptr, "loads and gives its known scores", false, ""};
        found.champion.champion = order.champion;
        RealClock clock;
        auto bundle = pipeline::load_bundle(order.challenger, *engine_, clock, order.challenger_id);
        if (!bundle) {
            found.self_test.detail = bundle.error().message;
            return found;
        }
        const auto fed = add_scores(content, order.feeders, *engine_);
        if (!fed) {
            found.self_test.detail = fed.error().message;
            return found;
        }
        found.card = bundle->card;
        const std::size_t block_rows = block_rows_of(bundle->pipeline.spec(), content.rows());
        found.champion.block_rows = block_rows;
        auto judged = gates::judge(bundle->pipeline, content, block_rows);
        if (!judged) {
            found.self_test.detail = judged.error().message;
            return found;
        }
        found.self_test.passed = true;
        found.self_test.detail =
            "on the hub, " + bundle->pipeline.model().engine() + in_words(*fed);
        found.challenger = std::move(*judged);
        if (order.champion.empty()) return found;
        auto champion = order.champion_bytes
                            ? judge_bundle(*order.champion_bytes, order.champion_id, *engine_,
                                           content, block_rows)
                            : Result<Judged>(order.champion_bytes.error());
        if (champion)
            found.champion.judged = std::move(*champion);
        else
            found.champion.why_not = champion.error().message;
        return found;
    };
    co_return co_await parts_.workers.run(std::move(job));
}

// One after the other until one answers; each has the whole time.
Task<Measured> Gates::ask_class(Run run, std::string device_class) {
    CO_TRY(const auto devices, co_await all("Device"));
    CO_TRY(const auto profiles, co_await all("DeviceProfile"));
    auto names = devices_of_class(device_class, devices, profiles);
    if (names.empty())
        co_return Error{Errc::not_found, "no device of class '" + device_class +
                                             "' is connected. Next step: connect one, or check "
                                             "device_class of its DeviceProfile"};
    if (names.size() > devices_asked_max) names.resize(devices_asked_max);
    std::string why;
    for (const std::string& name : names) {
        JsonObject order{{"verb", "measure"},
                         {"model", run.gate.model},
                         {"version", text_at(run.version.spec, "version")},
                         {"bundle", text_at(run.version.spec, "bundle")},
                         {"size", find_integer(run.version.spec, "size").value_or(0)}};
        auto reply = co_await parts_.commands.ask(name, std::move(order), run.gate.measure_within);
        if (!reply && reply.error().code == Errc::cancelled) co_return std::move(reply).error();
        Result<Measured> measured =
            reply ? measured_from(name, *reply) : Result<Measured>(std::move(reply).error());
        if (measured) co_return measured;
        why += (why.empty() ? "device '" : "; device '") + name + "': " + measured.error().message;
    }
    co_return Error{Errc::timed_out, why};
}

Task<Report> Gates::measure(Run run) {
    CO_TRY(const Accuracy found, co_await accuracy(run));
    Report report;
    report.gate = run.gate.name;
    report.version = run.version.name;
    report.bundle = text_at(run.version.spec, "bundle");
    report.dataset = run.dataset.name;
    report.dataset_sha256 = text_at(run.dataset.status, "sha256");
    report.champion = found.champion.champion;
    report.rows.push_back(found.self_test);
    const auto add = [&report](std::vector<Row> rows) {
        for (Row& row : rows) report.rows.push_back(std::move(row));
    };
    const Judged nothing;
    add(metric_rows(run.gate, found.challenger ? *found.challenger : nothing, found.champion));
    add(card_rows(run.gate, found.card));
    for (const ClassLimit& limit : run.gate.classes) {
        // What does not load here need not be tried on a device.
        Result<Measured> measured = Error{Errc::invalid_input, "the bundle does not load"};
        if (found.challenger) measured = co_await ask_class(run, limit.name);
        if (!measured && measured.error().code == Errc::cancelled)
            co_return std::move(measured).error();
        add(class_rows(limit, measured));
    }
    if (found.challenger) report.facts = metric_facts(found.challenger->total);
    report.measured_at = parts_.clock.now();
    co_return report;
}

// The report first: a verdict without its report would be worth nothing. A run after a restart
// finds the report that stands and follows it.
Task<> Gates::settle(Run run, Report report) {
    CO_TRY(Json spec, signed_spec(report, parts_.sign));
    Resource resource;
    resource.kind = "GateReport";
    resource.name = run.report;
    resource.domain = run.version.domain;
    resource.spec = std::move(spec);
    const Row* failing = report.failing();
    const std::string says =
        "gate '" + run.gate.name + "': " +
        (failing ? in_words(*failing)
                 : "all " + std::to_string(report.rows.size()) + " rows passed") +
        "; report " + run.report;
    AuditNote note{"hub", "gate.report", says};
    auto made = co_await parts_.store.create(std::move(resource), note);
    if (!made && made.error().code != Errc::conflict) co_return std::move(made).error();
    CO_TRY(Resource stored, co_await parts_.store.get("GateReport", run.report));
    const bool passed = text_at(stored.spec, "verdict") == "passed";
    JsonObject gate{{"gate", run.gate.name},
                    {"report", run.report},
                    {"verdict", text_at(stored.spec, "verdict")},
                    {"bundle", text_at(stored.spec, "bundle")},
                    {"dataset", run.dataset.name},
                    {"dataset_sha256", report.dataset_sha256},
                    {"champion", report.champion},
                    {"measured_at", text_at(stored.spec, "measured_at")}};
    CO_TRY(Resource version, co_await parts_.store.get("ModelVersion", run.version.name));
    CO_TRY(auto changes, advance(version, version_table(), passed ? "gate.passed" : "gate.refused",
                                 says, parts_.clock.now()));
    for (const auto& [key, value] : report.facts) gate[key] = value;
    changes["gate"] = std::move(gate);
    changes["report"] = run.report;
    changes["gate_run"] = nullptr;
    changes["override"] = nullptr;
    note.action = passed ? "gate.passed" : "gate.refused";
    auto written = co_await parts_.store.merge_status("ModelVersion", run.version.name,
                                                      std::move(changes), std::move(note));
    if (!written) co_return std::move(written).error();
    log::info("gates.version.judged", {{"version", run.version.name},
                                       {"verdict", passed ? "validated" : "refused"},
                                       {"says", says}});
    co_return Result<>{};
}

Task<> Gates::consider_override(std::string name) {
    auto version = co_await parts_.store.get("ModelVersion", name);
    if (!version || state_of(*version, version_table()) != "refused") co_return Result<>{};
    const std::string gate_name = text_at(version->status, "gate.gate");
    auto spec = co_await parts_.store.get("GateSpec", gate_name);
    if (!spec) co_return Result<>{};
    CO_TRY(const Gate gate, gate_of(*spec));
    for (const std::string& role : gate.override_roles) {
        CO_TRY(const Consent consent, co_await parts_.consent(*version, "override", role));
        if (!consent.given) continue;
        const std::string says =
            consent.says + "; it was refused because " + text_at(version->status, "reason");
        CO_TRY(auto changes,
               advance(*version, version_table(), "override.approved", says, parts_.clock.now()));
        changes["override"] = JsonObject{
            {"role", role}, {"says", consent.says}, {"bundle", text_at(version->spec, "bundle")}};
        AuditNote note{"hub", "gate.override", says};
        auto written = co_await parts_.store.merge_status("ModelVersion", name, std::move(changes),
                                                          std::move(note));
        if (!written) co_return std::move(written).error();
        co_return Result<>{};
    }
    co_return Result<>{};
}

Task<Resource> Gates::retire(std::string name, std::string reason, std::string actor) {
    CO_TRY(Resource version, co_await parts_.store.get("ModelVersion", name));
    const std::string says = actor + ": " + reason;
    CO_TRY(auto changes, advance(version, version_table(), "retire", says, parts_.clock.now()));
    AuditNote note{actor, "model.retire", reason};
    co_return co_await parts_.store.merge_status("ModelVersion", std::move(name),
                                                 std::move(changes), std::move(note));
}

}  // namespace mw::gates
