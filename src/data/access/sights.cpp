#include "data/access/sights.h"

#include <algorithm>
#include <tuple>

namespace mw::access {
namespace {

using query::Masking;
using query::Names;
using query::SeriesSet;
using query::Sight;

constexpr std::string_view all_domains = "*";

bool has(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

// Who runs the hub sees everything; everybody else is asked for.
bool is_admin(const policy::Principal& who) { return has(who.roles, "admin"); }

bool holds_any(const policy::Principal& who, const std::vector<std::string>& roles) {
    return std::ranges::any_of(roles, [&](const auto& role) { return has(who.roles, role); });
}

std::string words(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

Names sorted(Names names) {
    std::ranges::sort(names);
    const auto twice = std::ranges::unique(names);
    names.erase(twice.begin(), twice.end());
    return names;
}

Names common(const Names& a, const Names& b) {
    Names both;
    std::ranges::set_intersection(a, b, std::back_inserter(both));
    return both;
}

const JsonArray& list_at(const Json& value, std::string_view path) {
    static const JsonArray none;
    const Json* list = find(value, path);
    return list && list->is_array() ? list->get_array() : none;
}

// ---- whom a contract names

// By their user name, as "ann" or "user:ann", or by a role of theirs; exactly as written.
bool names_them(const policy::Principal& who, const std::string& name) {
    if (name.empty()) return false;
    return name == who.name || "user:" + name == who.name || has(who.roles, name);
}

bool is_named(const policy::Principal& who, const Json& contract) {
    if (names_them(who, find_string(contract, "owner").value_or(""))) return true;
    for (const auto& [path, key] :
         {std::pair{"team.members", "username"}, {"consumers", "name"}, {"roles", "role"}})
        for (const Json& one : list_at(contract, path))
            if (names_them(who, find_string(one, key).value_or(""))) return true;
    return false;
}

bool is_sensitive(const Json& contract) {
    const auto level = find_string(contract, "classification").value_or("");
    return level == "confidential" || level == "restricted";
}

// ---- masks

void add_mask(std::vector<Masking>& masks, const SeriesSet& rows, const products::Mask& mask,
              Names signals, bool others) {
    if (rows.signals && others) {
        Names left;
        std::ranges::set_difference(*rows.signals, signals, std::back_inserter(left));
        signals = std::move(left);
        others = false;
    } else if (rows.signals) {
        signals = common(*rows.signals, signals);
    }
    if (signals.empty() && !others) return;
    Masking one;
    one.of = {rows.devices, std::move(signals), others};
    if (others && one.of.signals->empty()) one.of = {rows.devices, std::nullopt, false};
    one.over = mask.hide ? nanoseconds{0} : std::max(mask.over, nanoseconds{1});
    masks.push_back(std::move(one));
}

void add_masks(std::vector<Masking>& masks, const policy::Principal& who,
               const ProductFacts& product) {
    Names named;  // by the contract
    for (const Json& signal : list_at(product.resource->spec, "signals"))
        named.push_back(find_string(signal, "name").value_or(""));
    named = sorted(std::move(named));
    for (const auto& [signal, mask] : product.policy.masks)
        if (!holds_any(who, mask.except_roles))
            add_mask(masks, product.rows, mask, {signal}, false);
    const auto& others = product.policy.other_signals;
    if (others && !holds_any(who, others->except_roles))
        add_mask(masks, product.rows, *others, named, true);
}

// The strongest first; those of the same devices and strength as one, so that the SQL stays short.
std::vector<Masking> ordered(std::vector<Masking> masks) {
    const auto key = [](const Masking& mask) {
        return std::tuple(mask.over.count() != 0, -mask.over.count(), mask.of.devices.has_value(),
                          mask.of.devices.value_or(Names{}), mask.of.other_signals,
                          mask.of.signals.has_value());
    };
    std::ranges::stable_sort(masks, {}, key);
    std::vector<Masking> merged;
    for (Masking& mask : masks) {
        const bool joins = !merged.empty() && key(merged.back()) == key(mask) && mask.of.signals &&
                           !mask.of.other_signals;
        if (!joins) {
            merged.push_back(std::move(mask));
            continue;
        }
        Names& signals = *merged.back().of.signals;
        signals.insert(signals.end(), mask.of.signals->begin(), mask.of.signals->end());
        signals = sorted(std::move(signals));
    }
    return merged;
}

// ---- rows

bool has_exactly(const DeviceFacts& device, const std::map<std::string, std::string>& wanted) {
    return std::ranges::all_of(wanted, [&](const auto& label) {
        const auto found = device.labels.find(label.first);
        return found != device.labels.end() && found->second == label.second;
    });
}

// nullopt: all devices, also those that nobody has registered.
std::optional<Names> devices_of_reading(const policy::Policy::Reading& reading,
                                        const Facts& facts) {
    const bool everywhere = has(reading.domains, all_domains);
    if (everywhere && reading.rows.labels.empty() && reading.labels.empty()) return std::nullopt;
    Names devices;
    for (const auto& [name, device] : facts.devices)
        if ((everywhere || has(reading.domains, device.domain)) &&
            has_exactly(device, reading.rows.labels) && has_labels(device.labels, reading.labels))
            devices.push_back(name);
    return devices;
}

std::vector<SeriesSet> sets_of(const policy::Policy::Reading& reading, const Facts& facts,
                               const std::vector<ProductFacts>& products) {
    const auto devices = devices_of_reading(reading, facts);
    if (reading.rows.products.empty()) return {{devices, std::nullopt, false}};
    std::vector<SeriesSet> sets;
    for (const ProductFacts& product : products) {
        if (!has(reading.rows.products, product.resource->name)) continue;
        SeriesSet set = product.rows;
        if (devices) set.devices = set.devices ? common(*set.devices, *devices) : *devices;
        sets.push_back(std::move(set));
    }
    return sets;
}

void add_rows(Sight& sight, const policy::Policy::Reading& reading, const Facts& facts,
              const std::vector<ProductFacts>& products) {
    if (!sight.only) return;
    for (SeriesSet& set : sets_of(reading, facts, products)) {
        if (set.everything()) {
            sight.only.reset();
            return;
        }
        const bool nothing =
            (set.devices && set.devices->empty()) || (set.signals && set.signals->empty());
        if (!nothing) sight.only->push_back(std::move(set));
    }
}

// Whether anything of the product is of a device that the reading shows.
bool has_some(const policy::Policy::Reading& reading, const Facts& facts,
              const ProductFacts& product) {
    const auto devices = devices_of_reading(reading, facts);
    if (!devices) return true;
    return product.rows.devices ? !common(*product.rows.devices, *devices).empty()
                                : !devices->empty();
}

bool is_known(const policy::Principal& who, const policy::Policy& roles,
              const std::vector<policy::Policy::Reading>& readings, const Facts& facts,
              const ProductFacts& facts_of_product) {
    const Resource& product = *facts_of_product.resource;
    if (roles.allowed(who, access_to(policy::Verb::get, product))) return true;
    return std::ranges::any_of(readings, [&](const auto& reading) {
        if (!reading.labels.empty() && !has_some(reading, facts, facts_of_product)) return false;
        if (!reading.rows.products.empty()) return has(reading.rows.products, product.name);
        return has(reading.domains, all_domains) || has(reading.domains, product.domain);
    });
}

}  // namespace

std::vector<ProductFacts> product_facts(const Facts& facts, const query::Products& selections) {
    std::vector<Resource> policies;
    for (const auto& [name, policy] : facts.policies) policies.push_back(policy);
    std::vector<ProductFacts> all;
    for (const query::Product& selection : selections) {
        const auto found = facts.products.find(selection.name);
        if (found == facts.products.end()) continue;
        ProductFacts one;
        one.resource = &found->second;
        if (selection.devices) one.rows.devices = sorted(*selection.devices);
        if (selection.signals) one.rows.signals = sorted(*selection.signals);
        one.policy = products::effective_policy(found->second, policies);
        all.push_back(std::move(one));
    }
    return all;
}

std::string why_closed(const policy::Principal& who, const ProductFacts& product) {
    const Json& contract = product.resource->spec;
    if (is_admin(who)) return "";
    const auto owner = find_string(contract, "owner").value_or("");
    const std::string ask = "; ask " + (owner.empty() ? std::string("an administrator") : owner);
    const std::string begins = "data product " + product.resource->name + " is not for " + who.name;
    const auto& roles = product.policy.roles;
    if (roles && !holds_any(who, roles->names))
        return begins + ": a policy leaves it to the roles " + words(roles->names) + ask;
    if (is_sensitive(contract) && !is_named(who, contract))
        return begins + ": it is " + *find_string(contract, "classification") +
               ", and its contract names who may read it (owner, team, consumers, roles)" + ask;
    return "";
}

Result<Sight> sight_for(const policy::Principal& who, const policy::Policy& roles,
                        const Facts& facts, const std::vector<ProductFacts>& products) {
    Sight sight;
    if (is_admin(who)) return sight;
    const auto readings = roles.readings(who);
    if (readings.empty())
        return Error{Errc::denied, who.name +
                                       " may read nothing of history; a role with verbs "
                                       "[query] and kinds [History] would allow it"};
    sight.only.emplace();
    for (const auto& reading : readings) add_rows(sight, reading, facts, products);
    for (const ProductFacts& product : products) {
        const Resource& resource = *product.resource;
        if (!is_known(who, roles, readings, facts, product))
            sight.unknown_products.push_back(resource.name);
        add_masks(sight.masks, who, product);
        auto why = why_closed(who, product);
        if (why.empty()) continue;
        // What is closed here is not open under another name.
        sight.never.push_back(product.rows);
        sight.closed_products.emplace(resource.name, std::move(why));
    }
    sight.unknown_products = sorted(std::move(sight.unknown_products));
    sight.masks = ordered(std::move(sight.masks));
    return sight;
}

}  // namespace mw::access
