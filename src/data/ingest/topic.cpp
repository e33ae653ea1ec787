#include "data/ingest/topic.h"

#include <array>

namespace mw::ingest {
namespace {

struct KindName {
    std::string_view text;
    bool has_name;
};
constexpr std::array<KindName, topic_kinds> kind_names = {{{"data", true},
                                                           {"decision", true},
                                                           {"event", false},
                                                           {"health", false},
                                                           {"sketch", true},
                                                           {"label", true},
                                                           {"reported", false},
                                                           {"reply", true}}};

// What stands before the next slash, which goes too.
std::string_view take_level(std::string_view& rest) {
    const auto slash = rest.find('/');
    const auto level = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    return level;
}

}  // namespace

std::string_view to_string(TopicKind kind) {
    return kind_names[static_cast<std::size_t>(kind)].text;
}

std::optional<Topic> parse_topic(std::string_view topic) {
    if (!topic.starts_with(topic_root)) return std::nullopt;
    std::string_view rest = topic.substr(topic_root.size());
    Topic parsed;
    parsed.device = take_level(rest);
    const bool ends_here = rest.find('/') == std::string_view::npos;
    const auto word = take_level(rest);
    for (std::size_t i = 0; i < topic_kinds; ++i) {
        if (kind_names[i].text != word) continue;
        parsed.kind = static_cast<TopicKind>(i);
        parsed.name = rest;
        const bool one_level = rest.find('/') == std::string_view::npos && !rest.empty();
        const bool fits = kind_names[i].has_name ? one_level : ends_here;
        return fits && !parsed.device.empty() ? std::optional(parsed) : std::nullopt;
    }
    return std::nullopt;
}

bool is_downward(std::string_view topic) {
    if (!topic.starts_with(topic_root)) return false;
    std::string_view rest = topic.substr(topic_root.size());
    take_level(rest);
    return rest == "desired" || rest.starts_with("command/");
}

}  // namespace mw::ingest
