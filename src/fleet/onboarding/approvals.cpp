#include "fleet/onboarding/approvals.h"

#include <algorithm>

namespace mw::onboarding {
namespace {

using State = WaitingRequest::State;

std::optional<WaitingRequest> read_request_record(const Json& value) {
    WaitingRequest request;
    const auto text = [&](std::string_view key) { return find_string(value, key).value_or(""); };
    request.device = text("device"), request.key = text("key");
    request.from = text("from"), request.by = text("by");
    const auto since = parse_iso8601(text("since")), expires = parse_iso8601(text("expires"));
    if (request.device.empty() || request.key.empty() || !since || !expires) return {};
    request.since = *since, request.expires = *expires;
    for (const State state : {State::waiting, State::approved, State::denied})
        if (text("state") == to_string(state)) {
            request.state = state;
            return request;
        }
    return {};
}

}  // namespace

std::string_view to_string(State state) {
    switch (state) {
        case State::waiting:
            return "waiting";
        case State::approved:
            return "approved";
        case State::denied:
            break;
    }
    return "denied";
}

Json json_of(const WaitingRequest& request) {
    JsonObject object{{"device", request.device},
                      {"key", request.key},
                      {"from", request.from},
                      {"since", to_iso8601(request.since)},
                      {"expires", to_iso8601(request.expires)},
                      {"state", to_string(request.state)}};
    if (!request.by.empty()) object["by"] = request.by;
    return object;
}

Approvals Approvals::from_status(const Json& status) {
    Approvals book;
    const Json* list = mw::find(status, "requests");
    if (!list || !list->is_array()) return book;
    for (const Json& value : list->as_array())
        if (auto request = read_request_record(value)) book.requests_.push_back(*request);
    return book;
}

Json Approvals::to_status() const {
    if (requests_.empty()) return nullptr;
    JsonArray list;
    for (const auto& request : requests_) list.push_back(json_of(request));
    return list;
}

Result<Approvals::Answer> Approvals::ask(const WaitingRequest& request, Timestamp now) {
    drop_expired(now);
    for (const WaitingRequest& known : requests_) {
        if (known.device != request.device && known.key != request.key) continue;
        if (known.device != request.device)
            return Error{Errc::conflict, "another device asks with this key; make a new key"};
        if (known.key != request.key)
            return Error{Errc::conflict, "a request for the name '" + request.device +
                                             "' with another key waits already; an operator "
                                             "can deny it, or it expires at " +
                                             to_iso8601(known.expires)};
        if (known.state == State::denied)
            return Error{Errc::denied, "an operator has denied this device"};
        return known.state == State::approved ? Answer::approved : Answer::waiting;
    }
    if (requests_.size() >= requests_per_group_max)
        return Error{Errc::overloaded, "100 devices of this group wait for an operator; try later"};
    requests_.push_back(request);
    return Answer::fresh;
}

Result<WaitingRequest> Approvals::decide(std::string_view device, State state, std::string by,
                                         Timestamp now) {
    drop_expired(now);
    const auto at = std::ranges::find(requests_, device, &WaitingRequest::device);
    if (at == requests_.end())
        return Error{Errc::not_found, "no device '" + std::string(device) + "' asks to be let in"};
    if (at->state != State::waiting)
        return Error{Errc::conflict, "the request of '" + std::string(device) + "' is " +
                                         std::string(to_string(at->state)) + " already, by " +
                                         at->by};
    at->state = state;
    at->by = std::move(by);
    return *at;
}

void Approvals::settle(std::string_view device) {
    std::erase_if(requests_, [&](const auto& request) { return request.device == device; });
}

const WaitingRequest* Approvals::find(std::string_view device) const {
    const auto at = std::ranges::find(requests_, device, &WaitingRequest::device);
    return at == requests_.end() ? nullptr : &*at;
}

void Approvals::drop_expired(Timestamp now) {
    std::erase_if(requests_, [&](const auto& request) { return request.expires <= now; });
}

}  // namespace mw::onboarding
