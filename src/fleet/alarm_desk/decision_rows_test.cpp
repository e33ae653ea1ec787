#include "fleet/alarm_desk/decision_rows.h"

#include <gtest/gtest.h>

namespace mw::alarm_desk {
namespace {

TEST(DecisionRows, come_back_as_decisions) {
    const Json reply = *parse_json(
        R"({"columns":[],"rows":[[20,10,"gw-1","pump","","knn","1","ab",60,192,1.5,true,null,12.5]]})");
    const auto decisions = decisions_from_reply(reply);
    ASSERT_TRUE(decisions);
    const Decision& d = decisions->at(0);
    EXPECT_EQ(d.window_to.ns, 20);
    EXPECT_EQ(d.samples, 60u);
    EXPECT_TRUE(d.decision);
    EXPECT_EQ(d.fallback, "");
}

TEST(DecisionRows, refuse_other_shapes) {
    EXPECT_FALSE(decisions_from_reply(*parse_json("{}")));
    EXPECT_FALSE(decisions_from_reply(*parse_json(R"({"rows":[[1,2]]})")));
}

TEST(DecisionRows, quote_names_in_sql) {
    const std::string sql = decisions_sql({"o'brien", "", {5}, {}, 10});
    EXPECT_NE(sql.find("'o''brien'"), std::string::npos);
    EXPECT_NE(sql.find("time > make_timestamp_ns(5)"), std::string::npos);
    EXPECT_EQ(sql.find("<="), std::string::npos);
}

}  // namespace
}  // namespace mw::alarm_desk
