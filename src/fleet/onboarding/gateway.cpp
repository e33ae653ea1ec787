#include "fleet/onboarding/gateway.h"

#include <algorithm>

namespace mw::onboarding {
namespace {

constexpr std::string_view gateway_mark = "gateway";
constexpr std::string_view device_place = "{device}";

std::vector<std::string> served_in(const Json& spec) {
    std::vector<std::string> names;
    const Json* list = find(spec, "gateway.serves");
    if (!list || !list->is_array()) return names;
    for (const Json& each : list->get_array())
        if (each.is_string()) names.emplace_back(each.get_string());
    return names;
}

void take_once(std::vector<std::string>& into, std::vector<std::string> more) {
    for (auto& each : more)
        if (std::ranges::find(into, each) == into.end()) into.push_back(std::move(each));
}

}  // namespace

std::string gateway_line(const Json& device_spec) {
    if (!find(device_spec, "gateway")) return "";
    std::string line(gateway_mark);
    for (const auto& name : served_in(device_spec)) line += " " + name;
    return line;
}

Result<Gateway> gateway_of(const std::string& device, const std::string& line,
                           const Json& group_spec) {
    Gateway gateway;
    gateway.is = !line.empty() || find(group_spec, "gateway") != nullptr;
    if (!gateway.is) return gateway;
    std::vector<std::string> texts;
    for (std::string name : served_in(group_spec)) {
        // A dot in it would let one device make the name of another.
        if (device.find('.') != device.npos)
            return Error{Errc::denied, "the group's gateways serve at '" + name +
                                           "', which a device whose name has a dot can't"};
        if (const auto at = name.find(device_place); at != name.npos)
            name.replace(at, device_place.size(), device);
        texts.push_back(std::move(name));
    }
    for (std::size_t from = line.find(' '); from != line.npos;) {
        const std::size_t end = line.find(' ', from + 1);
        texts.push_back(line.substr(from + 1, end == line.npos ? end : end - from - 1));
        from = end;
    }
    auto names = crypto::serving_names(texts);
    if (!names) return Error{Errc::denied, names.error().message};
    take_once(gateway.serves.dns, std::move(names->dns));
    take_once(gateway.serves.addresses, std::move(names->addresses));
    return gateway;
}

std::vector<crypto::Use> gateway_uses(const Json& group_spec) {
    if (!find(group_spec, "gateway")) return {};
    if (served_in(group_spec).empty()) return {crypto::Use::client};
    return {crypto::Use::client, crypto::Use::server};
}

}  // namespace mw::onboarding
