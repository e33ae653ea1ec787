// Rules between the keys of one resource, kind by kind, which a schema can't say.
#include <algorithm>
#include <set>

#include "data/registry/kinds.h"
#include "data/registry/product_rules.h"
#include "data/registry/wrong.h"
#include "domain/selector.h"
#include "platform/crypto/crypto.h"
#include "trust/policy/policy.h"

namespace mw::registry {
namespace {

const JsonArray& array_at(const Json& spec, std::string_view key) {
    static const JsonArray none;
    const Json* found = find(spec, key);
    return found && found->is_array() ? found->get_array() : none;
}

std::string at_index(std::string_view key, std::size_t index) {
    return "spec." + std::string(key) + "[" + std::to_string(index) + "]";
}

Result<> in_order(const Json& spec, const std::string& from, const std::string& to,
                  const std::string& path) {
    const auto first = find_string(spec, from), last = find_string(spec, to);
    if (!first || !last) return {};
    TRY(const auto begin, parse_iso8601(*first));
    TRY(const auto end, parse_iso8601(*last));
    if (begin < end) return {};
    return wrong(path + "." + from, "must be before " + to);
}

Result<> is_selector(const Json& spec) {
    const auto text = find_string(spec, "selector");
    if (!text) return {};
    const auto parsed = parse_label_selector(*text);
    return parsed ? Result<>{} : wrong("spec.selector", parsed.error().message);
}

// MODEL--VERSION, PRODUCT--VERSION.
Result<> is_named_by(const Resource& r, const char* what, const char* shape) {
    const auto want = *find_string(r.spec, what) + "--" + *find_string(r.spec, "version");
    if (r.name == want) return {};
    return wrong("name", std::string("want ") + shape + ", here '" + want + "'");
}

Result<> not_its_own_parent(const Resource& r) {
    if (find_string(r.spec, "parent") == r.name)
        return wrong("spec.parent", "a resource can't be its own parent");
    return {};
}

Error shadow_name(const std::string& path, std::string_view name) {
    return wrong(path, "'" + std::string(name) +
                           "': names that end in .shadow stand for challengers that decide "
                           "nothing; take another name");
}

Result<> check_profile(const Resource& profile) {
    std::set<std::string> seen;
    const auto& signals = array_at(profile.spec, "signals");
    for (std::size_t i = 0; i < signals.size(); ++i) {
        const auto path = at_index("signals", i);
        TRY(const auto name, want_string(signals[i], "name"));
        if (!seen.insert(name).second)
            return wrong(path + ".name", "signal '" + name + "' is there twice; remove one");
        const auto min = find_number(signals[i], "min"), max = find_number(signals[i], "max");
        if (min && max && *min >= *max) return wrong(path + ".min", "must be below max");
    }
    return {};
}

Result<> check_served(const Resource& gateway, const std::string& device) {
    const Json* list = find(gateway.spec, "gateway.serves");
    if (!list) return {};
    const auto& names = list->get_array();
    for (std::size_t i = 0; i < names.size(); ++i) {
        std::string name(names[i].get_string());
        if (!device.empty()) {
            if (!name.starts_with("{device}."))
                return wrong(at_index("gateway.serves", i), "want {device}.DOMAIN");
            name.replace(0, 8, device);
        }
        if (auto known = crypto::serving_names({&name, 1}); !known)
            return wrong(at_index("gateway.serves", i), known.error().message);
    }
    return {};
}

Result<> check_device(const Resource& device) {
    TRY_VOID(not_its_own_parent(device));
    TRY_VOID(check_served(device, ""));
    if (const Json* models = find(device.spec, "models"))
        for (const auto& [name, entry] : models->get_object()) {
            if (name.ends_with(".shadow")) return shadow_name("spec.models", name);
            if (find(entry, "limits.memory_bytes") &&
                find_string(entry, "limits.isolation") != "process")
                return wrong("spec.models." + std::string(name) + ".limits.memory_bytes",
                             "only a process has memory of its own; want isolation: process");
        }
    return {};
}

Result<> check_model(const Resource& model) {
    if (model.name.ends_with(".shadow")) return shadow_name("name", model.name);
    return {};
}

Result<> check_model_version(const Resource& version) {
    return is_named_by(version, "model", "MODEL--VERSION");
}

Result<> check_firmware(const Resource& firmware) {
    return is_named_by(firmware, "product", "PRODUCT--VERSION");
}

Result<> check_role(const Resource& role) {
    auto parsed = policy::role_from_spec(role.name, role.spec);
    if (!parsed) return std::move(parsed).error();
    return {};
}

Result<> check_waves(const Json& spec) {
    const auto& waves = array_at(spec, "waves");
    double percent = 0;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < waves.size(); ++i) {
        const auto path = at_index("waves", i);
        const auto devices = find_integer(waves[i], "count");
        const auto share = find_number(waves[i], "percent");
        if (!devices == !share)
            return wrong(path, "want either count or percent: how many devices run it in all");
        if ((devices && *devices <= count) || (share && *share <= percent))
            return wrong(path,
                         "each wave counts the devices in all, so it must be larger than the "
                         "one before");
        count = devices.value_or(count);
        percent = share.value_or(percent);
        const bool last = i + 1 == waves.size();
        if (last && share.value_or(0) < 100)
            return wrong(path, "the last wave must be percent: 100, or the rollout never ends");
        if (!last && share.value_or(0) >= 100)
            return wrong(path, "all devices run it already; no wave can follow");
    }
    return {};
}

Result<> check_rollout(const Resource& rollout) {
    TRY_VOID(is_selector(rollout.spec));
    TRY_VOID(check_waves(rollout.spec));
    const auto& guardrails = array_at(rollout.spec, "guardrails");
    for (std::size_t i = 0; i < guardrails.size(); ++i) {
        const auto path = at_index("guardrails", i);
        const bool is_kpi = find_string(guardrails[i], "metric") == "kpi";
        if (!find(guardrails[i], "max") && !find(guardrails[i], "worse_by"))
            return wrong(path,
                         "want max, worse_by or both: a guardrail without a limit guards "
                         "nothing");
        if (is_kpi != (find(guardrails[i], "kpi") != nullptr))
            return wrong(path + ".kpi", is_kpi ? "say which KPI of the use case"
                                               : "only metric kpi takes a KPI; remove it");
        if (is_kpi && !find(rollout.spec, "use_case"))
            return wrong("spec.use_case", "the guardrail on a KPI needs the use case that has it");
    }
    const bool firmware = find_string(rollout.spec, "artifact.kind") == "Firmware";
    if (firmware && find_string(rollout.spec, "mode") == "shadow")
        return wrong("spec.mode", "firmware can't run beside another; want replace or ab");
    return {};
}

Result<> check_kpi(const Json& kpi, const std::string& path) {
    if (const Json* baseline = find(kpi, "baseline"))
        TRY_VOID(in_order(*baseline, "from", "to", path + ".baseline"));
    const auto percent = find_number(kpi, "target.percent");
    const bool down = find_string(kpi, "direction") == "decrease";
    if (percent && (down ? *percent >= 0 : *percent <= 0))
        return wrong(path + ".target.percent",
                     down ? "direction decrease wants a change below zero, such as -30"
                          : "direction increase wants a change above zero, such as 10");
    return {};
}

Result<> check_use_case(const Resource& use_case) {
    std::set<std::string> seen;
    const auto& kpis = array_at(use_case.spec, "kpis");
    for (std::size_t i = 0; i < kpis.size(); ++i) {
        TRY(const auto name, want_string(kpis[i], "name"));
        if (!seen.insert(name).second)
            return wrong(at_index("kpis", i) + ".name",
                         "KPI '" + name + "' is there twice; rename one");
        TRY_VOID(check_kpi(kpis[i], at_index("kpis", i)));
    }
    return {};
}

Result<> check_gate_spec(const Resource& gate) {
    const auto& metrics = array_at(gate.spec, "metrics");
    for (std::size_t i = 0; i < metrics.size(); ++i) {
        const auto min = find_number(metrics[i], "min"), max = find_number(metrics[i], "max");
        if (!min && !max && !find(metrics[i], "not_worse_than_champion_by"))
            return wrong(at_index("metrics", i),
                         "want min, max or not_worse_than_champion_by: a row without a limit "
                         "always passes");
        if (min && max && *min > *max)
            return wrong(at_index("metrics", i) + ".min", "must not be above max");
    }
    if (const Json* classes = find(gate.spec, "device_classes"))
        for (const auto& [name, limits] : classes->get_object())
            if (limits.get_object().empty())
                return wrong("spec.device_classes." + std::string(name),
                             "want latency_us_p99_max, memory_mb_max or both");
    return {};
}

Result<> check_dataset(const Resource& dataset) {
    return in_order(dataset.spec, "from", "to", "spec");
}

Result<> check_label_task(const Resource& task) {
    TRY(const auto from, parse_iso8601(*find_string(task.spec, "from")));
    TRY(const auto to, parse_iso8601(*find_string(task.spec, "to")));
    return from <= to ? Result<>{} : wrong("spec.from", "must not be after to");
}

Result<> check_monitor(const Resource& monitor) { return is_selector(monitor.spec); }

// The makers' authorities must be readable now, not when the first device comes.
Result<> check_enrollment_group(const Resource& group) {
    TRY_VOID(check_served(group, "gw-1"));
    std::set<std::string> makers, serials;
    const auto& factory = array_at(group.spec, "factory");
    for (std::size_t i = 0; i < factory.size(); ++i) {
        const auto path = at_index("factory", i);
        const auto name = *find_string(factory[i], "name");
        if (!makers.insert(name).second)
            return wrong(path + ".name", "'" + name + "' is there twice");
        const auto authorities = crypto::certificates_from_pem(*find_string(factory[i], "ca"));
        if (!authorities) return wrong(path + ".ca", authorities.error().message);
        for (const auto& authority : *authorities)
            if (!authority.is_ca)
                return wrong(path + ".ca", "'" + authority.subject_cn +
                                               "' is no authority; want the certificate that "
                                               "signs devices' certificates");
        for (const Json& each : array_at(factory[i], "serials"))
            if (const auto number = *find_string(each, "number");
                !serials.insert(name + " " + number).second)
                return wrong(path + ".serials", "'" + number + "' is there twice");
    }
    return {};
}

struct Purpose {
    std::string_view what, kind;
};
constexpr Purpose purposes[] = {
    {"rollout", "Rollout"},     {"override", "ModelVersion"},   {"override", "Firmware"},
    {"stage:idea", "UseCase"},  {"stage:prototype", "UseCase"}, {"stage:pilot", "UseCase"},
    {"stage:scale", "UseCase"},
};

Result<> check_approval(const Resource& approval) {
    const auto kind = *find_string(approval.spec, "subject.kind");
    const auto what = *find_string(approval.spec, "what");
    std::string possible;
    for (const auto& purpose : purposes) {
        if (purpose.kind != kind) continue;
        if (purpose.what == what) return {};
        possible += (possible.empty() ? "" : ", ") + std::string(purpose.what);
    }
    return wrong("spec.what",
                 "'" + what + "' can't be approved of a " + kind + " (want " + possible + ")");
}

struct Rules {
    std::string_view kind;
    Result<> (*check)(const Resource&);
};
constexpr Rules all_rules[] = {
    {"Approval", check_approval},
    {"Asset", not_its_own_parent},
    {"DataProduct", check_product},
    {"Dataset", check_dataset},
    {"Device", check_device},
    {"DeviceProfile", check_profile},
    {"EnrollmentGroup", check_enrollment_group},
    {"Firmware", check_firmware},
    {"GateSpec", check_gate_spec},
    {"LabelTask", check_label_task},
    {"Model", check_model},
    {"ModelVersion", check_model_version},
    {"Monitor", check_monitor},
    {"Policy", check_policy},

    {"Role", check_role},
    {"Rollout", check_rollout},
    {"UseCase", check_use_case},
};

}  // namespace

Result<> check_rules(const Resource& resource) {
    for (const auto& rules : all_rules)
        if (rules.kind == resource.kind) return rules.check(resource);
    return {};
}

}  // namespace mw::registry
