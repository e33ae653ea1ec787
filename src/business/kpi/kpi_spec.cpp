#include "business/kpi/kpi_spec.h"

namespace mw::kpi {
namespace {

Result<Timestamp> time_at(const Json& json, std::string_view path) {
    TRY(const auto text, want_string(json, path));
    return parse_iso8601(text).context(path);
}

Result<> read_duration(const Json& json, std::string_view path, nanoseconds& into) {
    const auto text = find_string(json, path);
    if (!text) return {};
    TRY(into, parse_duration(*text).context(path));
    return {};
}

}  // namespace

bool KpiSpec::operator==(const KpiSpec& o) const {
    return name == o.name && sql == o.sql && unit == o.unit && counts == o.counts &&
           baseline_from == o.baseline_from && baseline_to == o.baseline_to && window == o.window &&
           every == o.every && target.absolute == o.target.absolute &&
           target.percent == o.target.percent && target.decrease == o.target.decrease &&
           money_per_unit == o.money_per_unit;
}

Result<KpiSpec> kpi_spec_from(const Json& kpi) {
    KpiSpec spec;
    TRY(spec.name, want_string(kpi, "name"));
    TRY(spec.sql, want_string(kpi, "sql"));
    TRY(spec.unit, want_string(kpi, "unit"));
    spec.counts = find_string(kpi, "kind") == "count";
    TRY(spec.baseline_from, time_at(kpi, "baseline.from"));
    TRY(spec.baseline_to, time_at(kpi, "baseline.to"));
    TRY_VOID(read_duration(kpi, "window", spec.window));
    TRY_VOID(read_duration(kpi, "every", spec.every));
    spec.target.absolute = find_number(kpi, "target.absolute");
    spec.target.percent = find_number(kpi, "target.percent");
    if (!spec.target.absolute && !spec.target.percent)
        return Error{Errc::invalid_input, "target: want absolute or percent"};
    spec.target.decrease = find_string(kpi, "direction") != "increase";
    spec.money_per_unit = find_number(kpi, "money_per_unit");
    return spec;
}

Result<std::vector<KpiSpec>> kpi_specs_of(const Resource& use_case) {
    std::vector<KpiSpec> specs;
    const Json* kpis = find(use_case.spec, "kpis");
    if (!kpis || !kpis->is_array()) return specs;
    for (const auto& kpi : kpis->get_array()) {
        auto spec = kpi_spec_from(kpi);
        if (!spec)
            return std::move(spec).error().context("spec.kpis[" + std::to_string(specs.size()) +
                                                   "]");
        specs.push_back(std::move(*spec));
    }
    return specs;
}

}  // namespace mw::kpi
