// Savings against a known truth, on LBNL's simulated building (RMV2.0):
//   energy_trials FOLDER
// Data_pre_1.csv is the baseline, Data_post_1.csv the same building without a measure (the placebo
// and the truth), Data_post_2.csv with one. Ends with one line of JSON.

#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "base/json.h"
#include "base/number.h"
#include "insight/energy/energy.h"

namespace mw::energy {
namespace {

// Days since 1970 of a date (Hinnant's civil calendar, from the first of March on).
std::int64_t days_of_date(int year, int month, int day) {
    year -= month <= 2;
    const int era = year / 400, of_era = year - era * 400;
    const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return std::int64_t{era} * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           719'468;
}

Result<std::vector<Hour>> hours_of_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) return Error{Errc::not_found, path + " cannot be read"};
    std::vector<Hour> hours;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        int month = 0, day = 0, year = 0, hour = 0, minute = 0;
        double load = 0, temperature = 0;
        // The hour that the change to summer time leaves out has no name there: it is passed over.
        if (line.starts_with("NA,")) continue;
        if (std::sscanf(line.c_str(), "%d/%d/%d %d:%d,%lf,%lf", &month, &day, &year, &hour, &minute,
                        &load, &temperature) != 7)
            return Error{Errc::invalid_input, path + ": not a row: " + line};
        year += year < 100 ? 2000 : 0;
        hours.push_back({days_of_date(year, month, day) * 24 + hour, load, temperature});
    }
    return hours;
}

double total(const std::vector<Hour>& hours) {
    double sum = 0;
    for (const Hour& hour : hours) sum += hour.load;
    return sum;
}

double points(double share) { return std::round(share * 1e4) / 1e2; }

Result<JsonObject> judge(const std::vector<Hour>& before, const std::vector<Hour>& after,
                         double truth) {
    TRY(const Savings s, savings_of(before, after));
    return JsonObject{{"truth_points", points(truth)},
                      {"savings_points", points(s.share)},
                      {"off_points", points(s.share - truth)},
                      {"low_points", points(s.low)},
                      {"high_points", points(s.high)},
                      {"covers", s.low <= truth && truth <= s.high},
                      {"cv_rmse", std::round(s.cv_rmse * 1e4) / 1e4},
                      {"dependence", std::round(s.dependence * 1e3) / 1e3},
                      {"verdict", s.verdict}};
}

Result<JsonObject> run_all(const std::string& folder) {
    TRY(const auto before, hours_of_file(folder + "/Data_pre_1.csv"));
    TRY(const auto placebo, hours_of_file(folder + "/Data_post_1.csv"));
    TRY(const auto measure, hours_of_file(folder + "/Data_post_2.csv"));
    JsonObject figures;
    TRY(figures["placebo"], judge(before, placebo, 0));
    TRY(figures["measure"], judge(before, measure, 1 - total(measure) / total(placebo)));
    return figures;
}

}  // namespace
}  // namespace mw::energy

int main(int count, char** arguments) {
    auto figures = mw::energy::run_all(count > 1 ? arguments[1] : ".");
    if (!figures) return std::fprintf(stderr, "%s\n", figures.error().message.c_str()), 1;
    for (const auto& [name, figure] : *figures)
        std::printf("%s %s\n", std::string(name).c_str(), mw::to_json(figure).c_str());
    const mw::JsonObject result{{"bench", "energy"}, {"figures", *std::move(figures)}};
    std::printf("%s\n", mw::to_json(mw::Json(result)).c_str());
    return 0;
}
