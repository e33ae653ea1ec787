#include "data/registry/registry.h"

#include <algorithm>
#include <deque>

#include "base/log.h"
#include "data/registry/accounts.h"
#include "data/registry/audit_reader.h"
#include "data/registry/reader.h"
#include "data/registry/writer.h"

namespace mw::registry {
namespace {

// Work that shares one sync. A note is one row; other writes are many, and who waits for the last
// of them should not wait for 100 ms.
constexpr std::size_t batch_weight_max = 2'048;
std::size_t weight_of(const Write& write) { return write.deed == Write::Deed::note ? 1 : 8; }

struct Metrics {
    explicit Metrics(metrics::Registry& r)
        : writes(r.counter("millwright_registry_writes_total", "Committed resource writes.")),
          refused(r.counter("millwright_registry_writes_refused_total",
                            "Writes refused by a check, a conflict or a full queue.")),
          commits(r.counter("millwright_registry_commits_total",
                            "Transactions; writes that wait together share one.")),
          commit_seconds(r.histogram("millwright_registry_commit_duration_seconds",
                                     "Time of a batch on the writing thread, with its sync.")) {}
    metrics::Counter& writes;
    metrics::Counter& refused;
    metrics::Counter& commits;
    metrics::Histogram& commit_seconds;
};

// A write that waits for its batch; shared by the one who waits and the one who writes.
struct Pending {
    Write write;
    Outcome outcome;
    Event done;
};

}  // namespace

struct Registry::State {
    State(Loop& loop, const Clock& clock, metrics::Registry& registry, Options options,
          sqlite::Database database, std::optional<sqlite::Database> second)
        : clock(clock),
          options(std::move(options)),
          metrics(registry),
          writing_database(std::move(database)),
          reading_database(std::move(second)),
          writer(writing_database, this->options.changes_kept),
          reader(reading_database ? *reading_database : writing_database),
          audit_reader(reading_database ? *reading_database : writing_database),
          writing({.threads = 1, .queue = 64, .niceness = 0, .name = "reg-write"}),
          reading({.threads = 1, .queue = 4'096, .niceness = 0, .name = "reg-read"}),
          scope(loop) {}

    Task<Outcome> submit(Write write);
    Task<> drain();
    void publish(std::vector<std::shared_ptr<Pending>>& batch, std::vector<Outcome> outcomes);
    // A database in memory has one connection, and so one thread.
    Workers& readers() { return reading_database ? reading : writing; }
    Result<> load();
    Result<> ensure_built_in_roles();

    const Clock& clock;
    const Options options;
    Metrics metrics;
    sqlite::Database writing_database;
    std::optional<sqlite::Database> reading_database;
    Writer writer;
    Reader reader;
    AuditReader audit_reader;
    std::shared_ptr<const audit::Signer> signer;
    LiveAccounts accounts;
    std::deque<std::shared_ptr<Pending>> queue;
    bool draining = false;
    std::vector<std::weak_ptr<Listener>> listeners;
    Workers writing;
    Workers reading;
    Scope scope;  // last: what runs in it uses all of the above
};

Result<std::unique_ptr<Registry>> Registry::open(Loop& loop, const Clock& clock,
                                                 metrics::Registry& metrics, Options options) {
    const bool in_memory = options.path == ":memory:";
    TRY(auto database, sqlite::Database::open({.path = options.path, .vfs = options.vfs}));
    TRY_VOID(database.migrate(migrations).context("registry " + options.path));
    std::optional<sqlite::Database> second;
    if (!in_memory) {
        TRY(auto reading,
            sqlite::Database::open({.path = options.path, .vfs = options.vfs, .read_only = true}));
        second.emplace(std::move(reading));
    }
    auto state = std::make_unique<State>(loop, clock, metrics, std::move(options),
                                         std::move(database), std::move(second));
    TRY_VOID(state->writer.catch_up().context("registry " + state->options.path));
    TRY_VOID(state->ensure_built_in_roles());
    TRY_VOID(state->load());
    return std::unique_ptr<Registry>(new Registry(std::move(state)));
}

Registry::Registry(std::unique_ptr<State> state) : state_(std::move(state)) {}
Registry::~Registry() = default;

// Writes only what is new or differs: most starts write nothing.
Result<> Registry::State::ensure_built_in_roles() {
    std::vector<Write> writes;
    for (const auto& role : policy::built_in_roles()) {
        Write write;
        write.resource.kind = "Role";
        write.resource.name = role.name;
        write.resource.labels["builtin"] = "true";
        write.resource.spec = role.spec;
        set(write.resource.spec, "description", Json(role.description));
        const auto found = reader.get("Role", write.resource.name);
        if (found && found->labels == write.resource.labels && found->spec == write.resource.spec)
            continue;
        write.deed = found ? Write::Deed::replace : Write::Deed::create;
        write.built_in = true;
        write.note = {"hub", found ? "replace" : "create", "built-in role"};
        write.now = clock.now();
        writes.push_back(std::move(write));
    }
    if (writes.empty()) return {};
    for (auto& outcome : writer.run(writes))
        if (!outcome.resource) return std::move(outcome.resource).error().context("built-in role");
    return {};
}

Result<> Registry::State::load() {
    std::vector<Resource> found[2];
    for (int i = 0; i < 2; ++i) {
        ListQuery query;
        query.kind = i == 0 ? "User" : "Role";
        query.limit = page_limit_max;
        do {
            TRY(auto page, reader.list(query));
            std::move(page.items.begin(), page.items.end(), std::back_inserter(found[i]));
            query.continue_from = page.continue_from;
        } while (!query.continue_from.empty());
    }
    Prepared prepared(writing_database);
    TRY(auto tokens, load_all_tokens(prepared));
    accounts.load(std::move(found[0]), std::move(found[1]), std::move(tokens));
    return {};
}

// ---- writing

Task<Outcome> Registry::State::submit(Write write) {
    if (queue.size() >= options.writes_waiting_max) {
        metrics.refused.add();
        co_return Error{Errc::overloaded, "too many writes wait for the store; try again shortly"};
    }
    write.now = clock.now();
    auto pending = std::make_shared<Pending>();
    pending->write = std::move(write);
    queue.push_back(pending);
    if (!draining) {
        draining = true;
        scope.spawn(drain());
    }
    CO_TRY_VOID(co_await pending->done.wait());
    co_return std::move(pending->outcome);
}

Task<> Registry::State::drain() {
    while (!queue.empty()) {
        std::vector<std::shared_ptr<Pending>> batch;
        std::vector<Write> writes;
        for (std::size_t weight = 0; !queue.empty() && weight < batch_weight_max;) {
            weight += weight_of(queue.front()->write);
            batch.push_back(std::move(queue.front()));
            queue.pop_front();
            writes.push_back(std::move(batch.back()->write));
        }
        const auto began = clock.steady();
        auto job = [this, writes = std::move(writes)] { return writer.run(writes); };
        auto outcomes = co_await writing.run(std::move(job));
        metrics.commits.add();
        metrics.commit_seconds.observe(double((clock.steady() - began).count()) * 1e-9);
        if (outcomes) {
            publish(batch, std::move(*outcomes));
            continue;
        }
        std::vector<Outcome> failed(batch.size());
        for (auto& outcome : failed) outcome.resource = outcomes.error();
        publish(batch, std::move(failed));
        if (outcomes.error().code == Errc::cancelled) break;
    }
    draining = false;
    co_return Result<>{};
}

void Registry::State::publish(std::vector<std::shared_ptr<Pending>>& batch,
                              std::vector<Outcome> outcomes) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
        auto& outcome = outcomes[i];
        (outcome.resource ? metrics.writes : metrics.refused).add();
        if (outcome.change) {
            accounts.apply(*outcome.change);
            const auto& change = *outcome.change;
            // By index: a listener may subscribe another one.
            for (std::size_t l = 0; l < listeners.size(); ++l)
                if (const auto listener = listeners[l].lock()) (*listener)(change);
        }
        if (!outcome.tokens.empty())
            accounts.set_tokens(outcome.tokens.front().user, outcome.tokens);
        batch[i]->outcome = std::move(outcome);
        batch[i]->done.set();
    }
    std::erase_if(listeners, [](const auto& listener) { return listener.expired(); });
}

namespace {

Task<Resource> resource_of(Task<Outcome> submitted) {
    CO_TRY(auto outcome, co_await std::move(submitted));
    co_return std::move(outcome.resource);
}

Write make_write(Write::Deed deed, Resource resource, AuditNote note) {
    Write write;
    write.deed = deed;
    write.resource = std::move(resource);
    write.note = std::move(note);
    return write;
}

Resource named(std::string kind, std::string name, std::uint64_t revision = 0) {
    Resource resource;
    resource.kind = std::move(kind);
    resource.name = std::move(name);
    resource.revision = revision;
    return resource;
}

}  // namespace

Task<Resource> Registry::create(Resource resource, AuditNote note) {
    auto write = make_write(Write::Deed::create, std::move(resource), std::move(note));
    return resource_of(state_->submit(std::move(write)));
}

Task<Resource> Registry::replace(Resource resource, AuditNote note) {
    auto write = make_write(Write::Deed::replace, std::move(resource), std::move(note));
    return resource_of(state_->submit(std::move(write)));
}

Task<Resource> Registry::set_status(std::string kind, std::string name, Json status,
                                    AuditNote note) {
    auto write =
        make_write(Write::Deed::status, named(std::move(kind), std::move(name)), std::move(note));
    write.resource.status = std::move(status);
    return resource_of(state_->submit(std::move(write)));
}

Task<Resource> Registry::merge_status(std::string kind, std::string name, JsonObject changes,
                                      AuditNote note) {
    auto write = make_write(Write::Deed::merge_status, named(std::move(kind), std::move(name)),
                            std::move(note));
    write.resource.status = std::move(changes);
    return resource_of(state_->submit(std::move(write)));
}

Task<> Registry::remove(std::string kind, std::string name, std::uint64_t revision,
                        AuditNote note) {
    auto write = make_write(Write::Deed::remove, named(std::move(kind), std::move(name), revision),
                            std::move(note));
    CO_TRY(auto outcome, co_await state_->submit(std::move(write)));
    if (!outcome.resource) co_return std::move(outcome.resource).error();
    co_return Result<>{};
}

Task<Resource> Registry::rehearse(Deed deed, Resource resource) {
    const auto write_deed = deed == Deed::create    ? Write::Deed::create
                            : deed == Deed::replace ? Write::Deed::replace
                                                    : Write::Deed::remove;
    auto write = make_write(write_deed, std::move(resource), {"hub", "rehearse", ""});
    write.rehearsal = true;
    return resource_of(state_->submit(std::move(write)));
}

Task<> Registry::note(AuditNote note) {
    auto write = make_write(Write::Deed::note, Resource{}, std::move(note));
    CO_TRY(auto outcome, co_await state_->submit(std::move(write)));
    if (!outcome.resource) co_return std::move(outcome.resource).error();
    co_return Result<>{};
}

Task<> Registry::redact(std::vector<std::uint64_t> sequences, std::string actor, std::string why) {
    if (sequences.empty() || sequences.size() > audit::redacted_at_once)
        co_return Error{Errc::invalid_input, "sequences: want 1 to " +
                                                 std::to_string(audit::redacted_at_once) +
                                                 " numbers of audit facts"};
    if (why.empty() || why.size() > 300)
        co_return Error{Errc::invalid_input, "why: want 1 to 300 bytes"};
    AuditNote note{std::move(actor), std::string(audit::action::audit_redacted),
                   audit::redaction_text(sequences, why)};
    auto write = make_write(Write::Deed::redact, Resource{}, std::move(note));
    write.sequences = std::move(sequences);
    auto submitting = state_->submit(std::move(write));
    CO_TRY(auto outcome, co_await std::move(submitting));
    if (!outcome.resource) co_return std::move(outcome.resource).error();
    co_return Result<>{};
}

Task<Resource> Registry::create_user_with_token(Resource user, policy::TokenRecord token,
                                                AuditNote note) {
    auto write = make_write(Write::Deed::create, std::move(user), std::move(note));
    write.token = std::move(token);
    return resource_of(state_->submit(std::move(write)));
}

Task<> Registry::add_token(policy::TokenRecord record, AuditNote note) {
    auto write = make_write(Write::Deed::add_token, named("User", record.user), std::move(note));
    write.token = std::move(record);
    CO_TRY(auto outcome, co_await state_->submit(std::move(write)));
    if (!outcome.resource) co_return std::move(outcome.resource).error();
    co_return Result<>{};
}

Task<> Registry::revoke_tokens(std::string user, AuditNote note) {
    auto write = make_write(Write::Deed::revoke_tokens, named("User", user), std::move(note));
    CO_TRY(auto outcome, co_await state_->submit(std::move(write)));
    if (!outcome.resource) co_return std::move(outcome.resource).error();
    state_->accounts.set_tokens(user, {});
    co_return Result<>{};
}

// ---- reading

Task<Resource> Registry::get(std::string kind, std::string name) {
    auto* state = state_.get();
    auto job = [state, kind = std::move(kind), name = std::move(name)] {
        return state->reader.get(kind, name);
    };
    return state->readers().run(std::move(job));
}

Task<ResourcePage> Registry::list(ListQuery query) {
    auto* state = state_.get();
    auto job = [state, query = std::move(query)] { return state->reader.list(query); };
    return state->readers().run(std::move(job));
}

Task<std::vector<ResourceChange>> Registry::changes_since(std::string kind,
                                                          std::uint64_t revision) {
    auto* state = state_.get();
    auto job = [state, kind = std::move(kind), revision] {
        return state->reader.changes_since(kind, revision);
    };
    return state->readers().run(std::move(job));
}

// ---- the audit log

Task<std::vector<audit::Fact>> Registry::facts(std::uint64_t after, std::size_t limit) {
    FactQuery query;
    query.after = after;
    query.limit = limit;
    CO_TRY(auto page, co_await find_facts(std::move(query)));
    co_return std::move(page.items);
}

Task<FactPage> Registry::find_facts(FactQuery query) {
    auto* state = state_.get();
    auto job = [state, query = std::move(query)] { return state->audit_reader.find(query); };
    return state->readers().run(std::move(job));
}

Task<std::uint64_t> Registry::verify_audit() {
    auto* state = state_.get();
    auto job = [state] { return state->audit_reader.verify(); };
    return state->readers().run(std::move(job));
}

void Registry::sign_heads_with(std::shared_ptr<const audit::Signer> signer) {
    state_->signer = std::move(signer);
}

Task<audit::Head> Registry::sign_head() {
    if (!state_->signer)
        co_return Error{Errc::not_found, "this hub has no audit key, so it signs no heads"};
    auto write = make_write(Write::Deed::sign_head, Resource{}, AuditNote{});
    write.signer = state_->signer;
    CO_TRY(auto outcome, co_await state_->submit(std::move(write)));
    if (!outcome.resource) co_return std::move(outcome.resource).error();
    co_return std::move(*outcome.head);
}

Task<std::optional<audit::Head>> Registry::head() {
    auto* state = state_.get();
    auto job = [state] { return state->audit_reader.head(); };
    return state->readers().run(std::move(job));
}

Task<Bytes> Registry::certificates(audit::Hash signer) {
    auto* state = state_.get();
    auto job = [state, signer] { return state->audit_reader.chain(signer); };
    return state->readers().run(std::move(job));
}

Task<audit::FactProof> Registry::prove(std::uint64_t sequence) {
    auto* state = state_.get();
    auto job = [state, sequence] { return state->audit_reader.prove(sequence); };
    return state->readers().run(std::move(job));
}

Task<Growth> Registry::growth(std::uint64_t from, std::uint64_t to) {
    auto* state = state_.get();
    auto job = [state, from, to] { return state->audit_reader.growth(from, to); };
    return state->readers().run(std::move(job));
}

Task<ExportPart> Registry::export_part(ExportCursor from) {
    auto* state = state_.get();
    auto job = [state, from] { return state->audit_reader.export_part(from); };
    return state->readers().run(std::move(job));
}

std::shared_ptr<void> Registry::subscribe(Listener listener) {
    auto shared = std::make_shared<Listener>(std::move(listener));
    state_->listeners.push_back(shared);
    return shared;
}

const policy::Account* Registry::find(const std::string& user) const {
    return state_->accounts.find(user);
}
std::shared_ptr<const policy::Policy> Registry::policy() const { return state_->accounts.policy(); }

}  // namespace mw::registry
