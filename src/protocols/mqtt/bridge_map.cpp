#include "protocols/mqtt/bridge_map.h"

#include <algorithm>

#include "protocols/mqtt/codec.h"
#include "protocols/mqtt/topics.h"

namespace mw::mqtt {
namespace {

Error bad_row(std::size_t index, std::string_view key, std::string_view what) {
    std::string words = "topics[" + std::to_string(index) + "]." + std::string(key) + ": ";
    return {Errc::invalid_input, words.append(what)};
}

Result<> check_prefix(std::size_t index, std::string_view key, const std::string& prefix) {
    if (!is_mqtt_text(prefix)) return bad_row(index, key, "is no UTF-8 text as MQTT wants it");
    if (prefix.find_first_of("+#") != std::string::npos)
        return bad_row(index, key, "holds a wildcard; want plain text such as plant-1/");
    return {};
}

Result<> check_row(std::size_t index, const BridgeMap::Row& row) {
    const BridgeTopic& topic = row.topic;
    TRY_VOID(check_prefix(index, "local_prefix", topic.local_prefix));
    TRY_VOID(check_prefix(index, "remote_prefix", topic.remote_prefix));
    for (const std::string& filter : {topic.filter, row.local_filter, row.remote_filter}) {
        if (!is_mqtt_text(filter)) return bad_row(index, "filter", "is no UTF-8 text");
        if (const auto fault = topic_filter_fault(filter, max_topic_bytes); !fault.empty())
            return bad_row(index, "filter", "'" + filter + "': " + std::string(fault));
        if (filter.starts_with("$share/"))
            return bad_row(index, "filter", "shared subscriptions can not be bridged");
    }
    // MQTT 5 4.7.2: nobody publishes the other broker's own topics.
    if (topic.comes_in() && row.local_filter.starts_with('$'))
        return bad_row(index, "local_prefix",
                       "topics that begin with $ are the broker's own; want a prefix such as "
                       "remote/");
    if (topic.goes_out() && row.remote_filter.starts_with('$'))
        return bad_row(index, "remote_prefix",
                       "topics that begin with $ are the broker's own; want a prefix such as "
                       "local/");
    return {};
}

// What the mapped topic matches is checked as well: a bridge never leaves what its rows say.
bool map_topic(std::string_view topic, const std::string& from_prefix,
               const std::string& from_filter, const std::string& to_prefix,
               const std::string& to_filter, std::string& out) {
    if (!topic.starts_with(from_prefix) || !matches(from_filter, topic)) return false;
    out.assign(to_prefix).append(topic.substr(from_prefix.size()));
    return !out.empty() && out.size() <= max_topic_bytes && matches(to_filter, out);
}

}  // namespace

Result<BridgeMap> BridgeMap::make(std::vector<BridgeTopic> topics) {
    if (topics.empty())
        return Error{Errc::invalid_input, "topics: there are none; want at least one filter"};
    if (topics.size() > bridge_topics_max)
        return Error{Errc::invalid_input, "topics: at most " + std::to_string(bridge_topics_max) +
                                              ", got " + std::to_string(topics.size())};
    BridgeMap map;
    for (BridgeTopic& topic : topics) {
        Row row{std::move(topic), {}, {}};
        row.local_filter = row.topic.local_prefix + row.topic.filter;
        row.remote_filter = row.topic.remote_prefix + row.topic.filter;
        TRY_VOID(check_row(map.rows_.size(), row));
        map.rows_.push_back(std::move(row));
    }
    return map;
}

bool BridgeMap::has_out() const {
    return std::ranges::any_of(rows_, [](const Row& row) { return row.topic.goes_out(); });
}

bool BridgeMap::has_in() const {
    return std::ranges::any_of(rows_, [](const Row& row) { return row.topic.comes_in(); });
}

bool BridgeMap::sends_exactly_once() const {
    return std::ranges::any_of(rows_, [](const Row& row) {
        return row.topic.goes_out() && row.topic.qos == QoS::exactly_once;
    });
}

bool BridgeMap::to_remote(std::string_view local, std::string& remote) const {
    return std::ranges::any_of(rows_, [&](const Row& row) {
        return row.topic.goes_out() &&
               map_topic(local, row.topic.local_prefix, row.local_filter, row.topic.remote_prefix,
                         row.remote_filter, remote);
    });
}

bool BridgeMap::to_local(std::string_view remote, std::string& local) const {
    return std::ranges::any_of(rows_, [&](const Row& row) {
        return row.topic.comes_in() && map_topic(remote, row.topic.remote_prefix, row.remote_filter,
                                                 row.topic.local_prefix, row.local_filter, local);
    });
}

std::size_t BridgeMap::growth_out() const {
    std::size_t most = 0;
    for (const Row& row : rows_)
        if (row.topic.goes_out() && row.remote_filter.size() > row.local_filter.size())
            most = std::max(most, row.remote_filter.size() - row.local_filter.size());
    return most;
}

std::size_t BridgeMap::growth_in() const {
    std::size_t most = 0;
    for (const Row& row : rows_)
        if (row.topic.comes_in() && row.local_filter.size() > row.remote_filter.size())
            most = std::max(most, row.local_filter.size() - row.remote_filter.size());
    return most;
}

}  // namespace mw::mqtt
