#include "data/segments/scaled.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"

namespace mw::segments {
namespace {

bool fits(double value, int exponent) {
    std::int64_t m = 0;
    if (!scale(value, power_of_ten[exponent], m)) return false;
    const double back = static_cast<double>(m) / power_of_ten[exponent];
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back), std::bit_cast<std::uint64_t>(value));
    return true;
}

TEST(Scaled, values_without_an_exact_decimal_stay_raw) {
    const double odd[] = {-0.0,
                          std::numeric_limits<double>::quiet_NaN(),
                          -std::numeric_limits<double>::quiet_NaN(),
                          std::bit_cast<double>(0x7ff8dead0000beefull),
                          std::numeric_limits<double>::infinity(),
                          -std::numeric_limits<double>::infinity(),
                          std::numeric_limits<double>::denorm_min(),
                          std::numeric_limits<double>::min(),
                          std::numeric_limits<double>::max(),
                          0x1p51,
                          -0x1p60};
    for (const double value : odd) {
        for (int e = 0; e <= exponent_max; ++e) EXPECT_FALSE(fits(value, e)) << value << " " << e;
    }
}

TEST(Scaled, decimals_fit_at_their_number_of_digits_and_above) {
    EXPECT_TRUE(fits(0.0, 0));
    EXPECT_TRUE(fits(-21.0, 0));
    EXPECT_FALSE(fits(0.1, 0));
    EXPECT_TRUE(fits(0.1, 1));
    EXPECT_TRUE(fits(0.1, 9));
    EXPECT_TRUE(fits(-1234.567, 3));
    EXPECT_FALSE(fits(std::nextafter(0.1, 1.0), 9));
}

TEST(Scaled, any_decimal_text_of_15_digits_survives) {
    SeededRandom random(7);
    for (int i = 0; i < 20'000; ++i) {
        const int digits = 1 + static_cast<int>(random.below(15));
        const int behind = static_cast<int>(random.below(digits + 1));
        std::string text = std::to_string(random.below(std::uint64_t(std::pow(10, digits))));
        const double value = std::stod(text + "e-" + std::to_string(behind));
        EXPECT_TRUE(fits(value, behind)) << text << " " << behind;
    }
}

TEST(Scaled, bits_are_equal_whenever_it_says_so) {
    SeededRandom random(8);
    for (int i = 0; i < 200'000; ++i) {
        const double value = std::bit_cast<double>(random.next());
        fits(value, static_cast<int>(random.below(exponent_max + 1)));
    }
}

TEST(ScaledRun, exponent_is_that_of_most_values) {
    std::vector<double> values(1000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = double(i) / 100;
    EXPECT_EQ(choose_exponent(values), 2);
    values[500] = std::sqrt(2.0);
    values[10] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(choose_exponent(values), 2);
    for (double& value : values) value = std::round(value);
    EXPECT_EQ(choose_exponent(values), 0);
}

TEST(ScaledRun, full_mantissas_stay_raw) {
    SeededRandom random(9);
    std::vector<double> values(1000);
    for (double& value : values) value = random.uniform();
    EXPECT_EQ(choose_exponent(values), -1);
    EXPECT_EQ(choose_exponent({}), -1);
}

}  // namespace
}  // namespace mw::segments
