#pragma once
// A fleet for tests and benchmarks: devices with a real desired version in the real store, agents
// that install after a while, fail, stay silent or crash, and history that follows from what they
// run. Virtual time. It outlives the hub: a hub that dies is opened again over the same fleet.

#include <map>
#include <memory>
#include <set>
#include <string>

#include "data/registry/registry.h"
#include "fleet/rollouts/rollouts.h"
#include "platform/sqlite/sqlite.h"

namespace mw::rollouts::simulated {

struct Agent {
    std::string running = "1";
    Timestamp since{};  // it runs that
    std::int64_t boots = 1;
    std::uint64_t generation = 0;
    bool busy = false;
};

struct Habits {
    nanoseconds installs_after = seconds{2};
    std::uint64_t slots = 1;  // agents report in so many groups, 50 ms apart
    nanoseconds telemetry = seconds{10};
    std::set<std::string> failing{};   // say that it does not install, and keep what they ran
    std::set<std::string> silent{};    // say nothing
    std::set<std::string> crashing{};  // while they run the new version, one start per telemetry
    double effect = 0;                 // of the new version on every figure
    nanoseconds effect_after{0};       // since it runs
    bool history_is_down = false;
    double noise = 0.05;
};

class Fleet {
 public:
    Fleet(Loop& loop, Habits habits) : habits(std::move(habits)), loop_(loop) {}

    // Follows a hub's store until `detach`.
    void attach(ResourceStore& store) {
        store_ = &store;
        scope_ = std::make_unique<Scope>(loop_, [](const Error&) {});
        subscription_ = store.subscribe([this](const ResourceChange& change) {
            if (change.resource.kind == "Device") hear(change.resource);
        });
        scope_->spawn(catch_up());
        scope_->spawn(telemetry());
    }
    void detach() {
        subscription_.reset();
        scope_.reset();
        for (auto& [name, agent] : agents) agent.busy = false;
        store_ = nullptr;
    }

    std::map<std::string, Agent> agents;
    Habits habits;
    std::function<void(const std::string&, std::int64_t)> on_boots;

 private:
    static std::string wanted(const Resource& device) {
        return find_string(device.spec, "models.pump.version").value_or("");
    }
    void hear(const Resource& device) {
        Agent& agent = agents[device.name];
        if (device.generation <= agent.generation || agent.busy) return;
        agent.busy = true;
        scope_->spawn(converge(device.name));
    }
    Task<> catch_up() {
        ListQuery query;
        query.kind = "Device";
        query.limit = 5'000;
        for (;;) {
            CO_TRY(const ResourcePage page, co_await store_->list(query));
            for (const Resource& device : page.items) hear(device);
            if (page.continue_from.empty()) co_return Result<>{};
            query.continue_from = page.continue_from;
        }
    }
    // An agent does not give up when the hub is busy.
    Task<> converge(std::string name) {
        const auto slot = std::hash<std::string>{}(name) % habits.slots;
        for (;;) {
            CO_TRY_VOID(co_await sleep_for(habits.installs_after + milliseconds{50} * slot));
            auto done = co_await install(name);
            if (done && *done) break;
            if (!done && done.error().code != Errc::overloaded) {
                agents[name].busy = false;
                co_return std::move(done).error();
            }
        }
        agents[name].busy = false;
        co_return Result<>{};
    }
    // True: it runs, or refuses, what is wanted by now.
    Task<bool> install(std::string name) {
        CO_TRY(const Resource device, co_await store_->get("Device", name));
        Agent& agent = agents[name];
        const std::string version = wanted(device);
        const bool fresh = version != agent.running && version != "1" && !version.empty();
        const auto shadow = find_string(device.spec, "models.pump.shadow");
        const bool fails = fresh && habits.failing.contains(name);
        if (habits.silent.contains(name) && fresh) co_return true;
        if (!fails && version != agent.running) {
            agent.running = version;
            agent.since = loop_.clock().now();
        }
        JsonObject entry{{"version", version}, {"state", fails ? "failed" : "applied"}};
        if (fails) entry["code"] = "corrupt", entry["reason"] = "its self-test gave 2, not 1";
        JsonObject models{{"pump", std::move(entry)}};
        if (shadow) models["pump.shadow"] = JsonObject{{"version", *shadow}, {"state", "applied"}};
        JsonObject changes;
        changes["reported"] = {{"generation", device.generation}, {"models", std::move(models)}};
        changes["health"] = JsonObject{{"boots", agent.boots}};
        AuditNote note{"device:" + name, "report", "status", ""};
        CO_TRY(const Resource now,
               co_await store_->merge_status("Device", name, std::move(changes), note));
        agent.generation = device.generation;
        co_return now.generation == device.generation;
    }
    Task<> telemetry() {
        for (;;) {
            CO_TRY_VOID(co_await sleep_for(habits.telemetry));
            for (const auto& name : habits.crashing) {
                Agent& agent = agents[name];
                if (agent.running == "1") continue;
                agent.boots += 3;  // it restarts every few seconds
                if (on_boots) on_boots(name, agent.boots);
                JsonObject changes;
                changes["health"] = JsonObject{{"boots", agent.boots}};
                AuditNote note{"device:" + name, "report", "status", ""};
                CO_TRY_VOID(
                    co_await store_->merge_status("Device", name, std::move(changes), note));
            }
        }
    }

    Loop& loop_;
    ResourceStore* store_ = nullptr;
    std::unique_ptr<Scope> scope_;
    std::shared_ptr<void> subscription_;
};

// Every device has its own level and some noise; the new version adds `effect` from when it runs.
class History final : public Observations {
 public:
    explicit History(Fleet& fleet) : fleet_(fleet) {}
    Task<std::vector<DeviceValue>> values(Question question) override {
        if (fleet_.habits.history_is_down)
            co_return Error{Errc::timed_out, "history does not answer"};
        std::vector<DeviceValue> values;
        for (const auto& [name, agent] : fleet_.agents) {
            SeededRandom random{std::hash<std::string>{}(name) ^ 7};
            SeededRandom moment{std::hash<std::string>{}(name) ^
                                static_cast<std::uint64_t>(question.to.ns)};
            double value = 0.3 + 0.1 * random.normal() + fleet_.habits.noise * moment.normal();
            if (agent.running != "1" && agent.since + fleet_.habits.effect_after < question.to)
                value += fleet_.habits.effect;
            values.push_back({name, value, 100});
        }
        co_return values;
    }

 private:
    Fleet& fleet_;
};

// The hub's part: registry and controller. Dropping it is a kill.
struct Hub {
    Hub(Loop& loop, std::unique_ptr<registry::Registry> opened, metrics::Registry& metrics,
        Fleet& fleet, History& history, Options options = {})
        : store(std::move(opened)), fleet(fleet) {
        Parts parts{.loop = loop,
                    .store = *store,
                    .observations = history,
                    .metrics = metrics,
                    .consent = [this](Resource, std::vector<std::string> roles) {
                        return agree(std::move(roles));
                    }};
        rollouts = std::make_unique<Rollouts>(std::move(parts), options);
        fleet.attach(*store);
        fleet.on_boots = [this](const std::string& device, std::int64_t boots) {
            rollouts->on_boots(device, boots);
        };
    }
    ~Hub() {
        fleet.on_boots = nullptr;
        fleet.detach();
    }
    Task<Consent> agree(std::vector<std::string> roles) {
        if (refuses) co_return Consent{false, true, "user:eve said no"};
        co_return Consent{approves || roles.empty(), false, "user:ann agreed as releaser"};
    }
    bool approves = true;
    bool refuses = false;
    std::unique_ptr<registry::Registry> store;
    Fleet& fleet;
    std::unique_ptr<Rollouts> rollouts;
};

inline Resource resource(std::string_view json) {
    auto parsed = resource_from_json(*parse_json(json));
    ASSERT(parsed.ok());
    return std::move(*parsed);
}

inline Task<> create(ResourceStore& store, Resource made) {
    AuditNote note{"user:ann", "create", "a test", ""};
    CO_TRY_VOID(co_await store.create(std::move(made), std::move(note)));
    co_return Result<>{};
}

// Models, versions and `count` devices gw-00001... of two sites.
inline Task<> furnish(ResourceStore& store, int count) {
    CO_TRY_VOID(co_await create(store, resource(R"({"kind":"Model","name":"pump"})")));
    for (const char* version : {"1", "2"}) {
        const std::string hash(64, version[0]);
        Resource made = resource(R"({"kind":"ModelVersion","name":"pump--)" + std::string(version) +
                                 R"(","spec":{"model":"pump","version":")" + version +
                                 R"(","bundle":")" + hash + R"("}})");
        CO_TRY_VOID(co_await create(store, std::move(made)));
        JsonObject state{{"state", "validated"}};
        AuditNote note{"hub", "gate.verdict", "passed", ""};
        CO_TRY_VOID(co_await store.merge_status("ModelVersion", "pump--" + std::string(version),
                                                std::move(state), note));
    }
    for (int from = 1; from <= count;) {
        Scope scope(Loop::here(), [](const Error& error) { ASSERT(error.message.empty()); });
        for (int i = 0; i < 256 && from <= count; ++i, ++from) {
            Resource device;
            device.kind = "Device";
            device.name = "gw-" + std::to_string(100'000 + from);
            device.labels = {{"line", "pumps"}, {"site", from % 3 == 0 ? "south" : "north"}};
            device.spec =
                JsonObject{{"models", JsonObject{{"pump", JsonObject{{"version", "1"}}}}}};
            scope.spawn(create(store, std::move(device)));
        }
        CO_TRY_VOID(co_await scope.join());
    }
    co_return Result<>{};
}

}  // namespace mw::rollouts::simulated
