// Stored points: how much there is, compaction on demand, and deletion of what a device sent.
#include <algorithm>

#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::uint64_t wait_seconds_default = 30, wait_seconds_max = 600;
constexpr std::string_view stored_points = "History";  // get, replace: compact, delete
const Error no_history{Errc::not_found, "this hub shows no history"};

Result<std::optional<Timestamp>> instant(const Json& body, std::string_view key) {
    if (!find(body, key)) return std::optional<Timestamp>{};
    TRY(const auto text, want_string(body, key).context(std::string(key)));
    TRY(const auto time, parse_iso8601(text).context(std::string(key)));
    return std::optional(time);
}

Result<HistoryDesk::Deletion> deletion_from(const Json& body) {
    if (!body.is_object()) return Error{Errc::invalid_input, "the body must be a JSON object"};
    for (const auto& [key, value] : body.get_object())
        if (key != "device" && key != "from" && key != "to")
            return Error{Errc::invalid_input, std::string(key.substr(0, 60)) +
                                                  ": want {\"device\":\"gw-1\"} and, if not all of "
                                                  "it, \"from\" and \"to\" as ISO 8601 times"};
    HistoryDesk::Deletion deletion;
    TRY(deletion.device, want_string(body, "device").context("device"));
    TRY(deletion.from, instant(body, "from"));
    TRY(deletion.to, instant(body, "to"));
    if (deletion.device.empty()) return Error{Errc::invalid_input, "device: want its name"};
    if (deletion.from && deletion.to && *deletion.from > *deletion.to)
        return Error{Errc::invalid_input, "from: is later than to"};
    return deletion;
}

std::string words_of(const HistoryDesk::Deletion& deletion) {
    std::string words = "device " + deletion.device;
    if (deletion.from) words += ", from " + to_iso8601(*deletion.from);
    if (deletion.to) words += ", to " + to_iso8601(*deletion.to);
    return words;
}

}  // namespace

Task<Response> history_stats(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::get, stored_points, "default"}));
    if (!state.parts.history) co_return no_history;
    CO_TRY(auto stats, co_await state.parts.history->stats());
    co_return Response::json(200, stats);
}

Task<Response> compact_history(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"wait"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::replace, stored_points, "default"}));
    if (!state.parts.history) co_return no_history;
    CO_TRY(const auto wait, number(request, "wait", wait_seconds_default, wait_seconds_max));
    const nanoseconds limit = seconds(static_cast<std::int64_t>(wait));
    CO_TRY(auto outcome, co_await state.parts.history->compact(limit));
    co_return Response::json(200, outcome);
}

// It reads the whole disk: for those who may compact.
Task<Response> verify_history(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::replace, stored_points, "default"}));
    if (!state.parts.history) co_return no_history;
    CO_TRY(auto report, co_await state.parts.history->verify());
    co_return Response::json(200, report);
}

// The fact comes first: nothing is deleted without one.
Task<Response> delete_history(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::remove, stored_points, "default"}));
    if (!state.parts.history) co_return no_history;
    CO_TRY(const auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto deletion, deletion_from(body));
    AuditNote note{caller.who.name, std::string(audit::action::history_delete), words_of(deletion)};
    CO_TRY_VOID(co_await state.parts.registry.note(std::move(note)));
    CO_TRY(auto done, co_await state.parts.history->remove(std::move(deletion)));
    co_return Response::json(200, done);
}

}  // namespace mw::api
