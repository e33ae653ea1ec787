#include "surface/api/running_queries.h"

#include <algorithm>
#include <cctype>

namespace mw::api {
namespace {

// Takes the entry away, whatever the end of the statement.
template <class Map>
struct Entry {
    Map& map;
    typename Map::key_type key;
    ~Entry() { map.erase(key); }
};

}  // namespace

Task<QueryReply> RunningQueries::run(QueryEngine& engine, QueryRequest request, std::string id) {
    if (id.empty()) {
        auto asking = engine.query(std::move(request));
        co_return co_await std::move(asking);
    }
    http::StopSwitch stop;
    const Key key{request.actor, id};
    if (!running_.emplace(key, &stop).second)
        co_return Error{Errc::conflict,
                        "id: your statement '" + id + "' still runs; end it, or take another id"};
    const Entry<decltype(running_)> entry{running_, key};
    auto asking = engine.query(std::move(request));
    auto reply = co_await http::stopped_by(stop, std::move(asking));
    if (!reply && stop.stopped())
        co_return Error{Errc::conflict, "id: the statement '" + id + "' was ended on request"};
    co_return std::move(reply);
}

bool RunningQueries::end(const std::string& actor, const std::string& id) {
    const auto found = running_.find({actor, id});
    if (found == running_.end()) return false;
    found->second->stop();
    return true;
}

Result<> check_query_id(std::string_view id) {
    const bool plain = !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
    });
    if (plain) return {};
    return Error{Errc::invalid_input, "id: want 1 to 64 of letters, digits, dot, _ and -"};
}

}  // namespace mw::api
