#include "trust/identity/purposes.h"

#include <algorithm>
#include <array>

namespace mw::identity {
namespace {

constexpr std::size_t issuer_name_max = 20;
constexpr std::array<std::string_view, 5> purpose_names{"devices", "gateways", "servers",
                                                        "operators", "code"};
constexpr std::array every_purpose{Purpose::devices, Purpose::gateways, Purpose::servers,
                                   Purpose::operators, Purpose::code};

bool is_issuer_name(std::string_view name) {
    return !name.empty() && name.size() <= issuer_name_max && name.front() != '-' &&
           std::ranges::all_of(name, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

bool names(const std::vector<std::string>& list, std::string_view one) {
    return !one.empty() && std::ranges::find(list, one) != list.end();
}

}  // namespace

std::string_view to_string(Purpose purpose) { return purpose_names[std::size_t(purpose)]; }

Purposes Purposes::all() {
    Purposes set;
    for (const Purpose each : every_purpose) set.add(each);
    return set;
}

Result<Purposes> Purposes::from(std::span<const std::string> words) {
    Purposes set;
    for (const auto& word : words) {
        const auto at = std::ranges::find(purpose_names, word);
        if (at == purpose_names.end())
            return Error{Errc::invalid_input, "'" + word.substr(0, 40) +
                                                  "' is no purpose; want devices, gateways, "
                                                  "servers, operators or code"};
        set.add(every_purpose[std::size_t(at - purpose_names.begin())]);
    }
    if (set == Purposes{})
        return Error{Errc::invalid_input,
                     "want one or more of devices, gateways, servers, operators, code"};
    return set;
}

Purposes Purposes::within(Purposes other) const {
    other.bits_ &= bits_;
    return other;
}

std::string Purposes::text() const {
    std::string all;
    for (const Purpose each : every_purpose)
        if (has(each)) all += (all.empty() ? "" : ", ") + std::string(to_string(each));
    return all;
}

std::vector<crypto::Use> Purposes::uses() const {
    std::vector<crypto::Use> list;
    if (*this == all()) return list;
    if (has(Purpose::devices) || has(Purpose::gateways) || has(Purpose::operators))
        list.push_back(crypto::Use::client);
    if (has(Purpose::servers) || has(Purpose::gateways)) list.push_back(crypto::Use::server);
    if (has(Purpose::code)) list.push_back(crypto::Use::code_signing);
    return list;
}

Purposes allowed_by(const crypto::Certificate& authority) {
    if (!authority.limits_use) return Purposes::all();
    Purposes set;
    if (authority.for_client) set.add(Purpose::devices), set.add(Purpose::operators);
    if (authority.for_client && authority.for_server) set.add(Purpose::gateways);
    if (authority.for_server) set.add(Purpose::servers);
    if (authority.for_code_signing) set.add(Purpose::code);
    return set;
}

bool IssuerOrder::is_for(Purpose purpose, std::string_view group, std::string_view site) const {
    if (!issues || !purposes.has(purpose)) return false;
    return (sites.empty() && groups.empty()) || names(groups, group) || names(sites, site);
}

Result<> check(std::span<const IssuerOrder> issuers) {
    for (std::size_t i = 0; i < issuers.size(); ++i) {
        const IssuerOrder& one = issuers[i];
        const std::string where = "authority.issuing[" + std::to_string(i) + "].";
        if (!is_issuer_name(one.name))
            return Error{Errc::invalid_input,
                         where + "name: '" + one.name.substr(0, 40) +
                             "': want 1 to 20 of a-z, 0-9 and '-', as north or people"};
        if (std::ranges::count(issuers, one.name, &IssuerOrder::name) > 1)
            return Error{Errc::invalid_input, where + "name: '" + one.name + "' is there twice"};
        const bool of_places = !one.sites.empty() || !one.groups.empty();
        for (const Purpose each : {Purpose::servers, Purpose::operators, Purpose::code})
            if (of_places && one.purposes.has(each))
                return Error{Errc::invalid_input,
                             where + "for: '" + std::string(to_string(each)) +
                                 "' stand on no site and in no group; leave sites and groups out"};
    }
    return {};
}

}  // namespace mw::identity
