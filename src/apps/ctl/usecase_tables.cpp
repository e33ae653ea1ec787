#include "apps/ctl/usecase_tables.h"

#include <cstdio>

#include "apps/ctl/table.h"

namespace mw::ctl {
namespace {

std::string interval(const Json& kpi, const std::string& path) {
    if (!find(kpi, path)) return "-";
    return cell(kpi, path + ".estimate") + " (" + cell(kpi, path + ".low") + " to " +
           cell(kpi, path + ".high") + ")";
}

std::string whole(const Json& item, std::string_view path) {
    const auto value = find_number(item, path);
    if (!value) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", *value == 0 ? 0 : *value);
    return text;
}

std::string percent(const Json& item, std::string_view path) {
    const auto value = find_number(item, path);
    if (!value) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.0f %%", 100 * *value);
    return text;
}

}  // namespace

std::string kpi_table(const JsonArray& kpis, std::size_t width) {
    Table table{{"KPI", "UNIT", "BASELINE", "NOW", "CHANGE %", "TARGET", "DISTANCE", "REACHED",
                 "MONEY A YEAR"},
                {}};
    std::string sentences;
    for (const auto& kpi : kpis) {
        table.rows.push_back({cell(kpi, "name"), cell(kpi, "unit"), interval(kpi, "baseline"),
                              interval(kpi, "now"), interval(kpi, "change_percent"),
                              cell(kpi, "target"), cell(kpi, "distance"), cell(kpi, "reached"),
                              whole(kpi, "money_per_year")});
        sentences += cell(kpi, "name") + ": " + cell(kpi, "says") + "\n";
    }
    return kpis.empty() ? "no KPI was computed yet\n" : render(table, width) + sentences;
}

std::string review_text(const Json& review) {
    std::string text = "stage " + cell(review, "stage") + ": ";
    text += find_bool(review, "ready").value_or(false)
                ? "it can be left now\n"
                : "it can't be left yet: " + cell(review, "obstacle") + "\n";
    if (const Json* rows = find(review, "criteria"))
        for (const auto& row : rows->get_array())
            text += std::string(find_bool(row, "holds").value_or(false) ? "  [x] " : "  [ ] ") +
                    cell(row, "criterion") + " (" + cell(row, "check") + "): " + cell(row, "says") +
                    "\n";
    const bool given = find_bool(review, "sign_off.given").value_or(false);
    return text + (given ? "  [x] " : "  [ ] ") + "sign-off: " + cell(review, "sign_off.says") +
           "\n";
}

std::string ranking_text(const JsonArray& ranked, std::size_t width) {
    Table table{{"RANK", "NAME", "STAGE", "EXPECTED", "CHANCE", "BENEFIT/YEAR", "COST/YEAR",
                 "AT FIRST", "PAYBACK", "READY"},
                {}};
    std::string sentences;
    int rank = 0;
    for (const auto& r : ranked) {
        const auto months = find_number(r, "payback_months");
        table.rows.push_back(
            {std::to_string(++rank), cell(r, "name"), cell(r, "stage"),
             whole(r, "expected_value") + " " + cell(r, "currency"), percent(r, "probability"),
             whole(r, "benefit_per_year"), whole(r, "cost_per_year"), whole(r, "cost_initial"),
             months ? whole(r, "payback_months") + " months" : "never", percent(r, "readiness")});
        sentences += std::to_string(rank) + ". " + cell(r, "name") + ": " + cell(r, "says") + "\n";
    }
    return ranked.empty() ? "no use cases\n" : render(table, width) + "\n" + sentences;
}

}  // namespace mw::ctl
