#include "data/registry/writer.h"

namespace mw::registry {
namespace {

constexpr std::uint64_t compact_every = 512;  // revisions, so that no write pays for many

Error not_there(const Resource& resource) {
    return {Errc::not_found, "there is no " + resource.kind + " '" + resource.name + "'"};
}

Error fixed_role(const std::string& name) {
    return {Errc::conflict, "name: role '" + name +
                                "' is built in and can't be changed; make a role of another name"};
}

bool is_built_in_role(const Resource& resource) {
    if (resource.kind != "Role") return false;
    for (const auto& role : policy::built_in_roles())
        if (role.name == resource.name) return true;
    return false;
}

Json merged(Json status, const JsonObject& changes) {
    if (!status.is_object()) status = JsonObject{};
    for (const auto& [key, value] : changes) {
        if (value.is_null())
            status.get_object().erase(key);
        else
            status.get_object()[key] = value;
    }
    return status;
}

}  // namespace

std::vector<Outcome> Writer::run(const std::vector<Write>& writes) {
    std::vector<Outcome> outcomes;
    const auto attempt = [&]() -> Result<> {
        TRY(auto transaction, sqlite::Transaction::begin(prepared_.database()));
        TRY(counters_, load_counters(prepared_));
        const auto before = counters_;
        TRY_VOID(facts_.begin(counters_.sequence));
        for (const auto& write : writes) outcomes.push_back(run_one(write));
        TRY_VOID(facts_.finish());
        // Every write leaves a fact or a head: without one there is nothing to make durable.
        if (!facts_.changed()) return {};
        if (counters_.revision != before.revision) TRY_VOID(save_counters());
        TRY_VOID(transaction.commit());
        facts_.committed();
        return {};
    };
    if (auto committed = attempt(); !committed) {
        outcomes.assign(writes.size(), Outcome{});
        for (auto& outcome : outcomes) outcome.resource = committed.error();
    }
    return outcomes;
}

Outcome Writer::run_one(const Write& write) {
    Outcome outcome;
    const Counters before = counters_;
    const auto attempt = [&]() -> Result<> {
        // A note is one row, and nodes and certificates of a head that fails do no harm: no
        // savepoint.
        if (write.deed == Write::Deed::note || write.deed == Write::Deed::sign_head)
            return perform(write, outcome);
        TRY(auto step, sqlite::Savepoint::begin(prepared_.database()));
        TRY_VOID(perform(write, outcome));
        if (!write.rehearsal) return step.keep();
        forget_after(before);
        outcome.change.reset();
        return step.undo();
    };
    if (auto done = attempt(); !done) {
        forget_after(before);
        outcome = Outcome{};
        outcome.resource = std::move(done).error();
    }
    return outcome;
}

void Writer::forget_after(const Counters& before) {
    counters_ = before;
    facts_.undo_to(before.sequence);
}

Result<> Writer::perform(const Write& write, Outcome& outcome) {
    switch (write.deed) {
        case Write::Deed::create:
            return create(write, outcome);
        case Write::Deed::replace:
            return replace(write, outcome);
        case Write::Deed::status:
        case Write::Deed::merge_status:
            return set_status(write, outcome);
        case Write::Deed::remove:
            return remove(write, outcome);
        case Write::Deed::note:
            return record_fact(write, Resource{});
        case Write::Deed::add_token:
            return add_token(write, outcome);
        case Write::Deed::revoke_tokens:
            return revoke_tokens(write, outcome);
        case Write::Deed::redact:
            return redact(write);
        case Write::Deed::sign_head: {
            TRY(outcome.head, facts_.sign(write.now, *write.signer));
            return {};
        }
    }
    return {};
}

Result<> Writer::create(const Write& write, Outcome& outcome) {
    Resource resource = write.resource;
    TRY_VOID(check(resource));
    if (is_built_in_role(resource) && !write.built_in) return fixed_role(resource.name);
    TRY(const auto existing, load_resource(prepared_, resource.kind, resource.name));
    if (existing)
        return Error{Errc::conflict, resource.kind + " '" + resource.name +
                                         "' exists already; replace or patch it instead"};
    TRY_VOID(check_references(resource));
    resource.generation = 1;
    resource.revision = ++counters_.revision;
    resource.created = resource.updated = write.now;
    TRY_VOID(store(resource, true));
    TRY_VOID(record_change({ResourceChange::What::created, resource}, outcome));
    TRY_VOID(record_fact(write, resource));
    if (write.token) TRY_VOID(add_token(write, outcome));
    outcome.resource = std::move(resource);
    return {};
}

Result<> Writer::replace(const Write& write, Outcome& outcome) {
    Resource resource = write.resource;
    TRY_VOID(check(resource));
    if (is_built_in_role(resource) && !write.built_in) return fixed_role(resource.name);
    TRY(auto old, load(resource));
    const bool same_spec = old.spec == resource.spec;
    if (same_spec && old.labels == resource.labels && old.domain == resource.domain) {
        outcome.resource = std::move(old);  // nothing to write, and nothing to tell
        return {};
    }
    TRY_VOID(check_references(resource));
    std::optional<Standing> was;
    if (old.labels != resource.labels || old.domain != resource.domain)
        was = Standing{std::move(old.domain), std::move(old.labels)};
    resource.status = std::move(old.status);  // people write spec; controllers write status
    resource.generation = old.generation + (same_spec ? 0 : 1);
    resource.revision = ++counters_.revision;
    resource.created = old.created;
    resource.updated = write.now;
    TRY_VOID(store(resource, false));
    ResourceChange change{ResourceChange::What::changed, resource, std::move(was)};
    TRY_VOID(record_change(std::move(change), outcome));
    TRY_VOID(record_fact(write, resource));
    outcome.resource = std::move(resource);
    return {};
}

Result<> Writer::set_status(const Write& write, Outcome& outcome) {
    TRY(auto resource, load(write.resource));
    Json status = write.deed == Write::Deed::merge_status
                      ? merged(resource.status, write.resource.status.get_object())
                      : write.resource.status;
    if (to_json(status).size() > max_resource_bytes)
        return Error{Errc::invalid_input, "status: it is larger than 1 MiB"};
    if (resource.status == status) {
        outcome.resource = std::move(resource);
        return {};
    }
    resource.status = std::move(status);
    resource.revision = ++counters_.revision;
    resource.updated = write.now;
    TRY(auto* update, prepared_.get("UPDATE resources SET status=?3, revision=?4, updated=?5"
                                    " WHERE kind=?1 AND name=?2"));
    TRY_VOID(update->bind(1, resource.kind)
                 .bind(2, resource.name)
                 .bind(3, to_json(resource.status))
                 .bind(4, resource.revision)
                 .bind(5, resource.updated.ns)
                 .run());
    TRY_VOID(record_change({ResourceChange::What::changed, resource}, outcome));
    TRY_VOID(record_fact(write, resource));
    outcome.resource = std::move(resource);
    return {};
}

Result<> Writer::remove(const Write& write, Outcome& outcome) {
    TRY(auto resource, load(write.resource));
    if (is_built_in_role(resource)) return fixed_role(resource.name);
    TRY_VOID(check_unused(resource));
    TRY_VOID(unindex(resource.kind, resource.name));
    TRY(auto* erase, prepared_.get("DELETE FROM resources WHERE kind=?1 AND name=?2"));
    TRY_VOID(erase->bind(1, resource.kind).bind(2, resource.name).run());
    if (resource.kind == "User") {
        TRY(auto* tokens, prepared_.get("DELETE FROM tokens WHERE user=?1"));
        TRY_VOID(tokens->bind(1, resource.name).run());
    }
    resource.revision = ++counters_.revision;
    resource.updated = write.now;
    TRY_VOID(record_change({ResourceChange::What::deleted, resource}, outcome));
    TRY_VOID(record_fact(write, resource));
    outcome.resource = std::move(resource);
    return {};
}

Result<Resource> Writer::load(const Resource& wanted) {
    TRY_VOID(want_kind(wanted.kind));
    TRY(auto found, load_resource(prepared_, wanted.kind, wanted.name));
    if (!found) return not_there(wanted);
    if (wanted.revision != 0 && wanted.revision != found->revision)
        return Error{Errc::conflict,
                     wanted.kind + " '" + wanted.name + "' is at revision " +
                         std::to_string(found->revision) + ", not " +
                         std::to_string(wanted.revision) +
                         ": somebody changed it meanwhile; read it again and repeat your change"};
    return std::move(*found);
}

Result<> Writer::store(const Resource& r, bool is_new) {
    constexpr const char* insert =
        "INSERT INTO resources(kind, name, domain, labels, spec, status, generation, revision,"
        " created, updated) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)";
    constexpr const char* update =
        "UPDATE resources SET domain=?3, labels=?4, spec=?5, status=?6, generation=?7,"
        " revision=?8, created=?9, updated=?10 WHERE kind=?1 AND name=?2";
    TRY(auto* statement, prepared_.get(is_new ? insert : update));
    TRY_VOID(statement->bind(1, r.kind)
                 .bind(2, r.name)
                 .bind(3, r.domain)
                 .bind(4, labels_text(r))
                 .bind(5, to_json(r.spec))
                 .bind(6, to_json(r.status))
                 .bind(7, r.generation)
                 .bind(8, r.revision)
                 .bind(9, r.created.ns)
                 .bind(10, r.updated.ns)
                 .run());
    if (!is_new) TRY_VOID(unindex(r.kind, r.name));
    return index(r);
}

Result<> Writer::index(const Resource& r) {
    for (const auto& [key, value] : r.labels) {
        TRY(auto* label, prepared_.get("INSERT INTO labels(kind, key, value, name)"
                                       " VALUES(?1,?2,?3,?4)"));
        TRY_VOID(label->bind(1, r.kind).bind(2, key).bind(3, value).bind(4, r.name).run());
    }
    for (const auto& reference : references(r)) {
        TRY(auto* ref, prepared_.get("INSERT OR IGNORE INTO refs(to_kind, to_name, from_kind, path,"
                                     " from_name) VALUES(?1,?2,?3,?4,?5)"));
        TRY_VOID(ref->bind(1, reference.kind)
                     .bind(2, reference.name)
                     .bind(3, r.kind)
                     .bind(4, reference.path)
                     .bind(5, r.name)
                     .run());
    }
    return {};
}

Result<> Writer::unindex(const std::string& kind, const std::string& name) {
    for (const char* sql : {"DELETE FROM labels WHERE kind=?1 AND name=?2",
                            "DELETE FROM refs WHERE from_kind=?1 AND from_name=?2"}) {
        TRY(auto* erase, prepared_.get(sql));
        TRY_VOID(erase->bind(1, kind).bind(2, name).run());
    }
    return {};
}

Result<> Writer::record_change(ResourceChange change, Outcome& outcome) {
    const Resource& resource = change.resource;
    TRY(auto* insert, prepared_.get("INSERT INTO changes(revision, kind, what, body, was)"
                                    " VALUES(?1,?2,?3,?4,?5)"));
    TRY_VOID(insert->bind(1, resource.revision)
                 .bind(2, resource.kind)
                 .bind(3, static_cast<int>(change.what))
                 .bind(4, to_json(to_json(resource)))
                 .bind(5, standing_text(change.was))
                 .run());
    outcome.change = std::move(change);
    return counters_.revision % compact_every == 0 ? compact() : Result<>{};
}

Result<> Writer::record_fact(const Write& write, const Resource& resource) {
    audit::Fact fact;
    fact.sequence = counters_.sequence + 1;
    fact.time = write.now;
    fact.actor = audit::one_line(write.note.actor);
    fact.action = audit::one_line(write.note.action);
    fact.kind = resource.kind;
    fact.name = resource.name;
    fact.revision = resource.revision;
    fact.detail = audit::one_line(write.note.detail);
    fact.controls = audit::one_line(write.note.controls);
    std::array<std::uint8_t, audit::salt_bytes> salt;
    random_.fill(salt);
    audit::seal(fact, salt);
    fact.hash = audit::chain(counters_.last, fact);
    TRY_VOID(facts_.append(fact));
    counters_.sequence = fact.sequence;
    counters_.last = fact.hash;
    return {};
}

// What is taken out is overwritten, not only forgotten.
Result<> Writer::redact(const Write& write) {
    TRY_VOID(prepared_.database().run("PRAGMA secure_delete=ON"));
    for (const auto sequence : write.sequences) TRY_VOID(facts_.redact(sequence));
    return record_fact(write, Resource{});
}

Result<> Writer::compact() {
    if (counters_.revision <= changes_kept_) return {};
    counters_.compacted = counters_.revision - changes_kept_;
    TRY(auto* erase, prepared_.get("DELETE FROM changes WHERE revision <= ?1"));
    return erase->bind(1, counters_.compacted).run();
}

Result<> Writer::save_counters() {
    for (const auto& [key, value] :
         {std::pair{"revision", counters_.revision}, std::pair{"compacted", counters_.compacted}}) {
        TRY(auto* update, prepared_.get("UPDATE counters SET value=?2 WHERE key=?1"));
        TRY_VOID(update->bind(1, key).bind(2, value).run());
    }
    return {};
}

}  // namespace mw::registry
