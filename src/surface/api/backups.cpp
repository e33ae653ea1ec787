// Backups of this hub: begin one, look how far it is, stop it.
#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::string_view backup_kind = "Backup";  // create, get
constexpr std::uint64_t backup_wait_max = 600;
constexpr std::int64_t usual_bytes_per_second = 50'000'000;
const Error no_backups{Errc::not_found, "this hub makes no backups"};

Result<BackupDesk::Order> backup_order(const Json& body) {
    if (!body.is_object()) return Error{Errc::invalid_input, "the body must be a JSON object"};
    for (const auto& [key, value] : body.get_object())
        if (key != "directory" && key != "keys" && key != "bytes_per_second")
            return Error{Errc::invalid_input,
                         std::string(key.substr(0, 60)) +
                             ": want {\"directory\":\"/mnt/backups\"} and, if wanted, \"keys\" "
                             "and \"bytes_per_second\""};
    BackupDesk::Order order;
    TRY(order.directory, want_string(body, "directory").context("directory"));
    if (!order.directory.starts_with('/') || order.directory.find('\0') != std::string::npos)
        return Error{Errc::invalid_input,
                     "directory: want an absolute path on the hub's machine, as /mnt/backups"};
    if (const Json* keys = find(body, "keys")) {
        if (!keys->is_bool()) return Error{Errc::invalid_input, "keys: want true or false"};
        order.keys = keys->get_bool();
    }
    auto rate = usual_bytes_per_second;
    if (find(body, "bytes_per_second")) rate = find_integer(body, "bytes_per_second").value_or(-1);
    if (rate < 0)
        return Error{Errc::invalid_input,
                     "bytes_per_second: want a whole number; 0 is as fast as it can"};
    order.bytes_per_second = static_cast<std::uint64_t>(rate);
    return order;
}

}  // namespace

// The fact comes before the copy: so the backup has it, too.
Task<Response> create_backup(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::create, backup_kind, "default"}));
    if (!state.parts.backups) co_return no_backups;
    CO_TRY(const auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto order, backup_order(body));
    CO_TRY_VOID(co_await state.parts.backups->admit(order));
    AuditNote note{caller.who.name, std::string(audit::action::backup_create),
                   "to " + order.directory + (order.keys ? "" : ", without keys")};
    CO_TRY_VOID(co_await state.parts.registry.note(std::move(note)));
    CO_TRY_VOID(co_await state.parts.backups->start(std::move(order)));
    CO_TRY(auto now, co_await state.parts.backups->state(nanoseconds{0}));
    co_return Response::json(202, now);
}

Task<Response> show_backup(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"wait"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::get, backup_kind, "default"}));
    if (!state.parts.backups) co_return no_backups;
    CO_TRY(const auto wait, number(request, "wait", 0, backup_wait_max));
    const nanoseconds limit = seconds(static_cast<std::int64_t>(wait));
    CO_TRY(auto now, co_await state.parts.backups->state(limit));
    co_return Response::json(200, now);
}

Task<Response> stop_backup(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::create, backup_kind, "default"}));
    if (!state.parts.backups) co_return no_backups;
    CO_TRY_VOID(co_await state.parts.backups->stop());
    CO_TRY(auto now, co_await state.parts.backups->state(nanoseconds{0}));
    co_return Response::json(200, now);
}

}  // namespace mw::api
