// Many devices in one call: each row has an outcome of its own, and a dry run tells all of them.
#include <algorithm>
#include <map>

#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::size_t rows_max = 5'000;
constexpr std::size_t lanes_max = 512;  // rows under way: two commits' worth

struct ImportRow {
    Json body;
    std::uint64_t row = 0;  // as the sender counts
    std::string name, parent;
    std::string outcome, why;
};

struct Import {
    State& state;
    Caller caller;
    std::string from;
    bool dry_run = false, update = false;
    std::vector<ImportRow> rows;
    std::vector<std::size_t> order;  // parents first
    std::size_t next = 0, until = 0;
    std::map<std::string, std::uint64_t> made;  // by this call: name and row
};

Result<> take_rows(Import& import, Json& body) {
    if (!body.is_object() || !find(body, "devices") || !find(body, "devices")->is_array())
        return Error{Errc::invalid_input, "want {\"devices\":[{\"name\",\"spec\"}, ...]}"};
    for (const auto& [key, value] : body.get_object())
        if (key != "devices" && key != "dry_run" && key != "update")
            return Error{Errc::invalid_input, "unknown key '" + std::string(key.substr(0, 60)) +
                                                  "' (want devices, dry_run, update)"};
    import.dry_run = find_bool(body, "dry_run").value_or(false);
    import.update = find_bool(body, "update").value_or(false);
    auto& devices = body.get_object()["devices"].get_array();
    if (devices.empty() || devices.size() > rows_max)
        return Error{Errc::invalid_input, "devices: want 1 to 5000 of them a call"};
    std::map<std::string, std::uint64_t> seen;
    for (Json& device : devices) {
        ImportRow row;
        row.row = std::uint64_t(
            find_integer(device, "row").value_or(std::int64_t(import.rows.size() + 1)));
        if (device.is_object()) device.get_object().erase("row");
        row.name = find_string(device, "name").value_or("");
        row.parent = find_string(device, "spec.parent").value_or("");
        const auto [first, fresh] = seen.try_emplace(row.name, row.row);
        if (!fresh && !row.name.empty()) {
            row.outcome = "refused";
            row.why = "name: row " + std::to_string(first->second) + " has it already";
        }
        row.body = std::move(device);
        import.rows.push_back(std::move(row));
    }
    return {};
}

// What has no parent goes first, and then what has one of those before it; at most as deep as the
// registry lets devices stand behind each other.
std::vector<std::size_t> waves_of(Import& import) {
    std::map<std::string, std::size_t> place;
    for (std::size_t i = 0; i < import.rows.size(); ++i) place.try_emplace(import.rows[i].name, i);
    std::vector<int> depth(import.rows.size(), 0);
    constexpr int deepest = 8;
    for (std::size_t i = 0; i < import.rows.size(); ++i)
        for (auto at = place.find(import.rows[i].parent);
             at != place.end() && depth[i] < deepest && at->second != i;
             at = place.find(import.rows[at->second].parent))
            ++depth[i];
    import.order.resize(import.rows.size());
    for (std::size_t i = 0; i < import.order.size(); ++i) import.order[i] = i;
    std::ranges::stable_sort(import.order, {}, [&](std::size_t i) { return depth[i]; });
    std::vector<std::size_t> ends;
    for (std::size_t i = 1; i <= import.order.size(); ++i)
        if (i == import.order.size() || depth[import.order[i]] != depth[import.order[i - 1]])
            ends.push_back(i);
    return ends;
}

bool is_same(const Resource& stored, const Resource& wanted) {
    return stored.domain == wanted.domain && stored.labels == wanted.labels &&
           stored.spec == wanted.spec;
}

Result<Resource> device_from(const ImportRow& row) {
    if (!row.body.is_object()) return Error{Errc::invalid_input, "want an object"};
    Json body = row.body;
    if (const auto kind = find_string(body, "kind"); kind && *kind != "Device")
        return Error{Errc::invalid_input, "kind: want Device"};
    body.get_object()["kind"] = "Device";
    if (!find(body, "spec")) body.get_object()["spec"] = JsonObject{};
    TRY(auto device, resource_from_json(body));
    device.status = JsonObject{};
    device.revision = 0;
    return device;
}

Task<Resource> write_device(Import& import, Resource device, ResourceStore::Deed deed,
                            std::uint64_t row) {
    State& state = import.state;
    if (import.dry_run) {
        auto rehearsing = state.parts.registry.rehearse(deed, std::move(device));
        co_return co_await std::move(rehearsing);
    }
    const bool creates = deed == ResourceStore::Deed::create;
    AuditNote note{import.caller.who.name, creates ? "create" : "replace",
                   "from " + import.from + ", import row " + std::to_string(row)};
    auto writing = creates ? state.parts.registry.create(std::move(device), std::move(note))
                           : state.parts.registry.replace(std::move(device), std::move(note));
    co_return co_await std::move(writing);
}

std::string refusal_of(const State& state, const Caller& caller, const policy::Access& access) {
    return state.parts.registry.policy()->explain(caller.who, access).why;
}

// It is there already: the same, or to be changed, or in the way.
Task<std::string> settle_existing(Import& import, Resource device, std::uint64_t row) {
    State& state = import.state;
    std::string kind = "Device", name = device.name;
    CO_TRY(auto stored, co_await state.parts.registry.get(std::move(kind), std::move(name)));
    if (!state.allowed(import.caller, access_to(Verb::get, stored)))
        co_return Error{Errc::denied, "the name is taken by one that you don't see"};
    if (is_same(stored, device)) co_return std::string("unchanged");
    if (!import.update)
        co_return Error{Errc::conflict,
                        "it is there already, and differs; update changes it (--update)"};
    for (const Resource* each : {&stored, &device}) {
        const auto access = access_to(Verb::replace, *each);
        if (!state.allowed(import.caller, access))
            co_return Error{Errc::denied, refusal_of(state, import.caller, access)};
    }
    device.revision = stored.revision;
    auto writing = write_device(import, std::move(device), ResourceStore::Deed::replace, row);
    CO_TRY_VOID(co_await std::move(writing));
    co_return std::string("changed");
}

Task<std::string> import_device(Import& import, std::size_t place) {
    State& state = import.state;
    const std::uint64_t row = import.rows[place].row;
    CO_TRY(auto device, device_from(import.rows[place]));
    const auto access = access_to(Verb::create, device);
    if (!state.allowed(import.caller, access))
        co_return Error{Errc::denied, refusal_of(state, import.caller, access)};
    AdmissionRequest asked{Verb::create, import.caller.who, device, std::nullopt};
    auto admitting = admit(state, std::move(asked));
    CO_TRY(auto admitted, co_await std::move(admitting));
    auto writing = write_device(import, std::move(admitted), ResourceStore::Deed::create, row);
    const auto created = co_await std::move(writing);
    if (created) co_return std::string("created");
    const Error& error = created.error();
    // In a rehearsal the parent of this call is not written either.
    const bool comes = error.message.starts_with("spec.parent") && import.dry_run &&
                       import.made.contains(import.rows[place].parent);
    if (comes) co_return std::string("created");
    if (error.code != Errc::conflict) co_return error;
    auto settling = settle_existing(import, std::move(device), row);
    co_return co_await std::move(settling);
}

Task<> import_lane(Import& import) {
    while (import.next < import.until) {
        const std::size_t place = import.order[import.next++];
        if (!import.rows[place].outcome.empty()) continue;
        auto importing = import_device(import, place);
        auto outcome = co_await std::move(importing);
        ImportRow& row = import.rows[place];
        if (!outcome && outcome.error().code == Errc::cancelled) co_return outcome.error();
        row.outcome = outcome ? *outcome : "refused";
        if (!outcome) row.why = outcome.error().message;
        if (row.outcome == "created") import.made.emplace(row.name, row.row);
    }
    co_return Result<>{};
}

Json outcome_of(const Import& import) {
    std::map<std::string, std::uint64_t> counts{
        {"created", 0}, {"unchanged", 0}, {"changed", 0}, {"refused", 0}};
    JsonArray told;
    for (const ImportRow& row : import.rows) {
        ++counts[row.outcome];
        if (!import.dry_run && row.outcome != "refused" && row.outcome != "changed") continue;
        told.push_back(JsonObject{
            {"row", row.row}, {"name", row.name}, {"outcome", row.outcome}, {"why", row.why}});
    }
    JsonObject all;
    for (const auto& [outcome, count] : counts) all[outcome] = count;
    return JsonObject{
        {"dry_run", import.dry_run}, {"counts", std::move(all)}, {"rows", std::move(told)}};
}

}  // namespace

Task<Response> import_devices(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    const auto reach = state.parts.registry.policy()->reach(caller.who, Verb::create, "Device");
    if (reach && reach->empty())
        CO_TRY_VOID(state.authorize(caller, {Verb::create, "Device", "default"}));
    Import import{state, std::move(caller), request.peer.host, false, false, {}, {}, 0, 0, {}};
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY_VOID(take_rows(import, body));
    for (const std::size_t end : waves_of(import)) {
        import.until = end;
        Scope lanes(state.parts.loop);
        for (std::size_t lane = 0; lane < std::min(lanes_max, end - import.next); ++lane)
            lanes.spawn(import_lane(import));
        CO_TRY_VOID(co_await lanes.join());
    }
    auto writing = json_response(state, 200, outcome_of(import));
    co_return co_await std::move(writing);
}

}  // namespace mw::api
