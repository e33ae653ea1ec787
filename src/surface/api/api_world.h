#pragma once
// For this module's tests: a hub's control plane around the API, real but for the parts that the
// API knows by interface only, and a client that speaks to it over loopback.

#include <gtest/gtest.h>

#include "insight/open_inference/open_inference.h"
#include "surface/api/api.h"

namespace mw::api {

class FakeQuery final : public QueryEngine {
 public:
    QueryRequest last;
    int running = 0;  // of those that take long
    Task<QueryReply> query(QueryRequest request) override {
        last = request;
        if (request.sql == "slow") co_return Error{Errc::timed_out, "cut at its limit"};
        if (request.sql == "long") {
            ++running;
            auto waited = co_await sleep_for(hours(1));
            --running;
            if (!waited) co_return waited.error();
        }
        if (request.sql == "closed") co_return Error{Errc::denied, "product x is not for you"};
        if (request.sql == "DROP") co_return Error{Errc::invalid_input, "sql: DROP is not allowed"};
        const char* types[] = {"application/json", "application/x-ndjson", "text/csv",
                               "application/vnd.apache.parquet"};
        QueryReply reply;
        reply.content_type = types[int(request.format)];
        reply.body = "body";
        reply.rows = 1;
        co_return std::move(reply);
    }
};

class FakeEnrollment final : public EnrollmentTokens {
 public:
    Order last;
    Task<Issued> issue(Order order) override {
        last = std::move(order);
        Issued issued{"enrol-me", {1'800'000'000'000'000'000}, 3};
        co_return std::move(issued);
    }
    Task<std::string> move(Move move) override {
        if (move.event == "release") co_return Error{Errc::conflict, "not from its state"};
        decided = move.actor + " " + move.event + " " + move.device + " " + move.why + move.other;
        co_return std::string("suspended");
    }
    std::string decided;  // "user:root approves gw-9"
    JsonArray waiting() const override {
        return {JsonObject{{"device", "gw-9"}, {"group", "pumps"}, {"state", "waiting"}}};
    }
    Task<Json> decide(std::string device, bool approve, std::string actor) override {
        if (device != "gw-9") co_return Error{Errc::not_found, "nobody waits by that name"};
        decided = actor + (approve ? " approves " : " denies ") + device;
        co_return Json(JsonObject{{"device", device}});
    }
};

class FakeAlarms final : public AlarmDirectory {
 public:
    std::vector<std::weak_ptr<Listener>> listeners;
    Task<JsonArray> list(std::string state, std::size_t) override {
        JsonArray items;
        items.push_back(JsonObject{{"id", "a1"}, {"state", state.empty() ? "raised" : state}});
        co_return std::move(items);
    }
    Task<Json> why(std::string id) override {
        if (id != "a1") co_return Error{Errc::not_found, "there is no alarm '" + id + "'"};
        co_return Json(JsonObject{{"id", id}, {"because", "window"}});
    }
    std::shared_ptr<void> subscribe(Listener listener) override {
        auto shared = std::make_shared<Listener>(std::move(listener));
        listeners.push_back(shared);
        return shared;
    }
    void raise(const Json& alarm) {
        for (auto& weak : listeners)
            if (auto listener = weak.lock()) (*listener)(alarm);
    }
};

class FakeLabels final : public LabelDesk {
 public:
    Task<Json> answer(std::string task, Json body, std::string author) override {
        if (task != "t1") co_return Error{Errc::conflict, "it is answered already"};
        co_return Json(JsonObject{{"task", task}, {"body", body}, {"author", author}});
    }
    Task<Json> adjudicate(std::string task, Json body, policy::Principal who) override {
        co_return Json(JsonObject{{"task", task}, {"body", body}, {"author", who.name}});
    }
    JsonArray agreement(const std::string& use_case, const std::string& model) override {
        return {JsonObject{{"use_case", use_case}, {"model", model}}};
    }
};

class FakeTrust final : public QuarantineDesk, public LineageDesk, public ScorecardDesk {
 public:
    Task<Json> decide(Json body, std::string actor) override {
        body.get_object()["by"] = actor;
        co_return std::move(body);
    }
    JsonArray decisions(const std::string& device, std::size_t limit) override {
        return {JsonObject{{"device", device}, {"limit", limit}}};
    }
    Task<Json> trace(Question question) override {
        Resource in_plant_b;
        in_plant_b.kind = "Dataset", in_plant_b.domain = "plant-b";
        const bool plant_b = question.may_see(in_plant_b);
        co_return Json(JsonObject{{"kind", question.kind},
                                  {"name", question.name},
                                  {"down", question.down},
                                  {"limit", question.limit},
                                  {"sees_plant_b", plant_b}});
    }
    Task<Json> scorecard(std::string product, int days) override {
        co_return Json(JsonObject{{"product", product}, {"days", days}});
    }
};

class FakeGates final : public GateRunner {
 public:
    Task<Json> run(std::string gate, std::string version, std::string actor) override {
        co_return Json(JsonObject{{"report", gate + "-1"}, {"version", version}, {"actor", actor}});
    }
    Task<Json> retire(std::string version, std::string reason, std::string actor) override {
        co_return Json(JsonObject{{"name", version}, {"reason", reason}, {"actor", actor}});
    }
};

class FakePortfolio final : public Portfolio {
 public:
    std::string computed;
    Task<JsonArray> rank() override {
        JsonArray items;
        for (const char* domain : {"north", "south"})
            items.push_back(JsonObject{{"name", domain}, {"domain", domain}});
        co_return std::move(items);
    }
    Task<Json> review(std::string name) override {
        co_return Json(JsonObject{{"stage", "idea"}, {"of", name}});
    }
    Task<> compute(std::string name) override {
        computed = std::move(name);
        co_return Result<>{};
    }
};

// Keeps the points as "device/stream/seq signal@time=value", and fails when told to.
class FakePoints final : public PointDesk {
 public:
    Task<Outcome> store(Load load) override {
        if (store_error) co_return *store_error;
        Outcome outcome;
        for (std::size_t i = 0; i < load.count; ++i) {
            const Batch& batch = (*load.batches)[i];
            if (batch.device.text == "stranger") {
                outcome.refused.push_back(
                    {"stranger", batch.size(), "device 'stranger' is not registered"});
                continue;
            }
            outcome.points += batch.size();
            for (const Run& run : batch.runs)
                for (auto at = run.begin; at < run.end; ++at)
                    stored.push_back(batch.device.text + "/" + batch.position.stream + "/" +
                                     std::to_string(batch.position.sequence) + " " + run.signal +
                                     "@" + std::to_string(batch.times[at].ns) + "=" +
                                     std::to_string(batch.values[at]));
        }
        co_return std::move(outcome);
    }
    Task<> flush() override {
        ++flushes;
        if (flush_error) co_return *flush_error;
        co_return Result<>{};
    }
    std::vector<std::string> take() { return std::exchange(stored, {}); }

    std::vector<std::string> stored;
    int flushes = 0;
    std::optional<Error> store_error, flush_error;
};

class FakeHistory final : public HistoryDesk {
 public:
    Task<Json> stats() override { co_return JsonObject{{"series", 7}}; }
    Task<Json> compact(nanoseconds wait) override {
        waited = wait;
        co_return JsonObject{{"finished", true}};
    }
    Task<Json> verify() override { co_return JsonObject{{"sound", false}}; }
    Task<Json> remove(Deletion deletion) override {
        deleted = std::move(deletion);
        co_return JsonObject{{"points", 12}, {"decisions", 3}};
    }
    nanoseconds waited{0};
    std::optional<Deletion> deleted;
};

// One model of three numbers, whose sum it gives.
class FakeModels final : public open_inference::Models {
 public:
    bool ready() const override { return true; }
    Task<open_inference::Description> describe(std::string model, std::string version) override {
        if (model != "pump" || (!version.empty() && version != "1"))
            co_return Error{Errc::not_found, "model '" + model + "' has no version of use"};
        open_inference::Description description{model, "1", {"1"}, "native", {}, {}};
        description.input = {"x", {1, 3}};
        description.output = {"y", {1, 1}};
        co_return std::move(description);
    }
    Task<std::vector<float>> run(std::string, std::string, open_inference::Rows rows) override {
        std::vector<float> sums;
        for (std::size_t i = 0; i < rows.count; ++i)
            sums.push_back(rows.values[3 * i] + rows.values[3 * i + 1] + rows.values[3 * i + 2]);
        co_return std::move(sums);
    }
};

// Knows /mnt/b, and makes a backup for ever.
class FakeBackups final : public BackupDesk {
 public:
    Task<> admit(Order order) override {
        if (running) co_return Error{Errc::conflict, "one is being made"};
        if (order.directory != "/mnt/b") co_return Error{Errc::not_found, "no backups there"};
        co_return Result<>{};
    }
    Task<> start(Order order) override {
        running = std::move(order);
        co_return Result<>{};
    }
    Task<Json> state(nanoseconds wait) override {
        waited = wait;
        if (!running) co_return JsonObject{{"running", nullptr}};
        co_return JsonObject{{"running", JsonObject{{"directory", running->directory}}}};
    }
    Task<> stop() override {
        if (!running) co_return Error{Errc::not_found, "none is being made"};
        running.reset();
        co_return Result<>{};
    }
    std::optional<Order> running;
    nanoseconds waited{0};
};

// Two pages of clients, and a trace that gives what a test put into it.
class FakeBroker final : public BrokerDesk {
 public:
    explicit FakeBroker(SimulatedClock& clock) : clock_(clock) {}

    class FakeTrace final : public Trace {
     public:
        explicit FakeTrace(FakeBroker& broker) : broker_(broker) { ++broker_.traces_open; }
        ~FakeTrace() override { --broker_.traces_open; }
        Task<Batch> next(nanoseconds wait) override {
            if (broker_.batches.empty() && !broker_.closed) {
                if (broker_.waits_pass) {
                    broker_.clock_.advance(wait);
                    co_return Batch{};
                }
                broker_.arrived.reset();
                auto arrived = co_await within(wait, broker_.arrived.wait());
                if (!arrived && arrived.error().code != Errc::timed_out) co_return arrived.error();
            }
            if (broker_.closed) co_return Error{Errc::cancelled, "closed"};
            Batch batch;
            if (!broker_.batches.empty()) {
                batch = std::move(broker_.batches.front());
                broker_.batches.erase(broker_.batches.begin());
            }
            co_return std::move(batch);
        }
        void close() override { broker_.closed = true, broker_.arrived.set(); }

     private:
        FakeBroker& broker_;
    };

    Task<Json> clients(Order order) override {
        asked = order;
        if (order.from == "zz") co_return Error{Errc::invalid_input, "continue: no hexadecimal"};
        co_return page(order.from.empty() ? "gw-1" : "gw-2", order.from.empty() ? "01" : "");
    }
    Task<Json> bridges() override {
        co_return Json(JsonObject{{"items", JsonArray{JsonObject{{"name", "plant"}}}}});
    }
    Task<Json> subscriptions(Order order) override {
        asked = order;
        co_return page("t/#", "");
    }
    Task<Json> retained(Order order) override {
        asked = order;
        co_return page(order.payloads ? "with payload" : "size only", "");
    }
    Task<Json> kick(Kick kick) override {
        kicked.push_back(kick);
        co_return Json(JsonObject{{"connections", 1}, {"sessions", kick.forget ? 1 : 0}});
    }
    Task<std::shared_ptr<Trace>> trace(TraceOrder order) override {
        traced = order;
        std::shared_ptr<Trace> made = std::make_shared<FakeTrace>(*this);
        co_return std::move(made);
    }

    Order asked;
    std::vector<Kick> kicked;
    TraceOrder traced;
    std::vector<Trace::Batch> batches;
    int traces_open = 0;
    bool closed = false;
    bool waits_pass = false;  // each wait takes its whole time from the test's clock
    Event arrived;

 private:
    static Json page(const char* name, const char* next) {
        JsonArray items;
        items.push_back(JsonObject{{"name", name}});
        return JsonObject{{"items", std::move(items)}, {"continue", next}};
    }
    SimulatedClock& clock_;
};

// Takes "ey.NAME.ROLE", or of two roles "ey.NAME.ROLE+ROLE", once its keys have been fetched.
class FakeForeign final : public policy::ForeignTokens {
 public:
    bool takes(std::string_view token) const override { return token.starts_with("ey."); }
    Result<policy::Principal> authenticate(std::string_view token, Timestamp) const override {
        if (refuse) return Error{Errc::denied, "JWT: the signature is wrong"};
        if (!knows_keys) return Error{Errc::not_found, "JWT: the issuer's keys have none"};
        const auto dot = token.rfind('.');
        std::string roles(token.substr(dot + 1));
        policy::Principal who{"user:oidc:" + std::string(token.substr(3, dot - 3)), {}};
        if (const auto plus = roles.find('+'); plus != std::string::npos) {
            who.roles = {roles.substr(0, plus), roles.substr(plus + 1)};
        } else if (!roles.empty()) {
            who.roles = {roles};
        }
        return who;
    }
    Task<> renew() override {
        ++renewals;
        knows_keys = gives_keys;
        co_return Result<>{};
    }
    bool knows_keys = false, gives_keys = true, refuse = false;
    int renewals = 0;
};

class ApiWorld : public testing::Test {
 public:
    explicit ApiWorld(Options options = {}) : options_(std::move(options)) {
        registry = *registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"});
        blobs = *blobs::Blobs::open(files, workers, {.directory = folder.path() + "/blobs"});
        Parts parts{*loop, workers, clock, random, metrics, *registry, *blobs};
        parts.query = &query;
        parts.enrollment = &enrollment;
        parts.alarms = &alarms;
        parts.portfolio = &portfolio;
        parts.labels = &labels;
        parts.gates = &gates;
        parts.broker = &broker;
        contracts = std::make_unique<products::Desk>(*registry);
        parts.products = contracts.get();
        parts.points = &points;
        parts.history = &stored;
        parts.models = &models;
        parts.backups = &backups;
        parts.foreign = &foreign;
        parts.quarantine = &trust;
        parts.lineage = &trust;
        parts.scorecards = &trust;
        parts.ready.push_back({"history", [this] { return history; }});
        parts.assets = [](std::string_view path) -> std::optional<Asset> {
            if (path == "/") return Asset{"text/html; charset=utf-8", "<h1>live</h1>"};
            return std::nullopt;
        };
        parts.device_of = [](ByteView certificate) -> Result<std::string> {
            return std::string(text_of(certificate));
        };
        parts.admission["Site"] = [this](AdmissionRequest asked) { return judge_site(asked); };
        parts.admission["Rollout"] = [this](AdmissionRequest asked) { return judge_site(asked); };
        parts.admission["DataProduct"] = [this](AdmissionRequest asked) {
            return contracts->admit_product(std::move(asked));
        };
        parts.admission["Policy"] = [this](AdmissionRequest asked) {
            return contracts->admit_policy(std::move(asked));
        };
        api = std::make_unique<Api>(std::move(parts), options_);
        server = *http::Server::open(*loop, {}, api->routes());
        server->on_served(api->request_counter("people"));
        http::ClientOptions to;
        to.server = {.host = "127.0.0.1", .port = server->address().port};
        client = std::make_unique<http::Client>(*loop, std::move(to));
        admin = user("root", {"admin"});
    }
    ~ApiWorld() override {
        api->stop();
        client.reset();
        ignore(wait(server->stop(seconds(1))), "the test is over");
        server.reset();
        api.reset();
    }

    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    // Makes a user with these roles; gives a token of theirs.
    std::string user(const std::string& name, const std::vector<std::string>& roles) {
        Resource r;
        r.kind = "User";
        r.name = name;
        JsonArray list;
        for (const auto& role : roles) list.emplace_back(role);
        r.spec = JsonObject{{"roles", std::move(list)}};
        auto issued = policy::issue_token(name, "api", clock.now(), nanoseconds{0}, random);
        auto made = wait(registry->create_user_with_token(r, issued.record, {"hub", "create", ""}));
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        return issued.text;
    }
    http::Request request(http::Method method, const std::string& target, std::string body,
                          const std::string& token) {
        http::Request r;
        r.method = method;
        auto parsed = http::parse_target(target);
        EXPECT_TRUE(parsed) << target;
        r.path = parsed->first;
        r.query = parsed->second;
        r.body = std::move(body);
        if (!token.empty()) r.headers.set("Authorization", "Bearer " + token);
        return r;
    }
    http::Response send(http::Request r) {
        auto response = wait(client->request(std::move(r)));
        EXPECT_TRUE(response) << (response ? "" : response.error().message);
        return response ? std::move(*response) : http::Response{};
    }
    // As the administrator.
    http::Response call(http::Method method, const std::string& target, std::string body = "") {
        return send(request(method, target, std::move(body), admin));
    }
    http::Response as(const std::string& token, http::Method method, const std::string& target,
                      std::string body = "") {
        return send(request(method, target, std::move(body), token));
    }
    static Json json(const http::Response& response) {
        auto parsed = parse_json(response.body);
        EXPECT_TRUE(parsed) << response.body;
        return parsed ? *parsed : Json{};
    }
    static std::string text_at(const http::Response& response, std::string_view path) {
        return find_string(json(response), path).value_or("(none)");
    }
    // Remembers what it was asked; refuses what is called "refused".
    Task<Resource> judge_site(AdmissionRequest asked) {
        judged.push_back(asked);
        if (asked.wanted.name == "refused")
            co_return Error{Errc::denied, "spec: this one is refused"};
        if (asked.deed == policy::Verb::create)
            set(asked.wanted.status, "judged", Json(asked.who.name));
        co_return std::move(asked.wanted);
    }
    // Facts of what was refused are written behind the answer; this one comes after them.
    void wait_for_facts() { ASSERT_TRUE(wait(registry->note({"test", "test.waited", ""})).ok()); }
    std::vector<audit::Fact> facts() { return *wait(registry->facts(0, 5'000)); }

    SimulatedClock clock;
    SeededRandom random{1};
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = *Loop::open();
    Workers workers{{.threads = 2}};
    files::TemporaryDirectory folder = *files::TemporaryDirectory::make();
    files::RealFiles files;
    FakeQuery query;
    FakeEnrollment enrollment;
    FakeForeign foreign;
    FakeAlarms alarms;
    FakePortfolio portfolio;
    FakeLabels labels;
    FakeTrust trust;
    FakeGates gates;
    FakeBroker broker{clock};
    FakeHistory stored;
    FakeModels models;
    FakeBackups backups;
    FakePoints points;
    Result<> history;
    std::vector<AdmissionRequest> judged;
    std::unique_ptr<registry::Registry> registry;
    std::unique_ptr<blobs::Blobs> blobs;
    std::unique_ptr<products::Desk> contracts;
    std::unique_ptr<Api> api;
    std::unique_ptr<http::Server> server;
    std::unique_ptr<http::Client> client;
    std::string admin;

 private:
    Options options_;
};

inline constexpr auto get = http::Method::get;
inline constexpr auto post = http::Method::post;
inline constexpr auto put = http::Method::put;
inline constexpr auto patch = http::Method::patch;
inline constexpr auto del = http::Method::del;

}  // namespace mw::api
