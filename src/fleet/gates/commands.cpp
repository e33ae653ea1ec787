#include "fleet/gates/commands.h"

#include <array>

#include "base/bytes.h"

namespace mw::gates {
namespace {

Result<Json> reply_of(std::string_view body) {
    TRY(Json reply, parse_json(body).context("its reply"));
    const auto ok = find_bool(reply, "ok");
    if (!ok) return Error{Errc::corrupt, "its reply does not say whether it was ok"};
    if (*ok) return reply;
    const std::string message = find_string(reply, "error.message").value_or("it gave no reason");
    const std::string code = find_string(reply, "error.code").value_or("");
    for (const Errc known : {Errc::invalid_input, Errc::not_found, Errc::conflict, Errc::denied,
                             Errc::timed_out, Errc::overloaded, Errc::corrupt})
        if (code == to_string(known)) return Error{known, message};
    return Error{Errc::io_failed, message};
}

}  // namespace

Task<Json> Commands::ask(std::string device, JsonObject order, nanoseconds limit) {
    std::array<std::uint8_t, 16> bytes{};
    random_.fill(bytes);
    const std::string id = to_hex(bytes);
    order["deadline"] = (clock_.now() + limit).ns;
    const auto waiting = std::make_shared<Waiting>();
    waiting->device = device;
    waiting_[id] = waiting;
    sink_.command(device, id, to_json(Json(std::move(order))));
    auto arrived = co_await within(limit, waiting->arrived.wait());
    waiting_.erase(id);
    if (!arrived && arrived.error().code == Errc::timed_out)
        co_return Error{Errc::timed_out, "no reply within " + to_text(limit)};
    if (!arrived) co_return std::move(arrived).error();
    co_return std::move(waiting->reply);
}

void Commands::on_reply(const std::string& device, const std::string& id, std::string_view body) {
    const auto found = waiting_.find(id);
    // A device answers for itself alone.
    if (found == waiting_.end() || found->second->device != device) return;
    found->second->reply = reply_of(body);
    found->second->arrived.set();
}

}  // namespace mw::gates
