#include "protocols/sparkplug/topic.h"

#include <array>

namespace mw::sparkplug {
namespace {

constexpr std::array<std::string_view, message_types> type_words = {
    "NBIRTH", "NDEATH", "NDATA", "NCMD", "DBIRTH", "DDEATH", "DDATA", "DCMD"};

// What stands before the next slash, which goes too; nullopt when nothing is left.
std::optional<std::string_view> next_level(std::optional<std::string_view>& rest) {
    if (!rest) return std::nullopt;
    const auto slash = rest->find('/');
    const auto level = rest->substr(0, slash);
    if (slash == std::string_view::npos)
        rest.reset();
    else
        rest = rest->substr(slash + 1);
    return level;
}

std::optional<MessageType> type_of(std::string_view word) {
    for (std::size_t i = 0; i < type_words.size(); ++i)
        if (type_words[i] == word) return static_cast<MessageType>(i);
    return std::nullopt;
}

}  // namespace

std::string_view to_string(MessageType type) { return type_words[static_cast<std::size_t>(type)]; }

std::optional<Topic> parse_topic(std::string_view text) {
    if (!text.starts_with(topic_root)) return std::nullopt;
    std::optional<std::string_view> rest = text.substr(topic_root.size());
    const auto group = next_level(rest);
    const auto word = next_level(rest);
    const auto node = next_level(rest);
    const auto device = next_level(rest);
    if (rest || !node || group->empty() || node->empty()) return std::nullopt;
    const auto type = type_of(*word);
    if (!type) return std::nullopt;
    const bool of_device = *type >= MessageType::device_birth;
    if (of_device != device.has_value() || (device && device->empty())) return std::nullopt;
    return Topic{*type, *group, *node, device.value_or(std::string_view{})};
}

std::string command_topic(std::string_view group, std::string_view node) {
    return std::string(topic_root).append(group).append("/NCMD/").append(node);
}

std::string state_topic(std::string_view host_id) {
    return std::string(topic_root).append("STATE/").append(host_id);
}

}  // namespace mw::sparkplug
