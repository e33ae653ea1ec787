#pragma once
// The topics of a device, as contracts.md lists them. Pure; views into the topic's text.

#include <cstdint>
#include <optional>
#include <string_view>

namespace mw::ingest {

enum class TopicKind : std::uint8_t {
    data,      // mw/v1/{device}/data/{stream}
    decision,  // mw/v1/{device}/decision/{model}
    event,     // mw/v1/{device}/event
    health,    // mw/v1/{device}/health
    sketch,    // mw/v1/{device}/sketch/{model}
    label,     // mw/v1/{device}/label/{model}
    reported,  // mw/v1/{device}/reported
    reply,     // mw/v1/{device}/reply/{id}
};
inline constexpr std::size_t topic_kinds = 8;
std::string_view to_string(TopicKind kind);

struct Topic {
    TopicKind kind = TopicKind::data;
    std::string_view device;
    std::string_view name;  // stream, model or id; empty where the kind has none
};

inline constexpr std::string_view topic_root = "mw/v1/";

// nullopt: under the root, yet none of these. Whether a topic is under the root, ask first.
std::optional<Topic> parse_topic(std::string_view topic);

// desired and command/{id}, which the hub itself publishes.
bool is_downward(std::string_view topic);

}  // namespace mw::ingest
