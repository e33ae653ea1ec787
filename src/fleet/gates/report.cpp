#include "fleet/gates/report.h"

#include <algorithm>
#include <map>

namespace mw::gates {
namespace {

Json sorted(const Json& value) {
    if (value.is_array()) {
        JsonArray items;
        for (const Json& item : value.get_array()) items.push_back(sorted(item));
        return items;
    }
    if (!value.is_object()) return value;
    std::map<std::string_view, const Json*> keys;
    for (const auto& [key, part] : value.get_object()) keys[std::string_view(key)] = &part;
    JsonObject object;
    for (const auto& [key, part] : keys) object[key] = sorted(*part);
    return object;
}

}  // namespace

bool Report::passed() const { return failing() == nullptr; }

const Row* Report::failing() const {
    const auto found =
        std::find_if(rows.begin(), rows.end(), [](const Row& row) { return !row.passed; });
    return found == rows.end() ? nullptr : &*found;
}

std::string in_words(const Row& row) {
    if (row.measured.is_null())
        return row.row + " could not be measured (limit " + row.limit + "): " + row.detail;
    return row.row + " is " + to_json(row.measured) + ", limit " + row.limit +
           (row.detail.empty() ? "" : " (" + row.detail + ")");
}

std::string canonical_text(const Json& value) { return to_json(sorted(value)); }

Result<Json> signed_spec(const Report& report, const Sign& sign) {
    JsonArray rows;
    for (const Row& row : report.rows)
        rows.push_back(JsonObject{{"row", row.row},
                                  {"measured", row.measured},
                                  {"limit", row.limit},
                                  {"passed", row.passed},
                                  {"detail", row.detail}});
    JsonObject spec{{"gate", report.gate},
                    {"version", report.version},
                    {"bundle", report.bundle},
                    {"dataset", report.dataset},
                    {"dataset_sha256", report.dataset_sha256},
                    {"champion", report.champion},
                    {"measured_at", to_iso8601(report.measured_at)},
                    {"verdict", report.passed() ? "passed" : "refused"},
                    {"rows", std::move(rows)}};
    const std::string text = canonical_text(spec);
    TRY(const Signature signature, sign(bytes_of(text)).context("signing the gate's report"));
    spec["signed"] = text;
    spec["signature"] = to_base64(signature.signature);
    spec["certificate"] = to_base64(signature.certificate);
    return Json(std::move(spec));
}

}  // namespace mw::gates
