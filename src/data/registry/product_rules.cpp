#include "data/registry/product_rules.h"

#include <algorithm>
#include <set>

#include "data/registry/wrong.h"

namespace mw::registry {
namespace {

using Names = std::set<std::string>;

const JsonArray& list_at(const Json& spec, std::string_view path) {
    static const JsonArray none;
    const Json* found = find(spec, path);
    return found && found->is_array() ? found->get_array() : none;
}

std::string element_of(std::string_view path, std::size_t index) {
    return std::string(path) + "[" + std::to_string(index) + "]";
}

// The names of a list of objects; one that stands twice is an error.
Result<Names> distinct(const Json& spec, std::string_view path, std::string_view key) {
    Names names;
    const auto& list = list_at(spec, path);
    for (std::size_t i = 0; i < list.size(); ++i) {
        const auto name = find_string(list[i], key).value_or("");
        if (!names.insert(name).second)
            return wrong(element_of("spec." + std::string(path), i) + "." + std::string(key),
                         "'" + name + "' is there twice; remove one");
    }
    return names;
}

Result<> check_signal(const Json& signal, const std::string& path) {
    const auto name = find_string(signal, "name").value_or("");
    if (name == "time" || name == "device")
        return wrong(path + ".name", "'" + name +
                                         "' is a column of every data product; give the signal "
                                         "another name");
    const auto type = find_string(signal, "type").value_or("double");
    const auto min = find_number(signal, "min"), max = find_number(signal, "max");
    if (min && max && *min > *max) return wrong(path + ".min", "must not be above max");
    const bool numeric = type == "double" || type == "int64" || type == "frame";
    for (const char* key : {"min", "max", "spike", "max_rate"})
        if (!numeric && find(signal, key))
            return wrong(path + "." + key, "a " + type + " has no size; only numbers take it");
    for (const char* key : {"values", "pattern"})
        if (type != "string" && find(signal, key))
            return wrong(path + "." + key, "only a string takes it, not a " + type);
    return {};
}

Result<> check_consumers(const Json& spec, const Names& signals) {
    TRY_VOID(distinct(spec, "consumers", "name"));
    const auto& consumers = list_at(spec, "consumers");
    for (std::size_t i = 0; i < consumers.size() && !signals.empty(); ++i)
        for (const Json& name : list_at(consumers[i], "signals"))
            if (!signals.contains(std::string(name.get_string())))
                return wrong(element_of("spec.consumers", i) + ".signals",
                             "the contract has no signal '" + std::string(name.get_string()) + "'");
    return {};
}

}  // namespace

Result<> check_product(const Resource& product) {
    const Json& spec = product.spec;
    if (find(spec, "version") && !find(spec, "status"))
        return wrong("spec.status",
                     "a contract says where it stands: proposed, draft, active, "
                     "deprecated or retired");
    if (find(spec, "status") && !find(spec, "version"))
        return wrong("spec.version", "a contract has a version, such as 1.0.0");
    TRY(const Names signals, distinct(spec, "signals", "name"));
    const auto& list = list_at(spec, "signals");
    for (std::size_t i = 0; i < list.size(); ++i)
        TRY_VOID(check_signal(list[i], element_of("spec.signals", i)));
    if (find(spec, "select.signals")) {
        Names selected;
        for (const Json& name : list_at(spec, "select.signals"))
            selected.emplace(name.get_string());
        for (const auto& name : signals)
            if (!selected.contains(name))
                return wrong("spec.select.signals",
                             "the contract promises signal '" + name + "', which is not selected");
    }
    TRY_VOID(distinct(spec, "roles", "role"));
    TRY_VOID(distinct(spec, "team.members", "username"));
    return check_consumers(spec, signals);
}

Result<> check_policy(const Resource& policy) {
    const Json& spec = policy.spec;
    if (find(spec, "domains") && policy.domain != "default")
        return wrong("spec.domains", "only a policy in domain default is shared; this one is in '" +
                                         policy.domain + "' and binds its products: remove it");
    const auto least = find_string(spec, "retention.at_least");
    const auto most = find_string(spec, "retention.at_most");
    if (least && most && *parse_duration(*least) > *parse_duration(*most))
        return wrong("spec.retention.at_least", "must not be longer than at_most");
    const auto& masking = list_at(spec, "masking");
    for (std::size_t i = 0; i < masking.size(); ++i) {
        const auto path = element_of("spec.masking", i);
        if (!find(masking[i], "classification") && !find(masking[i], "tags"))
            return wrong(path, "want classification, tags or both: which signals are meant");
        const bool coarsen = find_string(masking[i], "method") == "coarsen";
        if (coarsen != (find(masking[i], "over") != nullptr))
            return wrong(path + ".over", coarsen ? "say what the averages are over, such as 15m"
                                                 : "only coarsen takes it; remove it");
    }
    return {};
}

}  // namespace mw::registry
