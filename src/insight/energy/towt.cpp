#include "insight/energy/towt.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <string>

namespace mw::energy {
namespace {

constexpr std::size_t hours_min = 4 * hours_of_week;
constexpr std::int64_t monday_offset_hours = 3 * 24;  // 1970 began on a Thursday
constexpr double occupied_share = 0.65;  // of an hour's residuals that are above what weather says
// Keeps the answer finite where an hour's temperatures hardly vary; per row, far below the noise.
constexpr double slope_ridge = 1e-6;

Error bad_baseline(std::string message) {
    return Error{Errc::invalid_input, "energy baseline: " + std::move(message)};
}

std::array<double, slopes_count> answers_to(double temperature,
                                            const std::array<double, knots_count>& knots) {
    std::array<double, slopes_count> parts{temperature};
    for (std::size_t i = 0; i < knots_count; ++i)
        parts[i + 1] = std::max(0.0, temperature - knots[i]);
    return parts;
}

Result<void> check_hours(std::span<const Hour> hours) {
    if (hours.size() < hours_min)
        return bad_baseline("only " + std::to_string(hours.size()) +
                            " hours, want at least four weeks; take a longer time range");
    std::array<std::size_t, hours_of_week> seen{};
    for (const Hour& hour : hours) {
        if (!std::isfinite(hour.load) || !std::isfinite(hour.temperature))
            return bad_baseline("a load or temperature is not a number; leave such hours out");
        ++seen[hour_of_week(hour.hour)];
    }
    const auto missing = std::find(seen.begin(), seen.end(), 0U);
    if (missing != seen.end())
        return bad_baseline("hour " + std::to_string(missing - seen.begin()) +
                            " of the week never comes; is the data hourly?");
    return {};
}

std::array<double, knots_count> knots_of(std::span<const Hour> hours) {
    std::vector<double> sorted;
    for (const Hour& hour : hours) sorted.push_back(hour.temperature);
    std::sort(sorted.begin(), sorted.end());
    std::array<double, knots_count> knots{};
    for (std::size_t i = 0; i < knots_count; ++i)
        knots[i] = sorted[(i + 1) * sorted.size() / (knots_count + 1)];
    return knots;
}

// Occupied are the hours of the week whose load is mostly above what temperature alone explains.
std::array<bool, hours_of_week> occupied_hours(std::span<const Hour> hours, const Towt& towt) {
    Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(slopes_count + 1, slopes_count + 1);
    Eigen::VectorXd right = Eigen::VectorXd::Zero(slopes_count + 1);
    Eigen::VectorXd row(slopes_count + 1);
    const auto fill = [&](const Hour& hour) {
        const auto parts = answers_to(hour.temperature, towt.knots);
        std::copy(parts.begin(), parts.end(), row.data());
        row[slopes_count] = 1;
    };
    for (const Hour& hour : hours) {
        fill(hour);
        normal += row * row.transpose();
        right += row * hour.load;
    }
    normal.diagonal().array() += slope_ridge * static_cast<double>(hours.size());
    const Eigen::VectorXd weights = normal.ldlt().solve(right);
    std::array<double, hours_of_week> above{}, all{};
    for (const Hour& hour : hours) {
        fill(hour);
        above[hour_of_week(hour.hour)] += hour.load > row.dot(weights);
        ++all[hour_of_week(hour.hour)];
    }
    std::array<bool, hours_of_week> occupied{};
    for (std::size_t i = 0; i < hours_of_week; ++i)
        occupied[i] = above[i] > occupied_share * all[i];
    return occupied;
}

}  // namespace

std::size_t hour_of_week(std::int64_t hour) {
    const std::int64_t week = hours_of_week;
    return static_cast<std::size_t>(((hour + monday_offset_hours) % week + week) % week);
}

double Towt::predict(std::size_t hour, double temperature) const {
    const auto parts = answers_to(temperature, knots);
    const auto& answer = slopes[occupied[hour] ? 1 : 0];
    double load = levels[hour];
    for (std::size_t i = 0; i < slopes_count; ++i) load += answer[i] * parts[i];
    return load;
}

Result<Towt> fit_towt(std::span<const Hour> hours) {
    TRY_VOID(check_hours(hours));
    Towt towt;
    towt.knots = knots_of(hours);
    towt.occupied = occupied_hours(hours, towt);
    // One system for all: a level per hour of the week, slopes per mode.
    constexpr Eigen::Index width = hours_of_week + 2 * slopes_count;
    Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(width, width);
    Eigen::VectorXd right = Eigen::VectorXd::Zero(width);
    for (const Hour& hour : hours) {
        const std::size_t at = hour_of_week(hour.hour);
        const auto parts = answers_to(hour.temperature, towt.knots);
        const auto level = static_cast<Eigen::Index>(at);
        const auto first =
            static_cast<Eigen::Index>(hours_of_week + (towt.occupied[at] ? slopes_count : 0));
        const Eigen::Map<const Eigen::VectorXd> x(parts.data(), slopes_count);
        normal(level, level) += 1;
        normal.block(level, first, 1, slopes_count) += x.transpose();
        normal.block(first, level, slopes_count, 1) += x;
        normal.block(first, first, slopes_count, slopes_count) += x * x.transpose();
        right[level] += hour.load;
        right.segment(first, slopes_count) += hour.load * x;
    }
    normal.diagonal().tail(2 * slopes_count).array() +=
        slope_ridge * static_cast<double>(hours.size());
    const Eigen::VectorXd weights = normal.ldlt().solve(right);
    std::copy_n(weights.data(), hours_of_week, towt.levels.begin());
    for (std::size_t mode = 0; mode < 2; ++mode)
        std::copy_n(weights.data() + hours_of_week + mode * slopes_count, slopes_count,
                    towt.slopes[mode].begin());
    return towt;
}

}  // namespace mw::energy
