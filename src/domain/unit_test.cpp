#include "domain/unit.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mw {
namespace {

struct Case {
    double value;
    const char* from;
    const char* to;
    double want;
};

// Wanted values by hand, from the definitions; exact where a decimal shift is.
TEST(Unit, values_move_between_units) {
    const Case table[] = {
        {1.25, "bar", "kPa", 125},
        {101325, "Pa", "mbar", 1013.25},
        {1, "[psi]", "Pa", 6894.757293168361},
        {36, "km/h", "m/s", 10},
        {1, "m3/h", "L/min", 1000.0 / 60},
        {7.2, "m3/h", "l/s", 2},
        {20, "Cel", "K", 293.15},
        {0, "K", "Cel", -273.15},
        {212, "[degF]", "Cel", 100},
        {-40, "[degF]", "Cel", -40},
        {1, "kW.h", "MJ", 3.6},
        {3.6, "MJ", "kWh", 1},
        {3000, "rpm", "/s", 50},
        {50, "Hz", "/min", 3000},
        {1, "d", "h", 24},
        {123, "mm", "m", 0.123},
        {0.3, "m", "mm", 300},
        {5, "um", "nm", 5000},
        {180, "deg", "rad", 3.14159265358979323846},
        {12.5, "%", "1", 0.125},
        {1, "[g]", "m/s2", 9.80665},
        {2, "kV.A", "W", 2000},
        {1, "Ohm", "V/A", 1},
        {1, "N.m", "J", 1},
        {1, "kg.m2/s3", "W", 1},
        {1, "1/h", "/s", 1.0 / 3600},
        {1, "mm[Hg]", "Pa", 133.322387415},
        {1, "t", "kg", 1000},
        {5, "10*3.m", "km", 5},
        {2, "W/(m2.K)", "W/m2/K", 2},
        {4, "{pieces}/h", "/h", 4},
        {25, "°C", "Cel", 25},
        {1, "m³/h", "m3/h", 1},
        {1, "A.h", "C", 3600},
        {1, "cm-2", "m-2", 10'000},
    };
    for (const Case& row : table) {
        const auto found = conversion(row.from, row.to);
        ASSERT_TRUE(found) << row.from << " to " << row.to;
        EXPECT_NEAR((*found)(row.value), row.want, 1e-12 * std::abs(row.want) + 1e-12)
            << row.value << " " << row.from << " in " << row.to;
    }
}

TEST(Unit, decimal_shifts_give_the_nearest_double) {
    for (int i = 0; i < 100'000; ++i) {
        const double milli = i * 7 + 1;
        EXPECT_EQ((*conversion("mbar", "bar"))(milli), milli / 1000);
        EXPECT_EQ((*conversion("kPa", "Pa"))(milli), milli * 1000);
        EXPECT_EQ((*conversion("mm", "m"))(milli), milli / 1000);
    }
}

TEST(Unit, there_and_back_is_where_it_began) {
    const char* units[] = {"bar",   "[psi]", "Cel",    "[degF]", "m3/h",
                           "L/min", "kW.h",  "[ft_i]", "rpm"};
    for (const char* from : units)
        for (const char* to : units) {
            const auto there = conversion(from, to), back = conversion(to, from);
            ASSERT_EQ(there.has_value(), back.has_value());
            if (!there) continue;
            for (const double value : {-3.5, 0.0, 1.0, 17.25, 1e6})
                EXPECT_NEAR((*back)((*there)(value)), value, 1e-9 * (1 + std::abs(value)))
                    << from << to;
        }
}

TEST(Unit, what_measures_something_else_is_not_converted) {
    for (const auto& [from, to] : {std::pair{"bar", "K"},
                                   {"m", "m2"},
                                   {"Cel", "bar"},
                                   {"W", "W.h"},
                                   {"furlong", "m"},
                                   {"m", "widgets"},
                                   {"pH", "1"}})
        EXPECT_FALSE(conversion(from, to)) << from << " " << to;
    EXPECT_EQ(conversion("widgets", "widgets"), Conversion{}) << "the same text is the same unit";
}

TEST(Unit, what_is_not_a_unit_is_refused_where_it_goes_wrong) {
    for (const char* text : {"", "/", "m/", "m//s", "kmin", "m^2", "(m", "m)", "{x", "m{x", "0.m",
                             "m-", "m99999999999", "Cel3x", "12..3", "a.b.", "\xff\xfe"}) {
        const auto unit = parse_unit(text);
        EXPECT_FALSE(unit) << text;
        if (!unit) {
            EXPECT_EQ(unit.error().code, Errc::invalid_input);
        }
    }
    EXPECT_FALSE(parse_unit(std::string(10'000, '(')));
    EXPECT_FALSE(parse_unit(std::string(100, '(')));
    std::string many = "m";
    for (int i = 0; i < 60; ++i) many += ".m";
    EXPECT_FALSE(parse_unit(many));
}

TEST(Unit, a_scale_has_its_zero_only_alone) {
    EXPECT_EQ(parse_unit("W/Cel")->offset, 0);
    EXPECT_EQ(*conversion("W/Cel", "W/K"), Conversion{});
}

}  // namespace
}  // namespace mw
