#include "apps/ctl/recordings.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mw::ctl {
namespace {

TEST(Recordings, one_per_device_with_gaps_as_nan) {
    auto recordings = recordings_from_csv(
        "t,device,signal,value,quality\n"
        "1,gw-1,flow,32,192\n1,gw-1,pressure,0.1,192\n2,gw-1,pressure,0.30000000000000004,65\n"
        "5,\"gw,2\",flow,1,192\n",
        {"pressure", "flow"});
    ASSERT_TRUE(recordings) << recordings.error().message;
    ASSERT_EQ(recordings->size(), 2u);
    const auto& first = recordings->at(0);
    EXPECT_EQ(first.rows(), 2u);
    EXPECT_EQ(first.values[0], 0.1);
    EXPECT_EQ(first.values[1], 32);
    EXPECT_EQ(first.values[2], 0.1 + 0.2) << "bit for bit";
    EXPECT_TRUE(std::isnan(first.values[3]));
    EXPECT_EQ(first.quality[2].code, 65);
}

TEST(Recordings, errors_name_the_line_or_the_signal) {
    const auto message = [](std::string_view csv, std::vector<std::string> signals = {}) {
        auto recordings = recordings_from_csv(csv, signals);
        return recordings ? std::string() : recordings.error().message;
    };
    EXPECT_NE(message("h\n1,a,b,c,192\n").find("line 2"), std::string::npos);
    EXPECT_NE(message("h\n1,a,b\n").find("line 2"), std::string::npos);
    EXPECT_NE(message("h\n1,\"a,b,1,192\n").find("quote"), std::string::npos);
    EXPECT_NE(message("h\n").find("--product"), std::string::npos);
    EXPECT_NE(message("h\n1,a,b,1,192\n", {"c"}).find("'c'"), std::string::npos);
}

}  // namespace
}  // namespace mw::ctl
